//! Promise 3: memory has a bound, whatever a client or a command does.

use bytes::Bytes;
use sandwire::protocol::kind::{Exec, FileRead, ProcessStart, exec, file, process};
use sandwire::{Client, Reply};
use sandwire_tests::proxy::{Direction, Proxy};
use sandwire_tests::server::{self, Server};
use sandwire_tests::wait::wait_for;

use crate::common::{collect, run, shell};

const MIB: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_costs_a_window_and_then_gets_everything() {
    let server = Server::start();
    let client = Client::connect(server.url()).await.unwrap();
    run(&client, &shell("head -c 50000000 /dev/zero")).await.2.unwrap();
    let idle = server.rss();
    let stopped = client.open::<Exec>(&shell("head -c 268435456 /dev/zero; exit 3")).unwrap();
    assert!(matches!(stopped.recv().await, Reply::Data(1, _)));
    // Neighbours run at full speed meanwhile.
    for _ in 0..3 {
        assert_eq!(run(&client, &shell("head -c 30000000 /dev/zero")).await.0.len(), 30_000_000);
    }
    assert!(server.peak_rss() < idle + 8 * MIB, "{} of {idle}", server.peak_rss());
    let mut bytes = 0;
    let exit = loop {
        match stopped.recv().await {
            Reply::Data(_, data) => bytes += data.len() as u64,
            Reply::Closed(result) => break result.unwrap(),
            _ => {}
        }
    };
    assert_eq!(exit.code, Some(3));
    assert!(bytes > 268_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_at_all_is_bounded_too() {
    let server = Server::start();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let client = Client::connect(server::url(proxy.address())).await.unwrap();
    assert_eq!(run(&client, &shell("echo up")).await.0, b"up\n");
    let other = Client::connect(server.url()).await.unwrap();
    run(&other, &shell("head -c 50000000 /dev/zero")).await.2.unwrap();
    let idle = server.rss();
    proxy.stall(Direction::Down, true);
    let calls: Vec<_> = (0..40).map(|_| client.open::<Exec>(&shell("yes")).unwrap()).collect();
    wait_for("all floods run", || server.started().len() >= 40).await;
    for _ in 0..10 {
        assert_eq!(run(&other, &shell("head -c 10000000 /dev/zero")).await.0.len(), 10_000_000);
    }
    let grown = server.peak_rss().saturating_sub(idle);
    // 4 MiB retained, 40 outboxes of 128 KiB with what is being read, and the tables.
    assert!(grown < 24 * MIB, "{grown}");
    drop(calls);
    proxy.stall(Direction::Down, false);
    wait_for("the floods are ended", || server.started().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_process_that_nobody_reads_is_never_held_and_costs_its_log() {
    let server = Server::builder().args(["--log-memory", "64KiB", "--log-spool", "1MiB"]).start();
    let client = Client::connect(server.url()).await.unwrap();
    let idle = server.rss();
    let start = process::Start {
        id: Some("loud".to_owned()),
        run: shell("head -c 300000000 /dev/zero; exit 4").run,
        ..process::Start::default()
    };
    client.call::<ProcessStart>(&start).await.unwrap();
    let wait = process::Wait { id: "loud".to_owned(), timeout_ms: None };
    let info = client.call::<sandwire::protocol::kind::ProcessWait>(&wait).await.unwrap();
    assert_eq!(info.exit.unwrap().code, Some(4));
    assert_eq!(info.log_end, 300_000_000);
    assert!(info.log_end - info.log_start <= 2 * MIB);
    assert!(server.peak_rss() < idle + 16 * MIB);
    let logs = process::Logs {
        id: "loud".to_owned(),
        from: process::From::Start,
        follow: false,
        output: None,
        timestamps: false,
    };
    let got = collect(&client.open::<sandwire::protocol::kind::ProcessLogs>(&logs).unwrap()).await;
    assert_eq!(got.streams[1].len() as u64, info.log_end - info.log_start);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_and_downloads_stream() {
    let server = Server::start();
    let client = Client::connect(server.url()).await.unwrap();
    std::fs::write(server.workspace().join("big"), vec![7; 200 << 20]).unwrap();
    let idle = server.rss();
    let read = file::Read { path: "big".into(), ..file::Read::default() };
    let got = client.open::<FileRead>(&read).unwrap();
    let mut bytes = 0;
    while let Reply::Data(_, data) = got.recv().await {
        bytes += data.len();
    }
    assert_eq!(bytes, 200 << 20);
    let write = file::Write { path: "copy".into(), ..file::Write::default() };
    let call = client.open::<sandwire::protocol::kind::FileWrite>(&write).unwrap();
    for _ in 0..200 {
        call.write(0, Bytes::from(vec![7; 1 << 20])).await.unwrap();
    }
    call.end(0).unwrap();
    assert_eq!(call.result().await.unwrap().bytes, 200 << 20);
    assert!(server.peak_rss() < idle + 16 * MIB, "{} of {idle}", server.peak_rss());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_thousand_commands() {
    let server = Server::start();
    let client = Client::connect(server.url()).await.unwrap();
    run(&client, &shell("true")).await.2.unwrap();
    let descriptors = server.descriptors();
    for round in 0..20 {
        let commands = (0..50).map(|_| {
            let client = client.clone();
            tokio::spawn(
                async move { run(&client, &exec::Params { stdin: round % 2 == 0, ..shell("exit 1") }).await.2 },
            )
        });
        for command in commands.collect::<Vec<_>>() {
            assert_eq!(command.await.unwrap().unwrap().code, Some(1));
        }
    }
    wait_for("descriptors are closed", || server.descriptors() <= descriptors + 2).await;
    wait_for("nothing is left", || server.started().is_empty() && server.zombies() == 0).await;
}
