//! All processes, as `/proc` shows them (proc(5)).

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::sync::Arc;

use tokio::time::Instant;

use super::launch::MARKER;
use crate::sandbox::buckets::apart_for;

/// A line of `/proc/PID/stat` (proc(5)).
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) session: i32,
    /// Clock ticks after boot.
    pub(super) start: u64,
    /// A zombie, or about to vanish.
    pub(super) dead: bool,
    pub(super) threads: u32,
    pub(super) cpu_ticks: u64,
    pub(super) rss_pages: u64,
}

impl Entry {
    pub(super) fn read(pid: i32) -> Option<Entry> {
        // The line is shorter than 512 bytes: 52 numbers and a name of at most 64 bytes.
        let mut buffer = [0_u8; 1024];
        let length = fs::File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut buffer).ok()?;
        Self::parse(pid, buffer.get(..length)?)
    }

    fn parse(pid: i32, line: &[u8]) -> Option<Entry> {
        // The name may hold anything, also spaces and parentheses: what follows the last one counts.
        let after = memchr::memrchr(b')', line)? + 1;
        let fields: Vec<&str> = std::str::from_utf8(line.get(after..)?).ok()?.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        let id = |index: usize| fields.get(index)?.parse::<i32>().ok();
        Some(Entry {
            pid,
            parent: id(1)?,
            session: id(3)?,
            start: number(19)?,
            dead: matches!(*fields.first()?, "Z" | "X"),
            threads: u32::try_from(number(17)?).ok()?,
            cpu_ticks: number(11)?.saturating_add(number(12)?),
            rss_pages: number(21)?,
        })
    }
}

/// Whether a thread of it is in uninterruptible sleep: then no signal ends it.
pub(super) fn waits_in_kernel(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.into_iter().any(|thread| {
        let line = fs::read(thread.path().join("stat")).unwrap_or_default();
        memchr::memrchr(b')', &line).is_some_and(|at| line.get(at..).is_some_and(|rest| rest.starts_with(b") D")))
    })
}

/// All processes, by pid.
pub(super) type Entries = BTreeMap<i32, Entry>;

/// All processes at some time after the call. Those who ask while a list is being made share the next one, so that the
/// end of a thousand trees does not read a million files.
pub(super) async fn snapshot() -> io::Result<Arc<Entries>> {
    /// The newest list, and when its making began.
    static NEWEST: tokio::sync::Mutex<Option<(Instant, Arc<Entries>)>> = tokio::sync::Mutex::const_new(None);
    let asked = Instant::now();
    let mut newest = NEWEST.lock().await;
    if let Some((began, entries)) = newest.as_ref()
        && *began > asked
    {
        return Ok(Arc::clone(entries));
    }
    let began = Instant::now();
    // Not by one of the blocking threads, which files may have taken: to end a command is what helps then.
    let made = Arc::new(apart_for(entries).await??);
    *newest = Some((began, Arc::clone(&made)));
    Ok(made)
}

fn entries() -> io::Result<Entries> {
    Ok(fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, Entry::read(pid)?)))
        .collect())
}

/// Children of the server, also those that were given to it.
pub(super) fn children_of_self() -> Vec<i32> {
    let mut all = Vec::new();
    let mut supported = false;
    for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        if let Ok(text) = fs::read_to_string(task.path().join("children")) {
            supported = true;
            all.extend(text.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
        }
    }
    // The file depends on how the kernel was built (CONFIG_PROC_CHILDREN).
    if !supported {
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        all.extend(entries().into_iter().flatten().filter(|(_, entry)| entry.parent == own).map(|(pid, _)| pid));
    }
    all
}

/// The marker in a process's environment as it was at its exec; `None` when it has none or hides it.
pub(super) fn marker_of(pid: i32) -> Option<String> {
    marker_in(&fs::read(format!("/proc/{pid}/environ")).ok()?)
}

/// The marker in an environment.
pub(super) fn marker_in(environment: &[u8]) -> Option<String> {
    environment
        .split(|byte| *byte == 0)
        .find_map(|variable| variable.strip_prefix(MARKER.as_bytes())?.strip_prefix(b"="))
        .map(|value| String::from_utf8_lossy(value).into_owned())
}

/// A process's environment as it was at its exec; `None` when it hides it, or when it has more bytes than that.
pub(super) fn environment_of(pid: i32, most: u64) -> Option<Vec<u8>> {
    let mut environment = Vec::new();
    fs::File::open(format!("/proc/{pid}/environ")).ok()?.take(most + 1).read_to_end(&mut environment).ok()?;
    (environment.len() as u64 <= most).then_some(environment)
}

/// CPU time of a process and of the children that it has waited for, in microseconds, in user mode and in the kernel, as
/// its open `stat` shows it: in ticks of the clock.
pub(crate) fn cpu_time(stat: &fs::File) -> Option<(u64, u64)> {
    let mut buffer = [0_u8; 1024];
    let length = std::os::unix::fs::FileExt::read_at(stat, &mut buffer, 0).ok()?;
    let line = buffer.get(..length)?;
    let after = std::str::from_utf8(line.get(memchr::memrchr(b')', line)? + 1..)?).ok()?;
    let mut times = after.split_ascii_whitespace().skip(11).map(|field| field.parse::<u64>().ok());
    let [user, system, children_user, children_system] = std::array::from_fn(|_| times.next().flatten());
    let tick = 1_000_000 / procfs::ticks_per_second().max(1);
    Some(((user? + children_user?) * tick, (system? + children_system?) * tick))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let line = b"7 (a) Z 1 (b)) S 3 7 7 0 -1 0 0 0 0 0 11 4 0 0 20 0 2 0 555 1000 42 0 0";
        let entry = Entry::parse(7, line).unwrap();
        assert_eq!((entry.parent, entry.session, entry.start, entry.dead), (3, 7, 555, false));
        assert_eq!((entry.threads, entry.cpu_ticks, entry.rss_pages), (2, 15, 42));
        assert!(Entry::parse(7, b"7 (a) S 3").is_none());
        assert!(Entry::parse(7, b"").is_none());
    }

    #[test]
    fn this_process_is_listed() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(entries().unwrap().contains_key(&own));
    }
}
