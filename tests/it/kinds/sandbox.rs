//! `sandbox.*`: what is told is what the kernel tells others, too.

use std::process::Command;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use futures_util::StreamExt;
use procfs::{Current, LoadAverage, Meminfo};
use sandwire::protocol::Code;
use sandwire::protocol::kind::command::{Launch, Limits};
use sandwire::protocol::kind::sandbox::{
    Activity, ActivityDown, ActivityParams, InfoParams, Metrics, MetricsDown, MetricsParams,
};
use sandwire::protocol::kind::{
    Exec, FileWatch, ProcessStart, PtyOpen, SandboxActivity, SandboxInfo, SandboxMetrics, Scope, TABLE, exec, file,
    process, pty,
};
use sandwire::{Client, Reply};
use sandwire_tests::proc;
use sandwire_tests::server::{Server, binary};
use sandwire_tests::wait::wait_until_async;

use super::{ask, event, refusal, served, served_by};
use crate::common::{argv, collect, run, shell};

fn now_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

async fn metrics(client: &Client) -> Metrics {
    ask::<SandboxMetrics>(client, &MetricsParams::default()).await.unwrap()
}

/// What a command of the sandbox says, in one line.
async fn says(client: &Client, command: &str) -> String {
    String::from_utf8(run(client, &shell(command)).await.0).unwrap().trim_end().to_owned()
}

#[tokio::test]
async fn info_says_what_the_machine_is() {
    let before = now_ms();
    let (server, client) = served().await;
    let after = now_ms();
    let info = ask::<SandboxInfo>(&client, &InfoParams {}).await.unwrap();
    let version = Command::new(binary("sandwire-server")).arg("--version").output().unwrap().stdout;
    assert_eq!(String::from_utf8(version).unwrap().trim_end(), format!("sandwire-server {}", info.version));
    assert!((before..=after).contains(&info.started_ms), "{before} {info:?} {after}");
    assert_eq!(info.hostname, says(&client, "uname -n").await);
    assert_eq!(info.os, says(&client, "uname -sr").await);
    assert_eq!(info.arch, says(&client, "uname -m").await);
    assert_eq!(info.cpus.to_string(), says(&client, "nproc").await);
    assert_eq!(info.user, says(&client, "id -un").await);
    assert_eq!(info.workspace, says(&client, "pwd -P").await);
    assert_eq!(info.shell, says(&client, "echo $0").await, "the shell that a line gets");
    assert!(info.kinds.iter().eq(TABLE.iter().map(|row| row.name)), "{:?}", info.kinds);
    assert!(info.scopes.iter().eq(Scope::ALL.iter().map(|scope| scope.name())), "{:?}", info.scopes);
    assert!((1..=Meminfo::current().unwrap().mem_total).contains(&info.memory_bytes), "{info:?}");
    assert!(server.peak_rss() < info.memory_bound);

    let again = Client::connect(server.url()).await.unwrap();
    assert_eq!(ask::<SandboxInfo>(&again, &InfoParams {}).await.unwrap(), info, "the same server says the same");
    let narrow = Client::builder(server.url()).scopes(["info", "exec"]).connect().await.unwrap();
    assert_eq!(ask::<SandboxInfo>(&narrow, &InfoParams {}).await.unwrap().scopes, ["exec", "info"]);
    let blind = Client::builder(server.url()).scopes(["exec"]).connect().await.unwrap();
    assert_eq!(refusal::<SandboxInfo>(&blind, &InfoParams {}).await.code, Code::PermissionDenied);
    assert_eq!(refusal::<SandboxMetrics>(&blind, &MetricsParams::default()).await.code, Code::PermissionDenied);
}

#[tokio::test]
async fn info_follows_the_settings_and_the_start() {
    let (_server, client) = served().await;
    let info = ask::<SandboxInfo>(&client, &InfoParams {}).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let other = Server::builder().through(["taskset", "--cpu-list", "0"]).arg("--workspace").arg(folder.path());
    let (_other, client) = served_by(other.args(["--max-terminals", "1", "--max-lanes", "8"])).await;
    let narrower = ask::<SandboxInfo>(&client, &InfoParams {}).await.unwrap();
    assert_eq!(narrower.cpus, 1, "those that the server may use");
    assert_eq!(narrower.workspace, folder.path().canonicalize().unwrap().to_str().unwrap());
    assert!(narrower.memory_bound < info.memory_bound, "less is allowed, so less is needed");
    assert_ne!(narrower.boot_id, info.boot_id);
}

#[tokio::test]
async fn the_limits_that_are_named_can_be_held_and_others_are_refused() {
    let (_server, client) = served().await;
    let info = ask::<SandboxInfo>(&client, &InfoParams {}).await.unwrap();
    for (name, limits) in [
        ("memory", Limits { memory_bytes: Some(256 << 20), ..Limits::default() }),
        ("cpu", Limits { cpu_millis: Some(500), ..Limits::default() }),
        ("pids", Limits { pids: Some(10), ..Limits::default() }),
    ] {
        let run = Launch { argv: vec!["true".into()], limits: Some(limits), ..Launch::default() };
        let held = ask::<Exec>(&client, &exec::Params { run, ..exec::Params::default() }).await;
        match held {
            Ok(exit) => assert!(info.limits.iter().any(|held| held == name) && exit.code == Some(0), "{name}"),
            Err(error) => {
                assert!(!info.limits.iter().any(|held| held == name), "{name}: {error}");
                assert_eq!(error.code, Code::NotSupported);
            }
        }
    }
}

#[tokio::test]
async fn metrics_say_what_the_kernel_says() {
    let (server, client) = served().await;
    let used = |meminfo: &Meminfo| meminfo.mem_total - meminfo.mem_available.unwrap();
    let disk = || rustix::fs::statvfs(server.workspace()).unwrap();
    let between = |value: u64, one: u64, other: u64| (one.min(other)..=one.max(other)).contains(&value);
    // Others use the machine as well: looked at again until nothing else moved between the two looks.
    let look = || async {
        let (before, memory, disks, load) = (now_ms(), Meminfo::current().unwrap(), disk(), LoadAverage::current());
        let (cpu, rss) = (proc::cpu(server.pid()).unwrap(), server.rss());
        let metrics = metrics(&client).await;
        let (after, later, disks_later) = (now_ms(), Meminfo::current().unwrap(), disk());
        let server_cpu = u128::from(metrics.server_cpu_us);
        assert!((cpu.as_micros()..=proc::cpu(server.pid()).unwrap().as_micros()).contains(&server_cpu));
        assert!((before..=after).contains(&metrics.time_ms));
        assert_eq!(metrics.disk_total, disks.f_blocks * disks.f_frsize);
        assert!(metrics.memory_total <= memory.mem_total && metrics.memory_used <= metrics.memory_total);
        assert!(metrics.server_memory > rss / 2 && metrics.server_memory < 2 * server.peak_rss(), "{metrics:?} {rss}");
        let free = |disk: &rustix::fs::StatVfs| (disk.f_blocks - disk.f_bfree) * disk.f_frsize;
        // In a control group with a limit, the memory is the group's.
        let memory_is_right =
            metrics.memory_total < memory.mem_total || between(metrics.memory_used, used(&memory), used(&later));
        let load_is_right = load.is_ok_and(|load| (f64::from(load.one) - metrics.load1).abs() < 0.001);
        let disk_is_right = between(metrics.disk_used, free(&disks), free(&disks_later));
        if memory_is_right && load_is_right && disk_is_right { Ok(()) } else { Err(metrics) }
    };
    wait_until_async("memory, disk and load to be what the kernel says", look).await;

    let before = metrics(&client).await.cpu_us;
    let hog = argv(&["python3", "-c", "sum(range(3_000_000))"]);
    let usage = run(&client, &hog).await.2.unwrap().usage;
    let used = metrics(&client).await.cpu_us - before;
    // The machine's clock of CPU time may have ticks of 10 ms.
    assert!(used + 20_000 >= usage.user_us, "{used} µs were used, and {usage:?} is a part of that");
}

#[tokio::test]
async fn metrics_count_what_there_is() {
    let (server, client) = served().await;
    let counts = |metrics: &Metrics| {
        [metrics.connections, metrics.lanes, metrics.channels, metrics.processes, metrics.terminals]
    };
    // The channel that asks is one.
    assert_eq!(counts(&metrics(&client).await), [1, 1, 1, 0, 0]);
    let other = Client::connect(server.url()).await.unwrap();
    let sleeper = Launch { argv: vec!["sleep".into(), "600".into()], ..Launch::default() };
    let command = other.open::<Exec>(&exec::Params { run: sleeper.clone(), ..exec::Params::default() }).unwrap();
    let start = process::Start { run: sleeper.clone(), ..process::Start::default() };
    let process = ask::<ProcessStart>(&other, &start).await.unwrap();
    let terminal = other.open::<PtyOpen>(&pty::Open { run: sleeper, ..pty::Open::default() }).unwrap();
    event(&terminal).await;
    assert_eq!(counts(&metrics(&client).await), [2, 2, 3, 1, 1]);
    drop((command, terminal));
    other.close().await;
    let expected = |expected: [u32; 5]| {
        wait_until_async("what has ended not to be counted", move || {
            let look = client.clone();
            async move {
                let found = counts(&metrics(&look).await);
                if found == expected { Ok(look) } else { Err(found) }
            }
        })
    };
    // Processes and terminals stay.
    let client = expected([1, 1, 1, 1, 1]).await;
    client.processes().process(process.id).kill(None).await.unwrap();
    for terminal in client.terminals().list().await.unwrap() {
        client.terminals().close(terminal.id, None).await.unwrap();
    }
    assert_eq!(counts(&metrics(&client).await), [1, 1, 1, 0, 0], "one that has ended does not run");
}

#[tokio::test]
async fn metrics_come_again_and_again_until_cancelled() {
    let (_server, client) = served().await;
    for interval in [0, 99] {
        let params = MetricsParams { interval_ms: Some(interval) };
        let error = refusal::<SandboxMetrics>(&client, &params).await;
        assert_eq!(error.code, Code::ValidationFailed);
        assert!(error.message.contains("100") && error.details.contains_key("interval_ms"), "{error:?}");
    }
    let call = client.open::<SandboxMetrics>(&MetricsParams { interval_ms: Some(100) }).unwrap();
    let mut last = 0;
    for _ in 0..3 {
        let MetricsDown::Sample(sample) = event(&call).await;
        assert!(sample.time_ms > last);
        last = sample.time_ms;
    }
    call.cancel();
    assert_eq!(collect(&call).await.result.unwrap_err().code, Code::Cancelled);
}

/// Waits until nobody has done anything for a while; looking does not count.
async fn idle(client: &Client) {
    let look = || async {
        let idle = metrics(client).await.idle_ms;
        if idle >= 200 { Ok(()) } else { Err(idle) }
    };
    wait_until_async("the server to be idle", look).await;
}

/// Whether somebody has done something since then.
async fn used_since(client: &Client, then: Instant) -> bool {
    let idle = metrics(client).await.idle_ms;
    // Both ends of the server's time are cut to milliseconds.
    u128::from(idle) <= then.elapsed().as_millis() + 1
}

#[tokio::test]
async fn idle_is_since_the_last_byte_key_or_call_and_looking_at_it_is_none() {
    let (server, client) = served().await;
    idle(&client).await;
    let then = Instant::now();
    run(&client, &shell("true")).await.2.unwrap();
    assert!(used_since(&client, then).await, "a call");

    let cat = exec::Params { stdin: true, ..shell("cat") };
    let cat = client.open::<Exec>(&cat).unwrap();
    idle(&client).await;
    let then = Instant::now();
    cat.write(0, Bytes::from_static(b"x")).await.unwrap();
    assert!(matches!(cat.recv().await, Reply::Data(1, _)));
    assert!(used_since(&client, then).await, "a byte of a command that has run for long");

    let run = Launch { argv: vec!["cat".into()], ..Launch::default() };
    let terminal = client.open::<PtyOpen>(&pty::Open { run, ..pty::Open::default() }).unwrap();
    event(&terminal).await;
    idle(&client).await;
    let then = Instant::now();
    terminal.write(0, Bytes::from_static(b"key\r")).await.unwrap();
    while !matches!(terminal.recv().await, Reply::Data(0, data) if data.windows(3).any(|seen| seen == b"key")) {}
    assert!(used_since(&client, then).await, "a key");

    let waits = client.processes().start("until [ -e go ]; do sleep 0.01; done; echo gone").spawn().await.unwrap();
    let mut log = waits.logs().follow().open().unwrap();
    log.next().await.unwrap().unwrap();
    idle(&client).await;
    let then = Instant::now();
    std::fs::write(server.workspace().join("go"), "").unwrap();
    log.next().await.unwrap().unwrap();
    assert!(used_since(&client, then).await, "output that somebody looks at");

    let watch = client.open::<FileWatch>(&file::Watch { path: ".".into(), ..file::Watch::default() }).unwrap();
    event(&watch).await;
    idle(&client).await;
    let then = Instant::now();
    std::fs::write(server.workspace().join("changed"), "").unwrap();
    event(&watch).await;
    let idle = u128::from(metrics(&client).await.idle_ms);
    assert!(idle > then.elapsed().as_millis(), "a watch is nobody who does anything: {idle}");
}

/// The next event of `sandbox.activity` without its time.
async fn activity(call: &sandwire::Call<SandboxActivity>) -> Activity {
    let ActivityDown::Activity(now) = event(call).await;
    assert_eq!(now.busy, now.commands + now.terminals + now.kept > 0);
    now
}

/// Waits until it says these numbers.
async fn until(call: &sandwire::Call<SandboxActivity>, wanted: [u32; 3]) -> Activity {
    loop {
        let now = activity(call).await;
        if [now.commands, now.terminals, now.kept] == wanted {
            return now;
        }
    }
}

#[tokio::test]
async fn activity_is_what_sleep_would_end_and_is_told_when_it_changes() {
    let (server, client) = served().await;
    let watcher = Client::builder(server.url()).scopes(["info"]).connect().await.unwrap();
    let call = watcher.open::<SandboxActivity>(&ActivityParams {}).unwrap();
    let first = activity(&call).await;
    assert!(!first.busy, "who watches is no work: {first:?}");

    let sleeper = Launch { argv: vec!["sleep".into(), "600".into()], ..Launch::default() };
    let exec_sleep = exec::Params { run: sleeper.clone(), ..exec::Params::default() };
    let command = client.open::<Exec>(&exec_sleep).unwrap();
    until(&call, [1, 0, 0]).await;
    client.sessions().create().id("s").open().await.unwrap();
    let in_session = exec::Params { session: Some("s".to_owned()), ..exec_sleep.clone() };
    let in_session = client.open::<Exec>(&in_session).unwrap();
    until(&call, [2, 0, 0]).await;
    drop((command, in_session));
    let now = until(&call, [0, 0, 0]).await;
    assert!(now.idle_ms < 60_000, "{now:?}");

    let terminal = client.open::<PtyOpen>(&pty::Open { run: sleeper.clone(), ..pty::Open::default() }).unwrap();
    let pty::Down::Attached { id, .. } = event(&terminal).await else { panic!("it says its id first") };
    until(&call, [0, 1, 0]).await;
    // The viewer goes, the terminal stays.
    drop(terminal);
    let start = process::Start { run: sleeper, ..process::Start::default() };
    let plain = ask::<ProcessStart>(&client, &start).await.unwrap();
    assert!(!plain.keep_alive);
    let kept = ask::<ProcessStart>(&client, &process::Start { keep_alive: true, ..start }).await.unwrap();
    assert!(kept.keep_alive);
    until(&call, [0, 1, 1]).await;
    client.terminals().close(id, None).await.unwrap();
    until(&call, [0, 0, 1]).await;
    client.processes().process(kept.id).kill(None).await.unwrap();
    let now = until(&call, [0, 0, 0]).await;
    assert!(!now.busy && now.idle_ms < 60_000, "a process that is not marked keeps nobody awake: {now:?}");
    assert_eq!(client.processes().running().await.unwrap().len(), 1);

    // A command whose client is lost goes on, and counts.
    let lost = Client::connect(server.url()).await.unwrap();
    let _command = lost.open::<Exec>(&exec_sleep).unwrap();
    until(&call, [1, 0, 0]).await;
    // A second watcher is told at once what is now.
    let late = client.open::<SandboxActivity>(&ActivityParams {}).unwrap();
    assert_eq!(activity(&late).await.commands, 1);
    lost.close().await;
    until(&late, [0, 0, 0]).await;
    call.cancel();
    assert_eq!(collect(&call).await.result.unwrap_err().code, Code::Cancelled);
}

#[tokio::test]
async fn many_short_commands_are_few_changes() {
    let (_server, client) = served().await;
    let call = client.open::<SandboxActivity>(&ActivityParams {}).unwrap();
    activity(&call).await;
    let start = Instant::now();
    for _ in 0..50 {
        run(&client, &argv(&["true"])).await.2.unwrap();
    }
    let took = start.elapsed().as_millis();
    let marker = client.terminals().open().argv(["sleep", "600"]).spawn().unwrap();
    let mut events = 0;
    while activity(&call).await.terminals == 0 {
        events += 1;
    }
    drop(marker);
    assert!(events <= took / 100 + 2, "{events} events in {took} ms");
}
