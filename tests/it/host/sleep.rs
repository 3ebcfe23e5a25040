//! Sleep after idling, and what keeps a sandbox awake.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use sandwire_tests::server::Server;
use sandwire_tests::wait::wait_until_async;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use super::{Engine, output};

/// How long a sandbox of these tests may idle.
const SLEEP_AFTER: Duration = Duration::from_millis(300);

fn engine() -> Engine {
    Engine::of(Server::host().args(["--sleep-after", "300ms", "--drain-grace", "1s"]))
}

/// Waits until nobody has done anything in a sandbox for much longer than it may idle, though it runs.
async fn quiet(engine: &Engine, id: &str) {
    let path = format!("/sandboxes/{id}");
    wait_until_async("a long silence", || async {
        let info = engine.well("GET", &path).await;
        assert_eq!((info["state"].as_str(), info["busy"].as_bool()), (Some("running"), Some(true)), "{info}");
        let last = Duration::from_millis(info["last_active_ms"].as_u64().unwrap());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        if now > last + 5 * SLEEP_AFTER { Ok(()) } else { Err(info) }
    })
    .await;
}

#[tokio::test]
async fn what_idles_sleeps_also_with_a_viewer_and_wakes_with_its_files() {
    let engine = engine();
    let client = engine.client("dev").await;
    output(&client, "echo kept > file").await;
    // It stays connected, and looks on.
    let mut changes = client.files().watch(".").unwrap();
    let looks = tokio::spawn(async move { while let Some(Ok(_)) = changes.next().await {} });
    let before = engine.well("GET", "/sandboxes/dev").await["started_ms"].clone();
    assert_eq!(engine.well("GET", "/sandboxes/dev/wait").await["exit_code"], 0);
    drop(client);
    looks.await.unwrap();
    let woken = engine.client("dev").await;
    assert_eq!(output(&woken, "cat file").await, "kept");
    assert_ne!(engine.well("GET", "/sandboxes/dev").await["started_ms"], before);
}

#[tokio::test]
async fn a_silent_command_keeps_it_awake_until_it_ends() {
    let engine = engine();
    let client = engine.client("dev").await;
    let mut running = client.exec("echo begun; read line; exit 7").piped_stdin().spawn().unwrap();
    let mut lines = running.stdout().lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("begun"));
    quiet(&engine, "dev").await;
    let mut stdin = running.stdin().unwrap();
    stdin.write_all(b"on\n").await.unwrap();
    stdin.flush().await.unwrap();
    assert_eq!(running.wait().await.unwrap().code, Some(7));
    let ended = engine.well("GET", "/sandboxes/dev/wait").await;
    assert_eq!(ended["exit_code"], 0);
}

#[tokio::test]
async fn an_open_terminal_keeps_it_awake_though_nobody_looks() {
    let engine = engine();
    let client = engine.client("dev").await;
    let mut terminal = client.terminals().open().id("t").command("echo up; sleep 1000").spawn().unwrap();
    assert!(terminal.next().await.unwrap().is_ok());
    drop(terminal);
    client.close().await;
    quiet(&engine, "dev").await;
    engine.client("dev").await.terminals().close("t", None).await.unwrap();
    assert_eq!(engine.well("GET", "/sandboxes/dev/wait").await["exit_code"], 0);
}

#[tokio::test]
async fn a_process_keeps_it_awake_when_it_is_marked_so_and_ends_with_it_otherwise() {
    let engine = engine();
    engine.begin("kept").await;
    let client = engine.client("kept").await;
    client.processes().start("sleep 1000").id("p").keep_alive().spawn().await.unwrap();
    client.close().await;
    quiet(&engine, "kept").await;
    engine.begin("other").await;
    let client = engine.client("other").await;
    client.processes().start("exec sleep 1000").id("p").spawn().await.unwrap();
    assert_eq!(engine.well("GET", "/sandboxes/other/wait").await["exit_code"], 0);
    drop(client);
    assert_eq!(engine.state("kept").await, "running");
}
