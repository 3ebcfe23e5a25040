//! The arithmetic of a log: records in segments, segments in memory or spooled. No clock, no file.
//!
//! A segment is a run of encoded records. Segments are numbered from 0; the last one is open, the others never change.
//! Spooled ones come before those in memory, without a hole.

use std::collections::VecDeque;

use bytes::Bytes;
use sandwire_protocol::kind::command::Output;

/// Size of a segment, records' headers included, in bytes.
pub(crate) const SEGMENT: usize = 16 << 10;

/// Time (8), length (4), stream (1).
const HEADER: usize = 13;

/// First allocation of an open segment: most logs stay small.
const FIRST: usize = 1 << 10;

/// Records and where they are.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Full segments, oldest first.
    full: VecDeque<Segment>,
    open: Vec<u8>,
    /// Where in `open` the last record begins.
    last: Option<usize>,
    /// Offset of the first byte of `open`.
    open_start: u64,
    /// Offset after the newest byte.
    end: u64,
    /// Greatest time in `open`.
    open_time: u64,
    /// Number of the open segment.
    number: u64,
    /// Bytes of full segments in memory.
    memory: usize,
}

#[derive(Clone, Debug)]
struct Segment {
    number: u64,
    /// Offset of its first byte.
    start: u64,
    /// Encoded length.
    length: usize,
    /// Greatest time of a record.
    time: u64,
    /// Absent when it is spooled.
    bytes: Option<Bytes>,
}

/// A full segment on its way to the spool.
#[derive(Clone, Debug)]
pub(super) struct Full {
    pub(super) number: u64,
    pub(super) bytes: Bytes,
}

/// Where a segment's records can be had.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Here.
    Memory(Bytes),
    /// In the spool.
    Spool {
        /// Which one.
        number: u64,
        /// Its encoded length.
        length: usize,
    },
}

/// A segment as a reader takes it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Offset of its first byte.
    pub(super) start: u64,
    pub(super) place: Place,
}

impl Store {
    /// Offset of the oldest byte.
    pub(super) fn start(&self) -> u64 {
        self.full.front().map_or(self.open_start, |segment| segment.start)
    }

    /// Offset after the newest byte.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Bytes held in memory.
    pub(super) fn memory(&self) -> usize {
        self.memory + self.open.len()
    }

    /// Appends bytes, as one record or in as many as it takes.
    pub(super) fn push(&mut self, time_ms: u64, output: Output, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let joined = self.join(time_ms, output, bytes);
            bytes = bytes.get(joined..).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            if self.open.len() + HEADER >= SEGMENT {
                self.close();
            }
            let length = bytes.len().min(SEGMENT - HEADER - self.open.len());
            self.grow(HEADER + length);
            self.last = Some(self.open.len());
            self.open.extend_from_slice(&time_ms.to_le_bytes());
            // A record is shorter than a segment.
            self.open.extend_from_slice(&(length as u32).to_le_bytes());
            self.open.push(u8::from(output == Output::Stderr));
            self.append(time_ms, &bytes[..length]);
            bytes = &bytes[length..];
        }
    }

    /// Adds to the last record what belongs to it: same stream, same millisecond. Says how much that was.
    fn join(&mut self, time_ms: u64, output: Output, bytes: &[u8]) -> usize {
        let Some(at) = self.last else { return 0 };
        let Some(record) = self.open.get(at..).and_then(Record::decode) else { return 0 };
        if (record.time_ms, record.output) != (time_ms, output) {
            return 0;
        }
        let length = bytes.len().min(SEGMENT - self.open.len());
        let total = (record.bytes.len() + length) as u32;
        self.grow(length);
        self.open[at + 8..at + 12].copy_from_slice(&total.to_le_bytes());
        self.append(time_ms, &bytes[..length]);
        length
    }

    fn grow(&mut self, more: usize) {
        let needed = self.open.len() + more;
        if needed > self.open.capacity() {
            // Doubling, but never beyond a segment.
            let capacity = needed.next_power_of_two().clamp(FIRST, SEGMENT);
            self.open.reserve_exact(capacity - self.open.len());
        }
    }

    fn append(&mut self, time_ms: u64, bytes: &[u8]) {
        self.open.extend_from_slice(bytes);
        self.end += bytes.len() as u64;
        self.open_time = self.open_time.max(time_ms);
    }

    fn close(&mut self) {
        let bytes = std::mem::take(&mut self.open);
        self.memory += bytes.len();
        self.full.push_back(Segment {
            number: self.number,
            start: self.open_start,
            length: bytes.len(),
            time: self.open_time,
            bytes: Some(bytes.into()),
        });
        self.number += 1;
        (self.open_start, self.open_time, self.last) = (self.end, 0, None);
    }

    /// Full segments in memory, oldest first, as many as must go for at most `target` bytes to stay.
    pub(super) fn oldest_in_memory(&self, target: usize) -> Vec<Full> {
        let mut memory = self.memory();
        let mut going = Vec::new();
        for segment in &self.full {
            let Some(bytes) = &segment.bytes else { continue };
            if memory <= target {
                break;
            }
            memory -= segment.length;
            going.push(Full { number: segment.number, bytes: bytes.clone() });
        }
        going
    }

    /// Drops what the slots of segments up to `last` had before. To be called before they are written, so that a reader
    /// of an old segment learns that it may have read another one.
    pub(super) fn make_room(&mut self, last: u64, slots: u64) {
        while self.full.front().is_some_and(|first| first.number + slots <= last) {
            self.drop_oldest();
        }
    }

    /// Notes that the segments up to `last` are in the spool.
    pub(super) fn spilled(&mut self, last: u64) {
        for segment in self.full.iter_mut().take_while(|segment| segment.number <= last) {
            if segment.bytes.take().is_some() {
                self.memory -= segment.length;
            }
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(Segment { bytes: Some(_), length, .. }) = self.full.pop_front() {
            self.memory -= length;
        }
    }

    /// Drops everything that is spooled.
    pub(super) fn forget_spooled(&mut self) {
        self.full.retain(|segment| segment.bytes.is_some());
    }

    /// Drops the oldest segments until at most `bound` bytes are in memory, or only the open one is left.
    pub(super) fn forget_memory(&mut self, bound: usize) {
        while self.memory() > bound && !self.full.is_empty() {
            self.drop_oldest();
        }
    }

    /// The segment with the byte at `offset`; the oldest one when it is gone; `None` at the end.
    pub(super) fn find(&self, offset: u64) -> Option<Found> {
        if offset >= self.end {
            return None;
        }
        let after = self.full.partition_point(|segment| segment.start <= offset);
        match self.full.get(after.saturating_sub(1)) {
            Some(segment) if offset < self.open_start => Some(Found {
                start: segment.start,
                place: match &segment.bytes {
                    Some(bytes) => Place::Memory(bytes.clone()),
                    None => Place::Spool { number: segment.number, length: segment.length },
                },
            }),
            Some(_) | None => {
                // From the record with that byte on: a follower wants the last line, not the whole segment again.
                let (mut at, mut start) = (0, self.open_start);
                for (begin, record) in records(self.open_start, &self.open) {
                    if begin + record.bytes.len() as u64 > offset {
                        start = begin;
                        break;
                    }
                    at += HEADER + record.bytes.len();
                }
                let place = Place::Memory(Bytes::copy_from_slice(self.open.get(at..).unwrap_or_default()));
                Some(Found { start, place })
            }
        }
    }

    /// The whole segment with the byte before `offset`.
    pub(super) fn segment_before(&self, offset: u64) -> Option<Found> {
        let before = offset.checked_sub(1)?;
        self.find(if before >= self.open_start { self.open_start } else { before })
    }

    /// Whether the segment is still kept: a slot read from the spool is that segment only if it is.
    pub(super) fn keeps(&self, number: u64) -> bool {
        self.full.front().is_some_and(|first| first.number <= number)
    }

    /// Offset of the first segment that may have a record of that time or a later one; the end when none has.
    pub(super) fn segment_since(&self, time_ms: u64) -> u64 {
        let found = self.full.iter().find(|segment| segment.time >= time_ms).map(|segment| segment.start);
        found.unwrap_or(if self.open_time >= time_ms { self.open_start } else { self.end })
    }
}

/// An encoded record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) time_ms: u64,
    pub(super) output: Output,
    pub(super) bytes: &'a [u8],
}

impl Record<'_> {
    fn decode(encoded: &[u8]) -> Option<Record<'_>> {
        let (time, rest) = encoded.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (stream, rest) = rest.split_first()?;
        Some(Record {
            time_ms: u64::from_le_bytes(*time),
            output: if *stream == 0 { Output::Stdout } else { Output::Stderr },
            bytes: rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?,
        })
    }
}

/// The records of a segment that begins at `start`, each with the offset of its first byte.
pub(super) fn records(start: u64, segment: &[u8]) -> impl Iterator<Item = (u64, Record<'_>)> {
    let (mut offset, mut rest) = (start, segment);
    std::iter::from_fn(move || {
        let record = Record::decode(rest)?;
        rest = rest.get(HEADER + record.bytes.len()..)?;
        let at = offset;
        offset += record.bytes.len() as u64;
        Some((at, record))
    })
}

#[cfg(test)]
mod tests;
