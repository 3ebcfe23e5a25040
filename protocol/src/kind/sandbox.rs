//! `sandbox.*`: what the sandbox is and how it fares.

use serde::{Deserialize, Serialize};

/// Parameters of `sandbox.info`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InfoParams {}

/// Result of `sandbox.info`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// Version of the server.
    pub version: String,
    /// Changes whenever the server starts.
    pub boot_id: String,
    /// When the server started, in milliseconds since 1970.
    pub started_ms: u64,
    /// Host name.
    pub hostname: String,
    /// Operating system and kernel release.
    pub os: String,
    /// Machine architecture, as `x86_64`.
    pub arch: String,
    /// Cores that the server may use.
    pub cpus: u32,
    /// Memory of the sandbox in bytes: the cgroup's limit when there is one.
    pub memory_bytes: u64,
    /// Directory from which relative paths are taken.
    pub workspace: String,
    /// User that commands run as.
    pub user: String,
    /// The default shell.
    pub shell: String,
    /// Kinds that this server knows.
    pub kinds: Vec<String>,
    /// Scopes of this lane.
    pub scopes: Vec<String>,
    /// What this machine can hold of a command's limits: `memory`, `cpu`, `pids`.
    pub limits: Vec<String>,
    /// Upper bound of the server's own memory, in bytes, by its settings.
    pub memory_bound: u64,
}

/// Parameters of `sandbox.metrics`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricsParams {
    /// Say `sample` again and again at this interval, at least 100, until cancelled. Default: once, as the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
}

/// Events of `sandbox.metrics`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricsDown {
    /// A reading.
    Sample(Metrics),
}

/// A reading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// CPU time used on all cores since the start, in microseconds: the cgroup's when there is one, else the machine's.
    pub cpu_us: u64,
    /// Load average of one minute.
    pub load1: f64,
    /// Memory in use, in bytes.
    pub memory_used: u64,
    /// Memory there is, in bytes.
    pub memory_total: u64,
    /// Disk in use where the workspace is, in bytes.
    pub disk_used: u64,
    /// Disk there is, in bytes.
    pub disk_total: u64,
    /// Resident memory of the server itself, in bytes.
    pub server_memory: u64,
    /// CPU time of the server itself, in microseconds.
    pub server_cpu_us: u64,
    /// Connections now.
    pub connections: u32,
    /// Lanes now, parked ones included.
    pub lanes: u32,
    /// Channels now.
    pub channels: u32,
    /// Background processes that run.
    pub processes: u32,
    /// Terminals that live.
    pub terminals: u32,
    /// Milliseconds since anybody did anything here: the last byte of a command, key, or call. Pings do not count, nor
    /// do `sandbox.*`, `file.watch` and `port.watch`.
    pub idle_ms: u64,
}

/// Parameters of `sandbox.activity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ActivityParams {}

/// Events of `sandbox.activity`: one at once, then one whenever anything but `idle_ms` has changed. Who reads slowly is
/// told what is now; changes that follow each other within 100 ms are told as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityDown {
    /// What goes on now.
    Activity(Activity),
}

/// What goes on in the sandbox, for whoever decides whether it may sleep. Connections, viewers and watches do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Activity {
    /// Whether there is work that sleep would end: any of `commands`, `terminals` and `kept` is not 0.
    pub busy: bool,
    /// Commands of `exec` that run, in sessions too, whether or not their client is connected.
    pub commands: u32,
    /// Terminals that live.
    pub terminals: u32,
    /// Background processes that were started with `keep_alive` and have not ended.
    pub kept: u32,
    /// Milliseconds since anybody did anything, as in `sandbox.metrics`; that a command, a terminal or a process that is
    /// kept begins or ends counts too.
    pub idle_ms: u64,
}
