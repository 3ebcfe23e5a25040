use std::io::ErrorKind;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::wait::wait_for;

/// A server that sends back what it gets, and ends when the client ends.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = socket.split();
                drop(tokio::io::copy(&mut from, &mut to).await);
                drop(to.shutdown().await);
            });
        }
    });
    address
}

async fn pair() -> (Proxy, TcpStream) {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let client = TcpStream::connect(proxy.address()).await.unwrap();
    (proxy, client)
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|n| (n % 251) as u8).collect()
}

/// Sends `sent`, then reads to the end: what came, and the error that ended it.
async fn exchange(mut client: TcpStream, sent: Vec<u8>) -> (Vec<u8>, Option<ErrorKind>) {
    let (mut from, mut to) = client.split();
    let send = async {
        drop(to.write_all(&sent).await);
        drop(to.shutdown().await);
    };
    let read = async {
        let (mut came, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            match from.read(&mut buffer).await {
                Ok(0) => return (came, None),
                Ok(count) => came.extend_from_slice(&buffer[..count]),
                Err(error) => return (came, Some(error.kind())),
            }
        }
    };
    tokio::join!(send, read).1
}

#[tokio::test]
async fn carries_everything_in_pieces_late_and_slowly_and_counts_it() {
    let (proxy, client) = pair().await;
    proxy.split(Direction::Up, Some(7));
    proxy.split(Direction::Down, Some(100));
    proxy.delay(Direction::Up, Duration::from_millis(3));
    proxy.throttle(Direction::Down, Some(1 << 20));
    let sent = bytes(50_000);
    assert_eq!(exchange(client, sent.clone()).await, (sent, None));
    wait_for("the connection to be counted out", || proxy.counters().open == 0).await;
    let counters = proxy.counters();
    assert_eq!((counters.up, counters.down, counters.connections, counters.cuts), (50_000, 50_000, 1, 0));
}

#[tokio::test]
async fn cuts_behind_the_chosen_byte() {
    for (cut, error) in [(Cut::Reset, Some(ErrorKind::ConnectionReset)), (Cut::Finish, None)] {
        let (proxy, client) = pair().await;
        proxy.cut_after(Direction::Down, 12_345, cut);
        let (came, ended) = exchange(client, bytes(40_000)).await;
        assert_eq!((came.len(), ended), (12_345, error), "{cut:?}");
        assert_eq!(came, bytes(40_000)[..12_345]);
        wait_for("the cut to be counted", || proxy.counters().cuts == 1).await;
        // Once: the next connection is whole.
        let next = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(exchange(next, bytes(40_000)).await, (bytes(40_000), None));
    }
}

#[tokio::test]
async fn a_cut_upwards_hands_the_server_no_byte_more() {
    let (proxy, client) = pair().await;
    proxy.cut_after(Direction::Up, 1_000, Cut::Finish);
    let (came, _) = exchange(client, bytes(40_000)).await;
    assert!(bytes(1_000).starts_with(&came));
    assert_eq!(proxy.counters().up, 1_000);
}

#[tokio::test]
async fn one_seed_makes_the_same_cuts() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let proxy = Proxy::start(echo().await).await.unwrap();
        proxy.cut_randomly(7, 1..5_000);
        let mut before = Counters::default();
        let mut run = Vec::new();
        for number in 1..=8 {
            let client = TcpStream::connect(proxy.address()).await.unwrap();
            drop(exchange(client, bytes(20_000)).await);
            wait_for("the cut", || proxy.counters().cuts == number).await;
            let now = proxy.counters();
            // Only the direction of the cut stops at an exact byte.
            run.push((now.up - before.up).min(now.down - before.down) < 5_000);
            before = now;
        }
        runs.push(run);
        proxy.keep_whole();
        let client = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(exchange(client, bytes(20_000)).await, (bytes(20_000), None));
    }
    assert_eq!(runs, [vec![true; 8], vec![true; 8]]);
}

#[tokio::test]
async fn cuts_all_that_is_open_and_nothing_that_comes_later() {
    let (proxy, mut client) = pair().await;
    client.write_all(b"x").await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), b'x');
    proxy.cut_now(Cut::Reset);
    assert_eq!(client.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let next = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(exchange(next, bytes(10)).await, (bytes(10), None));
}

#[tokio::test]
async fn a_stall_holds_one_direction_and_loses_nothing() {
    let (proxy, mut client) = pair().await;
    proxy.stall(Direction::Down, true);
    client.write_all(b"held").await.unwrap();
    wait_for("the server to have it", || proxy.counters().up == 4).await;
    assert_eq!(proxy.counters().down, 0);
    proxy.stall(Direction::Down, false);
    let mut came = [0; 4];
    client.read_exact(&mut came).await.unwrap();
    assert_eq!(&came, b"held");
}

#[tokio::test]
async fn a_delay_is_not_undercut() {
    let (proxy, mut client) = pair().await;
    proxy.delay(Direction::Up, Duration::from_millis(40));
    proxy.delay(Direction::Down, Duration::from_millis(60));
    let start = Instant::now();
    client.write_all(b"x").await.unwrap();
    client.read_u8().await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn a_throttle_is_not_exceeded() {
    let (proxy, client) = pair().await;
    proxy.throttle(Direction::Up, Some(100_000));
    let start = Instant::now();
    assert_eq!(exchange(client, bytes(20_000)).await.0.len(), 20_000);
    // The first of the pieces goes at once.
    assert!(start.elapsed() >= Duration::from_millis(180), "{:?}", start.elapsed());
}

#[tokio::test]
async fn refuses_and_takes_again() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    proxy.refuse(true);
    let refused = TcpStream::connect(proxy.address()).await.unwrap();
    let (came, _) = exchange(refused, bytes(10)).await;
    assert!(came.is_empty());
    assert_eq!(proxy.counters().refused, 1);
    proxy.refuse(false);
    let client = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(exchange(client, bytes(10)).await.0, bytes(10));
}
