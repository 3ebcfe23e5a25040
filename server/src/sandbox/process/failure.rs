//! Why a command could not be started.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use sandwire_protocol::{Code, Error};

use super::launch::bad_cwd;
use super::spawn::{Failure, Step};

/// `PROCESS_SPAWN_FAILED`, with what to do about that errno.
pub(super) fn spawn_failed(program: &CStr, errno: i32) -> Error {
    let cause = io::Error::from_raw_os_error(errno);
    let hint = match errno {
        libc::ENOEXEC => "; it is neither a binary for this machine nor does it begin with `#!`: run it by a shell",
        libc::EAGAIN => "; no more processes or threads are allowed here (`ulimit -u`, or the cgroup's `pids.max`)",
        libc::EMFILE => "; the server has no file descriptor left (`ulimit -n`)",
        libc::ENFILE => "; the machine has no file descriptor left (`fs.file-max`)",
        libc::E2BIG => "; `argv` and `env` together, or one of their strings, are longer than the kernel takes",
        _ => "",
    };
    Error::new(Code::ProcessSpawnFailed, format!("{program:?} could not be started: {cause}{hint}"))
        .with("program", program.to_string_lossy().into_owned())
        .with("errno", errno)
}

/// The error that says which step failed.
pub(super) fn explain(file: &CStr, cwd: &CStr, Failure { step, errno }: Failure) -> Error {
    let cwd = Path::new(OsStr::from_bytes(cwd.to_bytes()));
    let program = file.to_string_lossy().into_owned();
    let cause = io::Error::from_raw_os_error(errno);
    match step {
        Step::Directory => bad_cwd(cwd, &format!("cannot be entered: {cause}"), errno),
        Step::Exec if errno == libc::EACCES || errno == libc::EPERM => {
            Error::new(Code::CommandPermissionDenied, format!("{program} may not be executed: {cause}"))
                .with("program", program)
                .with("errno", errno)
        }
        Step::Exec if errno == libc::ENOENT || errno == libc::ENOTDIR => Error::new(
            Code::CommandNotFound,
            format!("{program}, or the interpreter that its first line names, does not exist"),
        )
        .with("program", program)
        .with("errno", errno),
        Step::User => {
            Error::new(Code::PermissionDenied, format!("the user could not be changed: {cause}")).with("errno", errno)
        }
        Step::Limit | Step::Confine => {
            Error::new(Code::NotSupported, format!("a limit could not be set: {cause}")).with("errno", errno)
        }
        Step::Start | Step::Exec => spawn_failed(file, errno),
    }
}
