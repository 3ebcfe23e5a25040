//! How many visitors there may be, and what they leave for those who manage the sandbox.

use sandwire_tests::server::Server;
use sandwire_tests::wait::wait_until_async;

use super::{Place, answer, code, header, read_head, say};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn visitors_are_bounded_and_shut_nobody_else_out() {
    let place = Place::of(Server::builder().args(["--max-previews", "2", "--max-connections", "6"])).await;
    let mut inside = Vec::new();
    for _ in 0..2 {
        let browser = place.ask("GET /stay").await;
        inside.push((browser, place.accept().await.0));
    }
    let (head, body) = answer(&place.server, &place.host, "GET /").await;
    assert_eq!(header(&head, "retry-after"), Some("1"));
    assert_eq!(code(&(head, body)), (503, "LIMIT_EXCEEDED".to_owned()));
    let own = place.server.address().to_string();
    let (_, metrics) = answer(&place.server, &own, "GET /metrics").await;
    for line in ["sandwire_previews 2", "sandwire_exposed_ports 1", "sandwire_preview_requests_total 2"] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    assert!(metrics.contains("sandwire_refused_total{reason=\"max_previews\"} 1"), "{metrics}");
    // A connection that is upgraded keeps its place, too.
    inside.clear();
    let mut upgraded = Vec::new();
    for _ in 0..2 {
        let (browser, program) = wait_until_async("a place", || async {
            let mut browser = place.ask("GET /\nConnection: Upgrade\nUpgrade: raw").await;
            let program = tokio::select! {
                (mut program, _) = place.accept() => {
                    say(&mut program, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n").await;
                    program
                }
                head = read_head(&mut browser) => return Err(head),
            };
            assert!(read_head(&mut browser).await.starts_with("HTTP/1.1 101 "));
            Ok((browser, program))
        })
        .await;
        upgraded.push((browser, program));
    }
    assert_eq!(code(&answer(&place.server, &place.host, "GET /").await), (503, "LIMIT_EXCEEDED".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_name_that_is_wrong_buys_no_time() {
    let place = Place::of(Server::builder().args(["--handshake-timeout", "300ms"])).await;
    let mut browser = place.browser().await;
    let wrong = format!("{}x", place.host.split('.').next().unwrap());
    let wrong = format!("{wrong}.{}", place.host.split_once('.').unwrap().1);
    say(&mut browser, &super::head(&wrong, "POST /\nContent-Length: 1000000")).await;
    let head = read_head(&mut browser).await;
    assert!(head.starts_with("HTTP/1.1 404 ") && header(&head, "connection") == Some("close"), "{head}");
    let mut all = Vec::new();
    // Closed, though the body never came.
    drop(tokio::io::AsyncReadExt::read_to_end(&mut browser, &mut all).await);
}
