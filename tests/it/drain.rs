//! SIGTERM: no new work, time for what runs, TERM and KILL for the rest, exit code 0.

use rustix::process::Signal;
use sandwire::protocol::Code;
use sandwire::protocol::kind::{Exec, ProcessStart, process};
use sandwire::{Client, State};
use sandwire_tests::server::Server;
use sandwire_tests::wait::wait_for;

use crate::common::{collect, run, shell};

// On threads: waiting for the server to end must not keep the client from reading.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_may_end_and_new_work_is_refused() {
    let mut server = Server::builder().args(["--drain-time", "60s"]).start();
    let client = Client::connect(server.url()).await.unwrap();
    let call = client.open::<Exec>(&shell("while [ ! -e go ]; do sleep 0.02; done; echo done; exit 4")).unwrap();
    wait_for("the command runs", || !server.started().is_empty()).await;
    server.signal(Signal::TERM);
    let mut states = client.states();
    states.wait_for(|state| *state == State::Draining).await.unwrap();
    assert_eq!(run(&client, &shell("true")).await.2.unwrap_err().code, Code::Draining);
    std::fs::write(server.workspace().join("go"), "").unwrap();
    let got = collect(&call).await;
    assert_eq!(got.streams[1], b"done\n");
    assert_eq!(got.result.unwrap().code, Some(4));
    assert!(server.wait_exit().success());
}

// On threads: waiting for the server to end must not keep the client from reading.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_end_in_time_is_ended_with_all_that_it_started() {
    let mut server = Server::builder().args(["--drain-time", "100ms", "--drain-grace", "200ms"]).start();
    let client = Client::connect(server.url()).await.unwrap();
    let call = client.open::<Exec>(&shell("trap '' TERM; sleep 1000; sleep 1000")).unwrap();
    let start = process::Start { run: shell("sleep 1000").run, ..process::Start::default() };
    client.call::<ProcessStart>(&start).await.unwrap();
    wait_for("both run", || server.started().len() >= 2).await;
    server.signal(Signal::TERM);
    let error = collect(&call).await.result.unwrap_err();
    assert_eq!((error.code, &error.details["admitted"]), (Code::OperationInterrupted, &"true".into()), "{error}");
    assert!(server.wait_exit().success());
    assert!(server.started().is_empty(), "nothing is left behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_leaves_nothing_behind() {
    let mut server = Server::builder().args(["--drain-time", "60s"]).start();
    let client = Client::connect(server.url()).await.unwrap();
    let _call = client.open::<Exec>(&shell("trap '' TERM; while :; do sleep 1000; done")).unwrap();
    let start =
        process::Start { run: shell("trap '' TERM; while :; do sleep 1000; done").run, ..process::Start::default() };
    client.call::<ProcessStart>(&start).await.unwrap();
    wait_for("both run", || server.started().len() >= 4).await;
    server.signal(Signal::TERM);
    client.states().wait_for(|state| *state == State::Draining).await.unwrap();
    server.signal(Signal::TERM);
    assert!(server.wait_exit().success());
    wait_for("nothing is left", || server.started().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_that_goes_ends_it_like_any_signal_unless_that_is_ignored() {
    // Who runs the tests may ignore it.
    let mut server = Server::builder().through(["env", "--default-signal=HUP"]).start();
    server.signal(Signal::HUP);
    assert!(server.wait_exit().success());
    let mut stays = Server::builder().through(["nohup"]).start();
    stays.signal(Signal::HUP);
    let client = Client::connect(stays.url()).await.unwrap();
    assert_eq!(run(&client, &shell("echo here")).await.0, b"here\n");
    stays.signal(Signal::TERM);
    assert!(stays.wait_exit().success());
}
