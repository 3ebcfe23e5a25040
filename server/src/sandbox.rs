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
    pub(crate) processes: process::registry::Registry,
    pub(crate) activity: Activity,
}

impl Sandbox {
    /// The sandbox around this directory. To be called in a runtime, in which orphans are reaped from then on.
    ///
    /// # Errors
    /// When the directory does not exist, or the kernel lacks what is needed.
    pub(crate) fn new(workspace: &Path) -> io::Result<Self> {
        let workspace = workspace.canonicalize()?;
        let host = process::run::Host::new(&workspace)?;
        let reaper = host.reaper;
        tokio::spawn(async move {
            if let Err(error) = reaper.run().await {
                tracing::error!(%error, "orphans are not reaped");
            }
        });
        let settings = process::registry::Settings::default();
        let processes = process::registry::Registry::new(host.clone(), settings);
        Ok(Self { workspace, host, processes, activity: Activity::default() })
    }
}
