//! Who is let in, what is behind a name, and what a program is told.

use sandwire::Client;
use sandwire::protocol::kind::port::Expose;
use sandwire_tests::server::Server;

use super::{Place, answer, code, expose, head, header, read_head, rest, say};
use crate::kinds::served;

const TOKEN: &str = "a-token-for-everything";

/// The header lines of an upgrade; the key is that of RFC 6455, section 1.3.
const UPGRADE: &str =
    "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

/// R-PREVIEW-2
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_wrong_name_gets_the_same_answer() {
    let (server, client) = served().await;
    let given = Expose { port: 8000, token: Some("abcdefgh".to_owned()), ..Expose::default() };
    let host = expose(&client, given).await;
    let own = server.address().port();
    let wrong = |label: String| format!("{label}.{}", host.split_once('.').unwrap().1);
    let label = host.split('.').next().unwrap();
    let sandbox = label.strip_prefix("8000-").unwrap().strip_suffix("-abcdefgh").unwrap();
    let undated = |head: &str| head.lines().filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n");
    let mut answers = Vec::new();
    for host in [
        wrong(format!("8000-{sandbox}-abcdefgi")),
        wrong(format!("8000-{sandbox}-abcdefg")),
        wrong(format!("8000-{sandbox}-")),
        wrong(format!("8001-{sandbox}-abcdefgh")),
        wrong(format!("8000-other{sandbox}-abcdefgh")),
        wrong(format!("{own}-{sandbox}-abcdefgh")),
        wrong("8000-x".to_owned()),
        wrong(format!("99999-{sandbox}-abcdefgh")),
    ] {
        let it = answer(&server, &host, "GET /v1/connect").await;
        assert_eq!(code(&it), (404, "INVALID_TOKEN".to_owned()), "{host}");
        answers.push((undated(&it.0), it.1));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(!server.log().contains("abcdefg"), "names are as good as passwords, and in no log");
}

/// R-PREVIEW-1
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn behind_a_name_there_is_nothing_of_the_server() {
    let place = Place::start().await;
    for request in [
        "GET /v1/connect\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "POST /v1/tickets\nContent-Length: 0",
        "GET /metrics",
        "GET /healthz",
        "GET /",
    ] {
        let mut browser = place.ask(request).await;
        let (mut program, head) = place.accept().await;
        assert!(head.starts_with(request.lines().next().unwrap()), "{head}");
        say(&mut program, "HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\n\r\n").await;
        assert!(read_head(&mut browser).await.starts_with("HTTP/1.1 418 "), "{request}");
    }
    // Nor does an address in the request's line lead anywhere else, and it is no proxy.
    let own = place.server.address();
    let mut browser = place.ask(&format!("GET http://{own}/healthz")).await;
    let (mut program, head) = place.accept().await;
    assert!(head.starts_with("GET /healthz HTTP/1.1\r\n"), "{head}");
    say(&mut program, "HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(read_head(&mut browser).await.starts_with("HTTP/1.1 204 "));
    let connect = answer(&place.server, &place.host, &format!("CONNECT {own}")).await;
    assert!(connect.0.starts_with("HTTP/1.1 405 "), "{}", connect.0);
}

/// The page of a program is a stranger to the server, whatever the browser that shows it may do there.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_page_of_a_program_is_no_page_of_the_server() {
    let place = Place::start().await;
    let own = place.server.address();
    for host in [own.to_string(), format!("localhost:{}", own.port())] {
        let request = format!("GET /v1/connect\n{UPGRADE}\nOrigin: http://{}", place.host);
        let mut browser = place.browser().await;
        say(&mut browser, &head(&host, &request)).await;
        assert!(read_head(&mut browser).await.starts_with("HTTP/1.1 403 "), "{host}");
        let post = format!("POST /v1/tickets\nContent-Length: 0\nOrigin: http://{}", place.host);
        assert_eq!(code(&answer(&place.server, &host, &post).await), (403, "ORIGIN_DENIED".to_owned()));
    }
    // Names of that form that end otherwise are none of an exposed port, and the server's own door is as shut as ever.
    let elsewhere = format!("{}.evil.test", place.host.split('.').next().unwrap());
    assert_eq!(code(&answer(&place.server, &elsewhere, "GET /").await), (403, "ORIGIN_DENIED".to_owned()));
}

/// Cookies know no ports, and those of one site go along with what its other pages ask for: only the Origin tells them
/// apart, and a preview's is its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_cookie_of_who_is_signed_in_serves_no_page_of_a_program() {
    let server = Server::builder().env("SANDWIRE_TOKEN", TOKEN).start();
    let client = Client::builder(server.url()).token(TOKEN).connect().await.unwrap();
    let place = Place::with(server, client).await;
    let own = format!("localhost:{}", place.server.address().port());
    let body = format!("{{\"token\": \"{TOKEN}\"}}");
    let mut browser = place.browser().await;
    let request = format!("POST /v1/session\nOrigin: http://{own}\nContent-Length: {}", body.len());
    say(&mut browser, &(head(&own, &request) + &body)).await;
    let signed_in = read_head(&mut browser).await;
    let cookie = header(&signed_in, "set-cookie").unwrap_or_else(|| panic!("{signed_in}")).split(';').next().unwrap();
    for (origin, status) in [(&own, 101), (&place.host, 403)] {
        let request = format!("GET /v1/connect\n{UPGRADE}\nCookie: {cookie}\nOrigin: http://{origin}");
        let mut browser = place.browser().await;
        say(&mut browser, &head(&own, &request)).await;
        let answer = read_head(&mut browser).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{origin}: {answer}");
    }
    let session = format!("DELETE /v1/session\nCookie: {cookie}\nOrigin: http://{}", place.host);
    assert!(answer(&place.server, &own, &session).await.0.starts_with("HTTP/1.1 403 "));
    // Nor does a program ever see it.
    let mut browser = place.ask(&format!("GET /\nCookie: {cookie}; mine=1")).await;
    let (mut program, head) = place.accept().await;
    assert_eq!(header(&head, "cookie"), Some("mine=1"));
    say(&mut program, "HTTP/1.1 204 No Content\r\n\r\n").await;
    read_head(&mut browser).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_knows_the_name_needs_no_token_and_gives_none_away() {
    let server = Server::builder().env("SANDWIRE_TOKEN", TOKEN).start();
    let client = Client::builder(server.url()).token(TOKEN).connect().await.unwrap();
    let place = Place::with(server, client).await;
    let mut browser = place
        .ask(&format!(
            "GET /\nOrigin: https://anywhere.example\nAuthorization: Bearer {TOKEN}\nCookie: a=1; sandwire_7070=x; b=2\n\
             X-Forwarded-For: 10.0.0.1\nX-Forwarded-Proto: https\nX-Real-IP: 10.0.0.1\nForwarded: for=10.0.0.1"
        ))
        .await;
    let (mut program, head) = place.accept().await;
    assert_eq!(header(&head, "authorization"), None);
    assert_eq!(header(&head, "cookie"), Some("a=1; b=2"));
    assert_eq!(header(&head, "origin"), Some("https://anywhere.example"));
    assert_eq!(header(&head, "host"), Some(place.host.as_str()));
    assert_eq!(header(&head, "x-forwarded-host"), Some(place.host.as_str()));
    assert_eq!((header(&head, "x-forwarded-for"), header(&head, "x-real-ip")), (Some("127.0.0.1"), None));
    assert_eq!(header(&head, "x-forwarded-proto"), Some("http"));
    assert_eq!(header(&head, "forwarded"), Some(format!("for=127.0.0.1;host=\"{}\";proto=http", place.host).as_str()));
    say(
        &mut program,
        "HTTP/1.1 200 OK\r\nSet-Cookie: c=3\r\nSet-Cookie: sandwire_7070=mine\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    let head = read_head(&mut browser).await;
    assert_eq!(head.matches("set-cookie").count(), 1, "{head}");
    let denied = answer(&place.server, &place.server.address().to_string(), "GET /metrics").await;
    assert_eq!(code(&denied), (401, "UNAUTHORIZED".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn names_end_as_the_settings_say_and_a_program_can_be_told_localhost() {
    let args = ["--preview-host", "https://preview.example", "--sandbox-id", "my-box"];
    let place = Place::of(Server::builder().args(args)).await;
    let token = place.host.strip_prefix(&format!("{}-my-box-", place.port)).unwrap();
    let token = token.strip_suffix(".preview.example").unwrap().to_owned();
    assert_eq!(token.len(), 16);
    let local = Expose { port: place.port, local_host: true, ..Expose::default() };
    let exposed = place.client.ports().expose_with(&local).await.unwrap();
    assert_eq!(exposed.url, Some(format!("https://{}/", place.host)));
    // A port in the name, as of a proxy in between, does not count.
    let mut browser = place.browser().await;
    say(&mut browser, &head(&format!("{}:8443", place.host), "GET /")).await;
    let (mut program, head) = place.accept().await;
    assert_eq!(header(&head, "host"), Some(format!("localhost:{}", place.port).as_str()));
    assert_eq!(header(&head, "x-forwarded-proto"), Some("https"));
    say(&mut program, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhere").await;
    read_head(&mut browser).await;
    drop(program);
    assert_eq!(rest(&mut browser).await.len(), "4\r\nhere\r\n0\r\n\r\n".len());
    for (args, says) in [
        (["--preview-host", "10.0.0.1"], "preview_host"),
        (["--sandbox-id", "My Box"], "sandbox_id"),
        (["--max-previews", "256"], "max_previews"),
    ] {
        let (status, said) = Server::builder().args(args).refused();
        assert!(status.code() == Some(2) && said.contains(says), "{said}");
    }
}
