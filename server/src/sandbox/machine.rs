//! What the machine is and how it fares: the cgroup's figures where there is a limit, else the kernel's.

mod cgroup;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use procfs::{Current, CurrentSI, LoadAverage, Meminfo, WithCurrentSystemInfo};

use super::process::limits::own_group;

/// How much of something is used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    /// Bytes in use.
    pub(crate) used: u64,
    /// Bytes there are.
    pub(crate) total: u64,
}

/// What the server itself uses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Own {
    /// Resident memory, in bytes.
    pub(crate) memory: u64,
    /// CPU time, in microseconds.
    pub(crate) cpu_us: u64,
}

/// Host name.
pub(crate) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Operating system and kernel release.
pub(crate) fn os() -> String {
    let name = rustix::system::uname();
    format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy())
}

/// Name of the server's user, or its number.
pub(crate) fn user() -> String {
    let uid = rustix::process::geteuid().as_raw();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid.to_string()).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| uid.to_string())
}

/// Memory of the sandbox.
pub(crate) fn memory() -> Used {
    let machine = Meminfo::current().map_or_else(
        |_| Used::default(),
        |info| Used {
            used: info.mem_total.saturating_sub(info.mem_available.unwrap_or(info.mem_free)),
            total: info.mem_total,
        },
    );
    own_group("memory").and_then(|group| cgroup::memory(&group, machine.total)).unwrap_or(machine)
}

/// CPU time used on all cores, in microseconds.
pub(crate) fn cpu_us() -> u64 {
    let group = own_group("cpuacct").or_else(|| own_group("cpu"));
    group
        .and_then(|group| cgroup::cpu_us(&group))
        .or_else(|| {
            let total = procfs::KernelStats::current().ok()?.total;
            Some(ticks_us(total.user + total.nice + total.system))
        })
        .unwrap_or(0)
}

/// Load average of one minute.
pub(crate) fn load1() -> f64 {
    LoadAverage::current().map_or(0.0, |load| f64::from(load.one))
}

/// Disk where a path is.
pub(crate) fn disk(path: &Path) -> Used {
    rustix::fs::statvfs(path).map_or_else(
        |_| Used::default(),
        |disk| Used {
            used: disk.f_blocks.saturating_sub(disk.f_bfree).saturating_mul(disk.f_frsize),
            total: disk.f_blocks.saturating_mul(disk.f_frsize),
        },
    )
}

/// What the server itself uses.
pub(crate) fn own() -> Own {
    let stat = procfs::process::Process::myself().and_then(|process| process.stat());
    stat.map_or_else(
        |_| Own::default(),
        |stat| Own { memory: stat.rss_bytes().get(), cpu_us: ticks_us(stat.utime + stat.stime) },
    )
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn ticks_us(ticks: u64) -> u64 {
    ticks.saturating_mul(1_000_000) / procfs::ticks_per_second().max(1)
}
