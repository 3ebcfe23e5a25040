//! One direction of one connection: read, queue with the time of arrival, write.

use bytes::Bytes;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::shared::{Shared, Turn, Way};
use super::{Cut, Direction, PIECE, QUEUE};

/// A throttled direction writes about so many times a second.
const WRITES_A_SECOND: u32 = 100;

/// Why a direction ended other than by the end of its stream: a cut, or (`None`) an error of one of the sockets.
pub(super) type Broken = Option<Cut>;

/// A piece and when it came.
struct Piece {
    bytes: Bytes,
    came: Instant,
}

/// Carries one direction to the end of its stream, which is passed on.
pub(super) async fn pump(
    shared: &Shared,
    turn: &Turn,
    direction: Direction,
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
) -> Result<(), Broken> {
    let (queue, pieces) = mpsc::channel(QUEUE);
    tokio::try_join!(fill(from, queue), empty(shared, turn, direction, pieces, to)).map(drop)
}

async fn fill(mut from: ReadHalf<'_>, queue: mpsc::Sender<Piece>) -> Result<(), Broken> {
    let mut buffer = vec![0; PIECE];
    loop {
        let count = from.read(&mut buffer).await.map_err(|_| None)?;
        if count == 0 {
            return Ok(());
        }
        let piece = Piece { bytes: Bytes::copy_from_slice(&buffer[..count]), came: Instant::now() };
        queue.send(piece).await.map_err(|_| None)?;
    }
}

async fn empty(
    shared: &Shared,
    turn: &Turn,
    direction: Direction,
    mut pieces: mpsc::Receiver<Piece>,
    mut to: WriteHalf<'_>,
) -> Result<(), Broken> {
    let mut settings = shared.watch();
    let mut random = fastrand::Rng::with_seed(turn.number);
    let mut next = Instant::now();
    while let Some(Piece { mut bytes, came }) = pieces.recv().await {
        while !bytes.is_empty() {
            let way = match settings.wait_for(|now| !now.way(direction).stalled).await {
                Ok(now) => now.way(direction).clone(),
                Err(_) => return Err(None),
            };
            let due = (came + way.delay).max(next);
            if due > Instant::now() {
                // A change of the settings while it waits: look again.
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    changed = settings.changed() => {
                        changed.map_err(|_| None)?;
                        if settings.borrow_and_update().way(direction).rate.is_none() {
                            next = Instant::now();
                        }
                    }
                }
                continue;
            }
            let (pass, cut) = shared.pass(turn, direction, size(&way, bytes.len(), &mut random));
            let piece = bytes.split_to(pass);
            to.write_all(&piece).await.map_err(|_| None)?;
            shared.count(|counters| match direction {
                Direction::Up => counters.up += pass as u64,
                Direction::Down => counters.down += pass as u64,
            });
            if cut.is_some() {
                return Err(cut);
            }
            if let Some(rate) = way.rate {
                next = next.max(Instant::now()) + Duration::from_secs_f64(pass as f64 / f64::from(rate));
            }
            if way.split.is_some() {
                // So that the other side may read this piece by itself.
                tokio::task::yield_now().await;
            }
        }
    }
    // The source has ended: so does the stream to the other side.
    to.shutdown().await.map_err(|_| None)
}

/// Size of the next piece, of `left` bytes.
fn size(way: &Way, left: usize, random: &mut fastrand::Rng) -> usize {
    let split = way.split.map_or(left, |most| random.usize(1..=most));
    let slow = way.rate.map_or(left, |rate| (rate / WRITES_A_SECOND).max(1) as usize);
    left.min(split).min(slow)
}
