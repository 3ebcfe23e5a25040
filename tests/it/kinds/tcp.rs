//! `tcp.connect`, and the hosts that `process.wait_port` may ask.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use sandwire::protocol::kind::process::WaitPort;
use sandwire::protocol::kind::tcp::{Connect, Down, Ended};
use sandwire::protocol::kind::{ProcessWaitPort, TcpConnect};
use sandwire::protocol::{Code, Error};
use sandwire::{Call, Client, Reply};
use sandwire_tests::server::Server;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::place::{Place, told};
use crate::common::noise;

fn to(port: u16) -> Connect {
    Connect { port, host: None, timeout_ms: None }
}

fn at(host: &str, port: u16) -> Connect {
    Connect { host: Some(host.to_owned()), ..to(port) }
}

async fn listen(address: &str) -> (TcpListener, u16) {
    let listener = TcpListener::bind(address).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A connection through the server: the channel, and the other end.
async fn connected(place: &Place) -> (Call<TcpConnect>, TcpStream) {
    let (listener, port) = listen("127.0.0.1:0").await;
    let call = place.client.open::<TcpConnect>(&to(port)).unwrap();
    assert!(matches!(call.recv().await, Reply::Event(Down::Connected {})), "it is told that the connection stands");
    (call, listener.accept().await.unwrap().0)
}

/// A port on which nobody listens.
async fn closed_port() -> u16 {
    listen("127.0.0.1:0").await.1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn both_directions_carry_everything_at_once() {
    let place = Place::start().await;
    let (call, stream) = connected(&place).await;
    let (up, down) = (noise(1, 5_000_000), noise(2, 4_000_000));
    let (mut reader, mut writer) = stream.into_split();
    let port = async {
        let mut all = Vec::new();
        let write = async {
            writer.write_all(&down).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let (read, ()) = tokio::join!(reader.read_to_end(&mut all), write);
        read.unwrap();
        all
    };
    let send = async {
        call.write(0, up.clone()).await.unwrap();
        call.end(0).unwrap();
    };
    let (seen, (), told) = tokio::join!(port, send, told(&call));
    assert!(seen == up && told.bytes == down);
    assert_eq!(told.result.unwrap(), Ended { sent: 5_000_000, received: 4_000_000 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_direction_ends_by_itself() {
    let place = Place::start().await;
    // The opener first.
    let (call, mut stream) = connected(&place).await;
    call.write(0, "question".into()).await.unwrap();
    call.end(0).unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "question");
    stream.write_all(b"answer").await.unwrap();
    drop(stream);
    let said = told(&call).await;
    assert_eq!((said.bytes.as_slice(), said.result.unwrap()), (b"answer".as_slice(), Ended { sent: 8, received: 6 }));
    // The port first: what the opener says afterwards still arrives.
    let (call, mut stream) = connected(&place).await;
    stream.write_all(b"greeting").await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(matches!(call.recv().await, Reply::Data(0, data) if data == "greeting"));
    assert!(matches!(call.recv().await, Reply::End(0)));
    call.write(0, "late".into()).await.unwrap();
    call.end(0).unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).await.unwrap();
    assert_eq!((all.as_str(), told(&call).await.result.unwrap()), ("late", Ended { sent: 4, received: 8 }));
    // Nobody says anything.
    let (call, stream) = connected(&place).await;
    call.end(0).unwrap();
    drop(stream);
    assert_eq!(told(&call).await.result.unwrap(), Ended { sent: 0, received: 0 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_connection_that_breaks_or_is_given_up_is_told_on_the_other_side() {
    let place = Place::start().await;
    // Reset by the port.
    let (call, stream) = connected(&place).await;
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
    let error = told(&call).await.result.unwrap_err();
    assert_eq!((error.code, error.details.get("errno")), (Code::ConnectFailed, Some(&libc::ECONNRESET.into())));
    // The port reads no more: what it still says is delivered before the error is.
    let (call, mut stream) = connected(&place).await;
    call.write(0, noise(3, 60_000)).await.unwrap();
    stream.readable().await.unwrap();
    stream.write_all(b"go away").await.unwrap();
    let mut rest = [0; 60_000];
    stream.read_exact(&mut rest).await.unwrap();
    drop(stream);
    let flood = async { while call.write(0, Bytes::from(vec![0; 10_000])).await.is_ok() {} };
    let (said, ()) = tokio::join!(told(&call), flood);
    assert_eq!((said.bytes.as_slice(), said.result.unwrap_err().code), (b"go away".as_slice(), Code::ConnectFailed));
    // Cancelled, dropped, and with its client gone: the port sees the end.
    for way in 0..3 {
        let (call, mut stream) = connected(&place).await;
        let client = Client::connect(place.server.url()).await.unwrap();
        match way {
            0 => {
                call.cancel();
                assert_eq!(told(&call).await.result.unwrap_err().code, Code::Cancelled);
            }
            1 => drop(call),
            _ => {
                let (listener, port) = listen("127.0.0.1:0").await;
                let other = client.tcp(port).await.unwrap();
                stream = listener.accept().await.unwrap().0;
                client.close().await;
                drop(other);
            }
        }
        let read = stream.read(&mut [0; 1]).await;
        assert!(read.as_ref().is_ok_and(|read| *read == 0) || read.is_err(), "{way}: {read:?}");
    }
    let (call, _stream) = connected(&place).await;
    call.write(1, "x".into()).await.unwrap();
    assert_eq!(told(&call).await.result.unwrap_err().code, Code::ValidationFailed, "there is only stream 0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_does_not_read_stops_the_other_side() {
    let place = Place::start().await;
    let (call, mut stream) = connected(&place).await;
    let start = place.server.rss();
    // The opener does not read: the port's writes come to a stop, and nothing is kept beyond the windows.
    let mut written = 0;
    let piece = vec![7; 1 << 20];
    while let Ok(Ok(count)) = tokio::time::timeout(Duration::from_millis(500), stream.write(&piece)).await {
        written += count;
        assert!(written < 100 << 20, "it never stops");
    }
    assert!(place.server.rss() < start + (20 << 20));
    // Then it reads on, and nothing is missing.
    call.end(0).unwrap();
    drop(stream);
    let said = told(&call).await;
    assert_eq!((said.bytes.len(), said.result.unwrap().received), (written, written as u64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn where_it_goes_is_as_asked_for() {
    let place = Place::start().await;
    let works = async |connect: Connect| place.client.tcp_with(&connect).await.map(drop);
    let (_four, port) = listen("127.0.0.1:0").await;
    for host in ["localhost", "LocalHost", "127.0.0.1", "[127.0.0.1]"] {
        works(at(host, port)).await.unwrap();
    }
    let (_six, port) = listen("[::1]:0").await;
    for host in ["localhost", "::1", "[::1]"] {
        works(at(host, port)).await.unwrap();
    }
    works(to(port)).await.unwrap();
    let (_other, port) = listen("127.0.0.9:0").await;
    works(at("127.0.0.9", port)).await.unwrap();
    let error = place.refused::<TcpConnect>(to(closed_port().await)).await;
    assert_eq!((error.code, error.details.get("errno")), (Code::ConnectFailed, Some(&libc::ECONNREFUSED.into())));
    assert_eq!(place.code::<TcpConnect>(to(0)).await, Code::InvalidPort);
    let own = place.server.address().port();
    assert_eq!(place.code::<TcpConnect>(to(own)).await, Code::PermissionDenied, "the server is no way into itself");
    for timeout_ms in [Some(0), Some(600_001), Some(u64::MAX)] {
        let error = place.refused::<TcpConnect>(Connect { timeout_ms, ..to(port) }).await;
        assert_eq!((error.code, error.details.get("parameter")), (Code::ValidationFailed, Some(&"timeout_ms".into())));
    }
    // A port whose queue is full does not answer.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let full = socket.local_addr().unwrap().as_socket().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(full)).await {
        queued.push(stream);
    }
    let error = place.refused::<TcpConnect>(Connect { timeout_ms: Some(100), ..to(full.port()) }).await;
    assert_eq!((error.code, error.details.get("timeout_ms")), (Code::ConnectFailed, Some(&100.into())));
    // Given up while it waits.
    let call = place.client.open::<TcpConnect>(&Connect { timeout_ms: Some(600_000), ..to(full.port()) }).unwrap();
    call.cancel();
    assert_eq!(told(&call).await.result.unwrap_err().code, Code::Cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn other_hosts_only_as_the_server_allows() {
    let place = Place::start().await;
    let asks = async |place: &Place, host: &str, port| {
        let wait = WaitPort { port, host: Some(host.to_owned()), timeout_ms: Some(1), ..WaitPort::default() };
        let ready = place.told::<ProcessWaitPort>(&wait).await.result;
        (connects(place, at(host, port)).await, ready.err())
    };
    let (_listener, port) = listen("127.0.0.1:0").await;
    let others = [
        "0.0.0.0",
        "192.0.2.1",
        "[2001:db8::1]",
        "::",
        "::ffff:127.0.0.1",
        "example.org",
        "localhost.example.org",
        "127.1",
        "2130706433",
        "localhost.",
        "",
        " localhost",
        "localhost\0",
        "169.254.169.254",
    ];
    for host in others {
        let (connect, wait) = asks(&place, host, port).await;
        let (connect, wait) = (connect.expect_err(host), wait.expect(host));
        for error in [connect, wait] {
            assert_eq!(
                (error.code, error.details.get("host")),
                (Code::PermissionDenied, Some(&host.into())),
                "{error}"
            );
            assert!(error.message.contains("tcp_hosts"), "{error}");
        }
    }
    // A name is allowed as it is spelled, a star is every one.
    let named = Place::of(Server::builder().env("SANDWIRE_TCP_HOSTS", "127.1, no.such.invalid")).await;
    let (connect, wait) = asks(&named, "127.1", port).await;
    assert!(connect.is_ok(), "{connect:?}");
    assert!(wait.is_none_or(|error| error.code == Code::ProcessReadyTimeout));
    let (connect, wait) = asks(&named, "no.such.invalid", port).await;
    assert_eq!(connect.unwrap_err().code, Code::ConnectFailed);
    assert_eq!(wait.unwrap().code, Code::ProcessReadyTimeout);
    assert_eq!(asks(&named, "0.0.0.0", port).await.1.unwrap().code, Code::PermissionDenied);
    let every = Place::of(Server::builder().env("SANDWIRE_TCP_HOSTS", "*")).await;
    for host in ["0.0.0.0", "127.1", "::ffff:127.0.0.1"] {
        assert!(asks(&every, host, port).await.0.is_ok(), "{host}");
    }
    // Without the scope, not even the sandbox's own; other hosts are no way around it.
    let client = Client::builder(every.server.url()).scopes(["process-read"]).connect().await.unwrap();
    let every = Place { client, ..every };
    assert_eq!(every.code::<TcpConnect>(to(port)).await, Code::PermissionDenied);
    let (connect, wait) = asks(&every, "0.0.0.0", port).await;
    assert_eq!((connect.unwrap_err().code, wait.unwrap().code), (Code::PermissionDenied, Code::PermissionDenied));
}

async fn connects(place: &Place, connect: Connect) -> Result<(), Error> {
    match place.client.tcp_with(&connect).await {
        Ok(_) => Ok(()),
        Err(sandwire::Error::Remote(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}
