//! What a sandbox's server says: that it listens, and, when it ends too soon, why.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use sandwire_protocol::kind::command::Output;
use tokio::sync::watch;

use super::id::Id;

/// Bytes of what it said last on standard error that are kept.
pub(crate) const KEPT: usize = 4 << 10;

/// Begins the line that says that it listens.
const LISTENING: &[u8] = b"listening on ";

/// What was said.
#[derive(Debug)]
pub(crate) struct Talk {
    id: Id,
    listens: watch::Sender<bool>,
    /// The beginning of standard output.
    begun: Mutex<Vec<u8>>,
    last: Mutex<VecDeque<u8>>,
}

impl Talk {
    /// Nothing was said yet.
    pub(crate) fn new(id: Id) -> Self {
        Self { id, listens: watch::Sender::new(false), begun: Mutex::default(), last: Mutex::default() }
    }

    /// Takes what it says.
    pub(crate) fn take(&self, output: Output, bytes: &[u8]) {
        match output {
            Output::Stdout => {
                let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
                let room = LISTENING.len() - begun.len();
                begun.extend(bytes.iter().take(room));
                if *begun == LISTENING {
                    self.listens.send_replace(true);
                }
            }
            Output::Stderr => {
                tracing::debug!(sandbox = %self.id, "{}", String::from_utf8_lossy(bytes).trim_end());
                let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                last.extend(bytes);
                let excess = last.len().saturating_sub(KEPT);
                last.drain(..excess);
            }
        }
    }

    /// Waits until it listens.
    pub(crate) async fn listens(&self) {
        let mut listens = self.listens.subscribe();
        // The sender is `self`: the channel cannot close.
        listens.wait_for(|listens| *listens).await.map(drop).unwrap_or_default();
    }

    /// What it said last on standard error.
    pub(crate) fn last(&self) -> String {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(last.make_contiguous()).trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[tokio::test]
    async fn it_is_heard_in_pieces_and_what_is_kept_has_a_bound() {
        let talk = Talk::new(Id::parse("dev").unwrap());
        talk.take(Output::Stdout, b"listening");
        assert!(!*talk.listens.borrow());
        talk.take(Output::Stdout, b" on unix:/x\nand more");
        talk.take(Output::Stdout, b"and more");
        talk.listens().await;
        for _ in 0..3 {
            talk.take(Output::Stderr, &[b'x'; KEPT]);
        }
        talk.take(Output::Stderr, b"the end\n");
        assert!(talk.last().ends_with("xthe end") && talk.last().len() < KEPT);
    }
}
