//! From the path of a request to an opened directory and a name in it: the one place where paths are resolved.
//!
//! The limit of a token holds for what is *opened*: a directory is opened with `O_PATH`, the kernel is asked for its
//! real path (`/proc/self/fd`), and that is compared with the allowed roots. Whatever is done afterwards is done
//! relative to the opened directory, so that swapping a symbolic link between the check and the use changes nothing.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use sandwire_protocol::{ByteString, Code, Error};

use super::Files;
use super::error::{failed, refused};

/// Longest path in a request, in bytes: PATH_MAX less the final NUL.
const MAX_PATH: usize = 4095;

/// Symbolic links followed for one path, as the kernel's own limit.
const MAX_LINKS: usize = 40;

/// What an operation wants to do with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// See its content or what it is.
    Read,
    /// Change it.
    Write,
}

/// Which paths a token may read and write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathPolicy {
    read: Option<Vec<Root>>,
    write: Option<Vec<Root>>,
    /// What else has to permit a path.
    outer: Option<Arc<PathPolicy>>,
}

/// An allowed directory (or single file), as it really is, links resolved when the policy was made.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Root {
    path: PathBuf,
    file: bool,
}

impl PathPolicy {
    /// No limit.
    pub(crate) fn everything() -> Self {
        Self::default()
    }

    /// Only what is below these roots; `None` is no limit, an empty list allows nothing. Roots are absolute paths;
    /// links in them are resolved now, once. A root that does not exist yet holds for the path as it is written.
    pub(crate) fn limited(read: Option<&[PathBuf]>, write: Option<&[PathBuf]>) -> Self {
        let resolve = |roots: &[PathBuf]| {
            roots
                .iter()
                .map(|root| {
                    let path = std::fs::canonicalize(root).unwrap_or_else(|_| root.clone());
                    let file = path.metadata().is_ok_and(|found| !found.is_dir());
                    Root { path, file }
                })
                .collect()
        };
        Self { read: read.map(resolve), write: write.map(resolve), outer: None }
    }

    /// The same, and only what is below these roots: absolute paths without `..`. A root that does not exist yet holds
    /// where it would be made.
    ///
    /// # Errors
    /// The root that may not be read and changed as it is.
    pub(crate) fn narrowed<'a>(self: &Arc<Self>, roots: &'a [PathBuf]) -> Result<Self, &'a Path> {
        let mut own = Vec::with_capacity(roots.len());
        for root in roots {
            let path = resolve_there(root);
            // The root may have been swapped for a link in this moment: what it was resolved to is what is compared.
            if !self.permits(Need::Read, &path) || !self.permits(Need::Write, &path) {
                return Err(root);
            }
            own.push(Root::real(path));
        }
        let outer = self.is_limited().then(|| Arc::clone(self));
        Ok(Self { read: Some(own.clone()), write: Some(own), outer })
    }

    /// Only what is below these, which were resolved before: links that stand there now are not followed.
    pub(crate) fn resolved(roots: Option<Vec<PathBuf>>) -> Self {
        let own: Option<Vec<Root>> = roots.map(|roots| roots.into_iter().map(Root::real).collect());
        Self { read: own.clone(), write: own, outer: None }
    }

    /// The roots of what may be read, as they really are; none is no limit.
    pub(crate) fn readable(&self) -> Option<impl Iterator<Item = &Path>> {
        self.read.as_ref().map(|roots| roots.iter().map(|root| root.path.as_path()))
    }

    /// Whether all that the other permits is permitted.
    pub(crate) fn covers(&self, other: &PathPolicy) -> bool {
        [Need::Read, Need::Write].into_iter().all(|need| match (self.roots(need), other.roots(need)) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(theirs)) => theirs.iter().all(|root| self.permits(need, &root.path)),
        })
    }

    const fn is_limited(&self) -> bool {
        self.read.is_some() || self.write.is_some()
    }

    fn roots(&self, need: Need) -> Option<&[Root]> {
        match need {
            Need::Read => self.read.as_deref(),
            Need::Write => self.write.as_deref(),
        }
    }

    /// Whether something that exists and really is at `real` may be used.
    pub(super) fn permits(&self, need: Need, real: &Path) -> bool {
        self.roots(need).is_none_or(|roots| roots.iter().any(|root| real.starts_with(&root.path)))
            && self.outer.as_ref().is_none_or(|outer| outer.permits(need, real))
    }

    /// Whether the name `real` may be made, replaced or removed. The root itself is not an entry of the root.
    fn permits_entry(&self, need: Need, real: &Path) -> bool {
        self.roots(need).is_none_or(|roots| {
            roots.iter().any(|root| real.starts_with(&root.path) && (root.file || real != root.path))
        }) && self.outer.as_ref().is_none_or(|outer| outer.permits_entry(need, real))
    }
}

impl Root {
    /// One that was resolved.
    fn real(path: PathBuf) -> Self {
        let file = path.symlink_metadata().is_ok_and(|found| !found.is_dir() && !found.is_symlink());
        Self { path, file }
    }
}

/// Where a path is or would be: links are resolved as far as it exists.
pub(super) fn resolve_there(path: &Path) -> PathBuf {
    path.ancestors()
        .find_map(|ancestor| {
            let real = std::fs::canonicalize(ancestor).ok()?;
            let rest = path.strip_prefix(ancestor).ok()?;
            Some(if rest.as_os_str().is_empty() { real } else { real.join(rest) })
        })
        .unwrap_or_else(|| path.to_owned())
}

/// A name in an opened directory. The name is one component and is not followed.
#[derive(Debug)]
pub(super) struct Place {
    /// The directory, opened with `O_PATH`.
    pub(super) dir: OwnedFd,
    /// The name in it.
    pub(super) name: CString,
    /// The path as the caller wrote it, for messages.
    pub(super) shown: ByteString,
}

impl Place {
    /// What is there, links not followed.
    pub(super) fn stat(&self) -> Result<Option<Stat>, Errno> {
        match rustix::fs::statat(&self.dir, self.name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// An error of `operation` here.
    pub(super) fn failed(&self, operation: &'static str, errno: Errno) -> Error {
        failed(operation, self.shown.as_bytes(), errno)
    }
}

/// Opens what `fd` (opened with `O_PATH`) stands for, for reading or writing.
pub(super) fn reopen(fd: impl AsFd, flags: OFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(rustix::fs::CWD, magic_link(fd.as_fd()), flags | OFlags::CLOEXEC, Mode::empty())
}

/// The path under which the kernel reaches exactly what `fd` stands for.
pub(super) fn magic_link(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// A directory for reading its entries, never through a link.
pub(super) fn open_directory(dir: impl AsFd, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::empty())
}

impl Files {
    /// What the path leads to, opened with `O_PATH`: nothing has been done to it, not even to a device.
    pub(super) fn open_path(&self, path: &ByteString, need: Need, follow: bool) -> Result<OwnedFd, Error> {
        let absolute = self.absolute(path)?;
        let follow = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        let opened =
            rustix::fs::openat(rustix::fs::CWD, &absolute, OFlags::PATH | OFlags::CLOEXEC | follow, Mode::empty());
        match opened {
            Ok(fd) => {
                self.check(&fd, need, path)?;
                Ok(fd)
            }
            Err(errno) => Err(self.hide(&absolute, need, path, errno)),
        }
    }

    /// A directory, opened for reading its entries.
    pub(super) fn open_directory(&self, path: &ByteString, need: Need) -> Result<OwnedFd, Error> {
        let fd = self.open_path(path, need, true)?;
        reopen(&fd, OFlags::RDONLY | OFlags::DIRECTORY).map_err(|errno| failed("open", path.as_bytes(), errno))
    }

    /// The directory that `path` names an entry in, and the entry's name, which is not followed.
    pub(super) fn place(&self, path: &ByteString, need: Need) -> Result<Place, Error> {
        let absolute = self.absolute(path)?;
        self.place_at(rustix::fs::CWD, &absolute, need, path)
    }

    /// As [`Files::place`], with a symbolic link at the end followed, even to where nothing is yet.
    pub(super) fn place_followed(&self, path: &ByteString, need: Need) -> Result<Place, Error> {
        let mut place = self.place(path, need)?;
        for _ in 0..MAX_LINKS {
            let stat = place.stat().map_err(|errno| place.failed("stat", errno))?;
            if !stat.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink) {
                return Ok(place);
            }
            let target = match rustix::fs::readlinkat(&place.dir, place.name.as_c_str(), Vec::new()) {
                Ok(target) => target,
                // Somebody replaced the link just now: look again.
                Err(Errno::INVAL | Errno::NOENT) => continue,
                Err(errno) => return Err(place.failed("read the link", errno)),
            };
            let target = PathBuf::from(std::ffi::OsString::from_vec(target.into_bytes()));
            place = self.place_at(place.dir.as_fd(), &target, need, path)?;
        }
        Err(place.failed("resolve", Errno::LOOP))
    }

    /// Makes the directories that lead to `path`. Returns how many were missing.
    pub(super) fn make_parents(&self, path: &ByteString, need: Need) -> Result<u64, Error> {
        let absolute = self.absolute(path)?;
        let mut missing = Vec::new();
        let mut parent = absolute.parent();
        while let Some(directory) = parent.filter(|directory| directory.symlink_metadata().is_err()) {
            missing.push(directory);
            parent = directory.parent();
        }
        for directory in missing.iter().rev() {
            let place = self.place_at(rustix::fs::CWD, directory, need, path)?;
            match rustix::fs::mkdirat(&place.dir, place.name.as_c_str(), Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(place.failed("make the parents of", errno)),
            }
        }
        Ok(missing.len() as u64)
    }

    /// The path from the workspace, checked for what no path may have.
    pub(super) fn absolute(&self, path: &ByteString) -> Result<PathBuf, Error> {
        let bytes = path.as_bytes();
        if bytes.is_empty() {
            return Err(Error::new(Code::ValidationFailed, "the path is empty; give one").with("parameter", "path"));
        }
        if bytes.contains(&0) {
            return Err(refused(Code::ValidationFailed, bytes, "a path cannot hold a NUL byte"));
        }
        if bytes.len() > MAX_PATH {
            let text = format!("the path has {} bytes; at most {MAX_PATH} are possible", bytes.len());
            return Err(Error::new(Code::NameTooLong, text).with("limit", MAX_PATH));
        }
        Ok(self.workspace.join(path))
    }

    /// As [`Files::place`], of a path from `base`.
    pub(super) fn place_at(
        &self,
        base: BorrowedFd<'_>,
        path: &Path,
        need: Need,
        shown: &ByteString,
    ) -> Result<Place, Error> {
        let Some(Component::Normal(name)) = path.components().next_back() else {
            return Err(refused(Code::ValidationFailed, shown.as_bytes(), "the path has to end in a name"));
        };
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(base, parent, flags, Mode::empty())
            .map_err(|errno| self.hide(path, need, shown, errno))?;
        if self.policy.roots(need).is_some() {
            let real = real_path(&dir).map_err(|errno| failed("resolve", shown.as_bytes(), errno))?;
            if !self.policy.permits_entry(need, &real.join(name)) {
                return Err(denied(need, shown));
            }
        }
        let name = CString::new(name.as_bytes())
            .map_err(|_| refused(Code::ValidationFailed, shown.as_bytes(), "a path cannot hold a NUL byte"))?;
        Ok(Place { dir, name, shown: shown.clone() })
    }

    fn check(&self, fd: &OwnedFd, need: Need, shown: &ByteString) -> Result<(), Error> {
        if self.policy.roots(need).is_none() {
            return Ok(());
        }
        let real = real_path(fd).map_err(|errno| failed("resolve", shown.as_bytes(), errno))?;
        if self.policy.permits(need, &real) { Ok(()) } else { Err(denied(need, shown)) }
    }

    /// Whether what was opened by another way than a path of the caller may be read.
    pub(super) fn may_read(&self, fd: &OwnedFd) -> bool {
        self.policy.roots(Need::Read).is_none()
            || real_path(fd).is_ok_and(|real| self.policy.permits(Need::Read, &real))
    }

    /// The error of a path that could not be opened. Under a limit it says only what the caller could see anyway:
    /// whether something exists outside the roots is not told.
    fn hide(&self, path: &Path, need: Need, shown: &ByteString, errno: Errno) -> Error {
        if self.policy.roots(need).is_none() {
            return failed("open", shown.as_bytes(), errno);
        }
        let deepest = path.ancestors().skip(1).find_map(|ancestor| {
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            rustix::fs::openat(rustix::fs::CWD, ancestor, flags, Mode::empty()).ok().map(|fd| (fd, ancestor))
        });
        let inside = deepest.is_some_and(|(fd, ancestor)| {
            let seen = real_path(&fd).is_ok_and(|real| self.policy.permits(need, &real));
            let next = path.strip_prefix(ancestor).ok().and_then(|rest| rest.components().next());
            let link = next.is_some_and(|next| {
                rustix::fs::statat(&fd, next.as_os_str(), AtFlags::SYMLINK_NOFOLLOW)
                    .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
            });
            seen && !link && path.is_absolute()
        });
        if inside { failed("open", shown.as_bytes(), errno) } else { denied(need, shown) }
    }
}

pub(super) fn denied(need: Need, shown: &ByteString) -> Error {
    let what = match need {
        Need::Read => "the token does not allow reading this path",
        Need::Write => "the token does not allow changing this path",
    };
    refused(Code::PermissionDenied, shown.as_bytes(), what)
}

/// Where something opened really is.
pub(super) fn real_path(fd: &OwnedFd) -> Result<PathBuf, Errno> {
    let target = rustix::fs::readlinkat(rustix::fs::CWD, magic_link(fd.as_fd()), Vec::new())?;
    Ok(PathBuf::from(std::ffi::OsString::from_vec(target.into_bytes())))
}
