//! Who is let in, and to what.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sandwire_protocol::Code;
use sandwire_protocol::kind::{Exec, SandboxInfo, exec, sandbox::InfoParams};

use crate::lane;
use crate::server::{Answer, Server, TOKEN};

fn with_token() -> Server {
    Server::start_with(&[], &[("SANDWIRE_TOKEN", TOKEN)])
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

fn subprotocol(token: &str) -> String {
    format!("Sec-WebSocket-Protocol: sandwire.v1, sandwire.token.{}", URL_SAFE_NO_PAD.encode(token))
}

fn mint(server: &Server, body: &str) -> Answer {
    server.request("POST", "/v1/tickets", &[&bearer(TOKEN)], body)
}

#[test]
fn a_bad_token_gets_401_before_the_upgrade() {
    let server = with_token();
    for wrong in [
        "X-Nothing: here",
        &bearer("wrong-but-long"),
        &bearer(""),
        &bearer(&TOKEN[1..]),
        &format!("Authorization: Basic {TOKEN}"),
        &subprotocol("wrong-but-long"),
        "Sec-WebSocket-Protocol: sandwire.v1",
    ] {
        let answer = server.upgrade("/v1/connect", &[wrong]);
        assert_eq!(answer.code(), (401, "UNAUTHORIZED".to_owned()), "{wrong}");
        assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")));
        assert_eq!(server.get("/metrics", &[wrong]).status, 401, "{wrong}");
    }
    for url in [format!("/v1/connect?token={TOKEN}"), format!("/v1/connect?ticket={TOKEN}")] {
        assert_eq!(server.upgrade(&url, &[]).status, 401, "no token in a URL");
    }
    assert_eq!(server.get("/healthz", &[]).status, 200, "health needs none");
}

#[test]
fn a_token_comes_by_header_or_subprotocol() {
    let server = with_token();
    assert_eq!(server.upgrade("/v1/connect", &[&bearer(TOKEN)]).status, 101);
    let answer = server.upgrade("/v1/connect", &[&subprotocol(TOKEN)]);
    assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, Some("sandwire.v1")));
    assert_eq!(server.get("/metrics", &[&bearer(TOKEN)]).status, 200);
}

#[test]
fn tickets_are_for_connecting_and_for_nothing_more() {
    let server = with_token();
    let connect = |answer: &Answer| {
        let ticket = answer.json()["ticket"].as_str().unwrap().to_owned();
        server.upgrade(&format!("/v1/connect?ticket={ticket}"), &[]).status
    };
    let ticket = mint(&server, "");
    assert_eq!((ticket.status, ticket.json()["expires_in"].as_u64()), (200, Some(60)));
    assert_eq!((connect(&ticket), connect(&ticket)), (101, 101));
    let once = mint(&server, r#"{"once": true, "ttl": 5}"#);
    assert_eq!((connect(&once), connect(&once)), (101, 401), "single use");

    let ticket = ticket.json()["ticket"].as_str().unwrap().to_owned();
    let again = server.request("POST", &format!("/v1/tickets?ticket={ticket}"), &[], "");
    assert_eq!(again.code(), (403, "PERMISSION_DENIED".to_owned()), "a ticket renews no ticket");
    assert_eq!(server.upgrade(&format!("/v1/connect?ticket={}x", &ticket), &[]).status, 401, "forged");
    assert_eq!(server.request("POST", "/v1/tickets", &[], "").status, 401);
    for (body, status) in [("{", 400), (r#"{"ttl": 0}"#, 400), (r#"{"who": 1}"#, 400), (r#"{"scopes": ["all"]}"#, 400)]
    {
        assert_eq!(mint(&server, body).code(), (status, "VALIDATION_FAILED".to_owned()), "{body}");
    }
    assert_eq!(mint(&server, &" ".repeat(5000)).status, 413);
}

#[test]
fn a_page_of_another_origin_is_refused_whatever_it_has() {
    let server = Server::start_with(&["--origins", "https://app.example"], &[("SANDWIRE_TOKEN", TOKEN)]);
    let from = |origin: &str| server.upgrade("/v1/connect", &[&bearer(TOKEN), &format!("Origin: {origin}")]);
    for foreign in ["https://evil.test", "null", "https://app.example.evil.test", "file://"] {
        assert_eq!(from(foreign).code(), (403, "ORIGIN_DENIED".to_owned()), "{foreign}");
    }
    for own in ["https://app.example", &format!("http://{}", server.address)] {
        assert_eq!(from(own).status, 101, "{own}");
    }
    let mint = server.request("POST", "/v1/tickets", &[&bearer(TOKEN), "Origin: https://evil.test"], "");
    assert_eq!(mint.status, 403);
}

#[test]
fn without_a_token_a_name_that_resolves_to_this_machine_is_refused() {
    let server = Server::start(&[]);
    for host in ["evil.test", "evil.test:7070", "127.0.0.1.evil.test"] {
        let answer = server.upgrade("/v1/connect", &[&format!("Host: {host}")]);
        assert_eq!(answer.code(), (403, "ORIGIN_DENIED".to_owned()), "{host}");
    }
    assert_eq!(server.upgrade("/v1/connect", &["Origin: http://evil.test"]).status, 403);
    assert_eq!(server.upgrade("/v1/connect", &["Host: localhost:7070"]).status, 101);
}

#[tokio::test]
async fn a_narrow_token_and_a_narrow_ticket_open_what_they_may() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let rules = "[[tokens]]\nname = 'viewer'\ntoken = 'only-to-look'\nread_only = true\n\
                 [[tokens]]\nname = 'old'\ntoken = 'was-good-once'\nexpires = '2020-01-01T00:00:00Z'";
    file.write_all(rules.as_bytes()).unwrap();
    let server = Server::start(&["--config", file.path().to_str().unwrap()]);
    assert_eq!(server.upgrade("/v1/connect", &[&bearer("was-good-once")]).status, 401, "expired");

    let lane = lane::open(&server, &[&bearer("only-to-look")]).await;
    let info = lane.link.open::<SandboxInfo>(&InfoParams {}, None).unwrap().result().await.unwrap();
    assert_eq!(info.scopes, ["process-read", "pty-read", "file-read", "port-read", "info"]);
    let error = lane.link.open::<Exec>(&exec::Params::default(), None).unwrap().result().await.unwrap_err();
    assert_eq!((error.code, &error.details["scope"]), (Code::PermissionDenied, &"exec".into()));

    let ask = |body| server.request("POST", "/v1/tickets", &[&bearer("only-to-look")], body);
    assert_eq!(ask(r#"{"scopes": ["exec"]}"#).code(), (403, "PERMISSION_DENIED".to_owned()));
    let ticket = ask(r#"{"scopes": ["file-read"]}"#).json()["ticket"].as_str().unwrap().to_owned();
    assert_eq!(server.get(&format!("/metrics?ticket={ticket}"), &[]).code(), (403, "PERMISSION_DENIED".to_owned()));
}
