//! A store, or an s3fs, that goes away: who uses it gets an error, and nobody else waits.

use rustix::process::{Pid, Signal, kill_process};

use super::*;
use crate::common::collect;

/// With a store of its own, and little patience.
async fn mounted(client: &Client) -> Store {
    let store = Store::start(None);
    store.make("going");
    store.put("going/file", b"x");
    let options = ["readwrite_timeout=1", "retries=1", "stat_cache_expire=1"].map(str::to_owned).to_vec();
    mount(client, &Create { options, ..of(&store, "going", "data") }).await;
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_stops_keeps_nobody_waiting_but_who_uses_it() {
    let (server, client) = served().await;
    let store = mounted(&client).await;
    store.signal(Signal::STOP);
    let waiting = client.open::<sandwire::protocol::kind::Exec>(&shell("touch begun; cat data/file")).unwrap();
    wait_for("the command to wait", || server.workspace().join("begun").exists()).await;
    let list = file::List { path: ".".into(), ..file::List::default() };
    let names: Vec<String> =
        ask::<FileList>(&client, &list).await.unwrap().entries.iter().map(|it| it.path.to_string()).collect();
    assert!(names.contains(&"begun".to_owned()), "{names:?}");
    assert_eq!(mounts(&client).await[0].state, State::Mounted);
    unmount(&client, "data").await;
    assert!(collect(&waiting).await.result.unwrap().code != Some(0));
    assert!(!server.workspace().join("data").exists());
    wait_for("s3fs to be gone", || server.started().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_ends_with_a_store_that_is_gone() {
    for signals in 1..=2 {
        let (mut server, client) = super::super::served_by(Server::builder().args(["--drain-time", "0s"])).await;
        let store = mounted(&client).await;
        store.signal(Signal::KILL);
        let (text, code) = said(&client, "cat data/file").await;
        assert!(text.contains("Input/output error") && code == Some(1), "{text}");
        let using = "cd data; touch ../begun; while :; do ls; done";
        let waiting = client.open::<sandwire::protocol::kind::Exec>(&shell(using)).unwrap();
        wait_for("the command", || server.workspace().join("begun").exists()).await;
        // The second signal is for who cannot wait.
        (0..signals).for_each(|_| server.signal(Signal::INT));
        assert!(server.wait_exit().success(), "{}", server.log());
        drop(waiting);
        let path = server.workspace().join("data");
        assert!(!is_mounted(&path) && !path.exists(), "after {signals} signals: {}", server.log());
        wait_for("s3fs to be gone", || server.started().is_empty()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_s3fs_that_ends_is_seen_and_nothing_is_written_beside_the_bucket() {
    let (server, client) = served().await;
    let store = &*SHARED;
    store.make("ending");
    mount(&client, &of(store, "ending", "data")).await;
    kill_process(Pid::from_raw(server.started()[0]).unwrap(), Signal::KILL).unwrap();
    let ended = async || mounts(&client).await[0].state == State::Ended;
    sandwire_tests::wait::wait_until_async("the end to be seen", || async {
        if ended().await { Ok(()) } else { Err(()) }
    })
    .await;
    assert_eq!(mounts(&client).await[0].exit.as_ref().unwrap().signal.as_deref(), Some("SIGKILL"));
    let (text, code) = said(&client, "echo lost > data/file").await;
    assert!(text.contains("Transport endpoint is not connected") && code == Some(1), "{text}");
    // It is mounted anew in the place of the old one.
    mount(&client, &of(store, "ending", "data")).await;
    assert_eq!(said(&client, "echo kept > data/file").await.1, Some(0));
    assert_eq!((mounts(&client).await.len(), mounts(&client).await[0].state), (1, State::Mounted));
    assert_eq!(store.get("ending/file"), b"kept\n");
    unmount(&client, "data").await;
    assert!(!server.workspace().join("data").exists());
}
