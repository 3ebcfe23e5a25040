//! Whose turn it is: one at a time, in the order in which they came, with a bound.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Most that wait for one session, or code context.
pub(crate) const MOST: usize = 64;

/// The queue of one session, or code context.
#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Somebody has the turn.
    taken: bool,
    closed: bool,
    /// Those who gave up meanwhile included, until their turn would come.
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// A place in the queue, taken when this was made.
#[derive(Debug)]
pub(crate) struct Place(oneshot::Receiver<Turn>);

/// The turn. Dropped, it goes to the next.
#[derive(Debug)]
pub(crate) struct Turn(Option<Arc<Queue>>);

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// [`MOST`] wait.
    Full,
    /// What it was for is no more.
    Closed,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next place.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Place, Refused> {
        let (give, take) = oneshot::channel();
        let mut inner = self.lock();
        if inner.closed {
            return Err(Refused::Closed);
        }
        if inner.taken {
            inner.waiting.retain(|waiting| !waiting.is_closed());
            if inner.waiting.len() >= MOST {
                return Err(Refused::Full);
            }
            inner.waiting.push_back(give);
            return Ok(Place(take));
        }
        inner.taken = true;
        drop(inner);
        // The other end is in this very function.
        let _taken = give.send(Turn(Some(Arc::clone(self))));
        Ok(Place(take))
    }

    /// Refuses everybody from now on, and those who wait.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        drop(waiting);
    }

    /// Takes the turn behind the one who has it, also when it is closed.
    pub(crate) fn enter_last(self: &Arc<Self>) -> Place {
        let (give, take) = oneshot::channel();
        let mut inner = self.lock();
        if inner.taken {
            inner.waiting.push_front(give);
            return Place(take);
        }
        inner.taken = true;
        drop(inner);
        let _taken = give.send(Turn(Some(Arc::clone(self))));
        Place(take)
    }

    /// Whether somebody has the turn, and how many wait.
    pub(crate) fn length(&self) -> (bool, usize) {
        let inner = self.lock();
        (inner.taken, inner.waiting.iter().filter(|waiting| !waiting.is_closed()).count())
    }
}

impl Place {
    /// Waits for the turn. Dropped before, the place is given up.
    ///
    /// # Errors
    /// `Refused::Closed` when what it was for was deleted meanwhile.
    pub(crate) async fn turn(self) -> Result<Turn, Refused> {
        self.0.await.map_err(|_closed| Refused::Closed)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(queue) = self.0.take() else { return };
        loop {
            let mut inner = queue.lock();
            let Some(next) = inner.waiting.pop_front() else {
                inner.taken = false;
                return;
            };
            drop(inner);
            match next.send(Turn(Some(Arc::clone(&queue)))) {
                Ok(()) => return,
                // It gave up: the turn stays here, and goes to the one behind.
                Err(mut turn) => turn.0 = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn now(place: Place) -> Option<Result<Turn, Refused>> {
        futures_util::FutureExt::now_or_never(place.turn())
    }

    #[test]
    fn turns_come_in_order_and_who_gave_up_is_passed_over() {
        let queue = Arc::new(Queue::default());
        let first = now(queue.enter().unwrap()).unwrap().unwrap();
        let [second, gives_up, third] = [(); 3].map(|()| queue.enter().unwrap());
        assert_eq!(queue.length(), (true, 3));
        drop(gives_up);
        assert_eq!(queue.length(), (true, 2));
        drop(first);
        assert_eq!(queue.length(), (true, 1));
        let second = now(second).unwrap().unwrap();
        drop(second);
        drop(now(third).unwrap().unwrap());
        assert_eq!(queue.length(), (false, 0));
        // A turn that was given to somebody who never took it goes on too.
        let given = queue.enter().unwrap();
        let next = queue.enter().unwrap();
        drop(given);
        now(next).unwrap().unwrap();
    }

    #[test]
    fn it_has_a_bound_that_those_who_gave_up_do_not_count_for() {
        let queue = Arc::new(Queue::default());
        let _turn = now(queue.enter().unwrap()).unwrap().unwrap();
        let mut places: Vec<Place> = (0..MOST).map(|_| queue.enter().unwrap()).collect();
        assert_eq!(queue.enter().unwrap_err(), Refused::Full);
        places.pop();
        queue.enter().unwrap();
    }

    #[test]
    fn closed_it_refuses_all_but_the_last() {
        let queue = Arc::new(Queue::default());
        let turn = now(queue.enter().unwrap()).unwrap().unwrap();
        let waits = queue.enter().unwrap();
        queue.close();
        assert_eq!(now(waits).unwrap().unwrap_err(), Refused::Closed);
        assert_eq!(queue.enter().unwrap_err(), Refused::Closed);
        let last = queue.enter_last();
        drop(turn);
        now(last).unwrap().unwrap();
    }
}
