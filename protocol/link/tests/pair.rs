//! A client's and a server's connection over an in-memory pipe.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test fails by panicking")]

use std::time::Duration;

use bytes::Bytes;
use sandwire_link::{Connection, Inbound, Item, Link, Reply, Socket};
use sandwire_protocol::frame::{Body, Frame, Hello, Welcome};
use sandwire_protocol::kind::{self, Exec, command::Exit, exec};
use sandwire_protocol::lane::{Config, Role};
use tokio::io::DuplexStream;

async fn connect(client: &Link, server: &Link, pipe: usize) -> (Connection, Connection) {
    let (near, far) = tokio::io::duplex(pipe);
    let (up, down) = (server.received(), client.received());
    let mut near = connection(near, Role::Client).await;
    let mut far = connection(far, Role::Server).await;
    let hello = Hello { version: 1, token: vec![7; 16], received: down, ..Hello::default() };
    let body = Body::Hello(kind::encode(&hello).unwrap());
    near.handle().send(Frame { lane: 1, channel: 0, body }).await;
    near.expect(1);
    let Inbound::Hello(1, hello) = far.next().await.unwrap() else { panic!("HELLO comes first") };
    let body = Body::Welcome(kind::encode(&Welcome { version: 1, received: up, ..Welcome::default() }).unwrap());
    far.handle().send(Frame { lane: 1, channel: 0, body }).await;
    far.attach(1, server, hello.received).unwrap();
    let Inbound::Welcome(1, welcome) = near.next().await.unwrap() else { panic!("WELCOME answers") };
    near.attach(1, client, welcome.received).unwrap();
    (near, far)
}

async fn connection(pipe: DuplexStream, role: Role) -> Connection {
    Connection::new(Socket::stream(pipe, Vec::new()), role, 4).await
}

/// Serves every channel by sending back what comes, then its number of bytes as the exit code.
async fn serve(mut connection: Connection) {
    while let Ok(inbound) = connection.next().await {
        let Inbound::Opened(_, incoming) = inbound else { continue };
        tokio::spawn(async move {
            let channel = incoming.into_channel::<Exec>();
            let mut bytes = 0;
            let result = loop {
                match channel.recv().await {
                    Ok(Item::Data(_, data)) => {
                        bytes += data.len();
                        if let Err(error) = channel.write(1, data).await {
                            break Err(error);
                        }
                    }
                    Ok(Item::End(_)) => break Ok(Exit { code: i32::try_from(bytes).ok(), ..Exit::default() }),
                    Ok(Item::Event(_)) => {}
                    Err(error) => break Err(error),
                }
            };
            channel.close(result);
        });
    }
}

async fn drive(mut connection: Connection) {
    while connection.next().await.is_ok() {}
}

#[tokio::test]
async fn bytes_survive_connections_that_come_and_go() {
    let client = Link::new(Role::Client, Config::default());
    let server = Link::new(Role::Server, Config::default());
    let call = client.open::<Exec>(&exec::Params::default(), None).unwrap();
    let sent: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    let upload = async {
        for part in sent.chunks(10_000) {
            call.write(0, Bytes::copy_from_slice(part)).await.unwrap();
        }
        call.end(0).unwrap();
    };
    let download = async {
        let mut received = Vec::new();
        loop {
            match call.recv().await {
                Reply::Data(1, data) => received.extend_from_slice(&data),
                Reply::Closed(result) => return (received, result),
                Reply::Data(..) | Reply::End(_) | Reply::Event(_) => panic!("only stream 1 was written"),
            }
        }
    };
    let network = async {
        loop {
            let (near, far) = connect(&client, &server, 4096).await;
            let serving = tokio::spawn(serve(far));
            let driving = tokio::spawn(drive(near));
            tokio::time::sleep(Duration::from_millis(3)).await;
            serving.abort();
            driving.abort();
            while client.is_attached() || server.is_attached() {
                tokio::task::yield_now().await;
            }
        }
    };
    let ((received, result), ()) = tokio::select! {
        both = futures_util::future::join(download, upload) => both,
        () = network => unreachable!("the network never ends"),
    };
    assert_eq!(received, sent);
    assert_eq!(result.unwrap().code, Some(3_000_000));
    assert_eq!(client.channels(), 0);
}

#[tokio::test]
async fn a_reader_that_stops_bounds_what_is_sent_and_neighbours_go_on() {
    let client = Link::new(Role::Client, Config::default());
    let server = Link::new(Role::Server, Config::default());
    let (near, far) = connect(&client, &server, 1 << 20).await;
    tokio::spawn(serve(far));
    tokio::spawn(drive(near));
    let stopped = client.open::<Exec>(&exec::Params::default(), None).unwrap();
    let mut written = 0usize;
    loop {
        let write = stopped.write(0, Bytes::from(vec![1; 32 << 10]));
        if tokio::time::timeout(Duration::from_millis(300), write).await.is_err() {
            break;
        }
        written += 32 << 10;
        assert!(written < 2 << 20, "nobody reads, and yet more and more is taken");
    }
    let neighbour = client.open::<Exec>(&exec::Params::default(), None).unwrap();
    neighbour.write(0, Bytes::from_static(b"hi")).await.unwrap();
    neighbour.end(0).unwrap();
    assert!(matches!(neighbour.recv().await, Reply::Data(1, data) if data == "hi"));
    assert_eq!(neighbour.result().await.unwrap().code, Some(2));
}
