//! Changes that wait for their time, merged by path: a state machine without I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use sandwire_protocol::kind::file::Change;
use tokio::time::Instant;

/// Changes that may wait.
pub(super) const MAX_PENDING: usize = 4096;

/// Bytes of their paths that may wait.
const MAX_BYTES: usize = 256 << 10;

/// How long the first half of a rename waits for the second, at least.
const PAIRING: Duration = Duration::from_millis(10);

/// The changes of one watch that were not told yet, in the order in which they happened.
#[derive(Debug)]
pub(super) struct Pending {
    debounce: Duration,
    next: u64,
    records: BTreeMap<u64, Record>,
    /// The last record about a path.
    last: BTreeMap<Vec<u8>, u64>,
    overflow: bool,
    /// At least those of the paths in `records`.
    bytes: usize,
}

/// One change that waits.
#[derive(Debug)]
pub(super) struct Record {
    /// The path; after a rename the new one.
    pub(super) path: Vec<u8>,
    /// The old path of a rename.
    pub(super) from: Option<Vec<u8>>,
    /// Whether it is a directory.
    pub(super) directory: bool,
    what: What,
    due: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Told(Change),
    /// It left; the other half of the rename may come. With `fresh`, it came to be only just before.
    Left {
        cookie: u32,
        fresh: bool,
    },
}

impl Record {
    /// What is to be told, if anything is.
    pub(super) fn change(&self) -> Option<Change> {
        match self.what {
            What::Told(change) => Some(change),
            What::Left { fresh: true, .. } => None,
            What::Left { fresh: false, .. } => Some(Change::Remove),
        }
    }

    /// Whether it was moved to where this watch does not see it.
    pub(super) fn moved_away(&self) -> bool {
        matches!(self.what, What::Left { .. })
    }
}

impl Pending {
    /// Nothing yet; changes wait for `debounce`.
    pub(super) fn new(debounce: Duration) -> Self {
        Self { debounce, next: 0, records: BTreeMap::new(), last: BTreeMap::new(), overflow: false, bytes: 0 }
    }

    /// When the next change is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.records.values().next().map(|record| record.due)
    }

    /// Whether there were too many.
    pub(super) fn overflowed(&self) -> bool {
        self.overflow
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.last.clear();
        self.overflow = false;
        self.bytes = 0;
    }

    /// The next change that is due.
    pub(super) fn take_due(&mut self) -> Option<Record> {
        let (seq, record) = self.records.first_key_value()?;
        if record.due > Instant::now() {
            return None;
        }
        let seq = *seq;
        let mut record = self.records.remove(&seq)?;
        if self.last.get(&record.path) == Some(&seq) {
            self.last.remove(&record.path);
        }
        if record.moved_away()
            && let Some(from) = record.from.take()
        {
            // It had come from elsewhere just before: that is the name that is known.
            record.path = from;
        }
        Some(record)
    }

    /// A change by itself.
    pub(super) fn add(&mut self, path: Vec<u8>, change: Change, directory: bool) {
        let Some((seq, record)) = self.last_of(&path) else {
            self.push(path, None, directory, What::Told(change));
            return;
        };
        let What::Told(before) = record.what else {
            // Something new has the name of what left.
            self.push(path, None, directory, What::Told(change));
            return;
        };
        match (before, change) {
            (Change::Create, Change::Create | Change::Modify | Change::Attrib)
            | (Change::Modify, Change::Modify | Change::Attrib)
            | (Change::Attrib, Change::Attrib)
            | (Change::Remove, Change::Remove) => {}
            (Change::Attrib, Change::Modify) => record.what = What::Told(Change::Modify),
            (Change::Modify | Change::Attrib, Change::Remove) => record.what = What::Told(Change::Remove),
            (Change::Create, Change::Remove) => self.drop_record(seq),
            (Change::Remove, Change::Create) if !directory && !record.directory => {
                record.what = What::Told(Change::Modify);
            }
            (Change::Rename, Change::Remove) => {
                if let Some(from) = record.from.take() {
                    record.what = What::Told(Change::Remove);
                    record.path = from;
                    self.last.remove(&path);
                }
            }
            _ => self.push(path, None, directory, What::Told(change)),
        }
    }

    /// The first half of a rename.
    pub(super) fn moved_from(&mut self, path: Vec<u8>, cookie: u32, directory: bool) {
        if let Some((_, record)) = self.last_of(&path) {
            match record.what {
                What::Told(Change::Create) => {
                    record.what = What::Left { cookie, fresh: true };
                    return;
                }
                What::Told(Change::Rename) => {
                    record.what = What::Left { cookie, fresh: false };
                    return;
                }
                What::Told(Change::Modify | Change::Attrib | Change::Remove) | What::Left { .. } => {}
            }
        }
        self.push(path, None, directory, What::Left { cookie, fresh: false });
    }

    /// The second half. Whether the first was known: otherwise it came from outside.
    pub(super) fn moved_to(&mut self, path: Vec<u8>, cookie: u32, directory: bool) -> bool {
        let Some(seq) = self.left(cookie) else {
            self.add(path, Change::Create, directory);
            return false;
        };
        let Some(mut record) = self.records.remove(&seq) else { return false };
        if self.last.get(&record.path) == Some(&seq) {
            self.last.remove(&record.path);
        }
        let fresh = matches!(record.what, What::Left { fresh: true, .. });
        if fresh {
            // What was new is new under its other name: for the one who looks, a file replaced or created.
            self.add(path, Change::Create, directory);
            return true;
        }
        let old = record.from.take().unwrap_or_else(|| std::mem::take(&mut record.path));
        if old == path {
            // There and back again.
            return true;
        }
        record.path.clone_from(&path);
        record.from = Some(old);
        record.what = What::Told(Change::Rename);
        self.records.insert(seq, record);
        self.last.insert(path, seq);
        true
    }

    /// The second half went where it is not to be told.
    pub(super) fn forget(&mut self, cookie: u32) {
        if let Some(seq) = self.left(cookie)
            && let Some(record) = self.records.get_mut(&seq)
        {
            record.what = match record.what {
                What::Left { fresh, .. } => What::Left { cookie: 0, fresh },
                told @ What::Told(_) => told,
            };
        }
    }

    fn left(&self, cookie: u32) -> Option<u64> {
        self.records
            .iter()
            .rev()
            .find(|(_, record)| matches!(record.what, What::Left { cookie: left, .. } if left == cookie))
            .map(|(seq, _)| *seq)
    }

    fn last_of(&mut self, path: &[u8]) -> Option<(u64, &mut Record)> {
        let seq = *self.last.get(path)?;
        self.records.get_mut(&seq).map(|record| (seq, record))
    }

    fn drop_record(&mut self, seq: u64) {
        if let Some(record) = self.records.remove(&seq) {
            self.last.remove(&record.path);
        }
    }

    fn push(&mut self, path: Vec<u8>, from: Option<Vec<u8>>, directory: bool, what: What) {
        self.bytes += path.len() + from.as_ref().map_or(0, Vec::len);
        if self.bytes > MAX_BYTES {
            // Counted up only: what was told meanwhile is taken off here.
            self.bytes = self.records.values().map(|it| it.path.len() + it.from.as_ref().map_or(0, Vec::len)).sum();
        }
        if self.records.len() >= MAX_PENDING || self.bytes > MAX_BYTES {
            self.overflow = true;
            return;
        }
        // A time that never goes back keeps the order.
        let wait = self.debounce.max(PAIRING.saturating_mul(u32::from(matches!(what, What::Left { .. }))));
        let latest = self.records.values().next_back().map(|record| record.due);
        let due = (Instant::now() + wait).max(latest.unwrap_or_else(Instant::now));
        self.next += 1;
        self.last.insert(path.clone(), self.next);
        self.records.insert(self.next, Record { path, from, directory, what, due });
    }
}
