//! The command that is a sandbox: this program as the server of one, alone or in namespaces made by bwrap(1).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::Access;
use sandwire_protocol::ByteString;
use sandwire_protocol::kind::command::{Launch, Limits};

use super::folders::Folders;
use super::id::Id;
use super::isolation::Kept;
use crate::sandbox::port::names::Names;

/// Name of the socket in its directory.
pub(crate) const SOCKET: &str = "server.sock";

/// Where a sandbox sees its workspace, the directory of its socket, and its server.
const WORKSPACE: &str = "/workspace";
const RUN: &str = "/run/sandwire";
const SERVER: &str = "/run/sandwire-server";

/// Directories of the system beside /usr and /etc, where they are no links into /usr.
const SYSTEM: [&str; 6] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// Variables of the engine that sandboxes get: none of them is a secret.
const INHERITED: [&str; 4] = ["PATH", "LANG", "LC_ALL", "TZ"];

/// Begins the names of variables that are settings of the server: they are the engine's to give.
const SETTINGS: &str = "SANDWIRE_";

/// Entries of /etc that are looked at for secrets.
const MAX_ETC: usize = 20_000;

/// What a sandbox is made of.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) id: &'a Id,
    pub(crate) kept: &'a Kept,
    /// This program.
    pub(crate) program: &'a Path,
    pub(crate) folders: &'a Folders,
    /// The directory of its socket.
    pub(crate) run: &'a Path,
    /// More directories that it may read.
    pub(crate) read_only: &'a [PathBuf],
    /// Variables that were asked for.
    pub(crate) env: &'a BTreeMap<String, String>,
    pub(crate) limits: &'a Limits,
    /// What host names of exposed ports end in.
    pub(crate) preview_host: &'a str,
    /// Time between TERM and KILL when it is stopped.
    pub(crate) grace: Duration,
}

/// The namespaces, and what is taken from who is in them.
pub(crate) fn namespaces() -> impl Iterator<Item = &'static str> {
    let all = [
        "--unshare-user",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
        // All that is in it ends with the server, and the server with the engine.
        "--as-pid-1",
        "--die-with-parent",
        "--new-session",
        "--cap-drop",
        "ALL",
    ];
    // Who is root in a sandbox of root's is root to the file system, too: no namespaces of its own, in which it could be
    // that with capabilities.
    let root = rustix::process::geteuid().is_root();
    all.into_iter().chain(root.then_some("--disable-userns"))
}

/// The whole command.
pub(crate) fn of(parts: &Parts<'_>) -> Launch {
    let home = home();
    let (argv, home, tmp) = match parts.kept {
        Kept::Bubblewrap(bwrap) => (bubblewrap(bwrap, parts, &home), home, PathBuf::from("/tmp")),
        Kept::Not => {
            let argv = server(parts, parts.program.into(), parts.run, &parts.folders.workspace());
            (argv, parts.folders.home(), parts.folders.tmp())
        }
    };
    Launch {
        argv: argv.into_iter().map(|argument| ByteString::new(argument.into_vec())).collect(),
        cwd: Some(ByteString::new(parts.folders.workspace().into_os_string().into_vec())),
        env: variables(parts, home, tmp),
        clear_env: true,
        limits: Some(parts.limits.clone()),
        ..Launch::default()
    }
}

/// The server of the sandbox, which listens in `run`.
fn server(parts: &Parts<'_>, program: OsString, run: &Path, workspace: &Path) -> Vec<OsString> {
    let mut listen = OsString::from("unix:");
    listen.push(run.join(SOCKET));
    let grace = humantime::format_duration(parts.grace).to_string();
    let mut argv = vec![program, "--listen".into(), listen, "--workspace".into(), workspace.into()];
    for argument in [
        "--end-with-stdin",
        "true",
        "--drain-time",
        "0s",
        "--drain-grace",
        &grace,
        "--log",
        "warn",
        "--log-format",
        "human",
    ] {
        argv.push(argument.into());
    }
    argv.extend(["--preview-host".into(), parts.preview_host.into()]);
    // Some names are too long for the host names of exposed ports: then it has the one that the machine's name makes.
    if Names::validate_sandbox(parts.id.as_str()).is_ok() {
        argv.extend(["--sandbox-id".into(), parts.id.as_str().into()]);
    }
    argv
}

fn variables(parts: &Parts<'_>, home: PathBuf, tmp: PathBuf) -> BTreeMap<ByteString, Option<ByteString>> {
    let user = crate::sandbox::machine::user();
    let own = [
        ("HOME", home.into_os_string()),
        ("TMPDIR", tmp.into_os_string()),
        ("USER", user.clone().into()),
        ("LOGNAME", user.into()),
    ];
    let inherited = INHERITED.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let given = parts.env.iter().filter(|(name, _)| !name.starts_with(SETTINGS));
    let given = given.map(|(name, value)| (name.as_str(), OsString::from(value)));
    own.into_iter()
        .chain(inherited)
        .chain(given)
        .map(|(name, value)| (ByteString::new(name), Some(ByteString::new(value.into_vec()))))
        .collect()
}

/// Where the user's own directory is, as programs find it that look the user up.
fn home() -> PathBuf {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entry =
        passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|it| it.get(2) == Some(&uid.as_str()));
    let home = entry.and_then(|entry| entry.get(5).map(PathBuf::from));
    // One that is a part of the system is not covered.
    let usable = |home: &PathBuf| home.is_absolute() && (home.starts_with("/root") || home.starts_with("/home"));
    home.filter(usable).unwrap_or_else(|| "/home/sandbox".into())
}

/// The arguments of bwrap.
struct Arguments(Vec<OsString>);

impl Arguments {
    fn add<const N: usize>(&mut self, arguments: [&dyn AsRef<std::ffi::OsStr>; N]) {
        self.0.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
    }

    /// A directory or file as it is, to read, where there is one.
    fn read(&mut self, path: &dyn AsRef<std::ffi::OsStr>) {
        self.add([&"--ro-bind-try", path, path]);
    }
}

fn bubblewrap(bwrap: &Path, parts: &Parts<'_>, home: &Path) -> Vec<OsString> {
    let mut all = Arguments(vec![bwrap.into()]);
    all.0.extend(namespaces().map(OsString::from));
    all.add([&"--hostname", &parts.id.as_str()]);
    for path in ["/usr", "/etc", "/opt"] {
        all.read(&path);
    }
    for path in SYSTEM {
        match fs::read_link(path) {
            Ok(target) => all.add([&"--symlink", &target, &path]),
            Err(_) => all.read(&path),
        }
    }
    // Where the system keeps it in /run, as systemd does.
    if let Ok(names) = fs::canonicalize("/etc/resolv.conf")
        && !names.starts_with("/etc")
    {
        all.read(&names);
    }
    for (path, is_folder) in secrets() {
        if is_folder {
            all.add([&"--tmpfs", &path, &"--remount-ro", &path]);
        } else {
            all.add([&"--ro-bind", &"/dev/null", &path]);
        }
    }
    // Root in a sandbox of root's could change the kernel's settings there, for the whole machine.
    all.add([&"--proc", &"/proc", &"--ro-bind", &"/proc/sys", &"/proc/sys"]);
    all.add([&"--ro-bind-try", &"/proc/sysrq-trigger", &"/proc/sysrq-trigger"]);
    all.add([&"--dev", &"/dev"]);
    all.add([&"--bind", &parts.folders.tmp(), &"/tmp", &"--dir", &"/var", &"--symlink", &"/tmp", &"/var/tmp"]);
    all.add([&"--symlink", &"/run", &"/var/run"]);
    all.add([&"--bind", &parts.folders.home(), &home]);
    all.add([&"--bind", &parts.folders.workspace(), &WORKSPACE, &"--chdir", &WORKSPACE]);
    all.add([&"--bind", &parts.run, &RUN, &"--ro-bind", &parts.program, &SERVER]);
    for path in parts.read_only {
        all.read(path);
    }
    all.add([&"--remount-ro", &"/", &"--"]);
    all.0.extend(server(parts, SERVER.into(), Path::new(RUN), Path::new(WORKSPACE)));
    all.0
}

/// What in /etc the engine may read and not everybody: keys and hashed passwords, when it is root. Each with whether it is a
/// directory.
fn secrets() -> Vec<(PathBuf, bool)> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from("/etc")];
    let mut looked_at = 0;
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            looked_at += 1;
            let (path, Ok(metadata)) = (entry.path(), entry.metadata()) else { continue };
            let mode = metadata.permissions().mode();
            let closed =
                if metadata.is_dir() { mode & 0o005 != 0o005 } else { metadata.is_file() && mode & 0o004 == 0 };
            if closed && rustix::fs::access(&path, Access::READ_OK).is_ok() {
                found.push((path, metadata.is_dir()));
            } else if metadata.is_dir() && looked_at < MAX_ETC {
                open.push(path);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn launch(kept: &Kept, env: &[(&str, &str)]) -> Launch {
        let folder = tempfile::tempdir().unwrap();
        let root = super::super::folders::Root::take(folder.path()).unwrap();
        let id = Id::parse("dev").unwrap();
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        of(&Parts {
            id: &id,
            kept,
            program: Path::new("/opt/sandwire-server"),
            folders: &root.of(&id),
            run: Path::new("/r"),
            read_only: &["/srv/models".into()],
            env: &env,
            limits: &Limits::default(),
            preview_host: "localhost:7071",
            grace: Duration::from_secs(5),
        })
    }

    #[test]
    fn nothing_of_the_engines_environment_is_passed_on_but_what_is_no_secret() {
        for kept in [Kept::Not, Kept::Bubblewrap("/usr/bin/bwrap".into())] {
            let launch = launch(&kept, &[("MINE", "1"), ("SANDWIRE_TOKEN", "x"), ("HOME", "/elsewhere")]);
            assert!(launch.clear_env);
            let names: Vec<String> = launch.env.keys().map(ToString::to_string).collect();
            assert!(names.contains(&"MINE".to_owned()) && !names.contains(&"SANDWIRE_TOKEN".to_owned()), "{names:?}");
            assert_eq!(launch.env[&ByteString::new("HOME")], Some(ByteString::new("/elsewhere")));
            let known = ["MINE", "HOME", "TMPDIR", "USER", "LOGNAME"];
            let more =
                names.iter().filter(|name| !known.contains(&name.as_str()) && !INHERITED.contains(&name.as_str()));
            assert_eq!(more.count(), 0, "{names:?}");
        }
    }

    #[test]
    fn in_namespaces_only_its_own_directories_can_be_written() {
        let launch = launch(&Kept::Bubblewrap("/usr/bin/bwrap".into()), &[]);
        let argv: Vec<String> = launch.argv.iter().map(ToString::to_string).collect();
        let bound: Vec<&str> = argv
            .windows(3)
            .filter(|it| it[0] == "--bind")
            .map(|it| it[2].as_str())
            .filter(|it| *it != "/root")
            .collect();
        assert!(bound.iter().all(|it| ["/tmp", WORKSPACE, RUN].contains(it) || it.starts_with("/home")), "{bound:?}");
        assert!(argv.windows(2).any(|it| it == ["--remount-ro", "/"]));
        assert!(argv.windows(3).any(|it| it == ["--ro-bind-try", "/srv/models", "/srv/models"]));
    }

    #[test]
    fn what_not_everybody_may_read_is_hidden() {
        if rustix::process::geteuid().is_root() {
            assert!(secrets().iter().any(|(path, _)| path == Path::new("/etc/shadow")));
        } else {
            assert!(secrets().iter().all(|(path, _)| path != Path::new("/etc/passwd")));
        }
    }
}
