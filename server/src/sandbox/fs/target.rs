//! Where a program that is no part of the server may be sent to write.

use std::path::{Component, Path, PathBuf};

use sandwire_protocol::{ByteString, Code, Error};

use super::error::refused;
use super::path::{Need, denied, resolve_there};
use super::{Files, blocking};

impl Files {
    /// Whether the caller may change what really is at that path. Nothing there is asked.
    pub(crate) fn may_change(&self, real: &Path) -> bool {
        self.policy.permits(Need::Write, real)
    }

    /// The absolute path, links resolved as far as it exists, when the caller may change what is there. Who puts a link in
    /// its place afterwards leads the program elsewhere: this keeps a caller from mistakes, and a program from nothing.
    ///
    /// # Errors
    /// `VALIDATION_FAILED`, `NAME_TOO_LONG`, `PERMISSION_DENIED`.
    pub(crate) async fn target(&self, path: &ByteString) -> Result<PathBuf, Error> {
        let (files, path) = (self.clone(), path.clone());
        let passage = self.passage([&path], false);
        blocking::run(&passage, move |_| {
            let real = resolve_there(&files.absolute(&path)?);
            if real.components().any(|part| part == Component::ParentDir) {
                return Err(refused(Code::ValidationFailed, path.as_bytes(), "`..` stands behind what does not exist"));
            }
            if files.policy.permits(Need::Write, &real) { Ok(real) } else { Err(denied(Need::Write, &path)) }
        })
        .await
    }
}
