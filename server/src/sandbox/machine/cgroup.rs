//! What a control group uses and may use (cgroups(7), versions 1 and 2).

use std::path::Path;

use super::Used;

/// The files of one version.
struct Files {
    limit: &'static str,
    used: &'static str,
    /// In `memory.stat`: the page cache that the kernel gives back before anything runs short.
    cache: &'static str,
}

const VERSIONS: [Files; 2] = [
    Files { limit: "memory.max", used: "memory.current", cache: "inactive_file" },
    Files { limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes", cache: "total_inactive_file" },
];

/// Memory of the group with the narrowest limit: this one, or one that it is in. Nothing when none is narrower than the
/// machine, whose memory in bytes is `machine`.
pub(super) fn memory(group: &Path, machine: u64) -> Option<Used> {
    let limits = group.ancestors().filter_map(|folder| {
        let files = VERSIONS.iter().find(|files| folder.join(files.limit).exists())?;
        // "max" is no number: no limit here.
        Some((number(&folder.join(files.limit))?, folder, files))
    });
    let (total, folder, files) = limits.filter(|(total, ..)| *total < machine).min_by_key(|(total, ..)| *total)?;
    let used = number(&folder.join(files.used))?;
    let cache = field(&folder.join("memory.stat"), files.cache).unwrap_or(0);
    Some(Used { used: used.saturating_sub(cache), total })
}

/// CPU time of a group, in microseconds.
pub(super) fn cpu_us(group: &Path) -> Option<u64> {
    let second = field(&group.join("cpu.stat"), "usage_usec");
    second.or_else(|| number(&group.join("cpuacct.usage")).map(|nanoseconds| nanoseconds / 1000))
}

fn number(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn field(path: &Path, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let mut fields = text.lines().filter_map(|line| line.split_once(' '));
    fields.find(|(found, _)| *found == name)?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn group(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, format!("{text}\n")).unwrap();
        }
        root
    }

    fn pair(memory: Option<Used>) -> Option<(u64, u64)> {
        memory.map(|memory| (memory.used, memory.total))
    }

    #[test]
    fn the_narrowest_limit_counts_and_cache_is_not_used_memory() {
        let root = group(&[
            ("pod/memory.max", "1000"),
            ("pod/memory.current", "700"),
            ("pod/memory.stat", "anon 400\ninactive_file 200"),
            ("pod/box/memory.max", "max"),
            ("pod/box/memory.current", "600"),
        ]);
        assert_eq!(pair(memory(&root.path().join("pod/box"), 5000)), Some((500, 1000)));
        assert_eq!(pair(memory(&root.path().join("pod/box"), 900)), None, "the machine is narrower");
    }

    #[test]
    fn version_one_has_other_names() {
        let root = group(&[
            ("memory.limit_in_bytes", "9223372036854771712"),
            ("box/memory.limit_in_bytes", "2000"),
            ("box/memory.usage_in_bytes", "900"),
            ("box/memory.stat", "inactive_file 1\ntotal_inactive_file 300"),
            ("box/cpuacct.usage", "5000000"),
        ]);
        let own = root.path().join("box");
        assert_eq!(pair(memory(&own, 5000)), Some((600, 2000)));
        assert_eq!(cpu_us(&own), Some(5000));
        assert_eq!(pair(memory(root.path(), 5000)), None, "no limit");
    }

    #[test]
    fn cpu_time_of_version_two() {
        let root = group(&[("cpu.stat", "usage_usec 123\nuser_usec 100\nsystem_usec 23")]);
        assert_eq!(cpu_us(root.path()), Some(123));
        assert_eq!(cpu_us(&root.path().join("none")), None);
    }
}
