//! What plain HTTP gets.

use sandwire_link::Reply;
use sandwire_protocol::Code;
use sandwire_protocol::kind::sandbox::{InfoParams, MetricsDown, MetricsParams};
use sandwire_protocol::kind::{SandboxInfo, SandboxMetrics};

use crate::lane;
use crate::server::Server;

#[test]
fn health_is_json_for_get_and_head() {
    let server = Server::start(&[]);
    let answer = server.get("/healthz", &[]);
    assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("ok")));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let head = server.request("HEAD", "/healthz", &[], "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn unknown_paths_and_methods_are_told_apart() {
    let server = Server::start(&[]);
    assert_eq!(server.get("/nothing", &[]).code(), (404, "NOT_FOUND".to_owned()));
    for (method, path, allowed) in [
        ("POST", "/healthz", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("HEAD", "/v1/connect", "GET"),
        ("GET", "/v1/tickets", "POST"),
    ] {
        let answer = server.request(method, path, &[], "");
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{method} {path}");
    }
}

#[test]
fn an_upgrade_that_cannot_be_is_refused_with_the_reason() {
    let server = Server::start(&[]);
    let plain = server.get("/v1/connect", &[]);
    assert_eq!(plain.code(), (426, "UPGRADE_REQUIRED".to_owned()));
    assert_eq!(plain.header("upgrade"), Some("websocket"));
    let with = |version: &str, key: &str| {
        let (version, key) = (format!("Sec-WebSocket-Version: {version}"), format!("Sec-WebSocket-Key: {key}"));
        server.get("/v1/connect", &["Connection: keep-alive, Upgrade", "Upgrade: WebSocket", &version, &key])
    };
    let old = with("8", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(old.code(), (426, "UPGRADE_REQUIRED".to_owned()));
    assert_eq!(old.header("sec-websocket-version"), Some("13"));
    for key in ["", "short", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZSBpcyB0b28gbG9uZw=="] {
        assert_eq!(with("13", key).code(), (400, "BAD_UPGRADE".to_owned()), "{key:?}");
    }
    let good = with("13", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(good.status, 101);
    assert_eq!(good.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(good.header("sec-websocket-protocol"), None);
}

#[tokio::test]
async fn metrics_count_connections_and_channels_by_kind() {
    let server = Server::start(&[]);
    let lane = lane::open(&server, &[]).await;
    let info = lane.link.open::<SandboxInfo>(&InfoParams {}, None).unwrap().result().await.unwrap();
    assert!(info.memory_bound > 0);
    let answer = server.get("/metrics", &[]);
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    for line in [
        "sandwire_connections 1",
        "sandwire_lanes 1",
        "sandwire_channels_opened_total{kind=\"sandbox.info\"} 1",
        &format!("sandwire_memory_bound_bytes {}", info.memory_bound),
    ] {
        assert!(answer.body.lines().any(|found| found == line), "{line} in:\n{}", answer.body);
    }
    assert!(answer.body.contains("\nprocess_resident_memory_bytes "));
}

#[tokio::test]
async fn the_sandbox_says_what_it_is_and_how_it_fares() {
    let server = Server::start(&["--workspace", "/tmp"]);
    let lane = lane::open(&server, &[]).await;
    let info = lane.link.open::<SandboxInfo>(&InfoParams {}, None).unwrap().result().await.unwrap();
    assert_eq!(info.boot_id, server.get("/healthz", &[]).json()["boot_id"].as_str().unwrap());
    assert_eq!((info.workspace.as_str(), info.arch.as_str()), ("/tmp", std::env::consts::ARCH));
    assert!(info.cpus > 0 && info.memory_bytes > 0 && info.kinds.contains(&"exec".to_owned()));

    let ask = |interval_ms| lane.link.open::<SandboxMetrics>(&MetricsParams { interval_ms }, None).unwrap();
    let once = ask(None).result().await.unwrap();
    assert_eq!((once.connections, once.lanes, once.memory_total), (1, 1, info.memory_bytes));
    assert!(once.server_memory > 0 && once.server_memory < info.memory_bound && once.disk_total > 0 && once.cpu_us > 0);
    assert!((1..=once.memory_total).contains(&once.memory_used), "{once:?}");
    let again = ask(Some(100));
    let (Reply::Event(MetricsDown::Sample(first)), Reply::Event(MetricsDown::Sample(second))) =
        (again.recv().await, again.recv().await)
    else {
        panic!("samples come")
    };
    assert!(first.time_ms < second.time_ms && first.server_cpu_us <= second.server_cpu_us);
    assert_eq!(ask(Some(99)).result().await.unwrap_err().code, Code::ValidationFailed);
}
