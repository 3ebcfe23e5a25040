//! Reading a log from any place, at the reader's own pace.

use std::sync::Arc;

use bytes::Bytes;
use memchr::memrchr_iter;
use sandwire_protocol::kind::command::{Exit, Output};
use sandwire_protocol::kind::process::From;

use super::store::{Found, Place, records};
use super::{Log, Mark};

/// What a reader finds next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    /// Bytes that are gone.
    Gap {
        /// Offset of the first missing byte.
        from: u64,
        /// Offset after the last missing byte.
        to: u64,
    },
    /// Bytes of one stream.
    Data {
        /// Offset of the first byte.
        offset: u64,
        /// When it was read, in milliseconds since 1970.
        time_ms: u64,
        output: Output,
        bytes: Bytes,
    },
    /// Here the process was started again.
    Restarted {
        /// The new process id.
        pid: u32,
        /// How the run before ended.
        exit: Exit,
    },
    /// There is nothing more now.
    Empty {
        /// Whether there never will be.
        ended: bool,
    },
}

/// A place in a log.
#[derive(Debug)]
pub(crate) struct Reader {
    log: Arc<Log>,
    offset: u64,
    next_mark: u64,
    /// A full segment, its first offset, and the offset after it: it may hold many pieces.
    segment: Option<(u64, u64, Bytes)>,
    /// Only this stream.
    only: Option<Output>,
    /// Whether records of different times stay apart.
    times: bool,
}

impl Reader {
    /// Goes to `from`. With `times`, each piece is of one time.
    pub(crate) async fn open(log: &Arc<Log>, from: From, only: Option<Output>, times: bool) -> Reader {
        let (start, end, marked) = {
            let inner = log.lock();
            (inner.store.start(), inner.store.end(), inner.marked)
        };
        let mut reader = Reader { log: Arc::clone(log), offset: start, next_mark: 0, segment: None, only, times };
        match from {
            From::Start => return reader,
            From::End => (reader.offset, reader.next_mark) = (end, marked),
            From::Offset(offset) => reader.offset = offset.min(end),
            From::Lines(lines) => reader.offset = reader.last_lines(lines, end).await,
            From::Time(time_ms) => reader.offset = reader.since(time_ms).await,
        }
        if !matches!(from, From::End) {
            let inner = log.lock();
            let mark = inner.marks.iter().find(|mark| mark.offset >= reader.offset);
            reader.next_mark = mark.map_or(inner.marked, |mark| mark.number);
        }
        reader
    }

    /// Offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether everything was read and nothing more will come.
    pub(crate) fn is_complete(&self) -> bool {
        let inner = self.log.lock();
        inner.ended && self.offset >= inner.store.end()
    }

    /// The next piece, waiting for one until the log ends. Cancel safe.
    pub(crate) async fn next(&mut self, max: usize) -> Piece {
        let log = Arc::clone(&self.log);
        loop {
            let changed = log.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let piece = self.try_next(max).await;
            if piece != (Piece::Empty { ended: false }) {
                return piece;
            }
            changed.await;
        }
    }

    /// The next piece that is there now, of at most `max` bytes. Cancel safe.
    pub(crate) async fn try_next(&mut self, max: usize) -> Piece {
        loop {
            let mark = match self.look() {
                Look::Piece(piece) => return piece,
                Look::Read { until } => until,
                Look::Load { until, found } => {
                    if !self.load(found).await {
                        continue;
                    }
                    until
                }
            };
            if let Some(piece) = self.take(mark, max) {
                return piece;
            }
        }
    }

    fn look(&mut self) -> Look {
        let log = Arc::clone(&self.log);
        let inner = log.lock();
        let mark: Option<&Mark> = inner.marks.iter().find(|mark| mark.number >= self.next_mark);
        if let Some(mark) = mark.filter(|mark| mark.offset <= self.offset) {
            self.next_mark = mark.number + 1;
            return Look::Piece(Piece::Restarted { pid: mark.pid, exit: mark.exit.clone() });
        }
        let until = mark.map_or(u64::MAX, |mark| mark.offset);
        if self.segment.as_ref().is_some_and(|(start, end, _)| (*start..*end).contains(&self.offset)) {
            return Look::Read { until };
        }
        self.segment = None;
        let start = inner.store.start();
        if self.offset < start {
            let from = std::mem::replace(&mut self.offset, start);
            return Look::Piece(Piece::Gap { from, to: start });
        }
        match inner.store.find(self.offset) {
            Some(found) => Look::Load { until, found },
            None => Look::Piece(Piece::Empty { ended: inner.ended }),
        }
    }

    /// Gets a segment. False when it went meanwhile.
    async fn load(&mut self, found: Found) -> bool {
        let Some(bytes) = self.fetch(found.place).await else { return false };
        let length: u64 = records(found.start, &bytes).map(|(_, record)| record.bytes.len() as u64).sum();
        self.segment = Some((found.start, found.start + length, bytes));
        true
    }

    async fn fetch(&self, place: Place) -> Option<Bytes> {
        let (number, length) = match place {
            Place::Memory(bytes) => return Some(bytes),
            Place::Spool { number, length } => (number, length),
        };
        let spool = self.log.lock().spool.clone()?;
        let read = tokio::task::spawn_blocking(move || spool.read(number, length)).await;
        let mut inner = self.log.lock();
        match read {
            Ok(Ok(bytes)) => inner.store.keeps(number).then(|| bytes.into()),
            Ok(Err(error)) => {
                tracing::warn!(%error, "a log's spool cannot be read; what it has is lost");
                inner.store.forget_spooled();
                None
            }
            Err(error) => {
                tracing::debug!(%error, "the reading of a log was stopped");
                inner.store.forget_spooled();
                None
            }
        }
    }

    /// Takes bytes before `until` from the segment. `None` when there are none of the wanted stream.
    fn take(&mut self, until: u64, max: usize) -> Option<Piece> {
        let (start, end, segment) = self.segment.as_ref()?;
        let mut piece: Option<(u64, u64, Output)> = None;
        let mut bytes = Vec::new();
        for (at, record) in records(*start, segment) {
            let after = at + record.bytes.len() as u64;
            if after <= self.offset {
                continue;
            }
            if at >= until || bytes.len() >= max {
                break;
            }
            let wanted = self.only.is_none_or(|only| only == record.output);
            if let Some((_, time_ms, output)) = piece
                && (wanted && output != record.output || self.times && time_ms != record.time_ms)
            {
                break;
            }
            let from = self.offset.max(at);
            // What is asked for may end within the record.
            let to = if wanted { after.min(until).min(from + (max - bytes.len()) as u64) } else { after.min(until) };
            if wanted {
                piece.get_or_insert((from, record.time_ms, record.output));
                bytes.extend_from_slice(record.bytes.get(index(from - at)..index(to - at)).unwrap_or_default());
            }
            self.offset = to;
        }
        if self.offset >= *end {
            self.segment = None;
        }
        let (offset, time_ms, output) = piece?;
        Some(Piece::Data { offset, time_ms, output, bytes: bytes.into() })
    }

    /// Offset of the first record of that time or a later one.
    async fn since(&self, time_ms: u64) -> u64 {
        let (offset, found) = {
            let inner = self.log.lock();
            let offset = inner.store.segment_since(time_ms);
            (offset, inner.store.find(offset))
        };
        let Some(found) = found else { return offset };
        let start = found.start;
        match self.fetch(found.place).await {
            Some(bytes) => {
                records(start, &bytes).find(|(_, record)| record.time_ms >= time_ms).map_or(offset, |(at, _)| at)
            }
            None => offset,
        }
    }

    /// Offset of the last so many lines before `end`, as tail(1) counts them: an unfinished line is one.
    async fn last_lines(&self, lines: u64, end: u64) -> u64 {
        if lines == 0 {
            return end;
        }
        let (mut to, mut left, mut newest) = (end, lines, true);
        loop {
            let found = {
                let inner = self.log.lock();
                if to <= inner.store.start() {
                    return inner.store.start();
                }
                inner.store.segment_before(to)
            };
            let Some(found) = found else { return self.log.range().0 };
            let start = found.start;
            let Some(bytes) = self.fetch(found.place).await else { return self.log.range().0 };
            let all: Vec<_> = records(start, &bytes).filter(|(at, _)| *at < to).collect();
            for (at, record) in
                all.into_iter().rev().filter(|(_, record)| self.only.is_none_or(|it| it == record.output))
            {
                let bytes = record.bytes.get(..index(to - at).min(record.bytes.len())).unwrap_or_default();
                for newline in memrchr_iter(b'\n', bytes) {
                    // The newest byte ends the last line; it does not begin one.
                    if newest && newline + 1 == bytes.len() {
                        newest = false;
                        continue;
                    }
                    newest = false;
                    left -= 1;
                    if left == 0 {
                        return at + newline as u64 + 1;
                    }
                }
                newest = false;
            }
            to = start;
        }
    }
}

/// What the lock showed.
enum Look {
    Piece(Piece),
    /// The segment at hand has the next byte.
    Read {
        until: u64,
    },
    Load {
        until: u64,
        found: Found,
    },
}

fn index(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
