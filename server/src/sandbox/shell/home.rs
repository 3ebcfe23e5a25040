//! The private directory of a session: its named pipes and the few files by which server and shell talk.
//!
//! Only the server can change what is in it, and only the session's user can open it. It is in memory (`/dev/shm`) where there is that, because the files may hold what
//! the environment holds, and it goes when the session goes.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use rustix::fs::{FileType, FlockOperation, Gid, Mode, OFlags, Uid, flock};

/// Commands for the shell: a byte for each.
pub(super) const BELL: &str = "d";
/// Reports of the shell.
pub(super) const REPORTS: &str = "c";
/// The command that the bell is rung for.
pub(super) const COMMAND: &str = "t";
/// The same as code, for a shell that knows no arrays: what goes before and runs it, what goes after it, its end.
pub(super) const CODE: &str = "k";
pub(super) const AFTER: &str = "a";
pub(super) const END: &str = "m";
/// What the shell reads when it starts, and at its end.
pub(super) const BOOT: &str = "b";
pub(super) const EXIT: &str = "x";
/// The state that a shell left for the next one, its options in a file of their own.
pub(super) const STATE: &str = "s";
pub(super) const OPTIONS: &str = "o";
/// Variables as they were before a command that has its own.
pub(super) const VARIABLES: &str = "v";
/// The EXIT trap that a user has set.
pub(super) const TRAP: &str = "u";
/// The environment, when it was asked for.
pub(super) const ENVIRONMENT: &str = "e";

/// What names of these directories begin with.
const PREFIX: &str = "sandwire-session-";

/// Time after which a directory that nobody has locked is nobody's.
const SETTLED: Duration = Duration::from_secs(10);

/// Largest state that is kept for the next shell, in bytes.
pub(super) const LARGEST_STATE: u64 = 16 << 20;

/// The directory. Dropped, it is removed.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    /// Locked for as long as it is used, so that it can be told from what a killed server left.
    _lock: File,
    /// Kept open, because it is written for each command.
    command: Option<File>,
    owner: Option<(u32, u32)>,
}

impl Home {
    /// Makes it, for the shell of that user and group; none is the server's own.
    ///
    /// # Errors
    /// As mkdir(2), mkfifo(3) and open(2).
    pub(super) fn new(name: &str, owner: Option<(u32, u32)>) -> io::Result<Home> {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(|| sweep(PREFIX));
        let path = place().join(format!("{PREFIX}{name}"));
        // A user's own shell needs the way in; the files are for nobody else.
        DirBuilder::new().mode(if owner.is_some() { 0o711 } else { 0o700 }).create(&path)?;
        let lock = File::open(&path)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let mut home = Home { path, _lock: lock, command: None, owner };
        for pipe in [BELL, REPORTS] {
            home.make_pipe(pipe)?;
        }
        for file in [COMMAND, CODE, AFTER, END, BOOT, EXIT, STATE, OPTIONS, VARIABLES, TRAP, ENVIRONMENT] {
            home.write(file, b"")?;
        }
        let command = OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW).open(home.path.join(COMMAND))?;
        home.command = Some(command);
        Ok(home)
    }

    /// Says what the next command is; nothing when there is none.
    ///
    /// # Errors
    /// As write(2).
    pub(super) fn command(&self, content: &[u8]) -> io::Result<()> {
        let file = self.command.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        file.write_all_at(content, 0)?;
        file.set_len(content.len() as u64)
    }

    /// Its path, which is plain ASCII unless TMPDIR is odd.
    pub(super) fn path(&self) -> &str {
        self.path.to_str().unwrap_or_default()
    }

    fn give(&self, path: &Path) -> io::Result<()> {
        match self.owner {
            Some((uid, gid)) => Ok(rustix::fs::chown(path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?),
            None => Ok(()),
        }
    }

    /// Makes a named pipe.
    ///
    /// # Errors
    /// As mkfifo(3).
    pub(super) fn make_pipe(&self, name: &str) -> io::Result<()> {
        let path = self.path.join(name);
        rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        self.give(&path)
    }

    /// Opens a named pipe without waiting for another end.
    ///
    /// # Errors
    /// As open(2); ENXIO for writing when nobody reads.
    pub(super) fn open_pipe(&self, name: &str, mode: OFlags) -> io::Result<OwnedFd> {
        let flags = mode | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(rustix::fs::open(self.path.join(name), flags, Mode::empty())?)
    }

    /// Replaces what is in a file.
    ///
    /// # Errors
    /// As open(2) and write(2).
    pub(super) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        let new = self.owner.is_some() && !path.exists();
        options.open(&path)?.write_all(content)?;
        if new { self.give(&path) } else { Ok(()) }
    }

    /// Opens a file to be read by a child.
    ///
    /// # Errors
    /// As open(2).
    pub(super) fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(self.path.join(name))
    }

    /// Reads a file of at most so many bytes, and empties it.
    ///
    /// # Errors
    /// As open(2) and read(2); `FileTooLarge`.
    pub(super) fn take(&self, name: &str, most: u64) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        self.open(name)?.take(most + 1).read_to_end(&mut content)?;
        self.write(name, b"")?;
        if content.len() as u64 > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(content) }
    }

    /// Whether a shell has left a state that another can take over.
    pub(super) fn has_state(&self) -> bool {
        let size = |name| fs::symlink_metadata(self.path.join(name)).map_or(0, |file| file.len());
        size(STATE) > 0 && size(STATE) + size(OPTIONS) <= LARGEST_STATE
    }

    /// Removes a pipe, which those who hold it keep.
    pub(super) fn remove(&self, name: &str) {
        if let Err(error) = fs::remove_file(self.path.join(name)) {
            tracing::debug!(%error, name, "a pipe of a session could not be removed");
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // The shell may have removed it.
        if let Err(error) = fs::remove_dir_all(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.path.display(), "the directory of a session could not be removed");
        }
    }
}

/// Removes what servers have left that were killed together with what they started: private directories whose names begin
/// so, and that nobody has locked.
pub(crate) fn sweep(prefix: &str) {
    let Ok(entries) = fs::read_dir(place()) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
        let old = fs::symlink_metadata(&path).is_ok_and(|it| {
            let age = it.modified().ok().and_then(|at| at.elapsed().ok());
            it.is_dir() && it.uid() == rustix::process::geteuid().as_raw() && age.is_some_and(|age| age > SETTLED)
        });
        if ours && old {
            let free = File::open(&path).is_ok_and(|it| flock(&it, FlockOperation::NonBlockingLockExclusive).is_ok());
            if free && let Err(error) = fs::remove_dir_all(&path) {
                tracing::debug!(%error, path = %path.display(), "what a killed server left could not be removed");
            }
        }
    }
}

/// Memory where there is a file system in it, else where temporary files go.
pub(crate) fn place() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let usable = rustix::fs::access(memory, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok();
    if usable { memory.to_owned() } else { std::env::temp_dir() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_private_and_goes_with_its_owner() {
        let home = Home::new(&format!("test-{}-home", std::process::id()), None).unwrap();
        let path = home.path.clone();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        home.write(COMMAND, b"longer").unwrap();
        home.write(COMMAND, b"short").unwrap();
        assert_eq!(home.take(COMMAND, 5).unwrap(), b"short");
        assert_eq!(home.take(COMMAND, 5).unwrap(), b"");
        home.write(COMMAND, b"longer").unwrap();
        assert_eq!(home.take(COMMAND, 5).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(!home.has_state());
        home.write(STATE, b"cd /").unwrap();
        assert!(home.has_state());
        assert!(Home::new(&format!("test-{}-home", std::process::id()), None).is_err(), "nobody else's is taken");
        drop(home);
        assert!(!path.exists());
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let home = Home::new(&format!("test-{}-link", std::process::id()), None).unwrap();
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        home.remove(COMMAND);
        std::os::unix::fs::symlink(elsewhere.path(), home.path.join(COMMAND)).unwrap();
        assert!(home.write(COMMAND, b"x").is_err());
        assert_eq!(fs::read(elsewhere.path()).unwrap(), b"");
    }
}
