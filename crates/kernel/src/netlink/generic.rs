// SPDX-License-Identifier: MIT OR Apache-2.0
//! Generic netlink: families have names, and the kernel gives each a number at run time
//! (include/uapi/linux/genetlink.h).

use rustix::io::Errno;
use rustix::net::netlink;

use super::{AttributeWriter, Malformed, NetlinkError, Socket, attributes};

/// GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME.
const CONTROLLER: u16 = 16;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;

/// `struct genlmsghdr`: command, version, two bytes reserved.
const HEADER: usize = 4;

/// A generic netlink family, with a socket to talk to it.
#[derive(Debug)]
pub(crate) struct Family {
    socket: Socket,
    id: u16,
}

impl Family {
    /// Finds the family `name`.
    pub(crate) fn open(name: &'static str) -> Result<Family, NetlinkError> {
        let mut socket = Socket::open(Some(netlink::GENERIC))?;
        let mut request = AttributeWriter::after(&header(GET_FAMILY));
        request.put_text(FAMILY_NAME, name);
        let what = "get family";
        let answers =
            socket.ask(what, CONTROLLER, &request.finish()).map_err(|error| {
                match error.errno() {
                    Some(Errno::NOENT) => NetlinkError::NoFamily(name),
                    _ => error,
                }
            })?;
        let id = answers.first().and_then(|answer| family_id(answer).ok());
        Ok(Family { socket, id: id.ok_or(NetlinkError::Malformed(what))? })
    }

    /// Sends `command` for one object; each answer is its attributes.
    pub(crate) fn ask(
        &mut self,
        what: &'static str,
        command: u8,
        build: impl FnOnce(&mut AttributeWriter),
    ) -> Result<Vec<Vec<u8>>, NetlinkError> {
        let answers = self.socket.ask(what, self.id, &payload(command, build))?;
        without_headers(what, answers)
    }

    /// Sends `command` for all objects that match; each answer is the attributes of one.
    pub(crate) fn dump(
        &mut self,
        what: &'static str,
        command: u8,
        build: impl FnOnce(&mut AttributeWriter),
    ) -> Result<Vec<Vec<u8>>, NetlinkError> {
        let answers = self.socket.dump(what, self.id, &payload(command, build))?;
        without_headers(what, answers)
    }
}

/// Every family we use is at version 1.
const fn header(command: u8) -> [u8; HEADER] {
    [command, 1, 0, 0]
}

fn payload(command: u8, build: impl FnOnce(&mut AttributeWriter)) -> Vec<u8> {
    let mut writer = AttributeWriter::after(&header(command));
    build(&mut writer);
    writer.finish()
}

fn without_headers(
    what: &'static str,
    answers: Vec<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, NetlinkError> {
    answers
        .into_iter()
        .map(|mut answer| match answer.len() {
            0..HEADER => Err(NetlinkError::Malformed(what)),
            _ => Ok(answer.split_off(HEADER)),
        })
        .collect()
}

fn family_id(answer: &[u8]) -> Result<u16, Malformed> {
    for attribute in attributes(answer.get(HEADER..).ok_or(Malformed)?) {
        if let (FAMILY_ID, value) = attribute? {
            return value.try_into().map(u16::from_ne_bytes).map_err(|_| Malformed);
        }
    }
    Err(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_knows_its_controller_and_no_nonsense() {
        let family = Family::open("nlctrl").unwrap();
        assert_eq!(family.id, CONTROLLER);
        let error = Family::open("ek-nonsense").unwrap_err();
        assert!(matches!(error, NetlinkError::NoFamily("ek-nonsense")), "{error}");
    }

    #[test]
    fn an_answer_without_an_id_is_malformed() {
        assert_eq!(family_id(&[]), Err(Malformed));
        assert_eq!(family_id(&[1, 1, 0, 0]), Err(Malformed));
    }
}
