//! Limits of a sandbox, where the machine can hold them; where it cannot, it is said.

use sandwire_tests::server::Server;
use sandwire_tests::wait::wait_for;

use super::{Engine, output};

/// Whether a limit is held: then the info has it, else the log says that it is not.
async fn held(engine: &Engine, name: &str, value: u64) -> bool {
    let limit = engine.well("GET", "/sandboxes/one").await["limits"][name].clone();
    if limit.is_null() {
        let said = format!("`{name}` of sandboxes is not bounded");
        wait_for("the warning", || engine.0.log().contains(&said)).await;
        return false;
    }
    assert_eq!(limit, value);
    true
}

#[tokio::test]
async fn one_that_wants_too_much_memory_hurts_no_other() {
    let engine = Engine::of(Server::host().args(["--memory", "128MiB"]));
    let (one, two) = (engine.client("one").await, engine.client("two").await);
    let before = one.sandbox().info().await.unwrap().boot_id;
    if held(&engine, "memory", 128 << 20).await {
        // It keeps what it reads until there is an end of a line.
        let hungry = one.exec("tail -c 1 <(tail /dev/zero); echo unharmed").run().await.unwrap();
        assert_eq!(hungry.text().trim_end_matches('\0').trim(), "unharmed", "{hungry:?}");
        let killed = one.exec_argv(["tail", "/dev/zero"]).run().await.unwrap();
        assert_eq!(killed.exit.signal.as_deref(), Some("SIGKILL"), "{killed:?}");
        assert_eq!(one.sandbox().info().await.unwrap().boot_id, before, "its server lives on");
    }
    assert_eq!(output(&two, "echo well").await, "well");
    assert_eq!(engine.well("GET", "/healthz").await["status"], "ok");
}

#[tokio::test]
async fn one_that_forks_without_end_hurts_no_other() {
    let engine = Engine::of(Server::host().args(["--pids", "100"]));
    let (one, two) = (engine.client("one").await, engine.client("two").await);
    let bomb = "import os\nn = 0\ntry:\n  while n < 500:\n    if os.fork() == 0: os.execlp('sleep', 'sleep', '1000')\n    n += 1\n\
                except OSError: pass\nprint(n)";
    if held(&engine, "pids", 100).await {
        let forked = one.exec_argv(["python3", "-c", bomb]).run().await.unwrap().text().trim().parse::<u32>().unwrap();
        assert!((1..100).contains(&forked), "{forked}");
        assert_eq!(output(&two, "for i in $(seq 60); do sleep 0.01 & done; wait; echo well").await, "well");
    }
    engine.well("DELETE", "/sandboxes/one").await;
    assert_eq!(output(&engine.client("one").await, "echo anew").await, "anew");
}

#[tokio::test]
async fn a_limit_of_0_is_none() {
    let engine = Engine::of(Server::host().args(["--memory", "0B", "--pids", "0"]));
    let info = engine.begin("dev").await;
    assert!(info["limits"]["memory"].is_null() && info["limits"]["pids"].is_null(), "{info}");
    assert!(!engine.0.log().contains("is not bounded"));
    assert!(engine.groups().is_empty());
}
