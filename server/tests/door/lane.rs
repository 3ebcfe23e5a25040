//! A client's lane on a connection to the server.

use std::sync::atomic::{AtomicU64, Ordering};

use sandwire_link::{Closed, Connection, Inbound, Link, Socket};
use sandwire_protocol::frame::{Body, Frame, GoAway, Hello};
use sandwire_protocol::kind;
use sandwire_protocol::lane::{Config, Role};
use tokio::sync::mpsc;

use crate::server::{Answer, Server, UPGRADE, head};

/// Numbers the lanes of this test run: each has a token of its own.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A lane, and what is said to its connection.
pub(crate) struct Lane {
    pub(crate) link: Link,
    pub(crate) go_away: mpsc::Receiver<GoAway>,
    pub(crate) closed: tokio::task::JoinHandle<Closed>,
}

/// Connects with these header lines and says HELLO.
pub(crate) async fn open(server: &Server, headers: &[&str]) -> Lane {
    let mut stream = server.connect();
    let request = head("GET", "/v1/connect", server.address, &[UPGRADE, headers].concat(), 0);
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let answer = Answer::read(&mut stream);
    assert_eq!(answer.status, 101, "{answer:?}");
    stream.set_nonblocking(true).unwrap();
    greet(Socket::tcp(tokio::net::TcpStream::from_std(stream).unwrap(), Vec::new())).await
}

/// Says HELLO on an upgraded connection.
pub(crate) async fn greet(socket: Socket) -> Lane {
    let mut connection = Connection::new(socket, Role::Client, 4).await;
    let token = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes().repeat(2);
    let hello = Hello { version: 1, token, ..Hello::default() };
    let body = Body::Hello(kind::encode(&hello).unwrap());
    connection.handle().send(Frame { lane: 1, channel: 0, body }).await;
    connection.expect(1);
    let (said, go_away) = mpsc::channel(8);
    let Inbound::Welcome(1, welcome) = connection.next().await.unwrap() else { panic!("WELCOME answers first") };
    let link = Link::new(Role::Client, Config::default());
    connection.attach(1, &link, welcome.received).unwrap();
    let closed = tokio::spawn(async move {
        loop {
            match connection.next().await {
                Ok(Inbound::GoAway(_, why)) => said.send(why).await.unwrap_or_default(),
                Ok(_) => {}
                Err(closed) => return closed,
            }
        }
    });
    Lane { link, go_away, closed }
}
