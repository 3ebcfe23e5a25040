//! What outlives a channel: processes, terminals, sessions, code contexts, files.

pub(crate) mod activity;
pub(crate) mod buckets;
pub(crate) mod buffer;
pub(crate) mod fs;
pub(crate) mod git;
mod handed;
mod id;
pub(crate) mod kernel;
pub(crate) mod machine;
pub(crate) mod mount;
pub(crate) mod port;
pub(crate) mod process;
pub(crate) mod pty;
mod queue;
mod resolve;
pub(crate) mod shell;
pub(crate) mod tcp;
pub(crate) mod variables;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use activity::Activity;

use crate::config::Settings;

/// Time that what was killed has, when the server ends, before buckets are taken away under it.
const KILLED: Duration = Duration::from_secs(1);

/// Time that it has once they are.
const LAST: Duration = Duration::from_secs(10);

/// The sandbox that this server serves.
#[derive(Debug)]
pub(crate) struct Sandbox {
    /// Where relative paths begin.
    pub(crate) workspace: PathBuf,
    /// What commands share.
    pub(crate) host: process::run::Host,
    pub(crate) processes: process::registry::Registry,
    pub(crate) terminals: pty::registry::Registry,
    pub(crate) sessions: shell::Registry,
    pub(crate) kernels: kernel::Registry,
    /// All files, without a limit.
    pub(crate) files: fs::Files,
    pub(crate) ports: port::Ports,
    pub(crate) checkouts: git::Checkouts,
    pub(crate) mounts: mount::Mounts,
    /// Hosts besides this one that `tcp.connect` may reach.
    pub(crate) tcp_hosts: Vec<String>,
    /// Where the server itself listens, once it does.
    pub(crate) listens: OnceLock<SocketAddr>,
    pub(crate) activity: Activity,
}

impl Sandbox {
    /// The sandbox that the settings describe. To be called in a runtime, in which orphans are reaped from then on.
    ///
    /// # Errors
    /// When the workspace does not exist, or the kernel lacks what is needed.
    pub(crate) fn new(settings: &Settings) -> io::Result<Self> {
        let workspace = settings.workspace().canonicalize()?;
        let host = process::run::Host::new(&workspace)?;
        tokio::spawn(reap(host.reaper));
        let activity = Activity::new();
        let processes = process::registry::Registry::new(
            host.clone(),
            process::registry::Settings {
                max: settings.max_processes(),
                keep: settings.keep_processes(),
                keep_for: settings.keep_processes_for(),
                log: process::log::Bounds::new(
                    settings.log_memory(),
                    settings.log_spool() as u64,
                    Some(&std::env::temp_dir()),
                ),
            },
            activity.kept.clone(),
        );
        let terminals = pty::registry::Registry::new(
            host.clone(),
            settings.max_terminals(),
            settings.scrollback(),
            settings.terminal_memory(),
            activity.terminals.clone(),
        );
        let sessions = shell::Registry::new(host.clone(), settings.max_sessions());
        let kernels = kernel::Registry::new(
            host.clone(),
            kernel::Bounds {
                max: settings.max_kernels(),
                pool: settings.kernel_pool(),
                spool: settings.kernel_spool() as u64,
            },
            activity.commands.clone(),
        );
        let files = fs::Files::new(workspace.clone(), Arc::clone(&host.buckets));
        let names = port::names::Names::new(
            settings.sandbox_id.as_deref(),
            settings.preview_host.as_deref(),
            settings.tls_cert.is_some(),
            &machine::hostname(),
        );
        let ports = port::Ports::new(names);
        let checkouts = git::Checkouts::new(host.clone());
        let mounts = mount::Mounts::new(host.clone());
        let tcp_hosts = settings.tcp_hosts();
        let listens = OnceLock::new();
        Ok(Self {
            workspace,
            host,
            processes,
            terminals,
            sessions,
            kernels,
            files,
            ports,
            checkouts,
            mounts,
            tcp_hosts,
            listens,
            activity,
        })
    }

    /// Ends everything: TERM, and KILL after this time.
    pub(crate) async fn shutdown(&self, grace: Duration) {
        let ends = async {
            tokio::join!(
                self.processes.shutdown(grace),
                self.terminals.shutdown(grace),
                self.sessions.shutdown(grace),
                self.kernels.shutdown(grace),
            );
        };
        tokio::pin!(ends);
        let ended = tokio::time::timeout(grace.saturating_add(KILLED), &mut ends).await.is_ok();
        // After those that may have files open there.
        let unmount = self.mounts.shutdown(grace);
        if ended {
            return unmount.await;
        }
        // What waits for a store that is gone cannot be killed, and ends with its mount.
        tokio::pin!(unmount);
        tokio::select! {
            () = &mut ends => return unmount.await,
            () = &mut unmount => {}
        }
        if tokio::time::timeout(LAST, ends).await.is_err() {
            tracing::warn!("commands are left that no signal ends");
        }
    }
}

async fn reap(reaper: process::reap::Reaper) {
    if let Err(error) = reaper.run().await {
        tracing::error!(%error, "orphans are not reaped any more");
    }
}
