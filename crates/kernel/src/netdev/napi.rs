// SPDX-License-Identifier: MIT OR Apache-2.0
//! The NAPI instances of a device and the kernel threads that poll them.
//!
//! The kernel's own answer is generic netlink, family `netdev`, napi-get (Linux 6.8). Older kernels
//! have only the thread's name, `napi/DEVICE-ID`, where two namespaces may use one name.

use serde::{Deserialize, Serialize};

use super::{Netdev, NetdevError};
use crate::netlink::{Family, Malformed, NetlinkError, attributes, number_u32};
use crate::pid::Tid;
use crate::process;

const FAMILY: &str = "netdev";
/// NETDEV_CMD_NAPI_GET and NETDEV_A_NAPI_* of include/uapi/linux/netdev.h.
const NAPI_GET: u8 = 11;
const IFINDEX: u16 = 1;
const ID: u16 = 2;
const PID: u16 = 4;

const WHAT: &str = "napi get";

/// One NAPI instance: one queue's packet work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Napi {
    /// The kernel's number for it.
    pub id: u32,
    /// The kernel thread that polls it, where threaded NAPI is on.
    pub thread: Option<Tid>,
}

impl Netdev {
    /// Its NAPI instances, smallest number first; none where it is down, or has none at all.
    pub fn napis(&self) -> Result<Vec<Napi>, NetdevError> {
        let mut family = match Family::open(FAMILY) {
            Err(NetlinkError::NoFamily(_)) => return self.napis_by_thread_name(),
            family => family?,
        };
        let answers = family.dump(WHAT, NAPI_GET, |request| {
            request.put_u32(IFINDEX, self.ifindex);
        });
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => return self.without_napi_get(error),
        };
        let mut napis = answers
            .iter()
            .map(|answer| parse(answer))
            .collect::<Result<Vec<Napi>, Malformed>>()
            .map_err(|Malformed| NetlinkError::Malformed(WHAT))?;
        napis.sort_unstable();
        Ok(napis)
    }

    fn without_napi_get(&self, error: NetlinkError) -> Result<Vec<Napi>, NetdevError> {
        use rustix::io::Errno;
        match error.errno() {
            Some(Errno::NODEV) => Err(NetdevError::NoSuchNetdev(self.name.clone())),
            // Linux 6.3 to 6.7: the family exists, the command does not.
            Some(Errno::OPNOTSUPP) => self.napis_by_thread_name(),
            _ => Err(error.into()),
        }
    }

    fn napis_by_thread_name(&self) -> Result<Vec<Napi>, NetdevError> {
        let mut napis = Vec::new();
        for pid in process::all_processes()? {
            match process::stat(pid.leader()) {
                Ok(stat) if stat.kernel_thread => napis.extend(
                    id_in_name(&stat.comm, &self.name)
                        .map(|id| Napi { id, thread: Some(stat.tid) }),
                ),
                Ok(_) => {}
                Err(error) if error.is_gone() => {}
                Err(error) => return Err(error.into()),
            }
        }
        napis.sort_unstable();
        Ok(napis)
    }
}

/// The number in `napi/DEVICE-ID`, if that is the thread's name and the device ours.
fn id_in_name(comm: &str, device: &str) -> Option<u32> {
    comm.strip_prefix("napi/")?.strip_prefix(device)?.strip_prefix('-')?.parse().ok()
}

fn parse(answer: &[u8]) -> Result<Napi, Malformed> {
    let (mut id, mut thread) = (None, None);
    for attribute in attributes(answer) {
        match attribute? {
            (ID, value) => id = Some(number_u32(value)?),
            (PID, value) => thread = Some(Tid(number_u32(value)?)),
            _ => {}
        }
    }
    Ok(Napi { id: id.ok_or(Malformed)?, thread })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::netlink::AttributeWriter;

    #[test]
    fn a_thread_name_belongs_to_one_device() {
        assert_eq!(id_in_name("napi/vf0-8193", "vf0"), Some(8193));
        assert_eq!(id_in_name("napi/vf0-1-8193", "vf0"), None);
        assert_eq!(id_in_name("napi/vf0-1-8193", "vf0-1"), Some(8193));
        assert_eq!(id_in_name("napi/vf01-8193", "vf0"), None);
        assert_eq!(id_in_name("vf0-8193", "vf0"), None);
    }

    #[test]
    fn the_loopback_has_none() {
        assert_eq!(super::super::lookup("lo").unwrap().napis().unwrap(), []);
    }

    #[test]
    fn an_answer_names_the_thread_if_there_is_one() {
        let mut answer = AttributeWriter::default();
        answer.put_u32(IFINDEX, 5).put_u32(ID, 8193);
        let bytes = answer.clone().finish();
        assert_eq!(parse(&bytes), Ok(Napi { id: 8193, thread: None }));
        answer.put_u32(PID, 88);
        assert_eq!(parse(&answer.finish()), Ok(Napi { id: 8193, thread: Some(Tid(88)) }));
        assert_eq!(parse(&[]), Err(Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
