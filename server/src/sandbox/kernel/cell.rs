//! A cell that runs: what it says, and how it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sandwire_protocol::kind::kernel::{Ran, Status};
use sandwire_protocol::{Code, Error};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::context::unknown;
use super::control::Control;
use super::held::Held;
use super::living::{BRIDGE, Living, Said};
use super::wire::{Done, Gone, PIECE};
use crate::sandbox::activity::Working;

/// Time after the interrupt of a cell whose time is over, before its kernel is killed; of one that nobody hears, before it is
/// interrupted again.
const HEEDS: Duration = Duration::from_secs(5);

/// Time in which a bridge that has ended is heard to its end: what it said last is in a pipe.
const LAST: Duration = Duration::from_secs(5);

/// A cell. Dropped before its end, it is interrupted, and its context waits for it.
#[derive(Debug)]
pub(crate) struct Cell {
    /// Taken at the end.
    held: Option<Held>,
    control: Arc<Control>,
    number: u64,
    timer: Option<Timer>,
    _working: Working,
}

/// Looks after a cell's time, until it is dropped.
#[derive(Debug)]
pub(super) struct Timer {
    over: Arc<AtomicBool>,
    task: AbortHandle,
}

/// How a cell ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Done(Done),
    Gone(Gone),
    /// Its context was restarted or deleted.
    GivenUp,
}

impl Cell {
    /// A cell that was just begun, with that number.
    pub(super) fn new(held: Held, control: Arc<Control>, number: u64, timer: Option<Timer>, working: Working) -> Cell {
        Cell { held: Some(held), control, number, timer, _working: working }
    }

    /// What is asked of it while it runs.
    pub(crate) fn control(&self) -> Remote {
        Remote(Arc::clone(&self.control), self.number)
    }

    /// What it says next, of output at most so many bytes; the end comes once. Cancel safe.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` when it cannot be heard.
    pub(crate) async fn next(&mut self, room: usize) -> Result<Result<Said, Ended>, Error> {
        let Some(living) = self.held.as_mut().and_then(|held| held.inner.living.as_mut()) else {
            return Ok(Err(Ended::GivenUp));
        };
        let said = tokio::select! {
            biased;
            () = self.control.given_up.cancelled() => return Ok(Err(Ended::GivenUp)),
            said = living.next(room) => said?,
        };
        Ok(match said {
            Said::Done(done) => Err(Ended::Done(done)),
            Said::Gone(gone) => Err(Ended::Gone(gone)),
            Said::Output(..) | Said::Event(_) => Ok(said),
        })
    }

    /// The result of the cell, which has ended so.
    ///
    /// # Errors
    /// `KERNEL_DIED`, `LIMIT_EXCEEDED`.
    pub(crate) fn finish(mut self, ended: Ended) -> Result<Ran, Error> {
        let Some(held) = self.held.take() else { return Err(Error::new(Code::Internal, "the cell has ended before")) };
        let timed_out = self.timer.take().is_some_and(|timer| timer.over.load(Ordering::SeqCst));
        let duration_ms = held.duration_ms();
        settle(held, &ended, timed_out).map(|ran| Ran { duration_ms, ..ran })
    }
}

impl Timer {
    /// Interrupts the cell of that number then, and kills its kernel when it does not heed that.
    pub(super) fn start(control: Arc<Control>, number: u64, at: Instant) -> Timer {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let task = tokio::spawn(async move {
            tokio::time::sleep_until(at).await;
            is_over.store(true, Ordering::SeqCst);
            control.interrupt(number);
            tokio::time::sleep(HEEDS).await;
            control.kill(number);
            // Its bridge, too, when it does not say so soon.
            tokio::time::sleep(BRIDGE).await;
            control.stop.request(Duration::ZERO);
        });
        Timer { over, task: task.abort_handle() }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Notes in the context what became of the cell.
fn settle(mut held: Held, ended: &Ended, timed_out: bool) -> Result<Ran, Error> {
    let context = Arc::clone(&held.context);
    context.used(if let Ended::Done(done) = ended { done.execution_count } else { None });
    match ended {
        Ended::Done(Done { overflow: true, .. }) => {
            let text = "the cell had more output than may wait for a reader (the server's setting `kernel_spool`); it was \
                        interrupted, and what it said after that is lost";
            Err(Error::new(Code::LimitExceeded, text).with("limit", "kernel_spool"))
        }
        Ended::Done(Done { status, execution_count, .. }) => Ok(Ran {
            status: *status,
            execution_count: *execution_count,
            // One that has ended well had its end on the way when its time was over, or made nothing of the interrupt.
            timed_out: timed_out && *status != Status::Ok,
            ..Ran::default()
        }),
        Ended::Gone(gone) => {
            held.inner.living = None;
            context.lost(gone.clone(), true);
            if timed_out {
                return Ok(Ran {
                    status: Status::Aborted,
                    timed_out,
                    kernel_died: true,
                    exit: gone.exit.clone(),
                    ..Ran::default()
                });
            }
            Err(context.died(gone))
        }
        Ended::GivenUp => Err(context.given_up()),
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        let Some(mut held) = self.held.take() else { return };
        let (control, number, timer) = (Arc::clone(&self.control), self.number, self.timer.take());
        // The context is not free before it has ended: what it still says would be the next one's.
        tokio::spawn(async move {
            // Again and again: its code may catch one, and go on.
            let mut again = tokio::time::interval(HEEDS);
            let ended = loop {
                let Some(living) = held.inner.living.as_mut() else { break Ended::GivenUp };
                tokio::select! {
                    () = control.given_up.cancelled() => break Ended::GivenUp,
                    _ = again.tick() => control.interrupt(number),
                    said = living.next(PIECE) => match said {
                        Ok(Said::Output(..) | Said::Event(_)) => {}
                        Ok(Said::Done(done)) => break Ended::Done(done),
                        Ok(Said::Gone(gone)) => break Ended::Gone(gone),
                        Err(error) => break Ended::Gone(unknown(&error)),
                    }
                }
            };
            drop(timer);
            // Nobody is there to hear of it.
            let _unheard = settle(held, &ended, false);
        });
    }
}

/// How a kernel ended, whose bridge has ended.
pub(super) async fn last_words(living: &mut Living) -> Gone {
    let last = async {
        loop {
            match living.next(PIECE).await {
                Ok(Said::Gone(gone)) => return gone,
                Ok(Said::Output(..) | Said::Event(_) | Said::Done(_)) => {}
                Err(error) => return unknown(&error),
            }
        }
    };
    tokio::time::timeout(LAST, last).await.unwrap_or_default()
}

/// What is asked of a cell while it runs.
#[derive(Clone, Debug)]
pub(crate) struct Remote(Arc<Control>, u64);

impl Remote {
    /// Interrupts it, when it still runs.
    pub(crate) fn interrupt(&self) {
        self.0.interrupt(self.1);
    }

    /// Answers what it asked for, when its bridge has read what was said before.
    pub(crate) async fn input(&self, value: &str) {
        self.0.input(value).await;
    }
}
