//! What cannot be mounted, why, and that nothing of it is left.

use std::cell::RefCell;
use std::net::TcpListener;

use rustix::process::{Pid, Signal, kill_process};
use sandwire::protocol::Error;
use sandwire_tests::server::Builder;
use sandwire_tests::wait::wait_until_async;

use super::*;

async fn refused(server: &Server, client: &Client, params: &Create) -> Error {
    let error = refusal::<MountCreate>(client, params).await;
    assert!(mounts(client).await.is_empty(), "{error:?}");
    assert!(!server.workspace().join("made").exists(), "{error:?} leaves its directory");
    wait_for("s3fs to be gone", || server.started().is_empty()).await;
    error
}

fn reason(error: &Error) -> (Code, String) {
    (error.code, format!("{:?}", error.details.get("reason")))
}

fn because(reason: &str) -> (Code, String) {
    (Code::S3fsMount, format!("{:?}", Some(sandwire::protocol::error::Detail::Text(reason.to_owned()))))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_store_that_does_not_give_the_bucket_is_named_with_why() {
    let (server, client) = served().await;
    let locked = Store::start(Some(1));
    locked.make("locked");
    let error = refused(&server, &client, &of(&locked, "locked", "made/it")).await;
    assert_eq!(reason(&error), because("credentials"), "{error:?}");
    let error = refused(&server, &client, &of(&SHARED, "no-such-bucket", "made/it")).await;
    assert_eq!(reason(&error), because("bucket"), "{error:?}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let taken = RefCell::new(Vec::new());
    // Whether it was asked once more.
    let asked = || listener.accept().map(|stream| taken.borrow_mut().push(stream)).is_ok();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    // Somebody takes the connection and says nothing.
    let options = ["readwrite_timeout=1", "retries=1"].map(str::to_owned).to_vec();
    let mute = Create { endpoint: Some(silent), options, ..of(&SHARED, "x0x", "made/it") };
    let error = refused(&server, &client, &mute).await;
    assert_eq!(reason(&error), because("unreachable"), "{error:?}");
    // Who gives up has nothing mounted, however far s3fs has come.
    let path = server.workspace().join("made/it");
    let runs = |threads: usize| {
        server.started().first().is_some_and(|pid| {
            let is_it = std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "s3fs\n");
            is_it && std::fs::read_dir(format!("/proc/{pid}/task")).is_ok_and(|tasks| tasks.count() >= threads)
        })
    };
    let far: [(&str, &dyn Fn() -> bool); 7] = [
        ("nothing", &|| true),
        ("its directory", &|| path.exists()),
        ("a process", &|| !server.started().is_empty()),
        ("s3fs to run", &|| runs(1)),
        ("its mount", &|| is_mounted(&path)),
        ("its second thread", &|| runs(2)),
        ("its question", &|| asked()),
    ];
    for (what, come) in far {
        let call = client.open::<MountCreate>(&Create { options: vec![], ..mute.clone() }).unwrap();
        wait_for(what, come).await;
        call.cancel();
        assert_eq!(call.result().await.unwrap_err().code, Code::Cancelled);
        wait_for("all of it to be gone", || server.started().is_empty() && !server.workspace().join("made").exists())
            .await;
    }
    drop(taken);
    drop(listener);
    let error = refused(&server, &client, &Create { options: vec!["retries=1".to_owned()], ..mute }).await;
    assert_eq!(reason(&error), because("unreachable"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_asked_wrongly_is_refused_before_anything_is_done() {
    let (server, client) = served().await;
    let store = &*SHARED;
    store.make("right");
    let good = of(store, "right", "made/it");
    let code = async |params: Create| refused(&server, &client, &params).await.code;
    assert_eq!(code(Create { access_key_id: None, ..good.clone() }).await, Code::InvalidMountConfig);
    let keyless = Create { access_key_id: None, secret_access_key: None, ..good.clone() };
    assert_eq!(code(keyless).await, Code::MissingCredentials);
    for option in ["passwd_file=/etc/passwd", "use_cache=/tmp/x", "dbglevel=debug"] {
        let odd = Create { options: vec![option.to_owned()], ..good.clone() };
        assert_eq!(code(odd).await, Code::InvalidMountConfig, "{option}");
    }
    assert_eq!(code(Create { path: "".into(), ..good.clone() }).await, Code::ValidationFailed);
    std::fs::create_dir(server.workspace().join("full")).unwrap();
    std::fs::write(server.workspace().join("full/file"), "").unwrap();
    assert_eq!(code(Create { path: "full".into(), ..good.clone() }).await, Code::BucketMount);
    assert_eq!(code(Create { path: "full/file/x".into(), ..good.clone() }).await, Code::BucketMount);
    assert_eq!(code(Create { path: "/proc".into(), ..good.clone() }).await, Code::BucketMount);
    // One in another would have to be asked what is there.
    mount(&client, &good).await;
    for path in ["made", "made/it", "made/it/below", "full/../made/it"] {
        let error = refusal::<MountCreate>(&client, &Create { path: path.into(), ..good.clone() }).await;
        assert_eq!(error.code, Code::BucketMount, "{path}: {error:?}");
    }
    unmount(&client, "made/it").await;

    // Without s3fs the error says what to install.
    let (server, client) = super::super::served_by(Server::builder().env("PATH", "/nowhere")).await;
    let error = refused(&server, &client, &good).await;
    assert_eq!(reason(&error), because("not_installed"), "{error:?}");
    assert!(error.message.contains("apt-get install s3fs"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_for_some_paths_mounts_and_sees_and_checks_out_there_alone() {
    let within = |builder: Builder, config: String| builder.config(config).start();
    let folder = tempfile::tempdir().unwrap();
    let (open, shut) = (folder.path().join("open"), folder.path().join("shut"));
    std::fs::create_dir(&open).unwrap();
    std::fs::create_dir(&shut).unwrap();
    let config = format!(
        "[[tokens]]\nname = \"all\"\ntoken = \"secret-of-all\"\nscopes = [\"exec\"]\n\
         [[tokens]]\nname = \"some\"\ntoken = \"secret-of-some\"\nscopes = [\"exec\"]\npaths = [\"{}\"]\n",
        open.display()
    );
    let server = within(Server::builder(), config);
    let connect = async |token: &str| Client::builder(server.url()).token(token).connect().await.unwrap();
    let (all, some) = (connect("secret-of-all").await, connect("secret-of-some").await);
    let store = &*SHARED;
    store.make("granted");
    let at = |path: &Path| of(store, "granted", path.to_str().unwrap());
    let error = refusal::<MountCreate>(&some, &at(&shut.join("x"))).await;
    assert_eq!(error.code, Code::PermissionDenied, "{error:?}");
    mount(&all, &at(&shut.join("x"))).await;
    mount(&some, &at(&open.join("x"))).await;
    assert_eq!((mounts(&all).await.len(), mounts(&some).await.len()), (2, 1));
    // Nor in the place of one whose s3fs has ended, which stays.
    let others: Vec<i32> = server.started();
    for pid in others {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        if String::from_utf8_lossy(&line).contains(shut.to_str().unwrap()) {
            kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        }
    }
    wait_until_async("the end to be seen", || async {
        let states: Vec<State> = mounts(&all).await.iter().map(|it| it.state).collect();
        if states.contains(&State::Ended) { Ok(()) } else { Err(states) }
    })
    .await;
    let error = refusal::<MountCreate>(&some, &at(&shut.join("x"))).await;
    assert_eq!(error.code, Code::PermissionDenied, "{error:?}");
    assert_eq!(mounts(&all).await.len(), 2);
    let path = shut.join("x").as_path().into();
    assert_eq!(refusal::<MountRemove>(&some, &Remove { path }).await.code, Code::PermissionDenied);
    let checkout = sandwire::protocol::kind::git::Checkout {
        url: "/nowhere".into(),
        directory: Some(shut.as_path().into()),
        ..Default::default()
    };
    let error = refusal::<sandwire::protocol::kind::GitCheckout>(&some, &checkout).await;
    assert_eq!(error.code, Code::PermissionDenied, "{error:?}");
    unmount(&some, open.join("x").to_str().unwrap()).await;
    unmount(&all, shut.join("x").to_str().unwrap()).await;
}
