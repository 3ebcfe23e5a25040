//! `sandwire-server health`, as an image's health check runs it.

use std::process::Output;

use sandwire_protocol::kind::SandboxMetrics;
use sandwire_protocol::kind::sandbox::MetricsParams;

use crate::lane;
use crate::server::{Server, TOKEN, run, wait_for};
use crate::tls::Pair;

fn health(server: &Server, more: &[&str]) -> Output {
    run(&[&["health", "--listen", &server.address.to_string()], more].concat(), &[])
}

fn said(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_0_while_the_server_serves_and_1_while_it_drains_and_after() {
    let mut server = Server::start_with(&["--drain-time", "1h"], &[("SANDWIRE_TOKEN", TOKEN)]);
    // As an image has it: a variable, and a server that listens everywhere.
    let everywhere = format!("0.0.0.0:{}", server.address.port());
    for served in [health(&server, &[]), run(&["health"], &[("SANDWIRE_LISTEN", &everywhere)])] {
        assert!(served.status.success() && served.stdout.is_empty() && served.stderr.is_empty(), "{served:?}");
    }

    let lane = lane::open(&server, &[&format!("Authorization: Bearer {TOKEN}")]).await;
    let running = lane.link.open::<SandboxMetrics>(&MetricsParams { interval_ms: Some(100) }, None).unwrap();
    running.recv().await;
    server.terminate();
    let drains = wait_for("draining", || Some(health(&server, &[])).filter(|output| !output.status.success()));
    assert!(said(&drains).contains("is draining"), "{drains:?}");
    running.cancel();
    lane.closed.await.unwrap();
    assert_eq!(server.wait().code(), Some(0));
    let gone = health(&server, &[]);
    assert!(said(&gone).contains("does not answer: Connection refused"), "{gone:?}");
}

#[test]
fn a_server_with_tls_is_healthy_for_who_knows_that_it_has_it() {
    let pair = Pair::new();
    let server = pair.serve(&[]);
    let (cert, key) = (pair.path("cert.pem"), pair.path("key.pem"));
    let tls = ["--tls-cert", &cert, "--tls-key", &key];
    let served = health(&server, &tls);
    assert!(served.status.success(), "{served:?}");
    let plain = Server::start(&[]);
    for mistaken in [health(&server, &[]), health(&plain, &tls)] {
        assert!(said(&mistaken).contains("are its settings the same?"), "{mistaken:?}");
    }
}

#[test]
fn what_answers_otherwise_is_not_healthy() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let other = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Read::read(&mut stream, &mut [0; 1024]).unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 404 Not Found\r\n\r\n").unwrap();
    });
    let answered = run(&["health", "--listen", &address], &[]);
    assert!(said(&answered).contains("404"), "{answered:?}");
    other.join().unwrap();
}
