//! Requests to a sandbox's ports, and upgrades.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{accept_async, client_async};

use sandwire::Client;
use sandwire_tests::server::Server;

use super::{Engine, output};
use crate::common::noise;

/// A program of the test, on a port that sandboxes share with the machine, and a sandbox.
async fn place() -> (Engine, TcpListener, u16) {
    let engine = Engine::start();
    engine.begin("dev").await;
    let program = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = program.local_addr().unwrap().port();
    (engine, program, port)
}

/// Reads up to the end of a head.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_program_in_the_sandbox_is_reached_by_its_port() {
    let engine = Engine::start();
    let client = engine.client("dev").await;
    output(&client, "echo 'from the sandbox' > page.txt").await;
    let serve = "import http.server\n\
                 server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n\
                 print(server.server_port, flush=True)\nserver.serve_forever()";
    let mut running = client.exec_argv(["python3", "-c", serve]).spawn().unwrap();
    let mut lines = tokio::io::AsyncBufReadExt::lines(running.stdout());
    let port = lines.next_line().await.unwrap().unwrap();
    let (head, body) = engine.say("GET", &format!("/sandboxes/dev/ports/{port}/page.txt"), &[], "").await;
    assert!(head.starts_with("HTTP/1.1 200") && body == "from the sandbox\n", "{head}{body}");
}

#[tokio::test]
async fn the_request_comes_as_it_was_and_says_who_asks() {
    let (engine, program, port) = place().await;
    let ask = |path: &'static str, headers: &'static [&'static str]| {
        let (engine, program) = (&engine, &program);
        async move {
            let path = format!("/sandboxes/dev/ports/{port}{path}");
            let serve = async {
                let (mut stream, _) = program.accept().await.unwrap();
                let seen = head(&mut stream).await;
                stream.write_all(b"HTTP/1.1 201 Made\r\nX-Mine: 1\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
                seen
            };
            let (seen, (answer, body)) = tokio::join!(serve, engine.say("POST", &path, headers, "body"));
            assert!(answer.starts_with("HTTP/1.1 201") && answer.contains("x-mine: 1") && body == "ok", "{answer}");
            seen.to_lowercase()
        }
    };
    let seen = ask("/a//b/%2e%2e/c?q=%20&r", &["X-Sandwire-Host: app.example"]).await;
    assert!(seen.starts_with("post /a//b/%2e%2e/c?q=%20&r http/1.1\r\n"), "{seen}");
    assert!(seen.contains("\r\nhost: app.example\r\n") && !seen.contains("x-sandwire-host"), "{seen}");
    assert!(seen.contains("x-forwarded-host: app.example") && seen.contains("x-forwarded-for: 127.0.0.1"), "{seen}");
    let seen = ask("", &[]).await;
    assert!(seen.starts_with("post / http/1.1\r\n") && seen.contains(&format!("host: localhost:{port}")), "{seen}");
    // What a Worker has said on who asks stays; a page's Origin does not matter then.
    let worker = &["X-Sandwire-Host: app.example", "X-Forwarded-For: 192.0.2.7", "Origin: https://app.example"];
    let seen = ask("/x", worker).await;
    assert!(seen.contains("x-forwarded-for: 192.0.2.7\r\n") && seen.contains("origin: https://app.example"), "{seen}");
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let (engine, program, port) = place().await;
    let mut asks = TcpStream::connect(engine.0.address()).await.unwrap();
    let request = format!(
        "POST /sandboxes/dev/ports/{port}/s HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhere\r\n",
        engine.0.address()
    );
    asks.write_all(request.as_bytes()).await.unwrap();
    let (mut serves, _) = program.accept().await.unwrap();
    head(&mut serves).await;
    let mut chunk = [0; 9];
    serves.read_exact(&mut chunk).await.unwrap();
    assert_eq!(&chunk, b"4\r\nhere\r\n", "the request has not ended yet");
    serves.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nthere\r\n").await.unwrap();
    assert!(head(&mut asks).await.starts_with("HTTP/1.1 200"));
    let mut chunk = [0; 10];
    asks.read_exact(&mut chunk).await.unwrap();
    assert_eq!(&chunk, b"5\r\nthere\r\n", "nor the answer");
    asks.write_all(b"0\r\n\r\n").await.unwrap();
    serves.write_all(b"0\r\n\r\n").await.unwrap();
    let mut end = [0; 5];
    asks.read_exact(&mut end).await.unwrap();
    assert_eq!(&end, b"0\r\n\r\n");
}

#[tokio::test]
async fn a_websocket_goes_through_and_ends_with_its_sandbox() {
    let (engine, program, port) = place().await;
    let address = engine.0.address();
    let request = format!("ws://{address}/sandboxes/dev/ports/{port}/socket?x=1").into_client_request().unwrap();
    let serve = async { accept_async(program.accept().await.unwrap().0).await.unwrap() };
    let stream = TcpStream::connect(address).await.unwrap();
    let (browser, mut serves) = tokio::join!(client_async(request, stream), serve);
    let (mut browser, _) = browser.unwrap();
    let large: Bytes = noise(4, 1 << 20);
    let echo = async {
        let message = serves.next().await.unwrap().unwrap();
        serves.send(message).await.unwrap();
        serves
    };
    let message = Message::Binary(large);
    let (sent, _serves) = tokio::join!(browser.send(message.clone()), echo);
    sent.unwrap();
    assert!(browser.next().await.unwrap().unwrap() == message);
    engine.well("POST", "/sandboxes/dev/stop").await;
    assert!(!matches!(browser.next().await, Some(Ok(_))));
}

#[tokio::test]
async fn a_port_that_a_sandbox_exposes_has_a_name_that_needs_no_token() {
    let engine = Engine::of(Server::host().env("SANDWIRE_TOKEN", "everything-is-allowed"));
    let client = Client::builder(engine.url("dev")).token("everything-is-allowed").connect().await.unwrap();
    let program = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let exposed = client.ports().expose(program.local_addr().unwrap().port()).await.unwrap();
    let (host, url) = (exposed.host.unwrap(), exposed.url.unwrap());
    assert!(host.contains("-dev-") && host.ends_with(&format!(".localhost:{}", engine.0.address().port())), "{host}");
    assert_eq!(url, format!("http://{host}/"));
    let serve = async {
        let (mut stream, _) = program.accept().await.unwrap();
        let seen = head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await.unwrap();
        seen
    };
    let line = format!("Host: {host}");
    let evil: &[&str] = &[&line, "Origin: https://evil.example", "Authorization: Bearer everything-is-allowed"];
    let (seen, (answer, body)) = tokio::join!(serve, engine.say("GET", "/sandboxes?x", evil, ""));
    assert!(answer.starts_with("HTTP/1.1 200") && body == "hello", "{answer}{body}");
    assert!(seen.starts_with("GET /sandboxes?x ") && seen.contains(&host), "no path is the engine's there: {seen}");
    assert!(!seen.contains("everything-is-allowed"), "{seen}");
    for wrong in [host.replacen("-dev-", "-dev-x", 1), host.replacen("-dev-", "-other-", 1)] {
        let (status, error) = engine.ask_with("GET", "/", &[&format!("Host: {wrong}")], "").await;
        assert_eq!((status, error["code"].as_str()), (404, Some("INVALID_TOKEN")), "{wrong}");
    }
}

#[tokio::test]
async fn only_running_sandboxes_have_ports_and_the_engines_own_is_none_of_them() {
    let engine = Engine::start();
    let code = async |path: String| {
        let (status, error) = engine.ask("GET", &path).await;
        (status, error["code"].as_str().unwrap_or_default().to_owned())
    };
    let path = |port: &str| format!("/sandboxes/dev/ports/{port}/");
    assert_eq!(code(path("8000")).await, (409, "SANDBOX_NOT_RUNNING".to_owned()));
    assert_eq!(engine.state("dev").await, "absent", "nothing was started");
    engine.begin("dev").await;
    let own = engine.0.address().port().to_string();
    assert_eq!(code(path(&own)).await, (403, "PERMISSION_DENIED".to_owned()));
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port().to_string();
    assert_eq!(code(path(&closed)).await, (502, "CONNECT_FAILED".to_owned()));
    for bad in ["0", "65536", "08000", "-1", "http", "+80", "8000x"] {
        assert_eq!(code(path(bad)).await, (400, "VALIDATION_FAILED".to_owned()), "{bad}");
    }
    engine.well("POST", "/sandboxes/dev/stop").await;
    assert_eq!(code(path(&closed)).await.0, 409);
}
