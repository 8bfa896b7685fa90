// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a user types to mean a VM.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use evenkeel_kernel::Pid;
use serde::{Deserialize, Serialize};

/// Which VM is meant. As text: `42` or `pid:42`, `qemu:NAME`, `qmp:/path.sock`, `cgroup:/path`,
/// or a bare name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum VmRef {
    /// The process of this number, with its descendants.
    Pid(Pid),
    /// The QEMU process started with `-name NAME`.
    QemuName(String),
    /// The QEMU process that answers on this monitor socket.
    Qmp(PathBuf),
    /// The processes of this control group and its subgroups.
    Cgroup(PathBuf),
    /// The one VM with this name: QEMU's `-name` or user-mode-linux' `umid=`.
    Name(String),
}

/// Why a text means no VM.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VmRefError {
    /// No characters, or none after the prefix.
    #[error("'{0}' names no VM; {FORMS}")]
    Empty(String),
    /// A process number that is none.
    #[error("'{0}' is not a process number; {FORMS}")]
    BadPid(String),
    /// A prefix that is not known.
    #[error("'{0}' begins with an unknown kind of VM; {FORMS}")]
    UnknownKind(String),
    /// A path that does not begin with a slash.
    #[error("'{0}' needs an absolute path; {FORMS}")]
    RelativePath(String),
}

const FORMS: &str =
    "write NAME, PID, pid:PID, qemu:NAME, qmp:/path/to/socket or cgroup:/path/to/group";

impl FromStr for VmRef {
    type Err = VmRefError;

    /// Digits alone are a process number. A name with a colon, or one of digits alone, needs
    /// `qemu:` before it.
    fn from_str(text: &str) -> Result<VmRef, VmRefError> {
        let whole = || text.to_owned();
        let (kind, rest) = match text.split_once(':') {
            Some((kind, rest)) => (kind, rest),
            None if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => ("pid", text),
            None => ("", text),
        };
        if rest.is_empty() {
            return Err(VmRefError::Empty(whole()));
        }
        let path = || match rest.starts_with('/') {
            true => Ok(PathBuf::from(rest)),
            false => Err(VmRefError::RelativePath(whole())),
        };
        match kind {
            // Zero is no process; the kernel would take it for the caller.
            "pid" => match rest.parse() {
                Ok(Pid(0)) | Err(_) => Err(VmRefError::BadPid(whole())),
                Ok(pid) => Ok(VmRef::Pid(pid)),
            },
            "qemu" => Ok(VmRef::QemuName(rest.to_owned())),
            "qmp" => path().map(VmRef::Qmp),
            "cgroup" => path().map(VmRef::Cgroup),
            "" if !text.starts_with(':') => Ok(VmRef::Name(whole())),
            _ => Err(VmRefError::UnknownKind(whole())),
        }
    }
}

impl fmt::Display for VmRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VmRef::Pid(pid) => write!(f, "pid:{pid}"),
            VmRef::QemuName(name) => write!(f, "qemu:{name}"),
            VmRef::Qmp(path) => write!(f, "qmp:{}", path.display()),
            VmRef::Cgroup(path) => write!(f, "cgroup:{}", path.display()),
            VmRef::Name(name) => f.write_str(name),
        }
    }
}

impl TryFrom<String> for VmRef {
    type Error = VmRefError;

    fn try_from(text: String) -> Result<VmRef, VmRefError> {
        text.parse()
    }
}

impl From<VmRef> for String {
    fn from(reference: VmRef) -> String {
        reference.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_read_and_written() {
        for (text, reference) in [
            ("pid:42", VmRef::Pid(Pid(42))),
            ("qemu:web 1", VmRef::QemuName("web 1".into())),
            ("qemu:a:b", VmRef::QemuName("a:b".into())),
            ("qmp:/run/q.sock", VmRef::Qmp("/run/q.sock".into())),
            ("cgroup:/sys/fs/cgroup/x", VmRef::Cgroup("/sys/fs/cgroup/x".into())),
            ("web-1", VmRef::Name("web-1".into())),
        ] {
            assert_eq!(text.parse(), Ok(reference.clone()), "{text}");
            assert_eq!(reference.to_string(), text);
        }
        assert_eq!("42".parse(), Ok(VmRef::Pid(Pid(42))));
    }

    #[test]
    fn bad_forms_say_what_would_work() {
        assert_eq!("".parse::<VmRef>(), Err(VmRefError::Empty("".into())));
        assert_eq!("qemu:".parse::<VmRef>(), Err(VmRefError::Empty("qemu:".into())));
        for text in ["pid:0", "0", "pid:x", "pid:-1", "99999999999"] {
            assert_eq!(text.parse::<VmRef>(), Err(VmRefError::BadPid(text.into())), "{text}");
        }
        assert_eq!("kvm:x".parse::<VmRef>(), Err(VmRefError::UnknownKind("kvm:x".into())));
        assert_eq!(":x".parse::<VmRef>(), Err(VmRefError::UnknownKind(":x".into())));
        assert_eq!("qmp:x".parse::<VmRef>(), Err(VmRefError::RelativePath("qmp:x".into())));
        let error = "pid:x".parse::<VmRef>().unwrap_err().to_string();
        assert!(error.contains("write NAME, PID"), "{error}");
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_back(text in "\\PC{0,12}|(pid|qemu|qmp|cgroup|x):[/a-z0-9:]{0,9}") {
            if let Ok(reference) = text.parse::<VmRef>() {
                prop_assert_eq!(reference.to_string().parse(), Ok(reference));
            }
        }
    }
}
