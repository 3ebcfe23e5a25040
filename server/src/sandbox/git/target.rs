//! Where a checkout goes: a directory that nobody else fills, and that is as it was when the checkout fails.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sandwire_protocol::{Code, Error};

/// Directories that checkouts go into now.
pub(super) type Taken = Arc<Mutex<BTreeSet<PathBuf>>>;

/// A directory, for one checkout alone.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) path: PathBuf,
    /// The first directory on the way to it that was missing, itself at last; nothing when it was there, empty.
    missing: Option<PathBuf>,
    taken: Taken,
}

impl Target {
    /// Takes it.
    ///
    /// # Errors
    /// `DIRECTORY_NOT_EMPTY`, also when another checkout goes there; `NOT_DIRECTORY`; `FILESYSTEM_ERROR`.
    pub(super) fn take(path: PathBuf, taken: &Taken) -> Result<Target, Error> {
        let shown = path.display().to_string();
        let refuse = |code, text: &str| Error::new(code, format!("{shown} {text}")).with("directory", shown.clone());
        if !taken.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone()) {
            return Err(refuse(Code::DirectoryNotEmpty, "is just being filled by another checkout"));
        }
        // From here on it is given back.
        let mut target = Target { path, missing: None, taken: Arc::clone(taken) };
        match fs::read_dir(&target.path).map(|mut entries| entries.next()) {
            Ok(None) => {}
            Ok(Some(_)) => {
                return Err(refuse(
                    Code::DirectoryNotEmpty,
                    "is not empty; a checkout goes into a new or empty directory",
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let new = |directory: &&Path| directory.symlink_metadata().is_err();
                target.missing = target.path.ancestors().take_while(new).last().map(Path::to_owned);
                if target.missing.is_none() {
                    return Err(refuse(Code::FileExists, "is a link to what does not exist"));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(refuse(Code::NotDirectory, "is, or goes through, what is no directory"));
            }
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(0);
                return Err(refuse(Code::Filesystem, &format!("cannot be looked at: {error}")).with("errno", errno));
            }
        }
        Ok(target)
    }

    /// Removes what came since it was taken.
    pub(super) fn clear(&self) {
        let cleared = match &self.missing {
            None => empty(&self.path),
            Some(first) => remove(&self.path).map(|()| {
                // Those on the way hold something else by now, or go.
                for parent in self.path.ancestors().skip(1).take_while(|parent| parent.starts_with(first)) {
                    if fs::remove_dir(parent).is_err() {
                        break;
                    }
                }
            }),
        };
        if let Err(error) = cleared {
            tracing::warn!(%error, path = %self.path.display(), "what a checkout left could not be removed");
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
    }
}

fn empty(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
    }
    Ok(())
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_was_there_stays_and_what_came_goes() {
        let folder = tempfile::tempdir().unwrap();
        let taken = Taken::default();
        let code = |path: &Path| Target::take(path.to_owned(), &taken).unwrap_err().code;

        let deep = folder.path().join("a/b/c");
        let target = Target::take(deep.clone(), &taken).unwrap();
        assert_eq!(code(&deep), Code::DirectoryNotEmpty, "by another one");
        fs::create_dir_all(deep.join(".git")).unwrap();
        fs::write(deep.join("file"), "x").unwrap();
        std::os::unix::fs::symlink("/etc", deep.join("link")).unwrap();
        target.clear();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        drop(target);
        assert!(taken.lock().unwrap().is_empty());

        let target = Target::take(deep.clone(), &taken).unwrap();
        fs::create_dir_all(&deep).unwrap();
        fs::write(folder.path().join("a/other"), "x").unwrap();
        target.clear();
        assert!(!folder.path().join("a/b").exists() && folder.path().join("a/other").exists());

        let there = folder.path().join("there");
        fs::create_dir(&there).unwrap();
        let target = Target::take(there.clone(), &taken).unwrap();
        fs::create_dir(there.join(".git")).unwrap();
        fs::write(there.join("file"), "x").unwrap();
        target.clear();
        assert_eq!(fs::read_dir(&there).unwrap().count(), 0);
        drop(target);
        fs::write(there.join("file"), "x").unwrap();
        assert_eq!(code(&there), Code::DirectoryNotEmpty);
        assert_eq!(code(&there.join("file")), Code::NotDirectory);
        assert_eq!(code(&there.join("file/below")), Code::NotDirectory);
        std::os::unix::fs::symlink("nowhere", there.join("link")).unwrap();
        assert_eq!(code(&there.join("link")), Code::FileExists);
    }
}
