//! `mount.*`: the real s3fs, on a real server of S3.

mod gone;
mod refused;
mod store;
mod stuck;

use std::path::Path;

use bytes::Bytes;
use sandwire::Client;
use sandwire::protocol::Code;
use sandwire::protocol::kind::mount::{Create, Info, List, Provider, Remove, State};
use sandwire::protocol::kind::{EnvSet, FileList, FileRename, MountCreate, MountList, MountRemove, file};
use sandwire_tests::proxy::Proxy;
use sandwire_tests::server::{self, Server};
use sandwire_tests::wait::wait_for;

pub(crate) use self::store::SHARED;
use self::store::Store;
use super::{ask, refusal, served};
use crate::common::{noise, run, shell};

const KEY: &str = "AKIDTESTTESTTEST";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCY=";

/// A bucket of that store, on a directory.
fn of(store: &Store, bucket: &str, path: &str) -> Create {
    Create {
        bucket: bucket.to_owned(),
        path: path.into(),
        endpoint: Some(store.endpoint()),
        access_key_id: Some(KEY.into()),
        secret_access_key: Some(SECRET.into()),
        ..Create::default()
    }
}

async fn mount(client: &Client, params: &Create) -> Info {
    ask::<MountCreate>(client, params).await.unwrap()
}

async fn unmount(client: &Client, path: &str) {
    ask::<MountRemove>(client, &Remove { path: path.into() }).await.unwrap();
}

async fn mounts(client: &Client) -> Vec<Info> {
    ask::<MountList>(client, &List {}).await.unwrap().mounts
}

/// What a shell of the sandbox prints, and its code.
async fn said(client: &Client, command: &str) -> (String, Option<i32>) {
    let (out, err, exit) = run(client, &shell(command)).await;
    (String::from_utf8_lossy(&[out, err].concat()).into_owned(), exit.unwrap().code)
}

fn is_mounted(path: &Path) -> bool {
    let table = std::fs::read_to_string("/proc/self/mounts").unwrap();
    table.lines().any(|line| line.split(' ').nth(1) == path.to_str())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_bucket_is_a_directory_both_ways() {
    let (server, client) = served().await;
    let store = &*SHARED;
    store.make("whole");
    store.put("whole/a/b.txt", b"from the store");
    let path = server.workspace().join("made/data");
    let info = mount(&client, &of(store, "whole", "made/data")).await;
    assert_eq!((&info.path, info.state, info.provider), (&path.as_path().into(), State::Mounted, Provider::Other));
    assert_eq!((info.endpoint.as_str(), info.read_only, &info.prefix), (store.endpoint().as_str(), false, &None));
    assert_eq!(mounts(&client).await, [info]);

    let script = "cd made/data; cat a/b.txt; echo; mkdir new; echo to the store > new/file; ls";
    assert_eq!(said(&client, script).await, ("from the store\na\nnew\n".to_owned(), Some(0)));
    assert_eq!(store.get("whole/new/file"), b"to the store\n");
    let large = noise(5, 6 << 20);
    let write = client.open::<sandwire::protocol::kind::FileWrite>(&file::Write {
        path: "made/data/large".into(),
        ..file::Write::default()
    });
    let write = write.unwrap();
    write.write(0, Bytes::clone(&large)).await.unwrap();
    write.end(0).unwrap();
    assert_eq!(write.result().await.unwrap().bytes, large.len() as u64);
    assert!(store.get("whole/large") == large, "what is in the store differs");
    let renamed = file::Rename { from: "made/data/a".into(), to: "made/data/c".into(), ..file::Rename::default() };
    ask::<FileRename>(&client, &renamed).await.unwrap();
    assert!(store.keys("whole").contains(&"c/b.txt".to_owned()), "{:?}", store.keys("whole"));
    store.put("whole/later", b"x");
    let listed = ask::<FileList>(&client, &file::List { path: "made/data".into(), ..file::List::default() }).await;
    let names: Vec<String> = listed.unwrap().entries.iter().map(|it| it.path.to_string()).collect();
    assert_eq!(names, ["c", "large", "later", "new"]);

    unmount(&client, "./made//data/").await;
    assert!(!server.workspace().join("made").exists() && mounts(&client).await.is_empty());
    assert_eq!(refusal::<MountRemove>(&client, &Remove { path: "made/data".into() }).await.code, Code::MountNotFound);
    wait_for("s3fs to be gone", || server.started().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn two_at_once_one_of_them_read_only_below_a_prefix() {
    let (server, client) = served().await;
    let store = &*SHARED;
    store.make("first");
    store.make("second");
    store.put("first/in/side/x", b"inside");
    store.put("first/outside", b"outside");
    let there = server.workspace().join("a b");
    std::fs::create_dir(&there).unwrap();
    let low = Create { read_only: true, prefix: Some("/in/side/".to_owned()), ..of(store, "first", "a b") };
    let info = mount(&client, &low).await;
    assert_eq!((info.prefix.as_deref(), info.read_only), (Some("in/side"), true));
    let other = Create { options: vec!["umask=0022".to_owned()], ..of(store, "second:/new", "other") };
    assert_eq!(mount(&client, &other).await.prefix.as_deref(), Some("new"));
    assert_eq!(mounts(&client).await.len(), 2);
    let (text, code) = said(&client, "ls 'a b'; cat 'a b/x'; echo y > 'a b/y'").await;
    assert!(text.starts_with("x\ninside") && text.contains("Read-only file system"), "{text}");
    assert_eq!(code, Some(1));
    assert_eq!(said(&client, "cp 'a b/x' other/; cat other/x").await, ("inside".to_owned(), Some(0)));
    assert_eq!(store.get("second/new/x"), b"inside");
    // A shell that stands in it does not keep it; what was written stays written.
    let inside =
        client.open::<sandwire::protocol::kind::Exec>(&shell("cd other; touch ../ready; read line < /dev/zero"));
    wait_for("the shell", || server.workspace().join("ready").exists()).await;
    unmount(&client, "other").await;
    assert!(!is_mounted(&server.workspace().join("other")));
    inside.unwrap().cancel();
    assert_eq!(said(&client, "cat 'a b/x'").await.0, "inside");
    unmount(&client, "a b").await;
    assert!(there.is_dir(), "it was there before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn keys_are_nowhere_to_be_seen_and_may_come_from_the_environment() {
    let builder = Server::builder().env("SANDWIRE_LOG", "trace").env("AWS_ACCESS_KEY_ID", "AKIDOFTHEENV");
    let (server, client) = super::served_by(builder.env("AWS_SECRET_ACCESS_KEY", "of the env".replace(' ', "-"))).await;
    let store = &*SHARED;
    store.make("hidden");
    let info = mount(&client, &of(store, "hidden", "data")).await;
    let s3fs = server.started();
    assert_eq!(s3fs.len(), 1);
    let read =
        |name: &str| String::from_utf8_lossy(&std::fs::read(format!("/proc/{}/{name}", s3fs[0])).unwrap()).into_owned();
    // Handed to it, and emptied since.
    assert_eq!(read("fd/3"), "");
    let mut all = format!("{info:?} {:?} {}", mounts(&client).await, server.log());
    for entry in std::fs::read_dir("/proc").unwrap() {
        for name in ["cmdline", "environ"] {
            all +=
                &String::from_utf8_lossy(&std::fs::read(entry.as_ref().unwrap().path().join(name)).unwrap_or_default());
        }
    }
    all += &read("mountinfo");
    assert!(!all.contains(SECRET) && !all.contains(KEY));
    assert!(!read("environ").contains("AKIDOFTHEENV"), "it has the server's own variables");
    // As if they were wrong: the error names neither.
    let missing = refusal::<MountCreate>(&client, &of(store, "no-such-bucket", "none")).await;
    assert!(!format!("{missing:?}").contains(SECRET) && !format!("{missing:?}").contains(KEY), "{missing:?}");

    let own = Create { access_key_id: None, secret_access_key: None, ..of(store, "hidden", "own") };
    mount(&client, &own.clone()).await;
    let set =
        [("AWS_ACCESS_KEY_ID", None), ("R2_ACCESS_KEY_ID", Some("AKIDOFR2")), ("R2_SECRET_ACCESS_KEY", Some("of-r2"))];
    let env = set.map(|(name, value)| (name.into(), value.map(Into::into))).into();
    ask::<EnvSet>(&client, &sandwire::protocol::kind::env::Set { env }).await.unwrap();
    let none = refusal::<MountCreate>(&client, &Create { path: "none".into(), ..own.clone() }).await;
    assert_eq!(none.code, Code::MissingCredentials, "{none:?}");
    mount(&client, &Create { path: "r2".into(), provider: Some(Provider::R2), ..own }).await;
    // A token of a session goes another way.
    let token = Create { session_token: Some("FwoGZXIvYXdzE".into()), ..of(store, "hidden", "token") };
    mount(&client, &token).await;
    assert_eq!(said(&client, "echo x > own/x; cat token/x data/x r2/x").await, ("x\nx\nx\n".to_owned(), Some(0)));
    assert!(!server.log().contains("FwoGZXIvYXdzE"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn mounts_survive_cuts_and_the_client_that_made_them() {
    let (server, store) = (Server::start(), &*SHARED);
    store.make("cut");
    let proxy = Proxy::start(server.address()).await.unwrap();
    let client = Client::connect(server::url(proxy.address())).await.unwrap();
    mounts(&client).await;
    proxy.cut_randomly(11, 100..600);
    client.reconnect();
    for number in 0..4 {
        mount(&client, &of(store, "cut", &format!("d{number}"))).await;
        assert_eq!(said(&client, &format!("echo {number} > d{number}/n{number}")).await.1, Some(0));
        if number != 3 {
            unmount(&client, &format!("d{number}")).await;
        }
    }
    assert!(proxy.counters().connections > 2, "it was not cut");
    assert_eq!(store.keys("cut"), ["n0", "n1", "n2", "n3"]);
    drop(client);
    let client = Client::connect(server.url()).await.unwrap();
    assert_eq!(said(&client, "cat d3/n0").await.0, "0\n");
    assert_eq!(mounts(&client).await.len(), 1);
}
