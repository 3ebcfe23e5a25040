//! The end: no new work, time for what runs, TERM and KILL for the rest.

use std::time::Duration;

use sandwire_link::Link;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::server::{Phase, Server};

/// Time for the last answers to be written, beyond the time of grace.
const FAREWELL: Duration = Duration::from_secs(2);

/// SIGTERM, SIGINT, and SIGHUP, which comes when the terminal goes that the server was started on.
pub(crate) struct Signals {
    term: Signal,
    int: Signal,
    /// Absent when it was ignored from the start, as nohup(1) has it.
    hup: Option<Signal>,
}

impl Signals {
    /// Catches them from here on.
    ///
    /// # Errors
    /// As sigaction(2).
    pub(crate) fn new() -> std::io::Result<Self> {
        let hup = if ignored(libc::SIGHUP) { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())?, hup })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        let hup = async {
            match &mut self.hup {
                Some(hup) => hup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
            _ = hup => {}
        }
    }
}

/// Whether this process ignores a signal.
fn ignored(number: i32) -> bool {
    let status = procfs::process::Process::myself().and_then(|process| process.status());
    status.is_ok_and(|status| status.sigign & (1 << (number - 1)) != 0)
}

/// Ends the server's work: GOAWAY; channels may end within `time`; the rest gets TERM, and KILL after `grace`.
pub(crate) async fn drain(server: &Server, time: Duration, grace: Duration) {
    tracing::info!(time = ?time, "draining");
    server.drain(time);
    let quiet = async {
        server.no_channels().await;
        server.delivered(|_| true).await;
    };
    if tokio::time::timeout(time, quiet).await.is_err() {
        tracing::warn!(channels = server.open_channels(), "ended by the end of the drain time");
    }
    tokio::join!(server.end_lanes(grace + FAREWELL), server.sandbox.shutdown(grace));
    // How it ended is news too, for whoever is still there.
    if tokio::time::timeout(FAREWELL, server.delivered(Link::is_attached)).await.is_err() {
        tracing::warn!("clients that do not read miss what came last");
    }
    server.phase.send_replace(Phase::Closing);
    if tokio::time::timeout(FAREWELL, server.no_connections()).await.is_err() {
        tracing::warn!("connections that do not read are dropped");
    }
}
