//! Ends that nobody asked for: of a sandbox's server, of the engine.

use rustix::process::{Pid, Signal, kill_process};
use sandwire::Client;
use sandwire_tests::server::Server;
use sandwire_tests::wait::wait_for;

use tokio::io::AsyncBufReadExt;

use super::{Engine, output};

const ISOLATIONS: [&str; 2] = ["bubblewrap", "none"];

/// Processes that are hard to find: their parents have ended, and they have sessions of their own.
const ORPHANS: &str =
    "for i in 1 2 3; do setsid sh -c 'sleep 1000; :' >&- 2>&- <&- & done; sleep 1000 >&- 2>&- & sleep 0";

async fn begun(isolation: &str) -> (Engine, Client) {
    let engine = Engine::of(Server::host().args(["--isolation", isolation, "--drain-grace", "1s"]));
    engine.begin("dev").await;
    let client = engine.client("dev").await;
    output(&client, ORPHANS).await;
    (engine, client)
}

#[tokio::test]
async fn a_server_that_is_killed_takes_all_of_its_sandbox_along_and_its_end_is_told() {
    for isolation in ISOLATIONS {
        let (engine, client) = begun(isolation).await;
        output(&client, "echo kept > file").await;
        drop(client);
        let wait = engine.well("GET", "/sandboxes/dev/wait");
        let kill = async {
            let server = *engine.servers().last().unwrap();
            kill_process(Pid::from_raw(server).unwrap(), Signal::KILL).unwrap();
        };
        let (waited, ()) = tokio::join!(wait, kill);
        assert_eq!(waited["exit_code"], 137, "{isolation}");
        assert_eq!(engine.state("dev").await, "asleep");
        assert_eq!(engine.0.started(), [] as [i32; 0], "{isolation}");
        assert_eq!(output(&engine.client("dev").await, "cat file").await, "kept", "the next use starts it anew");
    }
}

#[tokio::test]
async fn an_engine_that_is_killed_leaves_nothing_behind() {
    for isolation in ISOLATIONS {
        let (mut engine, _client) = begun(isolation).await;
        let (before, root) = (engine.0.started(), engine.0.root());
        assert!(before.len() > 4, "{isolation}: {before:?}");
        engine.0.signal(Signal::KILL);
        engine.0.wait_exit();
        wait_for("all that it started to end", || engine.0.started().is_empty()).await;
        // The next engine finds the files, and clears the rest away.
        let next = Engine::of(Server::host().root(&root));
        assert_eq!(next.state("dev").await, "asleep");
        assert_eq!(std::fs::read_dir(root.join(".run")).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn an_engine_that_is_told_to_end_stops_all_and_ends_with_0() {
    for isolation in ISOLATIONS {
        let (mut engine, _client) = begun(isolation).await;
        engine.begin("other").await;
        // What does not heed TERM is killed after the grace.
        output(&engine.client("other").await, "setsid sh -c 'trap \"\" TERM; sleep 1000; :' >&- 2>&- <&- & sleep 0")
            .await;
        engine.0.signal(Signal::TERM);
        assert_eq!(engine.0.wait_exit().code(), Some(0), "{isolation}");
        assert_eq!(engine.0.started(), [] as [i32; 0], "{isolation}");
    }
}

#[tokio::test]
async fn while_the_engine_ends_nothing_starts() {
    let (mut engine, client) = begun("bubblewrap").await;
    let mut held = client.exec("trap '' TERM; echo ready; sleep 1000 & wait; wait").spawn().unwrap();
    let mut lines = held.stdout().lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ready"));
    engine.0.signal(Signal::TERM);
    wait_for("the engine to drain", || engine.0.log().contains("draining")).await;
    let (status, error) = engine.ask("POST", "/sandboxes/new/start").await;
    assert_eq!((status, error["code"].as_str()), (503, Some("DRAINING")));
    assert_eq!(engine.0.wait_exit().code(), Some(0));
}
