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

/// A command of argv in that directory.
fn at(cwd: &str, argv: &[&str]) -> sandwire::protocol::kind::exec::Params {
    let mut params = crate::common::argv(argv);
    params.run.cwd = Some(cwd.into());
    params
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_and_files_in_a_bucket_that_is_gone_keep_nobody_else() {
    let (server, client) = served().await;
    let store = Store::start(None);
    store.make("mute");
    for number in 0..8 {
        store.put(&format!("mute/deep{number}/file"), b"x");
    }
    store.put("mute/cat", b"#!/bin/cat\n");
    mount(&client, &of(&store, "mute", "data")).await;
    std::os::unix::fs::symlink("data", server.workspace().join("link")).unwrap();
    // As long as the store is there, all is as it is elsewhere.
    let (out, _, exit) = run(&client, &at("link/deep0", &["cat", "file"])).await;
    assert_eq!((out.as_slice(), exit.unwrap().code), (&b"x"[..], Some(0)));
    let (out, _, exit) = run(&client, &at(".", &["sh", "-c", "cd data/deep1; echo $$; pwd; kill -9 $$"])).await;
    assert!(String::from_utf8(out).unwrap().ends_with("/data/deep1\n"));
    assert_eq!(exit.unwrap().signal.as_deref(), Some("SIGKILL"));
    let code = async |params| run(&client, &params).await.2.unwrap_err().code;
    assert_eq!(code(at("data/nothing", &["true"])).await, Code::InvalidProcessCwd);
    assert_eq!(code(at("data/cat", &["true"])).await, Code::InvalidProcessCwd);
    assert_eq!(code(at("data", &["no-such-program"])).await, Code::CommandNotFound);
    assert_eq!(code(at(".", &["data/deep0/none"])).await, Code::CommandNotFound);
    assert_eq!(code(at(".", &["link/deep0"])).await, Code::CommandPermissionDenied);

    store.signal(Signal::STOP);
    let before = server.started().len();
    let commands: Vec<_> = (0..4)
        .map(|number| {
            let params = match number {
                0 => at(".", &["data/deep2/program"]),
                1 => at("link/deep3", &["true"]),
                _ => at(&format!("data/deep{}", number + 2), &["true"]),
            };
            client.open::<sandwire::protocol::kind::Exec>(&params).unwrap()
        })
        .collect();
    let reads: Vec<_> = (0..40)
        .map(|number| {
            let path = format!("data/deep{}/file{number}", 6 + number % 2).into();
            client.open::<sandwire::protocol::kind::FileRead>(&file::Read { path, ..file::Read::default() }).unwrap()
        })
        .collect();
    wait_for("the commands to wait", || server.started().len() == before + commands.len()).await;
    // Others are served: more of them than the server has threads.
    let other = Client::connect(server.url()).await.unwrap();
    for _ in 0..20 {
        assert_eq!(said(&other, "echo here > file; cat file").await, ("here\n".to_owned(), Some(0)));
        let stat = file::Stat { path: "file".into(), ..file::Stat::default() };
        assert_eq!(ask::<sandwire::protocol::kind::FileStat>(&other, &stat).await.unwrap().size, 5);
    }
    // Who gives up need not wait either.
    for read in &reads[..20] {
        read.cancel();
        assert_eq!(collect(read).await.result.unwrap_err().code, Code::Cancelled);
    }
    assert_eq!(said(&other, "cat file").await.0, "here\n");
    unmount(&other, "data").await;
    for read in &reads[20..] {
        assert!(collect(read).await.result.is_err());
    }
    for command in &commands {
        let ended = collect(command).await.result;
        assert!(ended.as_ref().is_err_and(|error| error.details.contains_key("errno")), "{ended:?}");
    }
    wait_for("all of it to be gone", || server.started().is_empty()).await;
    assert!(!server.workspace().join("data").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_ends_while_a_bucket_is_being_mounted() {
    // It takes the connection and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for signals in 1..=2 {
        let (mut server, client) = super::super::served_by(Server::builder().args(["--drain-time", "0s"])).await;
        let endpoint = Some(format!("http://{}", silent.local_addr().unwrap()));
        let call = client.open::<MountCreate>(&Create { endpoint, ..of(&SHARED, "never", "made/data") }).unwrap();
        let path = server.workspace().join("made/data");
        wait_for("it to be mounted", || is_mounted(&path)).await;
        (0..signals).for_each(|_| server.signal(Signal::INT));
        assert!(server.wait_exit().success(), "{}", server.log());
        drop(call);
        assert!(!is_mounted(&path) && !path.exists(), "after {signals} signals: {}", server.log());
        wait_for("s3fs to be gone", || server.started().is_empty()).await;
    }
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
