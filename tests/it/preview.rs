//! Preview hosts: exposed ports, as a browser reaches them through the real server (R-PREVIEW-1 to R-PREVIEW-4).

mod bounds;
mod http;
mod secrets;
mod upgrade;

use sandwire::Client;
use sandwire::protocol::kind::port::Expose;
use sandwire_tests::server::{Builder, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server, a client of it, and a program of the test that listens on an exposed port.
struct Place {
    server: Server,
    client: Client,
    program: TcpListener,
    port: u16,
    /// The name under which it is exposed.
    host: String,
}

impl Place {
    async fn start() -> Self {
        Self::of(Server::builder()).await
    }

    async fn of(builder: Builder) -> Self {
        let server = builder.start();
        let client = Client::connect(server.url()).await.unwrap();
        Self::with(server, client).await
    }

    async fn with(server: Server, client: Client) -> Self {
        let program = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = program.local_addr().unwrap().port();
        let host = client.ports().expose(port).await.unwrap().host.unwrap();
        Self { server, client, program, port, host }
    }

    /// A connection to the server, as a browser's.
    async fn browser(&self) -> TcpStream {
        TcpStream::connect(self.server.address()).await.unwrap()
    }

    /// Begins a request to the program; the lines after the first are headers.
    async fn ask(&self, request: &str) -> TcpStream {
        let mut browser = self.browser().await;
        say(&mut browser, &self.head(request)).await;
        browser
    }

    fn head(&self, request: &str) -> String {
        head(&self.host, request)
    }

    /// The connection that the program gets, and the head of its request.
    async fn accept(&self) -> (TcpStream, String) {
        let (mut program, _) = self.program.accept().await.unwrap();
        let head = read_head(&mut program).await;
        (program, head)
    }
}

/// The head of a request to a host; the lines after the first are headers.
fn head(host: &str, request: &str) -> String {
    let (first, headers) = request.split_once('\n').unwrap_or((request, ""));
    let headers: String = headers.lines().map(|line| format!("{line}\r\n")).collect();
    format!("{first} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n")
}

async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Reads to the end of a head, and no byte further.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).await.unwrap(), 1, "ends in {}", String::from_utf8_lossy(&head));
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A header's value.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// All that still comes.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    all
}

/// So many bytes.
async fn exactly(stream: &mut TcpStream, bytes: usize) -> String {
    let mut all = vec![0; bytes];
    stream.read_exact(&mut all).await.unwrap();
    String::from_utf8(all).unwrap()
}

/// The whole answer to a request to a host, on a connection of its own: head and body.
async fn answer(server: &Server, host: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    say(&mut stream, &head(host, &format!("{request}\nConnection: close"))).await;
    let head = read_head(&mut stream).await;
    (head, String::from_utf8(rest(&mut stream).await).unwrap())
}

/// The status of an answer and the code in its body.
fn code((head, body): &(String, String)) -> (u16, String) {
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {head}{body}"));
    (status, body["code"].as_str().unwrap().to_owned())
}

/// Exposes a port and gives its name.
async fn expose(client: &Client, params: Expose) -> String {
    client.ports().expose_with(&params).await.unwrap().host.unwrap()
}
