//! Requests and answers on their way through.

use std::time::Duration;

use sandwire::protocol::kind::port::Expose;
use sandwire_tests::server::Server;
use sandwire_tests::wait::wait_for;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Place, answer, code, exactly, expose, header, read_head, rest, say};
use crate::common::noise;
use crate::kinds::served;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_real_web_server_is_served_as_it_is() {
    let (server, client) = served().await;
    std::fs::create_dir(server.workspace().join("folder")).unwrap();
    std::fs::write(server.workspace().join("page.html"), "the page").unwrap();
    let serve = "exec python3 -u -m http.server --protocol HTTP/1.1 --bind 127.0.0.1 0";
    let web = client.processes().start(serve).id("web").spawn().await.unwrap();
    let port = web.wait_for_log(r"port (\d+)", None).await.unwrap().groups[1].clone().unwrap().parse().unwrap();
    let host = expose(&client, Expose { port, ..Expose::default() }).await;
    // Several requests on one connection.
    let mut browser = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    for (request, status, body) in
        [("GET /page.html", 200, "the page"), ("HEAD /page.html", 200, ""), ("GET /page.html?x=1", 200, "the page")]
    {
        say(&mut browser, &super::head(&host, request)).await;
        let head = read_head(&mut browser).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert_eq!((header(&head, "content-length"), header(&head, "content-type")), (Some("8"), Some("text/html")));
        assert_eq!(exactly(&mut browser, body.len()).await, body);
    }
    let (head, _) = answer(&server, &host, "GET /nothing").await;
    assert!(head.starts_with("HTTP/1.1 404 ") && header(&head, "server").unwrap().starts_with("SimpleHTTP"), "{head}");
    // Nobody follows a redirect but who asked.
    let (head, _) = answer(&server, &host, "GET /folder").await;
    assert!(head.starts_with("HTTP/1.1 301 ") && header(&head, "location").unwrap().ends_with("/folder/"), "{head}");
}

/// R-PREVIEW-3
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bodies_flow_both_ways_at_once() {
    let place = Place::start().await;
    let mut browser = place.ask("POST /talk\nTransfer-Encoding: chunked").await;
    let (mut program, head) = place.accept().await;
    assert_eq!(header(&head, "transfer-encoding"), Some("chunked"));
    say(&mut program, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let head = read_head(&mut browser).await;
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    // Each waits for the other's piece before it says its next: what is kept back anywhere would stop both.
    for _ in 0..3 {
        say(&mut browser, "4\r\nping\r\n").await;
        assert_eq!(exactly(&mut program, 9).await, "4\r\nping\r\n");
        say(&mut program, "4\r\npong\r\n").await;
        assert_eq!(exactly(&mut browser, 9).await, "4\r\npong\r\n");
    }
    say(&mut browser, "0\r\n\r\n").await;
    assert_eq!(exactly(&mut program, 5).await, "0\r\n\r\n");
    say(&mut program, "0\r\n\r\n").await;
    assert_eq!(exactly(&mut browser, 5).await, "0\r\n\r\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_upload_of_50_mib_arrives_whole_and_takes_no_memory() {
    let (server, client) = served().await;
    let script = "import hashlib, http.server\n\
        class Sink(http.server.BaseHTTPRequestHandler):\n\
        \x20   def do_POST(self):\n\
        \x20       left, hash = int(self.headers['Content-Length']), hashlib.sha256()\n\
        \x20       while left:\n\
        \x20           piece = self.rfile.read(min(left, 65536)); left -= len(piece); hash.update(piece)\n\
        \x20       self.send_response(200); self.end_headers(); self.wfile.write(hash.hexdigest().encode())\n\
        server = http.server.HTTPServer(('127.0.0.1', 0), Sink)\n\
        print('port', server.server_address[1], flush=True)\n\
        server.serve_forever()";
    let sink = client.processes().start_argv(["python3", "-c", script]).spawn().await.unwrap();
    let port = sink.wait_for_log(r"port (\d+)", None).await.unwrap().groups[1].clone().unwrap().parse().unwrap();
    let place = Place::with(server, client).await;
    let host = expose(&place.client, Expose { port, ..Expose::default() }).await;
    let body = noise(1, 50 << 20);
    let idle = place.server.rss();
    let mut browser = place.browser().await;
    // A program that asks first whether it may send is told so.
    let request = format!("POST /\nContent-Length: {}\nExpect: 100-continue\nConnection: close", body.len());
    say(&mut browser, &super::head(&host, &request)).await;
    assert!(read_head(&mut browser).await.starts_with("HTTP/1.1 100 "));
    browser.write_all(&body).await.unwrap();
    let head = read_head(&mut browser).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let answer = String::from_utf8(rest(&mut browser).await).unwrap();
    let hash: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(answer.contains(&hash), "{answer}");
    assert!(place.server.peak_rss() < idle + (8 << 20), "{} of {idle}", place.server.peak_rss());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_does_not_read_stops_the_program_and_then_gets_everything() {
    const BODY: usize = 64 << 20;
    let place = Place::start().await;
    let idle = place.server.rss();
    let mut browser = place.ask("GET /flood").await;
    let (mut program, _) = place.accept().await;
    say(&mut program, &format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n")).await;
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&sent);
    let flood = tokio::spawn(async move {
        let piece = vec![7; 64 << 10];
        for _ in 0..BODY / piece.len() {
            program.write_all(&piece).await.unwrap();
            count.fetch_add(piece.len(), std::sync::atomic::Ordering::SeqCst);
        }
    });
    read_head(&mut browser).await;
    // It stands still: no byte more in half a second.
    let mut last = usize::MAX;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = sent.load(std::sync::atomic::Ordering::SeqCst);
        if now == last {
            break;
        }
        last = now;
    }
    assert!(last < BODY / 2, "{last} bytes went on");
    assert!(place.server.peak_rss() < idle + (4 << 20), "{} of {idle}", place.server.peak_rss());
    let mut left = BODY;
    let mut piece = vec![0; 256 << 10];
    while left > 0 {
        let read = browser.read(&mut piece).await.unwrap();
        assert!(read > 0 && piece[..read].iter().all(|byte| *byte == 7));
        left -= read;
    }
    flood.await.unwrap();
}

/// An idle stream is none that hangs: only the first request has to come in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn events_come_at_once_and_nothing_is_cut_for_being_idle() {
    let place = Place::of(Server::builder().args(["--handshake-timeout", "200ms"])).await;
    let mut browser = place.ask("GET /events\nAccept: text/event-stream").await;
    let (mut program, _) = place.accept().await;
    say(&mut program, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n").await;
    let head = read_head(&mut browser).await;
    assert_eq!(header(&head, "content-type"), Some("text/event-stream"));
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        say(&mut program, event).await;
        let chunk = format!("{:X}\r\n{event}\r\n", event.len());
        assert_eq!(exactly(&mut browser, chunk.len()).await, chunk);
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    // The program's end is the end.
    drop(program);
    assert_eq!(exactly(&mut browser, 5).await, "0\r\n\r\n");
    // A connection that asks for nothing more goes, as one that never asked for anything.
    assert_eq!(rest(&mut browser).await, b"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_goes_takes_the_programs_work_along() {
    let place = Place::start().await;
    for answered in [false, true] {
        let mut browser = place.ask("GET /endless").await;
        let (mut program, _) = place.accept().await;
        if answered {
            say(&mut program, "HTTP/1.1 200 OK\r\n\r\nsome").await;
            read_head(&mut browser).await;
        }
        drop(browser);
        let mut byte = [0];
        assert!(matches!(program.read(&mut byte).await, Ok(0) | Err(_)), "the program's connection ends");
    }
}

/// R-PREVIEW-3: what breaks off is not made to look whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_answer_that_breaks_off_has_no_end() {
    let place = Place::start().await;
    let mut browser = place.ask("GET /").await;
    let (mut program, _) = place.accept().await;
    say(&mut program, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
    read_head(&mut browser).await;
    assert_eq!(exactly(&mut browser, 9).await, "4\r\nhalf\r\n");
    drop(program);
    assert!(!rest(&mut browser).await.ends_with(b"0\r\n\r\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_cannot_be_reached_is_said_to_people_and_to_programs() {
    let place = Place::start().await;
    // Listens on no family.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let host = expose(&place.client, Expose { port, ..Expose::default() }).await;
    let plain = answer(&place.server, &host, "GET /").await;
    assert_eq!(code(&plain), (502, "CONNECT_FAILED".to_owned()));
    let (head, page) = answer(&place.server, &host, "GET /\nAccept: text/html,application/xhtml+xml").await;
    assert!(head.starts_with("HTTP/1.1 502 ") && header(&head, "content-type").unwrap().starts_with("text/html"));
    assert!(page.contains(&format!("Nothing listens on port {port}")) && page.contains("CONNECT_FAILED"), "{page}");
    assert!(header(&head, "content-security-policy").unwrap().starts_with("default-src 'none'"));
    // Only on IPv6.
    let six = TcpListener::bind("[::1]:0").await.unwrap();
    let port = six.local_addr().unwrap().port();
    let host = expose(&place.client, Expose { port, ..Expose::default() }).await;
    let serve = async {
        let (mut program, _) = six.accept().await.unwrap();
        read_head(&mut program).await;
        say(&mut program, "HTTP/1.1 204 No Content\r\n\r\n").await;
    };
    let ((head, _), ()) = tokio::join!(answer(&place.server, &host, "GET /"), serve);
    assert!(head.starts_with("HTTP/1.1 204 "), "{head}");
    // Something else than HTTP.
    let serve = async {
        let (mut program, _) = place.accept().await;
        say(&mut program, "SSH-2.0-OpenSSH_9.9\r\n").await;
    };
    let (answer, _) = tokio::join!(answer(&place.server, &place.host, "GET /"), serve);
    assert_eq!(code(&answer), (502, "BAD_ANSWER".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_goes_on_ends_when_the_port_is_unexposed() {
    let place = Place::start().await;
    let mut waiting = place.ask("GET /waiting").await;
    let (_first, _) = place.accept().await;
    let mut reading = place.ask("GET /reading").await;
    let (mut second, _) = place.accept().await;
    say(&mut second, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
    read_head(&mut reading).await;
    exactly(&mut reading, 9).await;
    assert!(place.client.ports().unexpose(place.port).await.unwrap());
    let head = read_head(&mut waiting).await;
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
    // Broken off, which is not the end that the program would have said.
    let mut end = Vec::new();
    if reading.read_to_end(&mut end).await.is_ok() {
        assert!(!end.ends_with(b"0\r\n\r\n"), "{end:?}");
    }
    assert!(matches!(second.read(&mut [0]).await, Ok(0) | Err(_)), "the program learns of it");
    assert_eq!(code(&answer(&place.server, &place.host, "GET /").await), (404, "INVALID_TOKEN".to_owned()));
    // Exposed again it has another name.
    let again = place.client.ports().expose(place.port).await.unwrap().host.unwrap();
    assert_ne!(again, place.host);
    let descriptors = place.server.descriptors();
    drop((waiting, reading));
    wait_for("the connections are closed", || place.server.descriptors() <= descriptors).await;
}
