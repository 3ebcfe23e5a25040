//! How a command is started whose directory or program is in a bucket: to enter the one and find the other may take as
//! long as the store does. So the server starts its own program, at once, and that enters, finds, and becomes the command:
//! a process waits then, which can be ended like any other, and no thread of the server.
//!
//! What fails there is told through a pipe that the command does not get, and is the command's error.

use std::ffi::{CString, OsString};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rustix::fs::OFlags;
use sandwire_protocol::{ByteString, Error};

use super::failure::explain;
use super::launch::{Prepared, bad_cwd, c_string, find};
use super::spawn::{self, Failure, Step};

/// The first argument by which the server's program is asked for this.
pub(crate) const ARGUMENT: &str = "enter";

/// The longest error: it names a directory and a program, whose paths the kernel bounds.
const LONGEST: u64 = 32 << 10;

/// Descriptors below it are the command's own.
const FIRST: i32 = 10;

/// Where it is told what failed.
#[derive(Debug)]
pub(super) struct Told(std::fs::File);

/// Lets the launch go that way. Also gives what the process tells by, which it has to inherit.
///
/// # Errors
/// As pipe(2).
pub(super) fn through(prepared: &mut Prepared) -> io::Result<(Told, OwnedFd)> {
    let (told, tell) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::fs::fcntl_setfl(&told, OFlags::NONBLOCK)?;
    let tell = rustix::io::fcntl_dupfd_cloexec(&tell, FIRST)?;
    let cwd = std::mem::replace(&mut prepared.cwd, c"/".to_owned());
    let number = CString::new(tell.as_raw_fd().to_string())?;
    let name = CString::new(ARGUMENT)?;
    prepared.argv.splice(..0, [c"sandwire-server".to_owned(), name, number, cwd]);
    prepared.program = c"/proc/self/exe".to_owned();
    Ok((Told(told.into()), tell))
}

impl Told {
    /// Why it did not become the command, once it has ended.
    pub(super) fn failure(&self) -> Option<Error> {
        let mut said = Vec::new();
        // The end, or nothing yet where what it has started before holds the pipe.
        let _all = (&self.0).take(LONGEST).read_to_end(&mut said);
        sandwire_protocol::kind::decode(&said).ok()
    }
}

/// Becomes the command that the arguments behind `enter` describe: the number of the pipe, the directory, and argv.
pub fn enter(arguments: Vec<OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let tell = arguments.next().and_then(|number| spawn::inherited(number.to_str()?.parse().ok()?));
    let (Some(tell), Some(cwd)) = (tell, arguments.next()) else { return ExitCode::from(2) };
    let argv: Vec<ByteString> = arguments.map(|argument| ByteString::new(argument.into_vec())).collect();
    let error = match become_command(&PathBuf::from(cwd), argv) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    if let Ok(text) = sandwire_protocol::kind::encode(&error) {
        // The server may be gone.
        let _unheard = std::fs::File::from(tell).write_all(&text);
    }
    ExitCode::from(127)
}

fn become_command(cwd: &Path, argv: Vec<ByteString>) -> Result<std::convert::Infallible, Error> {
    std::env::set_current_dir(cwd).map_err(|error| {
        let errno = error.raw_os_error().unwrap_or(0);
        let why = if errno == libc::ENOTDIR { "is not a directory" } else { &format!("cannot be used: {error}") };
        bad_cwd(cwd, why, errno)
    })?;
    let path = std::env::var_os("PATH");
    let name = argv.first().cloned().unwrap_or_default();
    // The directory is this one by now, wherever its path leads to.
    let program = find(&name, Path::new("."), path.as_ref().map(|path| path.as_bytes()))?;
    let argv: Vec<CString> =
        argv.into_iter().map(|argument| c_string(argument.into_bytes(), "argv")).collect::<Result<_, _>>()?;
    let errno = spawn::execute(&program, &argv);
    let cwd = c_string(cwd.as_os_str().as_bytes().to_vec(), "cwd")?;
    Err(explain(&program, &cwd, Failure { step: Step::Exec, errno }))
}

/// Whether the descriptor is one that can be told by.
pub(super) fn is_pipe(fd: impl AsFd) -> bool {
    rustix::fs::fstat(fd).is_ok_and(|it| rustix::fs::FileType::from_raw_mode(it.st_mode) == rustix::fs::FileType::Fifo)
}
