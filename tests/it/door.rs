//! Promise 4: no wider door than was asked for.

use sandwire::protocol::Code;
use sandwire::protocol::kind::command::Launch;
use sandwire::protocol::kind::{Exec, FileRead, FileWrite, ProcessList, PtyOpen, exec, file, process, pty};
use sandwire::{Client, Error};
use sandwire_tests::server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{collect, run, shell};

const TOKEN: &str = "a-token-for-everything";

/// Sends these bytes and reads to the end of the connection.
pub(crate) async fn raw(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(request.replace('\n', "\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn get(server: &Server, path: &str, headers: &str) -> String {
    raw(server, &format!("GET {path} HTTP/1.1\nHost: localhost\nConnection: close\n{headers}\n")).await
}

#[tokio::test]
async fn no_token_no_listening_beyond_loopback() {
    let (status, said) = Server::builder().listen("0.0.0.0:0").refused();
    assert_eq!(status.code(), Some(2));
    assert!(said.contains("SANDWIRE_TOKEN"), "{said}");
    let server = Server::builder().listen("0.0.0.0:0").env("SANDWIRE_TOKEN", TOKEN).start();
    assert!(get(&server, "/healthz", "").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_wrong_or_missing_token_gets_401_before_the_upgrade() {
    let server = Server::builder().env("SANDWIRE_TOKEN", TOKEN).start();
    for token in [None, Some("wrong-token"), Some("a-token-for-everythin"), Some("")] {
        let mut builder = Client::builder(server.url());
        if let Some(token) = token {
            builder = builder.token(token);
        }
        match builder.connect().await {
            Err(Error::Refused { status: 401, body }) => assert!(body.contains("UNAUTHORIZED"), "{body}"),
            other => panic!("{token:?}: {other:?}"),
        }
    }
    assert!(get(&server, &format!("/metrics?token={TOKEN}"), "").await.starts_with("HTTP/1.1 401"));
    assert!(get(&server, "/metrics", &format!("Authorization: Bearer {TOKEN}\n")).await.contains("sandwire_lanes"));
    let client = Client::builder(server.url()).token(TOKEN).connect().await.unwrap();
    assert_eq!(run(&client, &shell("echo ${SANDWIRE_TOKEN-none}")).await.0, b"none\n", "commands do not see the token");
    assert!(!server.log().contains(TOKEN), "the log does not have the token");
}

#[tokio::test]
async fn pages_of_other_origins_and_rebound_names_are_refused() {
    let server = Server::start();
    for headers in ["Origin: http://evil.test\n", "Origin: null\n"] {
        let answer = get(&server, "/v1/connect", headers).await;
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("ORIGIN_DENIED"), "{answer}");
    }
    let rebound = raw(&server, "GET /v1/connect HTTP/1.1\nHost: evil.test\nConnection: close\n\n").await;
    assert!(rebound.starts_with("HTTP/1.1 403"), "{rebound}");
    assert!(get(&server, "/v1/connect", "Origin: http://localhost\n").await.starts_with("HTTP/1.1 426"));
    let listed = Server::builder().env("SANDWIRE_ORIGINS", "https://app.example").start();
    assert!(get(&listed, "/v1/connect", "Origin: https://app.example\n").await.starts_with("HTTP/1.1 426"));
}

#[tokio::test]
async fn scopes_and_paths_hold() {
    let config = r#"
        [[tokens]]
        name = "viewer"
        token = "only-for-looking"
        scopes = ["process-read", "pty-read", "file-read"]
        paths = ["WORKSPACE/open"]
    "#;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("open")).unwrap();
    std::fs::write(folder.path().join("open/a"), "inside").unwrap();
    std::fs::write(folder.path().join("secret"), "outside").unwrap();
    std::os::unix::fs::symlink("../secret", folder.path().join("open/link")).unwrap();
    let config = config.replace("WORKSPACE", folder.path().to_str().unwrap());
    let server = Server::builder().config(config).arg("--workspace").arg(folder.path()).start();
    let client = Client::builder(server.url()).token("only-for-looking").connect().await.unwrap();
    client.call::<ProcessList>(&process::List::default()).await.unwrap();
    let read = |path: &str| file::Read { path: path.into(), ..file::Read::default() };
    let got = collect(&client.open::<FileRead>(&read("open/a")).unwrap()).await;
    assert_eq!(got.streams[0], b"inside");
    for path in ["secret", "open/../secret", "open/link", "/etc/passwd", "open/../open/link"] {
        let error = collect(&client.open::<FileRead>(&read(path)).unwrap()).await.result.unwrap_err();
        assert_eq!(error.code, Code::PermissionDenied, "{path}");
    }
    let write = file::Write { path: "open/b".into(), ..file::Write::default() };
    for error in [
        run(&client, &shell("id")).await.2.unwrap_err(),
        client.call::<PtyOpen>(&pty::Open::default()).await.unwrap_err().into_remote(),
        client.call::<FileWrite>(&write).await.unwrap_err().into_remote(),
    ] {
        assert_eq!(error.code, Code::PermissionDenied, "{error}");
        assert!(error.details.contains_key("scope"), "{error:?}");
    }
}

trait IntoRemote {
    fn into_remote(self) -> sandwire::protocol::Error;
}

impl IntoRemote for Error {
    fn into_remote(self) -> sandwire::protocol::Error {
        match self {
            Error::Remote(error) => error,
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn tickets_are_narrower_short_and_not_for_others() {
    let server = Server::builder().env("SANDWIRE_TOKEN", TOKEN).start();
    let body = r#"{"scopes":["info"],"once":true}"#;
    let request = format!(
        "POST /v1/tickets HTTP/1.1\nHost: localhost\nConnection: close\nAuthorization: Bearer {TOKEN}\nContent-Length: {}\n\n{body}",
        body.len()
    );
    let answer = raw(&server, &request).await;
    let answer: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let ticket = answer["ticket"].as_str().unwrap();
    let url = format!("{}?ticket={ticket}", server.url());
    let client = Client::connect(&url).await.unwrap();
    let denied = run(&client, &shell("id")).await.2.unwrap_err();
    assert_eq!(denied.code, Code::PermissionDenied);
    assert!(matches!(Client::connect(&url).await, Err(Error::Refused { status: 401, .. })), "it was good once");
    assert!(!server.log().contains(ticket));
    let without = request.replace(&format!("Bearer {TOKEN}"), "Bearer nothing-of-that");
    assert!(raw(&server, &without).await.starts_with("HTTP/1.1 401"));
}

#[tokio::test]
async fn a_lane_may_give_up_rights_and_never_gain_them() {
    let server = Server::start();
    let narrow = Client::builder(server.url()).scopes(["info"]).connect().await.unwrap();
    assert_eq!(run(&narrow, &shell("id")).await.2.unwrap_err().code, Code::PermissionDenied);
    let root = Launch { command: Some("id -u".into()), ..Launch::default() };
    let call = narrow.open::<Exec>(&exec::Params { run: root, ..exec::Params::default() }).unwrap();
    assert!(collect(&call).await.streams[1].is_empty());
}
