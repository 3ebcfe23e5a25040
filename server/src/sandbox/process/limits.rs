//! Bounds of what a command may use: resource limits and cgroups.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sandwire_protocol::kind::command::Limits;
use sandwire_protocol::{Code, Error};

use super::spawn::Confinement;

/// Period of the CPU quota, in microseconds: the kernel's default.
const CPU_PERIOD_US: u64 = 100_000;

/// Least quota, in microseconds, that the kernel takes.
const CPU_QUOTA_LEAST_US: u64 = 1_000;

/// The cgroup controllers that bounds need.
const CONTROLLERS: [&str; 3] = ["memory", "cpu", "pids"];

/// What this machine can hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    memory: Option<Home>,
    cpu: Option<Home>,
    pids: Option<Home>,
    /// Groups whose commands left processes behind; removed when these have ended.
    leftover: Arc<Mutex<Vec<PathBuf>>>,
}

/// Where groups of a controller are made.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Home {
    version: Version,
    folder: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Machine {
    /// Looks at how cgroups are mounted and whether groups can be made below the server's own.
    pub(crate) fn detect() -> Machine {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let found = homes(&text("/proc/self/mountinfo"), &text("/proc/self/cgroup"));
        let [memory, cpu, pids] = CONTROLLERS.map(|controller| {
            found
                .iter()
                .find(|(name, _)| name == controller)
                .map(|(_, home)| home)
                .filter(|home| home.works(controller))
        });
        Machine { memory: memory.cloned(), cpu: cpu.cloned(), pids: pids.cloned(), leftover: Arc::default() }
    }

    /// Which bounds can be held, as `sandbox.info` lists them.
    pub(crate) fn names(&self) -> Vec<String> {
        let homes = [&self.memory, &self.cpu, &self.pids];
        CONTROLLERS.iter().zip(homes).filter(|(_, home)| home.is_some()).map(|(name, _)| (*name).to_owned()).collect()
    }

    /// Makes what holds `limits` for one command, whose groups get `name`.
    ///
    /// # Errors
    /// `NOT_SUPPORTED` for what this machine cannot hold, `VALIDATION_FAILED` for a bound of 0.
    pub(crate) fn confine(&self, limits: &Limits, name: &str) -> Result<(Confinement, Group), Error> {
        self.remove_leftover();
        let mut confinement = Confinement::default();
        let wanted = [
            ("cpu_seconds", libc::RLIMIT_CPU, limits.cpu_seconds),
            ("open_files", libc::RLIMIT_NOFILE, limits.open_files),
            ("file_bytes", libc::RLIMIT_FSIZE, limits.file_bytes),
        ];
        for (field, resource, value) in wanted {
            if let Some(value) = value {
                // A file size of 0 is of use; no CPU time or no descriptors are not.
                positive(field, value.max(u64::from(resource == libc::RLIMIT_FSIZE)))?;
                confinement.rlimits.push((resource, value));
            }
        }
        let mut group = Group { folders: Vec::new(), memory: None, leftover: Arc::clone(&self.leftover) };
        if let Some(bytes) = limits.memory_bytes {
            let (version, folder) = group.join(&self.memory, "memory_bytes", bytes, name)?;
            match version {
                Version::One => {
                    write(&folder, "memory.limit_in_bytes", bytes)?;
                    // Without swap accounting the file is not there, and swap is not bounded.
                    let swap = folder.join("memory.memsw.limit_in_bytes");
                    if swap.exists() {
                        write(&folder, "memory.memsw.limit_in_bytes", bytes)?;
                    }
                }
                Version::Two => {
                    write(&folder, "memory.max", bytes)?;
                    if folder.join("memory.swap.max").exists() {
                        write(&folder, "memory.swap.max", 0)?;
                    }
                }
            }
            group.memory = Some((version, folder));
        }
        if let Some(millis) = limits.cpu_millis {
            let (version, folder) = group.join(&self.cpu, "cpu_millis", millis.into(), name)?;
            let quota = (u64::from(millis) * CPU_PERIOD_US / 1000).max(CPU_QUOTA_LEAST_US);
            match version {
                Version::One => {
                    write(&folder, "cpu.cfs_period_us", CPU_PERIOD_US)?;
                    write(&folder, "cpu.cfs_quota_us", quota)?;
                }
                Version::Two => write(&folder, "cpu.max", format!("{quota} {CPU_PERIOD_US}"))?,
            }
        }
        if let Some(count) = limits.pids {
            let (_, folder) = group.join(&self.pids, "pids", count, name)?;
            write(&folder, "pids.max", count)?;
        }
        for folder in &group.folders {
            let path = folder.join("cgroup.procs");
            let file = OpenOptions::new().write(true).open(&path).map_err(|error| failed(&path, &error))?;
            confinement.cgroups.push(file.into());
        }
        Ok((confinement, group))
    }

    /// Removes groups whose last process has ended. Whether that was all of them.
    pub(crate) fn remove_leftover(&self) -> bool {
        let mut leftover = self.leftover.lock().unwrap_or_else(PoisonError::into_inner);
        leftover.retain(|folder| !removed(folder));
        leftover.is_empty()
    }
}

impl Home {
    /// Whether a group with that controller can be made here.
    fn works(&self, controller: &str) -> bool {
        if self.version == Version::Two {
            // The controller must be handed on to the children of the server's group. The kernel refuses where
            // processes are in the group itself, unless it is the root.
            let control = self.folder.join("cgroup.subtree_control");
            let handed_on = || {
                fs::read_to_string(&control)
                    .is_ok_and(|text| text.split_ascii_whitespace().any(|name| name == controller))
            };
            if !handed_on() && (fs::write(&control, format!("+{controller}")).is_err() || !handed_on()) {
                return false;
            }
        }
        static PROBES: AtomicU64 = AtomicU64::new(0);
        let number = PROBES.fetch_add(1, Ordering::Relaxed);
        let probe = self.folder.join(format!("sandwire-probe-{}-{number}", std::process::id()));
        let file = match (self.version, controller) {
            (Version::One, "memory") => "memory.limit_in_bytes",
            (Version::One, "cpu") => "cpu.cfs_quota_us",
            (Version::Two, "memory") => "memory.max",
            (Version::Two, "cpu") => "cpu.max",
            (Version::One | Version::Two, _) => "pids.max",
        };
        let made = fs::create_dir(&probe).is_ok();
        let works = made && OpenOptions::new().write(true).open(probe.join(file)).is_ok();
        made && removed(&probe) && works
    }
}

/// The groups of one command. Dropped, they are removed, at once or when what the command left behind has ended.
#[derive(Debug)]
pub(crate) struct Group {
    folders: Vec<PathBuf>,
    memory: Option<(Version, PathBuf)>,
    leftover: Arc<Mutex<Vec<PathBuf>>>,
}

impl Group {
    /// Makes the group, once where several controllers share a hierarchy.
    fn join(&mut self, home: &Option<Home>, field: &str, value: u64, name: &str) -> Result<(Version, PathBuf), Error> {
        positive(field, value)?;
        let home = home.as_ref().ok_or_else(|| {
            Error::new(
                Code::NotSupported,
                format!("this machine cannot hold `{field}`: no writable cgroup with that controller"),
            )
            .with("field", field)
        })?;
        let folder = home.folder.join(format!("sandwire-{name}"));
        if !self.folders.contains(&folder) {
            fs::create_dir(&folder).map_err(|error| failed(&folder, &error))?;
            self.folders.push(folder.clone());
        }
        Ok((home.version, folder))
    }

    /// Whether the kernel killed something in it for want of memory.
    pub(crate) fn oom_killed(&self) -> bool {
        let Some((version, folder)) = &self.memory else { return false };
        let file = match version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
        text.lines().filter_map(|line| line.strip_prefix("oom_kill ")).any(|count| count.trim() != "0")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let left = self.folders.drain(..).filter(|folder| !removed(folder));
        let mut leftover = self.leftover.lock().unwrap_or_else(PoisonError::into_inner);
        // Those of commands before this one may be empty by now.
        leftover.retain(|folder| !removed(folder));
        leftover.extend(left);
    }
}

/// Whether the folder is gone.
fn removed(folder: &Path) -> bool {
    match fs::remove_dir(folder) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn positive(field: &str, value: u64) -> Result<(), Error> {
    if value > 0 {
        return Ok(());
    }
    Err(Error::new(Code::ValidationFailed, format!("`{field}` must be greater than 0")).with("field", field))
}

fn write(folder: &Path, file: &str, value: impl ToString) -> Result<(), Error> {
    let path = folder.join(file);
    fs::write(&path, value.to_string()).map_err(|error| failed(&path, &error))
}

fn failed(path: &Path, error: &io::Error) -> Error {
    let path = path.display().to_string();
    Error::new(Code::NotSupported, format!("the cgroup cannot hold this limit: {path}: {error}"))
        .with("path", path)
        .with("errno", error.raw_os_error().unwrap_or(0))
}

/// The folder of the server's own group for a controller, if it is mounted.
pub(crate) fn own_group(controller: &str) -> Option<PathBuf> {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let found = homes(&text("/proc/self/mountinfo"), &text("/proc/self/cgroup"));
    found.into_iter().find(|(name, _)| name == controller).map(|(_, home)| home.folder)
}

/// The folder of the server's own group for each controller, from `/proc/self/mountinfo` (proc(5)) and
/// `/proc/self/cgroup` (cgroups(7)). A controller of version 1 goes before one of version 2: it can be in one only.
fn homes(mountinfo: &str, cgroup: &str) -> Vec<(String, Home)> {
    let mut found = Vec::new();
    for line in cgroup.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        for mount in mountinfo.lines().filter_map(Mount::parse) {
            let (version, names) = match mount.kind {
                "cgroup2" if controllers.is_empty() => {
                    let file = mount.folder_of(path).join("cgroup.controllers");
                    let text = fs::read_to_string(file).unwrap_or_default();
                    (Version::Two, text.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>())
                }
                "cgroup"
                    if !controllers.is_empty()
                        && mount.options.split(',').any(|it| controllers.split(',').any(|name| name == it)) =>
                {
                    (Version::One, controllers.split(',').map(str::to_owned).collect())
                }
                _ => continue,
            };
            let folder = mount.folder_of(path);
            found.extend(names.into_iter().map(|name| (name, Home { version, folder: folder.clone() })));
        }
    }
    found.sort_by_key(|(_, home)| home.version == Version::Two);
    found
}

/// A line of mountinfo, as far as it matters.
struct Mount<'a> {
    kind: &'a str,
    root: &'a str,
    point: &'a str,
    options: &'a str,
}

impl Mount<'_> {
    fn parse(line: &str) -> Option<Mount<'_>> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let mut after = after.split(' ');
        Some(Mount { root: before.next()?, point: before.next()?, kind: after.next()?, options: after.nth(1)? })
    }

    /// Where the group of that path is: mounts of containers show only a part of the hierarchy.
    fn folder_of(&self, path: &str) -> PathBuf {
        let inside = Path::new(path).strip_prefix(self.root).unwrap_or_else(|_outside| Path::new(""));
        Path::new(self.point).join(inside.strip_prefix("/").unwrap_or(inside))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_servers_own_groups_are_found() {
        let mounts = "30 25 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      31 25 0:27 /docker/x /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                      32 25 0:28 / /proc rw - proc proc rw\n";
        let own = "4:memory:/a/b\n3:cpu,cpuacct:/docker/x/y\n0::/\n";
        let found = homes(mounts, own);
        let folder = |name: &str| found.iter().find(|(found, _)| found == name).unwrap().1.folder.clone();
        assert_eq!(folder("memory"), Path::new("/sys/fs/cgroup/memory/a/b"));
        assert_eq!(folder("cpu"), Path::new("/sys/fs/cgroup/cpu,cpuacct/y"));
        assert!(homes("", own).is_empty() && homes(mounts, "").is_empty() && homes("x - y", ":").is_empty());
    }

    #[test]
    fn what_cannot_be_held_is_refused() {
        let none = Machine::default();
        assert!(none.names().is_empty());
        let code = |limits: Limits| none.confine(&limits, "t").unwrap_err().code;
        assert_eq!(code(Limits { memory_bytes: Some(1 << 20), ..Limits::default() }), Code::NotSupported);
        assert_eq!(code(Limits { cpu_millis: Some(100), ..Limits::default() }), Code::NotSupported);
        assert_eq!(code(Limits { pids: Some(5), ..Limits::default() }), Code::NotSupported);
        assert_eq!(code(Limits { pids: Some(0), ..Limits::default() }), Code::ValidationFailed);
        assert_eq!(code(Limits { open_files: Some(0), ..Limits::default() }), Code::ValidationFailed);
        assert!(none.confine(&Limits { file_bytes: Some(0), ..Limits::default() }, "t").is_ok());
    }
}
