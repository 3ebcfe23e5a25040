//! `sandwire-server host`: many sandboxes on one machine, by the real engine, bubblewrap and the real client.

mod apart;
mod door;
mod ends;
mod life;
mod limits;
mod ports;
mod sleep;

use std::path::PathBuf;

use sandwire::Client;
use sandwire_tests::proc;
use sandwire_tests::server::{Builder, Server};
use sandwire_tests::wait::DEADLINE;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An engine.
struct Engine(Server);

impl Engine {
    fn start() -> Self {
        Self(Server::host().start())
    }

    fn of(builder: Builder) -> Self {
        Self(builder.start())
    }

    /// The answer to a request: its status, and its body as JSON.
    async fn ask(&self, method: &str, path: &str) -> (u16, Value) {
        self.ask_with(method, path, &[], "").await
    }

    async fn ask_with(&self, method: &str, path: &str, headers: &[&str], body: &str) -> (u16, Value) {
        let (head, body) = self.say(method, path, headers, body).await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {head}{body}")))
    }

    /// The answer as it is: head and body.
    async fn say(&self, method: &str, path: &str, headers: &[&str], body: &str) -> (String, String) {
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let host = if headers.iter().any(|line| line.starts_with("Host:")) { String::new() } else { self.host() };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {length}\r\n{lines}\r\n{body}"
        );
        let mut stream = TcpStream::connect(self.0.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        (head.to_owned(), body.to_owned())
    }

    fn host(&self) -> String {
        format!("Host: {}\r\n", self.0.address())
    }

    /// Asks and expects 200.
    #[track_caller]
    fn well(&self, method: &str, path: &str) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        async move {
            let (status, body) = self.ask(method, path).await;
            assert_eq!(status, 200, "{place}: {method} {path}: {body}");
            body
        }
    }

    /// Starts a sandbox so that all of it is found again.
    async fn begin(&self, id: &str) -> Value {
        let (name, value) = self.0.mark();
        let body = json!({ "env": { name: value } }).to_string();
        let (status, info) = self.ask_with("POST", &format!("/sandboxes/{id}/start"), &[], &body).await;
        assert_eq!((status, info["state"].as_str()), (200, Some("running")), "{info}");
        info
    }

    /// `running`, `asleep` or `absent`.
    async fn state(&self, id: &str) -> String {
        self.well("GET", &format!("/sandboxes/{id}")).await["state"].as_str().unwrap().to_owned()
    }

    /// Where clients of a sandbox connect.
    fn url(&self, id: &str) -> String {
        format!("ws://{}/sandboxes/{id}/connect", self.0.address())
    }

    async fn client(&self, id: &str) -> Client {
        Client::connect(self.url(id)).await.unwrap()
    }

    /// The cgroups that were made for its sandboxes.
    fn groups(&self) -> Vec<PathBuf> {
        let text = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        let mut groups = Vec::new();
        for line in self.servers().iter().map(text).collect::<String>().lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next().unwrap(), fields.next().unwrap());
            // Version 2 has one tree, version 1 one for each controller.
            let places = [format!("/sys/fs/cgroup{path}"), format!("/sys/fs/cgroup/{controllers}{path}")];
            if path.contains("sandwire-") {
                groups.extend(places.iter().map(PathBuf::from).filter(|place| place.exists()));
            }
        }
        groups
    }

    /// The servers of its sandboxes, by pid.
    fn servers(&self) -> Vec<i32> {
        let all = proc::descendants(self.0.pid()).unwrap();
        all.into_iter().filter(|it| it.comm.starts_with("sandwire-server")).map(|it| it.pid).collect()
    }
}

/// What a command prints, which has to succeed.
async fn output(client: &Client, command: &str) -> String {
    let output = client.exec(command).run().await.unwrap();
    assert!(output.success(), "{command}: {output:?}");
    output.text().trim_end().to_owned()
}
