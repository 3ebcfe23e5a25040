//! The request to end a command: TERM now, KILL at a time that may be moved nearer.

use std::time::Duration;

use sandwire_protocol::{Code, Error};
use tokio::sync::watch;
use tokio::time::Instant;

use super::list::waits_in_kernel;

/// Time that what was killed has to end, before it is looked whether it can.
pub(super) const IN_VAIN: Duration = Duration::from_secs(3);

/// How often in a row it then waits within the kernel, and the pause between looks.
const LOOKS: usize = 5;
const PAUSE: Duration = Duration::from_millis(50);

/// Shared by who asks and who ends. The first request asks for TERM; each may bring KILL nearer, none puts it off.
#[derive(Debug)]
pub(crate) struct Stop(watch::Sender<Option<Instant>>);

impl Stop {
    /// Nothing is asked for yet.
    pub(crate) fn new() -> Stop {
        Stop(watch::Sender::new(None))
    }

    /// Asks for the end, with KILL after `grace`.
    pub(crate) fn request(&self, grace: Duration) {
        // A grace beyond what a clock can count is as good as none.
        let at = Instant::now().checked_add(grace);
        self.0.send_modify(|kill_at| *kill_at = Some(at.map_or_else(far, |at| kill_at.map_or(at, |old| old.min(at)))));
    }

    /// Whether the end was asked for.
    pub(crate) fn is_requested(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Resolves when the end is asked for.
    pub(crate) async fn requested(&self) {
        // The sender is `self`: the channel cannot close.
        let mut changes = self.0.subscribe();
        let _still_open = changes.wait_for(Option::is_some).await;
    }

    /// Whether it is time for KILL.
    pub(crate) fn is_overdue(&self) -> bool {
        self.0.borrow().is_some_and(|at| at <= Instant::now())
    }

    /// Resolves when it is time for KILL.
    pub(crate) async fn overdue(&self) {
        let mut changes = self.0.subscribe();
        loop {
            let at = *changes.borrow_and_update();
            tokio::select! {
                () = tokio::time::sleep_until(at.unwrap_or_else(far)), if at.is_some() => return,
                _ = changes.changed() => {}
            }
        }
    }
}

/// Resolves when what was killed just now does not end by that: it may wait for a file system that does not answer, as a
/// bucket whose store is gone. What only takes its time is waited for without an end.
pub(crate) async fn stuck(pid: u32) {
    tokio::time::sleep(IN_VAIN).await;
    let mut looks = 0;
    while looks < LOOKS {
        tokio::time::sleep(PAUSE).await;
        looks = if waits_in_kernel(pid) { looks + 1 } else { 0 };
    }
}

/// That what was killed has not ended.
pub(crate) fn in_vain(what: &str, pid: u32) -> Error {
    let text = format!(
        "{what} was killed, and has not ended: it waits for a file system that does not answer, as a bucket whose store is \
         gone; it ends once that answers, or with `mount.remove`"
    );
    Error::new(Code::Timeout, text).with("pid", pid)
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(100 * 365 * 24 * 3600)
}
