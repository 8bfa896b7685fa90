// SPDX-License-Identifier: MIT OR Apache-2.0
//! The first file system of a QEMU guest: a kernel's modules, busybox, and a script that mounts the
//! host's root over virtiofs. Written as a `newc` archive (kernel Documentation,
//! driver-api/early-userspace/buffer-format.rst).

/// One file of the archive.
pub(crate) struct Member {
    /// Its path, without a leading slash.
    pub(crate) path: String,
    /// File type and permissions as in stat(2).
    pub(crate) mode: u32,
    /// What is in it.
    pub(crate) content: Vec<u8>,
}

/// S_IFREG and S_IFDIR of stat(2).
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
/// The member that ends an archive.
const TRAILER: &str = "TRAILER!!!";

impl Member {
    /// An executable file.
    pub(crate) fn executable(path: &str, content: Vec<u8>) -> Member {
        Member { path: path.to_owned(), mode: REGULAR | 0o755, content }
    }

    /// A directory.
    pub(crate) fn directory(path: &str) -> Member {
        Member { path: path.to_owned(), mode: DIRECTORY | 0o755, content: Vec::new() }
    }
}

/// The archive of `members`; directories must come before what is in them.
///
/// # Panics
/// If a member has 4 GiB or more, which the format cannot say.
pub(crate) fn archive(members: &[Member]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, member) in (1u32..).zip(members) {
        append(&mut bytes, number, member);
    }
    append(&mut bytes, 0, &Member { path: TRAILER.to_owned(), mode: 0, content: Vec::new() });
    bytes
}

fn append(bytes: &mut Vec<u8>, inode: u32, member: &Member) {
    let length = |bytes: usize| u32::try_from(bytes).expect("a member has less than 4 GiB");
    let links = 1;
    // inode, mode, uid, gid, links, mtime, size, device and special device (two numbers each),
    // length of the name with its end, check sum (unused).
    let fields = [
        inode,
        member.mode,
        0,
        0,
        links,
        0,
        length(member.content.len()),
        0,
        0,
        0,
        0,
        length(member.path.len() + 1),
        0,
    ];
    bytes.extend_from_slice(b"070701");
    for field in fields {
        bytes.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    bytes.extend_from_slice(member.path.as_bytes());
    bytes.push(0);
    pad(bytes);
    bytes.extend_from_slice(&member.content);
    pad(bytes);
}

/// Header with name, and content, each end at a multiple of four.
fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_laid_out_as_the_kernel_reads_it() {
        let members = [Member::directory("bin"), Member::executable("init", b"hello".to_vec())];
        let bytes = archive(&members);
        assert_eq!(&bytes[..6], b"070701");
        assert_eq!(&bytes[14..22], b"000041ed", "mode of a directory");
        assert_eq!(&bytes[110..114], b"bin\0");
        let second = 116;
        assert_eq!(&bytes[second..second + 6], b"070701");
        assert_eq!(&bytes[second + 54..second + 62], b"00000005", "size");
        assert_eq!(&bytes[second + 110..second + 115], b"init\0");
        let content = second + 116;
        assert_eq!(&bytes[content..content + 8], b"hello\0\0\0");
        assert!(bytes.ends_with(b"TRAILER!!!\0\0\0\0"));
        assert_eq!(bytes.len() % 4, 0);
    }
}
