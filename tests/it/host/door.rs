//! Who may ask the engine, and for what.

use sandwire::Client;
use sandwire_tests::server::Server;
use serde_json::json;

use super::{Engine, output};

const TOKEN: &str = "everything-is-allowed";

#[tokio::test]
async fn a_token_is_asked_for_and_goes_no_further() {
    let engine = Engine::of(Server::host().env("SANDWIRE_TOKEN", TOKEN));
    assert_eq!(engine.ask("GET", "/healthz").await.0, 200, "health needs none");
    for (method, path) in [
        ("GET", "/sandboxes"),
        ("GET", "/sandboxes/dev"),
        ("DELETE", "/sandboxes/dev"),
        ("POST", "/sandboxes/dev/start"),
        ("POST", "/sandboxes/dev/stop"),
        ("GET", "/sandboxes/dev/wait"),
        ("GET", "/sandboxes/dev/connect"),
        ("GET", "/sandboxes/dev/ports/80/"),
        ("GET", "/anything"),
    ] {
        for headers in [&[][..], &["Authorization: Bearer wrong-wrong-wrong"]] {
            let (status, error) = engine.ask_with(method, path, headers, "").await;
            assert_eq!((status, error["code"].as_str()), (401, Some("UNAUTHORIZED")), "{method} {path}");
        }
    }
    assert!(Client::connect(engine.url("dev")).await.is_err());
    assert!(!engine.0.root().join("dev").exists());
    let client = Client::builder(engine.url("dev")).token(TOKEN).connect().await.unwrap();
    let said = output(&client, "env; cat /proc/*/environ | tr '\\0' '\\n'").await;
    assert!(!said.contains(TOKEN), "{said}");
    let bearer = format!("Authorization: Bearer {TOKEN}");
    assert_eq!(engine.ask_with("GET", "/sandboxes/dev", &[&bearer], "").await.1["state"], "running");
    assert!(!engine.0.log().contains(TOKEN));
}

#[test]
fn beyond_loopback_it_does_not_start_without_a_token_and_says_how_to_set_one() {
    let (status, said) = Server::host().listen("0.0.0.0:0").refused();
    assert_eq!(status.code(), Some(2));
    assert!(said.contains("SANDWIRE_TOKEN=") && said.contains("sandwire-server host --listen"), "{said}");
    drop(Server::host().listen("0.0.0.0:0").env("SANDWIRE_TOKEN", TOKEN).start());
}

#[tokio::test]
async fn a_page_of_another_origin_is_not_served() {
    let engine = Engine::start();
    let origin = |headers: &'static [&'static str]| engine.ask_with("POST", "/sandboxes/dev/start", headers, "");
    for headers in [&["Origin: https://evil.example"][..], &["Host: evil.example"], &["Origin: null"]] {
        let (status, error) = origin(headers).await;
        assert_eq!((status, error["code"].as_str()), (403, Some("ORIGIN_DENIED")), "{headers:?}");
    }
    assert_eq!(engine.state("dev").await, "absent");
    let listed = Engine::of(Server::host().args(["--origins", "https://app.example"]));
    let (status, _) = listed.ask_with("GET", "/sandboxes", &["Origin: https://app.example"], "").await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_name_is_checked_before_anything_is_made_of_it() {
    let engine = Engine::start();
    let long = "a".repeat(64);
    for bad in ["Dev", "-a", "a-", "..", ".run", "a_b", "%2e%2e", "..%2f..%2fetc", "a%00b", "a.b", &long] {
        for (method, path) in [
            ("GET", format!("/sandboxes/{bad}")),
            ("DELETE", format!("/sandboxes/{bad}")),
            ("POST", format!("/sandboxes/{bad}/start")),
            ("GET", format!("/sandboxes/{bad}/ports/80/")),
        ] {
            let (status, error) = engine.ask(method, &path).await;
            assert_eq!((status, error["code"].as_str()), (400, Some("VALIDATION_FAILED")), "{method} {path}");
            assert!(error["message"].as_str().unwrap().contains("a-z, 0-9"), "{error}");
        }
    }
    assert_eq!(engine.well("GET", "/sandboxes").await, json!({ "sandboxes": [] }));
    let longest = "a".repeat(63);
    engine.begin(&longest).await;
    assert_eq!(output(&engine.client(&longest).await, "hostname").await, longest);
}

#[tokio::test]
async fn what_makes_no_sense_is_told_by_its_name() {
    let engine = Engine::start();
    let long = format!("{{\"env\":{{\"A\":\"{}\"}}}}", "x".repeat(70_000));
    for (method, path, body, status, code) in [
        ("GET", "/", "", 404, "NOT_FOUND"),
        ("GET", "/sandboxes/dev/nothing", "", 404, "NOT_FOUND"),
        ("POST", "/sandboxes/dev", "", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/sandboxes/dev/start", "", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/sandboxes/dev/wait", "", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/sandboxes/dev/start", "{", 400, "VALIDATION_FAILED"),
        ("POST", "/sandboxes/dev/start", "{\"environment\":{}}", 400, "VALIDATION_FAILED"),
        ("POST", "/sandboxes/dev/start", "{\"env\":{\"A=B\":\"\"}}", 400, "VALIDATION_FAILED"),
        ("POST", "/sandboxes/dev/start", "{\"env\":{\"A\":\"\\u0000\"}}", 400, "VALIDATION_FAILED"),
        ("POST", "/sandboxes/dev/start", &long, 413, "VALIDATION_FAILED"),
        ("POST", "/sandboxes/dev/stop", "{\"signal\":\"SIGNOPE\"}", 400, "VALIDATION_FAILED"),
        ("POST", "/sandboxes/dev/stop", "{\"signal\":\"SIGUSR1\"}", 400, "VALIDATION_FAILED"),
    ] {
        let (answered, error) = engine.ask_with(method, path, &[], body).await;
        assert_eq!((answered, error["code"].as_str()), (status, Some(code)), "{method} {path}: {error}");
    }
    assert_eq!(engine.state("dev").await, "absent");
    assert_eq!(engine.well("GET", "/sandboxes/dev/wait").await, json!({ "exit_code": null }), "it never ran");
    assert_eq!(engine.well("POST", "/sandboxes/dev/stop").await, json!({ "exit_code": null }));
    engine.begin("dev").await;
    // It is a WebSocket and nothing else.
    let (status, error) = engine.ask("GET", "/sandboxes/dev/connect").await;
    assert_eq!((status, error["code"].as_str()), (426, Some("UPGRADE_REQUIRED")));
    let killed = engine.ask_with("POST", "/sandboxes/dev/stop", &[], "{\"signal\":\"SIGKILL\"}").await;
    assert_eq!((killed.0, killed.1["exit_code"].as_i64()), (200, Some(137)));
}

#[test]
fn a_root_is_one_engines() {
    let first = Server::host().start();
    let (status, said) = Server::host().root(first.root()).refused();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("another engine") && said.contains("--root"), "{said}");
}

#[test]
fn settings_that_make_no_sense_are_named() {
    for (arguments, named) in [
        (["--memory", "1MiB"], "--memory"),
        (["--pids", "3"], "--pids"),
        (["--max-sandboxes", "0"], "--max-sandboxes"),
        (["--read-only", "relative"], "--read-only"),
        (["--isolation", "docker"], "--isolation"),
        (["--sleep-after", "soon"], "--sleep-after"),
        (["--origins", "*"], "--origins"),
    ] {
        let (status, said) = Server::host().args(arguments).refused();
        assert_eq!(status.code(), Some(2), "{said}");
        assert!(said.contains(named), "{said}");
    }
    let (status, said) = Server::host().config("sleep_afer = '1m'").refused();
    assert_eq!(status.code(), Some(2));
    assert!(said.contains("sleep_afer"), "{said}");
}
