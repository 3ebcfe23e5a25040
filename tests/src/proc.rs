//! What the kernel says about a process: memory, descriptors, children, processor time, mounts.

use std::io;
use std::path::Path;
use std::time::Duration;

use procfs::process::{Process, Stat};
use procfs::{ProcError, ProcResult};
use rustix::mount::{UnmountFlags, unmount};

/// Memory of a process now, bytes.
///
/// # Errors
/// When there is no such process.
pub fn rss(pid: u32) -> io::Result<u64> {
    Ok(kib(status(pid)?.vmrss))
}

/// The most memory that a process ever had, or had since [`forget_peak`], bytes.
///
/// # Errors
/// When there is no such process.
pub fn peak_rss(pid: u32) -> io::Result<u64> {
    Ok(kib(status(pid)?.vmhwm))
}

/// Counts [`peak_rss`] anew from now.
///
/// # Errors
/// When there is no such process.
pub fn forget_peak(pid: u32) -> io::Result<()> {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5")
}

/// Takes away what is mounted in a directory, the innermost first: what a killed program has left there cannot be removed
/// otherwise.
pub fn unmount_below(folder: &Path) {
    let mounts = Process::myself().and_then(|process| process.mountinfo()).map(|mounts| mounts.0).unwrap_or_default();
    for mount in mounts.iter().rev().filter(|mount| mount.mount_point.starts_with(folder)) {
        // Only root may, and only root's tests mount.
        unmount(&mount.mount_point, UnmountFlags::DETACH).ok();
    }
}

/// Threads of a process.
///
/// # Errors
/// When there is no such process.
pub fn threads(pid: u32) -> io::Result<u64> {
    Ok(status(pid)?.threads)
}

/// Open descriptors of a process.
///
/// # Errors
/// When there is no such process.
pub fn descriptors(pid: u32) -> io::Result<usize> {
    process(pid)?.fd_count().map_err(other)
}

/// Processor time that a process itself has used, without its children.
///
/// # Errors
/// When there is no such process.
pub fn cpu(pid: u32) -> io::Result<Duration> {
    let stat = process(pid)?.stat().map_err(other)?;
    Ok(Duration::from_secs_f64((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64))
}

/// All that descend from a process by their chains of parents, the nearest first.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn descendants(pid: u32) -> io::Result<Vec<Stat>> {
    let all: Vec<Stat> = procfs::process::all_processes()
        .map_err(other)?
        // What ended meanwhile does not count.
        .filter_map(|process| process.and_then(|process| process.stat()).ok())
        .collect();
    let mut found: Vec<Stat> = Vec::new();
    let mut parents = vec![pid.cast_signed()];
    while let Some(parent) = parents.pop() {
        for child in all.iter().filter(|child| child.ppid == parent) {
            parents.insert(0, child.pid);
            found.push(child.clone());
        }
    }
    Ok(found)
}

/// Processes with `NAME=value` in their environment: a mark that survives a lost parent.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn marked(name: &str, value: &str) -> io::Result<Vec<Stat>> {
    let has = |process: ProcResult<Process>| -> ProcResult<Option<Stat>> {
        let process = process?;
        let marked = process.environ()?.get(name.as_ref() as &std::ffi::OsStr).is_some_and(|found| found == value);
        Ok(if marked { Some(process.stat()?) } else { None })
    };
    Ok(procfs::process::all_processes().map_err(other)?.filter_map(|process| has(process).ok().flatten()).collect())
}

fn process(pid: u32) -> io::Result<Process> {
    Process::new(pid.cast_signed()).map_err(other)
}

fn status(pid: u32) -> io::Result<procfs::process::Status> {
    process(pid)?.status().map_err(other)
}

/// A zombie has none.
fn kib(value: Option<u64>) -> u64 {
    value.unwrap_or(0) << 10
}

fn other(error: ProcError) -> io::Error {
    io::Error::other(error)
}
