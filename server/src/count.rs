//! How many there are of something: a number that goes down by itself, and that can be awaited.

use tokio::sync::watch;

/// A number that can be awaited. Clones are the same number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(watch::Sender<u32>);

impl Count {
    /// How many there are.
    pub(crate) fn now(&self) -> u32 {
        *self.0.borrow()
    }

    /// Tells of changes, from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<u32> {
        self.0.subscribe()
    }

    /// Waits until there is none.
    pub(crate) async fn none(&self) {
        let mut count = self.0.subscribe();
        // The sender is `self`: the channel cannot close.
        count.wait_for(|count| *count == 0).await.map(drop).unwrap_or_default();
    }

    /// One more, until the guard is dropped.
    pub(crate) fn one_more(&self) -> OneMore {
        self.0.send_modify(|count| *count += 1);
        OneMore(self.0.clone())
    }
}

/// One of a [`Count`].
#[derive(Debug)]
pub(crate) struct OneMore(watch::Sender<u32>);

impl Drop for OneMore {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
