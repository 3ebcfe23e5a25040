//! Everything that descends from a command: found, counted, signalled.
//!
//! A process belongs to the tree when its chain of parents leads to the leader, when it is in the leader's session, or
//! when it was given to the server as an orphan and has the command's marker in its environment. What was found once
//! stays known, so that it is not lost when its parent goes. A pid is never signalled without a look at its start time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags};
use sandwire_protocol::kind::process::Stats;
use tokio::time::Instant;

use super::list::{Entries, Entry, environment_of, marker_in, marker_of, snapshot, waits_in_kernel};
use super::reap::Child;
use super::signal::Signal;
use super::spawn;
use super::stop::IN_VAIN;

/// Time that a tree has to vanish after KILL.
const GIVE_UP: Duration = Duration::from_secs(10);

/// Pauses between looks at a tree that should vanish.
const LOOK_FIRST: Duration = Duration::from_millis(1);
const LOOK_LAST: Duration = Duration::from_millis(50);

/// Scans in a row that may be thrown away because the leader was reaped meanwhile: it happens once.
const RESCANS: usize = 2;

/// The tree of one command.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    leader: Arc<Child>,
    marker: Arc<str>,
    /// Start times of what was found before.
    known: BTreeMap<i32, u64>,
    /// Only what began then or later, and not the leader.
    since: Option<Moment>,
}

/// A moment, as processes count their start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Clock ticks after boot.
    ticks: u64,
    /// The last process that began before, for those of the same tick, which takes 10 ms.
    last: i32,
}

impl Moment {
    /// Now.
    pub(crate) fn now() -> Moment {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let (seconds, nanoseconds) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
        let ticks = procfs::ticks_per_second();
        Moment { ticks: seconds * ticks + nanoseconds * ticks / 1_000_000_000, last: last_process().unwrap_or(0) }
    }

    /// Whether it had begun.
    fn is_after(self, entry: &Entry) -> bool {
        entry.start < self.ticks || (entry.start == self.ticks && entry.pid <= self.last)
    }
}

/// The process that began last: the last word of `/proc/loadavg` (proc(5)), which is kept open, because it is asked often.
fn last_process() -> Option<i32> {
    static LOAD: OnceLock<Option<File>> = OnceLock::new();
    let mut line = [0_u8; 128];
    let length = LOAD.get_or_init(|| File::open("/proc/loadavg").ok()).as_ref()?.read_at(&mut line, 0).ok()?;
    std::str::from_utf8(line.get(..length)?).ok()?.split_ascii_whitespace().next_back()?.parse().ok()
}

impl Tree {
    /// The tree of that leader.
    pub(crate) fn new(leader: Arc<Child>, marker: Arc<str>) -> Tree {
        Tree { leader, marker, known: BTreeMap::new(), since: None }
    }

    /// The part of it that began then or later: without the leader, and without what older
    /// ones have started meanwhile.
    pub(crate) fn since(self, moment: Moment) -> Tree {
        Tree { since: Some(moment), ..self }
    }

    /// Sends signals to every process of the tree, and says how many there were.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub(crate) async fn signal(&mut self, signals: &[Signal]) -> io::Result<usize> {
        let members = self.members().await?;
        for member in &members {
            send(member, signals);
        }
        Ok(members.len())
    }

    /// Sends signals to every process of the tree that is not among `reached`, where it is noted then. One that runs another
    /// program since is reached again: between fork and exec a shell's child swallows signals.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub(crate) async fn reach(
        &mut self,
        signals: &[Signal],
        reached: &mut BTreeSet<(i32, u64, Vec<u8>)>,
    ) -> io::Result<()> {
        for member in self.members().await? {
            let program = std::fs::read(format!("/proc/{}/comm", member.pid)).unwrap_or_default();
            if reached.insert((member.pid, member.start, program)) {
                send(&member, signals);
            }
        }
        Ok(())
    }

    /// TERM when `gently`; when `overdue` resolves, KILL again and again; returns when nothing of it is left, or false when
    /// something does not end by that.
    ///
    /// # Errors
    /// As [`Tree::signal`].
    pub(crate) async fn terminate(&mut self, gently: bool, overdue: impl Future<Output = ()>) -> io::Result<bool> {
        self.end(if gently { &[Signal::TERM, Signal::CONT] } else { &[] }, overdue).await
    }

    /// As [`Tree::terminate`], but begins with HUP, as a terminal does when its line is hung up.
    ///
    /// # Errors
    /// As [`Tree::signal`].
    pub(crate) async fn hang_up(&mut self, overdue: impl Future<Output = ()>) -> io::Result<bool> {
        self.end(&[Signal::HUP, Signal::CONT], overdue).await
    }

    async fn end(&mut self, first: &[Signal], overdue: impl Future<Output = ()>) -> io::Result<bool> {
        if !first.is_empty() {
            // A stopped process sees the signal only when it goes on: hence CONT.
            if self.signal(first).await? == 0 {
                return Ok(true);
            }
            tokio::select! {
                vanished = self.vanished() => return vanished.map(|()| true),
                () = overdue => {}
            }
        }
        let killed = Instant::now();
        let mut pause = LOOK_FIRST;
        loop {
            let members = self.members().await?;
            if members.is_empty() {
                return Ok(true);
            }
            for member in &members {
                send(member, &[Signal::KILL]);
            }
            let stuck = |member: &Entry| u32::try_from(member.pid).is_ok_and(waits_in_kernel);
            let waited = killed.elapsed();
            if waited > GIVE_UP || (waited > IN_VAIN && members.iter().all(stuck)) {
                tracing::warn!(leader = self.leader.pid(), "processes are left after KILL");
                return Ok(false);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_LAST);
        }
    }

    async fn vanished(&mut self) -> io::Result<()> {
        let mut pause = LOOK_FIRST;
        loop {
            // As long as one is left that was there before, nobody has to look for more.
            let left = |(pid, start): (&i32, &u64)| Entry::read(*pid).is_some_and(|it| it.start == *start && !it.dead);
            if !self.known.iter().any(left) && self.members().await?.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_LAST);
        }
    }

    /// What the tree uses now.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub(crate) async fn stats(&self) -> io::Result<Stats> {
        let members = self.clone().members().await?;
        let ticks = procfs::ticks_per_second().max(1);
        Ok(members.iter().fold(Stats::default(), |sum, member| Stats {
            processes: sum.processes + 1,
            threads: sum.threads.saturating_add(member.threads),
            memory_bytes: sum.memory_bytes.saturating_add(member.rss_pages.saturating_mul(procfs::page_size())),
            cpu_us: sum.cpu_us.saturating_add(member.cpu_ticks.saturating_mul(1_000_000) / ticks),
        }))
    }

    /// The environment that a program of it was started with, of at most so many bytes: of one that the leader itself
    /// started, if there is one. A child that runs the leader's own program still says nothing.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub(crate) async fn environment(&mut self, most: u64) -> io::Result<Option<Vec<u8>>> {
        let mut members = self.members().await?;
        members.sort_unstable_by_key(|member| (member.parent != self.leader.pid(), member.start, member.pid));
        let leaders = environment_of(self.leader.pid(), most);
        let marked = |environment: &Vec<u8>| marker_in(environment).is_some_and(|marker| marker == *self.marker);
        let started = members.iter().filter_map(|member| environment_of(member.pid, most));
        Ok(started.filter(|it| leaders.as_ref() != Some(it)).find(marked))
    }

    /// The living processes of the tree.
    async fn members(&mut self) -> io::Result<Vec<Entry>> {
        for _ in 0..RESCANS {
            let reaped = self.leader.is_reaped();
            let found = self.select(reaped, &*snapshot().await?);
            // When the leader was reaped during the scan, its pid may have become another process.
            if self.leader.is_reaped() == reaped {
                self.known = found.iter().map(|entry| (entry.pid, entry.start)).collect();
                return Ok(found);
            }
        }
        Ok(self.select(true, &*snapshot().await?))
    }

    fn select(&self, reaped: bool, all: &Entries) -> Vec<Entry> {
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        let leader = self.leader.pid();
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        let mut members: BTreeSet<i32> = BTreeSet::new();
        for entry in all.values() {
            children.entry(entry.parent).or_default().push(entry.pid);
            let belongs = if entry.pid == own {
                false
            } else if entry.pid == leader {
                !reaped
            } else if self.known.get(&entry.pid) == Some(&entry.start) {
                true
            } else if entry.session == leader {
                // The number of a session whose leader was reaped may have been given to another command's leader.
                !reaped || !all.contains_key(&leader) && marker_of(entry.pid).is_none_or(|it| it == *self.marker)
            } else {
                // An orphan that the kernel gave to the server; the leaders of other commands are none.
                entry.parent == own
                    && !super::reap::is_registered(entry.pid)
                    && marker_of(entry.pid).is_some_and(|it| it == *self.marker)
            };
            if belongs {
                members.insert(entry.pid);
            }
        }
        let mut open: Vec<i32> = members.iter().copied().collect();
        while let Some(pid) = open.pop() {
            for child in children.get(&pid).into_iter().flatten() {
                if members.insert(*child) {
                    open.push(*child);
                }
            }
        }
        let young = |entry: &&Entry| self.since.is_none_or(|since| self.is_young(entry, since, all, &members));
        all.values().filter(|entry| members.contains(&entry.pid) && !entry.dead).filter(young).copied().collect()
    }

    /// Whether it and all of the tree between it and the leader began then or later.
    fn is_young(&self, entry: &Entry, since: Moment, all: &Entries, members: &BTreeSet<i32>) -> bool {
        let mut above = Some(entry);
        // A chain of parents is no longer than there are processes.
        for _ in 0..=all.len() {
            match above {
                Some(it) if it.pid == self.leader.pid() => return it.pid != entry.pid,
                Some(it) if since.is_after(it) => return false,
                Some(it) => above = all.get(&it.parent).filter(|parent| members.contains(&parent.pid)),
                None => return true,
            }
        }
        false
    }
}

fn send(member: &Entry, signals: &[Signal]) {
    let same = || Entry::read(member.pid).is_some_and(|now| now.start == member.start);
    let Some(pid) = Pid::from_raw(member.pid) else { return };
    let pidfd = match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => Some(pidfd),
        Err(rustix::io::Errno::NOSYS) => None,
        Err(_gone) => return,
    };
    if !same() {
        return;
    }
    for signal in signals {
        let sent = match &pidfd {
            Some(pidfd) => spawn::signal_pidfd(pidfd.as_fd(), *signal),
            None => spawn::signal_process(member.pid, *signal),
        };
        if let Err(error) = sent {
            tracing::debug!(pid = member.pid, %error, "a process could not be signalled");
        }
    }
}
