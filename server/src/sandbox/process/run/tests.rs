#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::collections::BTreeMap;

use sandwire_protocol::kind::command::Limits;
use tokio::sync::OnceCell;

use super::*;

static HOST: OnceCell<Host> = OnceCell::const_new();

async fn host() -> &'static Host {
    HOST.get_or_init(|| async { Host::new(Path::new("/tmp")).unwrap() }).await
}

fn spec() -> Spec {
    Spec { stdin: false, merge_stderr: false, timeout: None, grace: Duration::from_secs(60) }
}

fn bash(command: &str) -> Launch {
    Launch { command: Some(command.into()), ..Launch::default() }
}

fn argv(words: &[&str]) -> Launch {
    Launch { argv: words.iter().map(|word| (*word).into()).collect(), ..Launch::default() }
}

/// What a run gave: each stream's bytes, the order of streams, the exit.
#[derive(Debug)]
struct Whole {
    out: Vec<u8>,
    err: Vec<u8>,
    exit: Exit,
    dropped: u64,
}

async fn finish(mut started: Started, stop: &Stop) -> Whole {
    started.stdin = None;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let read = async {
        while let Some((output, bytes)) = started.outputs.next(READ).await.unwrap() {
            match output {
                Output::Stdout => out.extend_from_slice(&bytes),
                Output::Stderr => err.extend_from_slice(&bytes),
            }
        }
    };
    let (exit, ()) = tokio::join!(started.run.wait(stop), read);
    Whole { out, err, exit: exit.unwrap(), dropped: started.outputs.dropped() }
}

async fn run_with(launch: &Launch, spec: &Spec) -> Whole {
    finish(start(host().await, launch, spec).unwrap(), &Stop::new()).await
}

async fn run(launch: &Launch) -> Whole {
    run_with(launch, &spec()).await
}

async fn refused(launch: &Launch) -> Error {
    start(host().await, launch, &spec()).map(|_| ()).unwrap_err()
}

/// A time to sleep that no other test, and no other run of this one, uses.
fn word(number: u32) -> String {
    format!("{number}.{}", std::process::id())
}

/// Living processes with that word in their arguments.
fn alive(number: u32) -> usize {
    let word = word(number);
    procfs::process::all_processes()
        .unwrap()
        .flatten()
        .filter(|process| process.cmdline().is_ok_and(|line| line.contains(&word)))
        .filter(|process| process.stat().is_ok_and(|stat| stat.state != 'Z'))
        .count()
}

#[tokio::test]
async fn output_code_and_time_are_true() {
    let whole = run(&bash("printf out; printf err >&2; exit 3")).await;
    assert_eq!((whole.out.as_slice(), whole.err.as_slice()), (&b"out"[..], &b"err"[..]));
    assert_eq!((whole.exit.code, whole.exit.signal.clone(), whole.exit.timed_out), (Some(3), None, false));
    assert!(whole.exit.duration_us > 0);
}

#[tokio::test]
async fn the_memory_of_the_server_is_not_that_of_the_command() {
    // More than `true` could ever have.
    let mut ours = vec![0_u8; 64 << 20];
    ours.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    assert_eq!(run(&bash("exec true")).await.exit.usage.max_rss, None);
    let large = run(&bash("exec head -c 400M /dev/zero | exec tail -c 399M >/dev/null")).await.exit.usage.max_rss;
    assert!(large.is_some_and(|bytes| bytes > 399 << 20), "{large:?}");
    drop(ours);
}

#[tokio::test]
async fn signals_are_default_and_unblocked() {
    // Rust ignores SIGPIPE in the server; a command must not inherit that.
    let status = run(&bash("grep -E '^Sig(Blk|Ign)' /proc/self/status")).await;
    let text = String::from_utf8(status.out).unwrap();
    // glibc lets a spawned program ignore 32 and 33, which are its own.
    let mask = |line: &str| u64::from_str_radix(line.rsplit('\t').next().unwrap(), 16).unwrap() & !(3 << 31);
    assert_eq!(text.lines().map(mask).collect::<Vec<_>>(), [0, 0], "{text}");
}

#[tokio::test]
async fn no_descriptor_of_the_server_leaks() {
    let _open = std::fs::File::open("/dev/null").unwrap();
    for user in [None, Some("0".to_owned())] {
        let whole = run(&Launch { user, ..argv(&["ls", "/proc/self/fd"]) }).await;
        assert_eq!(String::from_utf8(whole.out).unwrap(), "0\n1\n2\n3\n", "3 is the listing itself");
    }
}

#[tokio::test]
async fn bytes_stay_as_they_are() {
    let whole = run(&argv(&["python3", "-c", "import os; os.write(1, bytes(range(256)) * 4)"])).await;
    let expected: Vec<u8> = (0..=255).collect::<Vec<u8>>().repeat(4);
    assert_eq!(whole.out, expected);
    let odd = Launch { argv: vec!["printf".into(), "%s".into(), vec![0xff, 0xfe].into()], ..Launch::default() };
    assert_eq!(run(&odd).await.out, [0xff, 0xfe]);
}

#[tokio::test]
async fn merged_output_keeps_the_order_of_the_writes() {
    let script = "import os\nfor i in range(2000): os.write(1 + i % 2, b'%d\\n' % i)";
    let whole = run_with(&argv(&["python3", "-c", script]), &Spec { merge_stderr: true, ..spec() }).await;
    let expected: String = (0..2000).map(|i| format!("{i}\n")).collect();
    assert_eq!(String::from_utf8(whole.out).unwrap(), expected);
    assert!(whole.err.is_empty());
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_pipe_does_not_keep_the_run() {
    let whole = run(&bash(&format!("printf before; sleep {} & exit 9", word(4711001)))).await;
    assert_eq!((whole.out.as_slice(), whole.exit.code), (&b"before"[..], Some(9)));
    // It lives on: nobody asked to end it.
    while alive(4711001) == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    run(&bash(&format!("pkill -f 'sleep {}'", word(4711001)))).await;
}

#[tokio::test]
async fn a_grandchild_that_floods_does_not_keep_the_run() {
    let whole = run(&bash("yes 4711002 & printf first >&2; sleep 0.05; exit 0")).await;
    assert_eq!((whole.err.as_slice(), whole.exit.code), (&b"first"[..], Some(0)));
}

#[tokio::test]
async fn all_of_a_large_output_arrives_also_for_a_slow_start() {
    let size = 100 << 20;
    let started = start(host().await, &bash(&format!("head -c {size} /dev/zero; printf end >&2")), &spec()).unwrap();
    let whole = finish(started, &Stop::new()).await;
    assert_eq!((whole.out.len(), whole.err.as_slice()), (size, &b"end"[..]));
    assert!(whole.out.iter().all(|byte| *byte == 0));
}

#[tokio::test]
async fn what_was_written_before_the_end_waits_for_the_reader() {
    let mut started = start(host().await, &bash("head -c 60000 /dev/zero; exit 2"), &spec()).unwrap();
    let stop = Stop::new();
    // The end is known before the first byte is read.
    assert_eq!(started.run.wait(&stop).await.unwrap().code, Some(2));
    let mut total = 0;
    while let Some((_, bytes)) = started.outputs.next(1000).await.unwrap() {
        assert!(bytes.len() <= 1000);
        total += bytes.len();
    }
    assert_eq!(total, 60000);
}

#[tokio::test]
async fn a_bound_of_output_drops_and_counts() {
    let limits = Some(Limits { output_bytes: Some(10), ..Limits::default() });
    let whole = run(&Launch { limits, ..bash("seq 1 50000; exit 4") }).await;
    assert_eq!((whole.out.as_slice(), whole.exit.code), (&b"1\n2\n3\n4\n5\n"[..], Some(4)));
    let all: u64 = (1..=50000).map(|i: u64| i.to_string().len() as u64 + 1).sum();
    assert_eq!(whole.dropped, all - 10);
}

#[tokio::test]
async fn standard_input_is_a_stream_with_an_end() {
    let mut started = start(host().await, &argv(&["cat"]), &Spec { stdin: true, ..spec() }).unwrap();
    let stdin = started.stdin.take().unwrap();
    let data: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    let feed = async {
        assert!(stdin.write(&data).await.unwrap());
        drop(stdin);
    };
    let ((), whole) = {
        let stop = Stop::new();
        tokio::join!(feed, finish(started, &stop))
    };
    assert_eq!(whole.out, data);
    assert_eq!(run(&argv(&["cat"])).await.exit.code, Some(0), "without the stream it is empty");
}

#[tokio::test]
async fn nobody_reading_standard_input_is_no_error() {
    let mut started =
        start(host().await, &bash("exec <&-; echo closed; sleep 0.05"), &Spec { stdin: true, ..spec() }).unwrap();
    let stdin = started.stdin.take().unwrap();
    assert!(started.outputs.next(READ).await.unwrap().is_some());
    assert!(!stdin.write(&[0; 200_000]).await.unwrap());
    assert_eq!(finish(started, &Stop::new()).await.exit.code, Some(0));
}

#[tokio::test]
async fn a_timeout_says_so_and_ends_the_tree() {
    let short = Spec { timeout: Some(Duration::from_millis(100)), ..spec() };
    let whole =
        run_with(&bash(&"printf x; sleep WORD & sleep WORD; true".replace("WORD", &word(4711003))), &short).await;
    assert_eq!(whole.out, b"x");
    assert!(whole.exit.timed_out);
    assert_eq!(whole.exit.signal.as_deref(), Some("SIGTERM"));
    assert_eq!(alive(4711003), 0);
}

#[tokio::test]
async fn one_that_ignores_term_is_killed_after_the_grace() {
    let short = Spec { timeout: Some(Duration::from_millis(100)), grace: Duration::from_millis(100), ..spec() };
    let whole = run_with(&bash("trap '' TERM; while :; do sleep 0.01; done"), &short).await;
    assert_eq!((whole.exit.signal.as_deref(), whole.exit.timed_out), (Some("SIGKILL"), true));
    let polite = run_with(
        &bash("trap 'echo bye; exit 5' TERM; while :; do sleep 0.01; done"),
        &Spec { grace: Duration::from_secs(60), ..short },
    )
    .await;
    assert_eq!((polite.out.as_slice(), polite.exit.code, polite.exit.timed_out), (&b"bye\n"[..], Some(5), true));
}

#[tokio::test]
async fn the_whole_tree_ends_whatever_its_processes_did() {
    let host = host().await;
    let reaper = tokio::spawn(host.reaper.run());
    let script = "
        setsid sleep 4711004 &
        nohup sleep 4711004 >/dev/null 2>&1 &
        (setsid sh -c 'sleep 4711004 & sleep 4711004' &)
        python3 -c 'import os,time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
os.execvp(\"sleep\", [\"sleep\", \"4711004\"])'
        (trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 4711004; sleep 4711004') &
        kill -STOP $(sh -c 'sleep 4711004 >/dev/null & echo $!')
        echo ready; wait; sleep 4711004";
    let mut started = start(host, &bash(&script.replace("4711004", &word(4711004))), &spec()).unwrap();
    assert_eq!(started.outputs.next(READ).await.unwrap().unwrap().1.as_ref(), b"ready\n");
    while alive(4711004) < 7 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let stats = started.run.tree().stats().await.unwrap();
    assert!(stats.processes >= 8 && stats.threads >= stats.processes && stats.memory_bytes > 0, "{stats:?}");
    let stop = Stop::new();
    stop.request(Duration::from_millis(200));
    let whole = finish(started, &stop).await;
    assert!(!whole.exit.timed_out && whole.exit.signal.is_some());
    assert_eq!(alive(4711004), 0);
    reaper.abort();
}

#[tokio::test]
async fn a_signal_reaches_its_target() {
    let traps = "trap 'echo usr1; exit 0' USR1; echo up; while :; do sleep 0.01; done";
    for target in [Target::Leader, Target::Tree] {
        let mut started = start(host().await, &bash(traps), &spec()).unwrap();
        assert!(started.outputs.next(READ).await.unwrap().is_some());
        // A tree's signal also ends the `sleep` of the loop, which the shell outlives.
        started.run.signal(Signal::parse("USR1").unwrap(), target).await.unwrap();
        assert_eq!(finish(started, &Stop::new()).await.out, b"usr1\n", "{target:?}");
    }
    let mut started =
        start(host().await, &bash(&"sleep WORD & echo up; wait".replace("WORD", &word(4711005))), &spec()).unwrap();
    assert!(started.outputs.next(READ).await.unwrap().is_some());
    started.run.signal(Signal::parse("INT").unwrap(), Target::Leader).await.unwrap();
    let ended = started.run.wait(&Stop::new()).await.unwrap();
    assert!(ended.signal.as_deref() == Some("SIGINT"), "{ended:?}");
    assert_eq!(started.run.signal(Signal::KILL, Target::Group).await.unwrap_err().code, Code::ProcessExited);
    started.run.tree().terminate(false, std::future::pending()).await.unwrap();
    assert_eq!(alive(4711005), 0, "the tree is found after its leader has ended");
}

#[tokio::test]
async fn each_way_to_fail_at_the_start_has_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    for user in [None, Some("0".to_owned())] {
        let code = |words: Vec<String>| {
            let launch =
                Launch { argv: words.into_iter().map(Into::into).collect(), user: user.clone(), ..Launch::default() };
            async move { refused(&launch).await }
        };
        assert_eq!(code(vec!["/no/such/program".into()]).await.code, Code::CommandNotFound);
        assert_eq!(code(vec![file("plain", "#!/bin/sh\n", 0o644)]).await.code, Code::CommandPermissionDenied);
        let interpreter = code(vec![file("lost", "#!/no/such/interpreter\n", 0o755)]).await;
        assert_eq!((interpreter.code, interpreter.details.contains_key("errno")), (Code::CommandNotFound, true));
        let text = code(vec![file("text", "echo hi\n", 0o755)]).await;
        assert_eq!(text.code, Code::ProcessSpawnFailed);
        assert_eq!(text.details.get("errno"), Some(&libc::ENOEXEC.into()));
        let long = code(vec!["true".into(), "x".repeat(3 << 20)]).await;
        assert_eq!((long.code, long.details.get("errno")), (Code::ProcessSpawnFailed, Some(&libc::E2BIG.into())));
    }
}

#[tokio::test]
async fn another_user_is_another_user_everywhere() {
    assert!(rustix::process::geteuid().is_root(), "this test needs root, as the server does for `user`");
    let nobody = |command: &str| Launch { user: Some("nobody".to_owned()), ..bash(command) };
    let whole = run(&nobody("id -un; id -gn; id -G | wc -w; echo $HOME $USER; cat /etc/shadow")).await;
    let text = String::from_utf8(whole.out).unwrap();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let home = passwd.lines().find(|line| line.starts_with("nobody:")).unwrap().split(':').nth(5).unwrap().to_owned();
    assert_eq!(text, format!("nobody\nnogroup\n1\n{home} nobody\n"));
    assert!(whole.exit.code.is_some_and(|code| code != 0));
    let numbers = run(&Launch { user: Some("12345:54321".to_owned()), ..bash("id -u; id -g") }).await;
    assert_eq!(numbers.out, b"12345\n54321\n");
    let folder = tempfile::tempdir().unwrap();
    let private = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o700);
    std::fs::set_permissions(folder.path(), private).unwrap();
    let cwd = Some(folder.path().to_str().unwrap().into());
    assert_eq!(refused(&Launch { cwd, ..nobody("true") }).await.code, Code::InvalidProcessCwd, "0700 of root");
}

#[tokio::test]
async fn resource_limits_hold() {
    let with = |limits: Limits, command: &str| Launch { limits: Some(limits), ..bash(command) };
    let files = run(&with(Limits { open_files: Some(17), ..Limits::default() }, "ulimit -n")).await;
    assert_eq!(files.out, b"17\n");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let write = format!("exec head -c 5000 /dev/zero > {}", path.display());
    let size = run(&with(Limits { file_bytes: Some(1000), ..Limits::default() }, &write)).await;
    assert_eq!(size.exit.signal.as_deref(), Some("SIGXFSZ"));
    assert_eq!(std::fs::metadata(path).unwrap().len(), 1000);
    let spin = run(&with(Limits { cpu_seconds: Some(1), ..Limits::default() }, "while :; do :; done")).await;
    assert_eq!(spin.exit.signal.as_deref(), Some("SIGXCPU"));
}

#[tokio::test]
async fn memory_and_process_bounds_hold_and_leave_no_group() {
    let host = host().await;
    let names = host.machine.names();
    let with = |limits: Limits, command: &str| Launch { limits: Some(limits), ..bash(command) };
    let wanted: BTreeMap<&str, Limits> = BTreeMap::from([
        ("memory", Limits { memory_bytes: Some(64 << 20), ..Limits::default() }),
        ("cpu", Limits { cpu_millis: Some(500), ..Limits::default() }),
        ("pids", Limits { pids: Some(5), ..Limits::default() }),
    ]);
    for (name, limits) in wanted {
        if !names.iter().any(|known| known == name) {
            assert_eq!(refused(&with(limits, "true")).await.code, Code::NotSupported, "{name}");
            continue;
        }
        let whole = match name {
            "memory" => run(&with(limits, "exec python3 -c 'x = bytearray(200 << 20)'")).await,
            "cpu" => run(&with(limits, "exit 0")).await,
            _ => run(&with(limits, "for i in 1 2 3 4 5 6 7 8 9; do sleep 0.2 & done; wait")).await,
        };
        match name {
            "memory" => {
                assert!(whole.exit.oom_killed);
                assert_eq!(whole.exit.signal.as_deref(), Some("SIGKILL"));
            }
            "cpu" => assert_eq!((whole.exit.code, whole.exit.oom_killed), (Some(0), false)),
            _ => assert!(String::from_utf8_lossy(&whole.err).contains("fork"), "{whole:?}"),
        }
    }
    let groups = || {
        host.machine.remove_leftover();
        walk(Path::new("/sys/fs/cgroup"), &format!("sandwire-{}-", host.boot))
    };
    while groups() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn walk(folder: &Path, prefix: &str) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| usize::from(entry.file_name().to_string_lossy().starts_with(prefix)) + walk(&entry.path(), prefix))
        .sum()
}

#[tokio::test]
async fn an_abandoned_run_is_killed() {
    let started = start(host().await, &bash(&"sleep WORD; true".replace("WORD", &word(4711006))), &spec()).unwrap();
    while alive(4711006) == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    drop(started);
    while alive(4711006) > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
