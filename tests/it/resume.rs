//! Promise 1: connections come and go, and every byte arrives once, with the true exit.

use std::time::Duration;

use rustix::process::Signal;
use sandwire::protocol::Code;
use sandwire::protocol::kind::pty;
use sandwire::protocol::kind::{Exec, FileRead, FileWrite, ProcessLogs, ProcessStart, PtyOpen, exec, file, process};
use sandwire::{Client, Reply, State};
use sandwire_tests::proxy::{Cut, Direction, Proxy};
use sandwire_tests::server::{self, Server};

use crate::common::{collect, noise, run, run_with, shell};

async fn through_a_proxy() -> (Server, Proxy, Client) {
    let server = Server::start();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let client = Client::connect(server::url(proxy.address())).await.unwrap();
    connected(&client).await;
    (server, proxy, client)
}

/// Waits until the server has greeted.
async fn connected(client: &Client) {
    client.states().wait_for(|state| matches!(state, State::Connected { .. })).await.unwrap();
}

/// Work of every kind at once, each checked to the byte.
async fn fifty_channels(client: &Client, server: &Server) {
    let mut work: Vec<tokio::task::JoinHandle<()>> = Vec::new();
    for n in 0..50u64 {
        let client = client.clone();
        let folder = server.workspace();
        work.push(tokio::spawn(async move {
            let size = 40_000 + 9_000 * usize::try_from(n).unwrap();
            let data = noise(n, size);
            let path = folder.join(format!("in{n}"));
            match n % 5 {
                0 => {
                    std::fs::write(&path, &data).unwrap();
                    let (out, err, exit) =
                        run(&client, &shell(&format!("cat in{n}; echo e{n} >&2; exit {}", n + 1))).await;
                    assert!(out == data, "exec {n}");
                    assert_eq!(err, format!("e{n}\n").as_bytes());
                    assert_eq!(exit.unwrap().code, i32::try_from(n + 1).ok());
                }
                1 => {
                    let (out, exit) = run_with(&client, shell(&format!("cat; exit {n}")), data.clone()).await;
                    assert!(out == data, "stdin {n}");
                    assert_eq!(exit.unwrap().code, i32::try_from(n).ok());
                }
                2 => {
                    let write = file::Write { path: path.as_path().into(), ..file::Write::default() };
                    let call = client.open::<FileWrite>(&write).unwrap();
                    call.write(0, data.clone()).await.unwrap();
                    call.end(0).unwrap();
                    assert_eq!(call.result().await.unwrap().bytes, size as u64);
                    let read = file::Read { path: path.as_path().into(), ..file::Read::default() };
                    let got = collect(&client.open::<FileRead>(&read).unwrap()).await;
                    assert!(got.streams[0] == data, "file {n}");
                }
                3 => {
                    std::fs::write(&path, &data).unwrap();
                    let start = process::Start { run: shell(&format!("cat in{n}")).run, ..process::Start::default() };
                    let info = client.call::<ProcessStart>(&start).await.unwrap();
                    let logs = process::Logs {
                        id: info.id,
                        from: process::From::Start,
                        follow: true,
                        output: None,
                        timestamps: false,
                    };
                    let got = collect(&client.open::<ProcessLogs>(&logs).unwrap()).await;
                    assert!(got.streams[1] == data, "log {n}: {} of {size}", got.streams[1].len());
                    assert!(got.result.unwrap().ended);
                }
                _ => {
                    let command = format!("stty raw -echo; head -c {size} /dev/zero | tr '\\0' x; exit 7");
                    let open = pty::Open { run: shell(&command).run, ..pty::Open::default() };
                    let got = collect(&client.open::<PtyOpen>(&open).unwrap()).await;
                    let shown = got.streams[0].iter().filter(|byte| **byte == b'x').count();
                    assert!(shown >= size, "terminal {n}: {shown} of {size}");
                    assert_eq!(got.result.unwrap().exit.code, Some(7));
                }
            }
        }));
    }
    for task in work {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_channels_of_all_kinds_survive_cuts_at_random_bytes() {
    let (server, proxy, client) = through_a_proxy().await;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    proxy.cut_randomly(seed, 1_000..400_000);
    proxy.split(Direction::Up, Some(700));
    // What is set holds for connections made after it.
    client.reconnect();
    fifty_channels(&client, &server).await;
    let connections = proxy.counters().connections;
    assert!(connections > 5, "it was cut {connections} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_channels_survive_a_server_that_stops_for_a_while() {
    let (server, proxy, client) = through_a_proxy().await;
    let stops = async {
        loop {
            tokio::time::sleep(Duration::from_millis(150)).await;
            server.signal(Signal::STOP);
            tokio::time::sleep(Duration::from_millis(700)).await;
            server.signal(Signal::CONT);
            proxy.cut_now(Cut::Reset);
        }
    };
    tokio::select! {
        () = fifty_channels(&client, &server) => {}
        () = stops => unreachable!("it stops for ever"),
    }
    server.signal(Signal::CONT);
}

#[tokio::test]
async fn a_quiet_command_outlives_a_silent_network_and_an_open_is_not_run_twice() {
    let (server, proxy, client) = through_a_proxy().await;
    let call = client.open::<Exec>(&shell("echo run >> runs; sleep 1; cat runs; exit 5")).unwrap();
    proxy.refuse(true);
    proxy.cut_now(Cut::Reset);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(matches!(client.state(), State::Reconnecting { .. }));
    let second = client.open::<Exec>(&shell("echo run >> runs; exit 6")).unwrap();
    proxy.refuse(false);
    let got = collect(&call).await;
    assert_eq!(got.result.unwrap().code, Some(5));
    assert_eq!(collect(&second).await.result.unwrap().code, Some(6));
    assert_eq!(std::fs::read_to_string(server.workspace().join("runs")).unwrap(), "run\nrun\n");
}

#[tokio::test]
async fn a_lane_that_is_gone_says_what_is_known_and_never_a_code() {
    let server = Server::builder().args(["--lane-ttl", "0s"]).start();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let client = Client::connect(server::url(proxy.address())).await.unwrap();
    let call = client.open::<Exec>(&exec::Params { report_start: true, ..shell("sleep 1000") }).unwrap();
    assert!(matches!(call.recv().await, Reply::Event(exec::Down::Started { .. })));
    proxy.cut_now(Cut::Reset);
    let error = collect(&call).await.result.unwrap_err();
    assert_eq!(error.code, Code::OperationInterrupted);
    assert!(["true", "unknown"].map(Into::into).contains(&error.details["admitted"]), "{error:?}");
    sandwire_tests::wait::wait_for("the command is ended", || server.started().is_empty()).await;
    assert_eq!(run(&client, &shell("exit 2")).await.2.unwrap().code, Some(2), "the client goes on with a new lane");
}

#[tokio::test]
async fn a_server_that_was_started_again_is_told_from_one_that_resumed() {
    let mut server = Server::start();
    let address = server.address();
    let client = Client::connect(server.url()).await.unwrap();
    let call = client.open::<Exec>(&shell("sleep 1000")).unwrap();
    assert_eq!(run(&client, &shell("true")).await.2.unwrap().code, Some(0));
    server.signal(Signal::KILL);
    server.wait_exit();
    let again = Server::builder().listen(address.to_string()).start();
    let error = collect(&call).await.result.unwrap_err();
    assert_eq!(error.code, Code::OperationInterrupted);
    assert_eq!(run(&client, &shell("echo back")).await.0, b"back\n");
    drop(again);
}
