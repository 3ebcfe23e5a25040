//! What the log says, and what it does not.

use bytes::Bytes;
use sandwire_link::Reply;
use sandwire_protocol::ByteString;
use sandwire_protocol::kind::command::Launch;
use sandwire_protocol::kind::{Exec, exec};

use crate::lane;
use crate::server::{Server, TOKEN};

/// Everything that must not be in a log.
const PAYLOAD: &str = "payload-of-the-command";
const VARIABLE: &str = "value-of-a-variable";

#[tokio::test]
async fn lines_are_json_without_a_token_a_payload_or_a_variable() {
    let server = Server::start_with(&["--log", "trace"], &[("SANDWIRE_TOKEN", TOKEN)]);
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let ticket = server.request("POST", "/v1/tickets", &[&bearer], "").json()["ticket"].as_str().unwrap().to_owned();
    assert_eq!(server.upgrade(&format!("/v1/connect?ticket={ticket}"), &[]).status, 101);
    assert_eq!(server.upgrade("/v1/connect", &["Authorization: Bearer wrong-token-in-log"]).status, 401);

    let asked = server.request("POST", "/v1/tickets", &[&bearer], r#"{"session": true}"#);
    let link = asked.json()["ticket"].as_str().unwrap().to_owned();
    let session = server.get(&format!("/?ticket={link}"), &[]);
    let cookie = session.header("set-cookie").and_then(|set| set.split([';', '=']).nth(1)).unwrap().to_owned();
    assert_eq!(server.get(&format!("/?ticket={link}"), &[]).status, 403);

    let lane = lane::open(&server, &[&bearer]).await;
    let run = Launch {
        command: Some("cat; echo $SECRET".into()),
        env: [("SECRET".into(), Some(ByteString::from(VARIABLE)))].into(),
        ..Launch::default()
    };
    let call = lane.link.open::<Exec>(&exec::Params { run, stdin: true, ..exec::Params::default() }, None).unwrap();
    call.write(0, Bytes::from_static(PAYLOAD.as_bytes())).await.unwrap();
    call.end(0).unwrap();
    let exit = call.result().await.unwrap();
    assert_eq!(exit.code, Some(0));

    let log = server.log();
    assert!(log.lines().count() > 5, "{log}");
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["level"].is_string() && line["timestamp"].is_string() && line["message"].is_string());
    }
    for secret in [TOKEN, "wrong-token-in-log", &ticket, &link, &cookie, PAYLOAD, VARIABLE] {
        assert!(!log.contains(secret), "{secret} in:\n{log}");
    }
    assert!(log.contains("\"unauthorized\""));
}

#[test]
fn people_can_have_lines_without_braces() {
    let server = Server::start(&["--log-format", "human"]);
    assert_eq!(server.get("/healthz", &[]).status, 200);
    let log = server.log();
    assert!(log.contains("INFO") && log.contains("listening") && !log.contains('{') && !log.contains('\x1b'), "{log}");
}

/// Commands run as the server's own user, and its parent is the server.
#[tokio::test]
async fn a_command_does_not_find_the_token_in_its_parent() {
    let server = Server::start_with(&[], &[("SANDWIRE_TOKEN", TOKEN)]);
    let lane = lane::open(&server, &[&format!("Authorization: Bearer {TOKEN}")]).await;
    // Where it may not look at all, there is nothing to find either.
    let look = format!("cat /proc/$PPID/environ /proc/$PPID/cmdline | grep -ac {TOKEN}; env | grep -c {TOKEN}");
    let run = Launch { command: Some(look.as_str().into()), ..Launch::default() };
    let call = lane.link.open::<Exec>(&exec::Params { run, ..exec::Params::default() }, None).unwrap();
    let mut found = Vec::new();
    loop {
        match call.recv().await {
            Reply::Data(1, bytes) => found.extend_from_slice(&bytes),
            Reply::Data(..) | Reply::End(_) | Reply::Event(_) => {}
            Reply::Closed(result) => break drop(result.unwrap()),
        }
    }
    assert_eq!(found, b"0\n0\n");
}
