//! What sandboxes keep on disk: `ROOT/ID/workspace` and `ROOT/ID/home` for good, `ROOT/ID/tmp` until the next start; and
//! `ROOT/.run/N`, the socket of one that runs.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FlockOperation, flock};

use super::id::Id;

/// Where the sockets are. No name of a sandbox begins with a dot.
const RUN: &str = ".run";

/// Longest root: the name of a socket below it has at most 107 bytes (unix(7)).
const LONGEST_ROOT: usize = 70;

/// Names that one list of sandboxes holds.
const MAX_LISTED: usize = 10_000;

/// The directory of all sandboxes, which is one engine's for as long as this lives.
#[derive(Debug)]
pub(crate) struct Root {
    path: PathBuf,
    next: AtomicU64,
    _lock: File,
}

impl Root {
    /// Takes it, and clears away what an engine that was killed left there.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub(crate) fn take(path: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| {
            format!("the directory {} cannot be used: {error}; choose another one with --root", path.display())
        };
        private(path).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        if path.as_os_str().len() > LONGEST_ROOT {
            let long = path.display();
            return Err(format!("{long} is longer than {LONGEST_ROOT} bytes: choose a shorter directory with --root"));
        }
        let lock = File::options().create(true).truncate(false).write(true).open(path.join(".lock")).map_err(failed)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_taken| {
            format!("another engine uses {}: end it, or choose another directory with --root", path.display())
        })?;
        gone(fs::remove_dir_all(path.join(RUN))).map_err(failed)?;
        private(&path.join(RUN)).map_err(failed)?;
        Ok(Self { path, next: AtomicU64::new(0), _lock: lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What a sandbox keeps.
    pub(crate) fn of(&self, id: &Id) -> Folders {
        Folders(self.path.join(id.as_str()))
    }

    /// The sandboxes that keep something, so many at most.
    ///
    /// # Errors
    /// As readdir(3).
    pub(crate) fn ids(&self) -> io::Result<Vec<Id>> {
        let entries =
            fs::read_dir(&self.path)?.take(MAX_LISTED).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut ids: Vec<Id> = entries.filter_map(|name| Id::parse(&name).ok()).collect();
        ids.sort();
        Ok(ids)
    }

    /// A new directory for the socket of a sandbox.
    ///
    /// # Errors
    /// As mkdir(2).
    pub(crate) fn run_folder(&self) -> io::Result<RunFolder> {
        let folder = self.path.join(RUN).join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        private(&folder)?;
        Ok(RunFolder(folder))
    }

    /// Removes all that a sandbox keeps. First it is put aside: what is half gone is nobody's sandbox.
    ///
    /// # Errors
    /// As unlink(2).
    pub(crate) fn remove(&self, id: &Id) -> io::Result<()> {
        let aside = self.path.join(RUN).join(format!("gone-{}", self.next.fetch_add(1, Ordering::Relaxed)));
        match fs::rename(self.of(id).0, &aside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            renamed => renamed?,
        }
        match fs::remove_dir_all(&aside) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                unlock(&aside)?;
                fs::remove_dir_all(&aside)
            }
            removed => removed,
        }
    }
}

/// What one sandbox keeps.
#[derive(Clone, Debug)]
pub(crate) struct Folders(PathBuf);

impl Folders {
    /// Where its commands begin.
    pub(crate) fn workspace(&self) -> PathBuf {
        self.0.join("workspace")
    }

    /// Its user's own directory.
    pub(crate) fn home(&self) -> PathBuf {
        self.0.join("home")
    }

    /// What it need not keep.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// Whether there is anything.
    pub(crate) fn exist(&self) -> bool {
        self.0.is_dir()
    }

    /// Makes what is missing, and an empty `tmp`.
    ///
    /// # Errors
    /// As mkdir(2).
    pub(crate) fn prepare(&self) -> io::Result<()> {
        private(&self.0)?;
        gone(fs::remove_dir_all(self.tmp())).or_else(|_locked| {
            unlock(&self.tmp())?;
            fs::remove_dir_all(self.tmp())
        })?;
        private(&self.workspace())?;
        private(&self.home())?;
        private(&self.tmp())?;
        // As /tmp is: commands may run as other users.
        fs::set_permissions(self.tmp(), Permissions::from_mode(0o1777))?;
        fs::set_permissions(self.workspace(), Permissions::from_mode(0o755))
    }
}

/// The directory of a socket, away when this is dropped.
#[derive(Debug)]
pub(crate) struct RunFolder(PathBuf);

impl RunFolder {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if let Err(error) = gone(fs::remove_dir_all(&self.0)) {
            tracing::warn!(folder = %self.0.display(), %error, "a directory could not be removed");
        }
    }
}

/// A directory for the engine's user alone, with those above it.
fn private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// What is not there need not be removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Lets the owner, who is not root, into directories that were closed to him. Nobody else is there any more.
fn unlock(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            unlock(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_root_is_one_engines_and_what_it_left_is_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::take(folder.path()).unwrap();
        assert!(Root::take(folder.path()).unwrap_err().contains("another engine"));
        let run = root.run_folder().unwrap();
        let left = run.path().to_owned();
        std::mem::forget(run);
        drop(root);
        let root = Root::take(folder.path()).unwrap();
        assert!(!left.exists());
        assert_eq!(root.ids().unwrap(), []);
    }

    #[test]
    fn what_a_sandbox_keeps_stays_but_for_tmp_and_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::take(folder.path()).unwrap();
        let id = Id::parse("dev").unwrap();
        let folders = root.of(&id);
        folders.prepare().unwrap();
        for kept in [folders.workspace(), folders.home(), folders.tmp()] {
            fs::write(kept.join("file"), "x").unwrap();
        }
        // A link leads nowhere.
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("file"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path(), folders.tmp().join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path(), folders.workspace().join("link")).unwrap();
        folders.prepare().unwrap();
        assert!(folders.workspace().join("file").exists() && folders.home().join("file").exists());
        assert!(!folders.tmp().join("file").exists());
        assert_eq!(root.ids().unwrap(), std::slice::from_ref(&id));
        root.remove(&id).unwrap();
        root.remove(&id).unwrap();
        assert!(!folders.exist() && outside.path().join("file").exists());
        assert_eq!(fs::read_dir(folder.path().join(RUN)).unwrap().count(), 0);
    }

    #[test]
    fn what_was_closed_is_removed_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let closed = folder.path().join("a/b");
        fs::create_dir_all(&closed).unwrap();
        fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
        unlock(folder.path()).unwrap();
        assert_eq!(fs::metadata(&closed).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_root_whose_sockets_would_have_too_long_names_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("x".repeat(LONGEST_ROOT));
        assert!(Root::take(&long).unwrap_err().contains("shorter"));
    }
}
