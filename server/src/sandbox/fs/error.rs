//! What the kernel answers, as the protocol's codes: the one table.

use std::io;

use rustix::io::Errno;
use sandwire_protocol::{Code, Error};

/// An error of `operation` on `path`, from an errno.
pub(super) fn failed(operation: &'static str, path: impl AsRef<[u8]>, errno: Errno) -> Error {
    let path = shown(path.as_ref());
    let (code, what) = describe(errno);
    Error::new(code, format!("{operation} {path:?}: {what}"))
        .with("path", path)
        .with("operation", operation)
        .with("errno", errno.raw_os_error())
}

/// An error of `operation` on `path`, from the standard library.
pub(super) fn failed_io(operation: &'static str, path: impl AsRef<[u8]>, error: &io::Error) -> Error {
    match error.raw_os_error() {
        Some(raw) => failed(operation, path, Errno::from_raw_os_error(raw)),
        None => {
            let path = shown(path.as_ref());
            Error::new(Code::Filesystem, format!("{operation} {path:?}: {error}"))
                .with("path", path)
                .with("operation", operation)
        }
    }
}

/// An error about a path that no errno stands for.
pub(super) fn refused(code: Code, path: impl AsRef<[u8]>, what: &str) -> Error {
    let path = shown(path.as_ref());
    Error::new(code, format!("{path:?}: {what}")).with("path", path)
}

/// A path for a person; bytes that are not UTF-8 are replaced.
pub(super) fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

fn describe(errno: Errno) -> (Code, String) {
    let (code, what) = match errno {
        Errno::NOENT => (Code::FileNotFound, "no such file or directory"),
        Errno::EXIST => (Code::FileExists, "it exists already"),
        Errno::ISDIR => (Code::IsDirectory, "it is a directory"),
        Errno::NOTDIR => (Code::NotDirectory, "it, or a part of its path, is not a directory"),
        Errno::NOTEMPTY => (Code::DirectoryNotEmpty, "the directory is not empty"),
        Errno::ACCESS | Errno::PERM => (Code::PermissionDenied, "the file system does not permit it"),
        Errno::NOSPC => (Code::NoSpace, "no space is left on the device"),
        Errno::DQUOT => (Code::NoSpace, "the disk quota is reached"),
        Errno::ROFS => (Code::ReadOnly, "the file system is read-only"),
        Errno::MFILE | Errno::NFILE => (Code::TooManyFiles, "too many files are open"),
        Errno::LOOP => (Code::TooManyLinks, "too many symbolic links on the path"),
        Errno::NAMETOOLONG => (Code::NameTooLong, "the path or a name in it is too long"),
        Errno::XDEV => (Code::Filesystem, "it is on another file system"),
        Errno::BUSY => (Code::Filesystem, "it is in use"),
        other => return (Code::Filesystem, io::Error::from(other).to_string()),
    };
    (code, what.to_owned())
}
