//! TLS.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use sandwire_link::Socket;
use sandwire_protocol::kind::{SandboxInfo, sandbox::InfoParams};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::lane;
use crate::server::{Server, TOKEN, UPGRADE, head, run};

pub(crate) struct Pair {
    folder: tempfile::TempDir,
    roots: RootCertStore,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        Self { folder, roots }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        PathBuf::from(self.folder.path()).join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn serve(&self, more: &[&str]) -> Server {
        let (cert, key) = (self.path("cert.pem"), self.path("key.pem"));
        Server::start(&[&["--tls-cert", &cert, "--tls-key", &key], more].concat())
    }

    async fn connect(&self, server: &Server) -> TlsStream<TcpStream> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        let stream = TcpStream::connect(server.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }
}

#[tokio::test]
async fn requests_and_lanes_go_through_tls() {
    let pair = Pair::new();
    let server = pair.serve(&[]);
    let mut stream = pair.connect(&server).await;
    stream.write_all(head("GET", "/healthz", server.address, &[], 0).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let mut stream = pair.connect(&server).await;
    stream.write_all(head("GET", "/v1/connect", server.address, UPGRADE, 0).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"));
    let lane = lane::greet(Socket::stream(stream, Vec::new())).await;
    let info = lane.link.open::<SandboxInfo>(&InfoParams {}, None).unwrap().result().await.unwrap();
    assert_eq!(info.version, env!("CARGO_PKG_VERSION"));
}

#[test]
fn without_tls_nothing_is_said_and_silence_is_cut() {
    let pair = Pair::new();
    let server = pair.serve(&["--handshake-timeout", "300ms"]);
    for said in ["GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", ""] {
        let mut stream = server.connect();
        stream.write_all(said.as_bytes()).unwrap();
        let mut heard = Vec::new();
        // An alert of TLS at most, then the end.
        drop(std::io::Read::read_to_end(&mut stream, &mut heard));
        assert!(!heard.starts_with(b"HTTP"), "{heard:?}");
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let (pair, other) = (Pair::new(), Pair::new());
    std::fs::write(pair.path("empty.pem"), "").unwrap();
    let cases = [
        ("missing.pem", "key.pem", "missing.pem"),
        ("cert.pem", "missing.pem", "missing.pem"),
        ("empty.pem", "key.pem", "empty.pem"),
        ("cert.pem", "empty.pem", "empty.pem"),
        ("cert.pem", "cert.pem", "cert.pem"),
        ("key.pem", "key.pem", "key.pem"),
    ];
    for (cert, key, named) in cases.map(|(cert, key, named)| (pair.path(cert), pair.path(key), named)) {
        let output = run(&["--listen", "127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key], &[]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(named), "{cert} {key}: {said}");
    }
    let (cert, key) = (pair.path("cert.pem"), other.path("key.pem"));
    let output = run(&["--listen", "127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key], &[]);
    assert_eq!(output.status.code(), Some(1), "a key of another certificate");
}

#[tokio::test]
async fn a_cookie_of_tls_is_for_tls_only_and_nobody_elses() {
    let pair = Pair::new();
    let server = pair.serve(&["--token", TOKEN]);
    let body = format!("{{\"token\": \"{TOKEN}\"}}");
    let sign_in = async |origin: String| {
        let mut stream = pair.connect(&server).await;
        let head = head("POST", "/v1/session", server.address, &[&origin], body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let plain = sign_in(format!("Origin: http://{}", server.address)).await;
    assert!(plain.starts_with("HTTP/1.1 403") && !plain.contains("set-cookie"), "{plain}");
    let answer = sign_in(format!("Origin: https://{}", server.address)).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let set = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(set.starts_with(&format!("__Host-sandwire_{}=", server.address.port())), "{set}");
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"), "{set}");

    let mut stream = pair.connect(&server).await;
    stream.write_all(head("GET", "/", server.address, &[], 0).as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    assert!(page.contains(&format!("connect-src 'self' wss://{};", server.address)), "{page}");
    assert!(page.contains(&format!("frame-src https://*.localhost:{};", server.address.port())), "{page}");
}
