//! What outlives a channel: processes, terminals, files.

pub(crate) mod activity;
pub(crate) mod process;

use std::io;
use std::path::{Path, PathBuf};

use activity::Activity;

/// The sandbox that this server serves.
#[derive(Debug)]
pub(crate) struct Sandbox {
    /// Where relative paths begin.
    pub(crate) workspace: PathBuf,
    /// What commands share.
    pub(crate) host: process::run::Host,
    pub(crate) activity: Activity,
}

impl Sandbox {
    /// The sandbox around this directory.
    ///
    /// # Errors
    /// When the directory does not exist, or the kernel lacks what is needed.
    pub(crate) fn new(workspace: &Path) -> io::Result<Self> {
        let workspace = workspace.canonicalize()?;
        let host = process::run::Host::new(&workspace)?;
        Ok(Self { workspace, host, activity: Activity::default() })
    }
}
