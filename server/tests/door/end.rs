//! Draining, and the end.

use bytes::Bytes;
use sandwire_link::Reply;
use sandwire_protocol::Code;
use sandwire_protocol::kind::command::Launch;
use sandwire_protocol::kind::sandbox::{InfoParams, MetricsParams};
use sandwire_protocol::kind::{Exec, SandboxInfo, SandboxMetrics, exec};

use crate::lane;
use crate::server::{Server, wait_for};

const FOREVER: MetricsParams = MetricsParams { interval_ms: Some(100) };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_lets_channels_end_takes_no_new_ones_and_ends_with_0() {
    let mut server = Server::start(&["--drain-time", "1h"]);
    let mut lane = lane::open(&server, &[]).await;
    let running = lane.link.open::<SandboxMetrics>(&FOREVER, None).unwrap();
    running.recv().await;
    server.terminate();
    let go_away = lane.go_away.recv().await.unwrap();
    assert_eq!((go_away.reason.as_str(), go_away.deadline_ms), ("draining", Some(3_600_000)));
    let health = server.get("/healthz", &[]);
    assert_eq!((health.status, health.json()["status"].as_str()), (503, Some("draining")));
    let refused = match lane.link.open::<SandboxInfo>(&InfoParams {}, None) {
        Ok(call) => call.result().await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(refused.code, Code::Draining);

    let mut late = lane::open(&server, &[]).await;
    assert_eq!(late.go_away.recv().await.unwrap().reason, "draining", "who comes to resume is told too");
    running.cancel();
    assert_eq!(running.result().await.unwrap_err().code, Code::Cancelled);
    lane.closed.await.unwrap();
    assert_eq!(server.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_last_arrives_before_the_end() {
    const FLOOD: usize = 3_000_000;
    let mut server = Server::start(&["--drain-time", "1h"]);
    let mut lane = lane::open(&server, &[]).await;
    let command = format!("read line; head -c {FLOOD} /dev/zero; exit 7");
    let run = Launch { command: Some(command.as_str().into()), ..Launch::default() };
    let params = exec::Params { run, stdin: true, report_start: true, ..exec::Params::default() };
    let call = lane.link.open::<Exec>(&params, None).unwrap();
    assert!(matches!(call.recv().await, Reply::Event(_)), "it runs before the signal comes");
    server.terminate();
    lane.go_away.recv().await.unwrap();
    call.write(0, Bytes::from_static(b"go\n")).await.unwrap();
    let mut count = 0;
    let exit = loop {
        match call.recv().await {
            Reply::Data(_, bytes) => count += bytes.len(),
            Reply::End(_) | Reply::Event(_) => {}
            Reply::Closed(result) => break result.unwrap(),
        }
    };
    assert_eq!((count, exit.code), (FLOOD, Some(7)));
    lane.closed.await.unwrap();
    assert_eq!(server.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_end_in_time_is_ended() {
    let mut server = Server::start(&["--drain-time", "200ms", "--drain-grace", "100ms"]);
    let lane = lane::open(&server, &[]).await;
    let running = lane.link.open::<SandboxMetrics>(&FOREVER, None).unwrap();
    running.recv().await;
    server.terminate();
    assert_eq!(running.result().await.unwrap_err().code, Code::OperationInterrupted, "its end is told");
    lane.closed.await.unwrap();
    assert_eq!(server.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_it_at_once() {
    let mut server = Server::start(&["--drain-time", "1h"]);
    let lane = lane::open(&server, &[]).await;
    let running = lane.link.open::<SandboxMetrics>(&FOREVER, None).unwrap();
    running.recv().await;
    server.terminate();
    wait_for("draining to begin", || (server.get("/healthz", &[]).status == 503).then_some(()));
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn an_idle_server_ends_at_once() {
    let mut server = Server::start(&["--drain-time", "1h"]);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}
