//! Promise 2: what a person waits for does not wait behind a flood, on the same connection.
//!
//! No time is measured here, machines are noisy: what is counted is the bytes of flood that go before an answer.

use bytes::Bytes;
use sandwire::protocol::Code;
use sandwire::protocol::kind::file::{Stat, TreeRead};
use sandwire::protocol::kind::{self, Exec, FileStat, PtyOpen, pty};
use sandwire::{Call, Client, Reply};
use sandwire_tests::proxy::{Direction, Proxy};
use sandwire_tests::server::{self, Server};
use sandwire_tests::wait::DEADLINE;

use crate::common::{run, shell};

async fn flood(call: Call<Exec>) -> u64 {
    let mut bytes = 0;
    loop {
        match call.recv().await {
            Reply::Data(_, data) => bytes += data.len() as u64,
            Reply::Closed(result) => {
                result.unwrap();
                return bytes;
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_and_a_short_command_go_before_a_flood_that_a_slow_network_holds() {
    let server = Server::start();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let client = Client::connect(server::url(proxy.address())).await.unwrap();
    let open = pty::Open { run: shell("stty raw -echo; echo ready; exec cat").run, ..pty::Open::default() };
    let terminal = client.open::<PtyOpen>(&open).unwrap();
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains("ready") {
        if let Reply::Data(_, data) = terminal.recv().await {
            shown.extend_from_slice(&data);
        }
    }
    proxy.throttle(Direction::Down, Some(20_000_000));
    let size = 60_000_000;
    let flooding = tokio::spawn(flood(client.open::<Exec>(&shell(&format!("head -c {size} /dev/zero"))).unwrap()));
    let before = proxy.counters().down;
    sandwire_tests::wait::wait_for("the flood runs", || proxy.counters().down > before + 4_000_000).await;
    for key in 0..20u8 {
        let before = proxy.counters().down;
        terminal.write(0, Bytes::copy_from_slice(&[b'a' + key])).await.unwrap();
        while !matches!(terminal.recv().await, Reply::Data(_, data) if data.contains(&(b'a' + key))) {}
        let waited = proxy.counters().down - before;
        // The kernels' buffers on the way hold some megabytes; 60 would follow if the key waited its turn.
        assert!(waited < 12_000_000, "{waited} bytes of flood went before the echo of a key");
    }
    let before = proxy.counters().down;
    assert_eq!(run(&client, &shell("echo hi")).await.0, b"hi\n");
    assert!(proxy.counters().down - before < 15_000_000, "a short command waited behind the flood");
    assert!(!flooding.is_finished(), "the flood was over too soon for this test to mean anything");
    proxy.throttle(Direction::Down, None);
    assert_eq!(flooding.await.unwrap(), size);
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_and_trees_that_nobody_reads_leave_threads_for_others() {
    let server = Server::start();
    let file = std::fs::File::create(server.workspace().join("large")).unwrap();
    file.set_len(16 << 20).unwrap();
    let slow = Client::connect(server.url()).await.unwrap();
    let tree = TreeRead { path: ".".into(), ..TreeRead::default() };
    // Each fills what can wait on the way, and then holds its thread, until there is no place for one more.
    let mut held = Vec::new();
    loop {
        let call = slow.open::<kind::TreeRead>(&tree).unwrap();
        match call.recv().await {
            Reply::Closed(Err(error)) => {
                assert_eq!(error.code, Code::LimitExceeded);
                break;
            }
            _ => held.push(call),
        }
    }
    assert!(held.len() > 16);
    let other = Client::connect(server.url()).await.unwrap();
    let stat = other.open::<FileStat>(&Stat { path: "large".into(), ..Stat::default() }).unwrap();
    let info = tokio::time::timeout(DEADLINE, stat.result()).await.expect("a thread is left").unwrap();
    assert_eq!(info.size, 16 << 20);
}
