//! `include` and `exclude`: globs on paths below a directory.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use sandwire_protocol::{Code, Error};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Most globs in one request.
const MAX_GLOBS: usize = 256;

/// Longest glob, in bytes.
const MAX_GLOB: usize = 1024;

/// Which paths below a directory are meant.
#[derive(Clone, Debug, Default)]
pub(super) struct Globs {
    include: Option<GlobSet>,
    exclude: Option<GlobSet>,
}

impl Globs {
    /// From the globs of a request. One without a slash is for the name at any depth, one with a slash for the whole
    /// path below the directory.
    pub(super) fn new(include: &[String], exclude: &[String]) -> Result<Self, Error> {
        Ok(Self { include: compile("include", include)?, exclude: compile("exclude", exclude)? })
    }

    /// Whether a path is asked for. What is excluded is not.
    pub(super) fn includes(&self, path: &[u8]) -> bool {
        self.include.as_ref().is_none_or(|set| set.is_match(OsStr::from_bytes(path)))
    }

    /// Whether a path and all that is in it is left out.
    pub(super) fn excludes(&self, path: &[u8]) -> bool {
        self.exclude.as_ref().is_some_and(|set| set.is_match(OsStr::from_bytes(path)))
    }

    /// Whether a path is left out, by itself or with a directory above it.
    pub(super) fn excludes_with_parents(&self, path: &[u8]) -> bool {
        self.exclude.is_some()
            && (memchr::memchr_iter(b'/', path).any(|at| self.excludes(&path[..at])) || self.excludes(path))
    }
}

fn compile(parameter: &'static str, globs: &[String]) -> Result<Option<GlobSet>, Error> {
    if globs.is_empty() {
        return Ok(None);
    }
    if globs.len() > MAX_GLOBS {
        let text = format!("{parameter} has {} globs; at most {MAX_GLOBS} are possible", globs.len());
        return Err(Error::new(Code::ValidationFailed, text).with("parameter", parameter));
    }
    let wrong = |glob: &str, why: &dyn std::fmt::Display| {
        Error::new(Code::ValidationFailed, format!("{parameter}: {glob:?} is not a glob: {why}"))
            .with("parameter", parameter)
    };
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        if glob.len() > MAX_GLOB {
            let text = format!("{parameter}: a glob has {} bytes; at most {MAX_GLOB} are possible", glob.len());
            return Err(Error::new(Code::ValidationFailed, text).with("parameter", parameter));
        }
        let trimmed = glob.strip_suffix('/').unwrap_or(glob);
        let anchored = match trimmed.strip_prefix('/') {
            Some(rest) => rest.to_owned(),
            None if trimmed.contains('/') => trimmed.to_owned(),
            None => format!("**/{trimmed}"),
        };
        let built = GlobBuilder::new(&anchored).literal_separator(true).build();
        set.add(built.map_err(|error| wrong(glob, &error))?);
    }
    set.build().map(Some).map_err(|error| wrong(parameter, &error))
}
