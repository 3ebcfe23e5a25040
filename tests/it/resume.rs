//! Promise 1: connections come and go, and every byte arrives once, with the true exit.

mod work;

use std::time::Duration;

use rustix::process::Signal;
use sandwire::protocol::Code;
use sandwire::protocol::kind::{Exec, exec};
use sandwire::{Client, Reply, State};
use sandwire_tests::proxy::{Cut, Direction, Proxy};
use sandwire_tests::server::{self, Server};

use self::work::fifty_channels;
use crate::common::{collect, run, shell};

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

/// R-HELLO-11: whether the server has heard of the lane or not.
#[tokio::test]
async fn a_first_connection_that_is_cut_anywhere_loses_nothing() {
    let server = Server::start();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let mut survived = 0;
    for direction in [Direction::Up, Direction::Down] {
        for byte in (10..700).step_by(10) {
            proxy.cut_after(direction, byte, Cut::Reset);
            // The first connection is tried once: whoever asked for it hears that there is none.
            let Ok(client) = Client::connect(server::url(proxy.address())).await else { continue };
            let runs = format!("runs-{direction:?}-{byte}");
            let (output, _, exit) = run(&client, &shell(&format!("echo run >> {runs}; cat {runs}; exit 5"))).await;
            let code = exit.unwrap_or_else(|error| panic!("{direction:?}, cut behind {byte} bytes: {error}")).code;
            assert_eq!((&*output, code), ("run\n".as_bytes(), Some(5)), "{direction:?}, cut behind {byte} bytes");
            survived += 1;
        }
        proxy.keep_whole();
    }
    assert!(survived > 50, "only {survived} came beyond the upgrade");
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
