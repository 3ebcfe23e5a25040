//! How a sandbox begins, stops, and is gone.

use std::process::{Command, Stdio};

use futures_util::future::join_all;
use sandwire_tests::server::{Server, binary};
use sandwire_tests::wait::wait_for;
use serde_json::json;

use super::{Engine, output};

#[tokio::test]
async fn the_first_use_starts_a_sandbox_once() {
    let engine = Engine::start();
    assert_eq!(engine.well("GET", "/sandboxes").await, json!({ "sandboxes": [] }));
    let absent = engine.well("GET", "/sandboxes/dev").await;
    assert_eq!(absent["state"], "absent");
    assert!(!engine.0.root().join("dev").exists(), "a look makes nothing");
    let clients = join_all((0..8).map(|_| engine.client("dev"))).await;
    let infos = join_all(clients.iter().map(|client| async { client.sandbox().info().await.unwrap() })).await;
    assert!(infos.iter().all(|info| info.boot_id == infos[0].boot_id), "one server serves all");
    assert_eq!((infos[0].workspace.as_str(), infos[0].hostname.as_str()), ("/workspace", "dev"));
    assert_eq!(engine.servers().len(), 1);
    let info = engine.well("GET", "/sandboxes/dev").await;
    assert_eq!((info["state"].as_str(), info["isolation"].as_str()), (Some("running"), Some("bubblewrap")));
    assert!(info["started_ms"].as_u64().unwrap() <= info["last_active_ms"].as_u64().unwrap(), "{info}");
    assert_eq!(engine.well("GET", "/sandboxes").await["sandboxes"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_the_tool_uses_it() {
    let engine = Engine::start();
    let mut tool = Command::new(binary("sandwire"));
    tool.env_remove("SANDWIRE_TOKEN").env("SANDWIRE_URL", engine.url("dev")).stdin(Stdio::null());
    let output = tool.args(["exec", "--", "sh", "-c", "echo hi; exit 3"]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(3), b"hi\n".as_slice()), "{output:?}");
}

#[tokio::test]
async fn what_is_stopped_keeps_its_files_and_starts_anew() {
    let engine = Engine::start();
    let client = engine.client("dev").await;
    output(&client, "echo kept > /workspace/a; echo kept > ~/b; echo gone > /tmp/c").await;
    let before = client.sandbox().info().await.unwrap().boot_id;
    client.close().await;
    let waits = engine.well("GET", "/sandboxes/dev/wait");
    let (waited, stopped) = tokio::join!(waits, engine.well("POST", "/sandboxes/dev/stop"));
    assert_eq!((&waited, &stopped), (&json!({ "exit_code": 0 }), &json!({ "exit_code": 0 })));
    assert_eq!(engine.state("dev").await, "asleep");
    assert!(engine.servers().is_empty());
    assert_eq!(engine.well("GET", "/sandboxes/dev/wait").await, json!({ "exit_code": 0 }), "at once");
    assert_eq!(engine.well("POST", "/sandboxes/dev/stop").await, json!({ "exit_code": 0 }), "again");
    let client = engine.client("dev").await;
    assert_eq!(output(&client, "cat /workspace/a ~/b; ls /tmp").await, "kept\nkept");
    assert_ne!(client.sandbox().info().await.unwrap().boot_id, before);
}

#[tokio::test]
async fn variables_are_given_when_it_starts_and_no_settings() {
    let engine = Engine::start();
    let body = json!({ "env": { "MINE": "a b", "SANDWIRE_TOKEN": "not-for-the-server" } }).to_string();
    let (status, info) = engine.ask_with("POST", "/sandboxes/dev/start", &[], &body).await;
    assert_eq!(status, 200, "{info}");
    // The first one's count, for as long as it runs.
    let other = json!({ "env": { "MINE": "other" } }).to_string();
    assert_eq!(engine.ask_with("POST", "/sandboxes/dev/start", &[], &other).await.0, 200);
    let client = engine.client("dev").await;
    assert_eq!(output(&client, "echo $MINE; env | grep -c SANDWIRE_TOKEN || true").await, "a b\n0");
}

#[tokio::test]
async fn what_is_destroyed_leaves_nothing() {
    let engine = Engine::start();
    let info = engine.begin("dev").await;
    let client = engine.client("dev").await;
    // What has closed its directories, has a session of its own, and does not heed TERM.
    output(
        &client,
        "mkdir -p d/e; touch d/e/f; chmod 0 d/e; setsid sh -c 'trap \"\" TERM; sleep 1000' >&- 2>&- & sleep 0",
    )
    .await;
    // One that is connected would dial again, and start another one of that name.
    client.close().await;
    let groups = engine.groups();
    assert_eq!(groups.is_empty(), info["limits"]["pids"].is_null(), "{groups:?}");
    assert!(!engine.0.started().is_empty());
    let gone = engine.well("DELETE", "/sandboxes/dev").await;
    assert_eq!(gone["state"], "absent");
    assert_eq!(engine.0.started(), [] as [i32; 0]);
    assert!(groups.iter().all(|group| !group.exists()), "{groups:?}");
    let left: Vec<_> = std::fs::read_dir(engine.0.root().join(".run")).unwrap().collect();
    assert!(left.is_empty() && !engine.0.root().join("dev").exists(), "{left:?}");
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(engine.0.root().to_str().unwrap()));
    for _ in 0..2 {
        assert_eq!(engine.well("DELETE", "/sandboxes/dev").await["state"], "absent", "again");
    }
    assert_eq!(output(&engine.client("dev").await, "ls /workspace").await, "", "a new one of that name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_start_at_once() {
    let engine = Engine::start();
    let ids: Vec<String> = (0..20).map(|number| format!("box-{number}")).collect();
    let names = join_all(ids.iter().map(|id| async {
        let client = engine.client(id).await;
        let name = output(&client, "hostname | tee /workspace/name").await;
        // One that is connected would dial again, and start another one of that name.
        client.close().await;
        name
    }));
    assert_eq!(names.await, ids);
    assert_eq!(engine.servers().len(), ids.len());
    for id in &ids {
        let name = std::fs::read_to_string(engine.0.root().join(id).join("workspace/name")).unwrap();
        assert_eq!(name.trim_end(), id);
    }
    join_all(ids.iter().map(async |id| engine.well("DELETE", &format!("/sandboxes/{id}")).await)).await;
    assert!(engine.servers().is_empty());
    assert_eq!(engine.well("GET", "/sandboxes").await, json!({ "sandboxes": [] }));
}

#[tokio::test]
async fn there_are_as_many_as_may_run_and_those_that_end_make_room() {
    let engine = Engine::of(Server::host().args(["--max-sandboxes", "2"]));
    engine.begin("a").await;
    engine.begin("b").await;
    let (status, error) = engine.ask("POST", "/sandboxes/c/start").await;
    assert_eq!((status, error["code"].as_str()), (503, Some("LIMIT_EXCEEDED")), "{error}");
    assert!(error["message"].as_str().unwrap().contains("max_sandboxes"));
    assert_eq!(engine.state("c").await, "absent");
    engine.well("POST", "/sandboxes/a/stop").await;
    engine.begin("c").await;
}

#[tokio::test]
async fn one_that_cannot_start_says_why_in_its_servers_words() {
    for isolation in ["bubblewrap", "none"] {
        let engine = Engine::of(Server::host().args(["--isolation", isolation]));
        let library = engine.0.workspace().join("libgcc_s.so.1");
        std::fs::write(&library, "").unwrap();
        std::fs::copy(&library, engine.0.workspace().join("libselinux.so.1")).unwrap();
        let body = json!({ "env": { "LD_LIBRARY_PATH": engine.0.workspace() } }).to_string();
        let (status, error) = engine.ask_with("POST", "/sandboxes/dev/start", &[], &body).await;
        assert_eq!((status, error["code"].as_str()), (502, Some("SANDBOX_START_FAILED")), "{error}");
        assert!(error["message"].as_str().unwrap().contains("file too short"), "{error}");
        wait_for("nothing to be left", || engine.servers().is_empty()).await;
        assert_eq!(output(&engine.client("dev").await, "echo well").await, "well", "the next one is a new one");
    }
}
