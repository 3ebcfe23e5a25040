//! `file.*` and `tcp.connect` over the wire.

use std::path::PathBuf;

use sandwire_protocol::ByteString;
use sandwire_protocol::kind::file::{
    Change, List, Mkdir, Read, ReadDown, ReadEnd, Remove, Rename, Search, SearchDown, Stat, TreeRead, TreeWrite, Watch,
    WatchDown, Write, WriteMode, Written,
};
use sandwire_protocol::kind::tcp::{Connect, Down};
use sandwire_protocol::kind::{
    FileList, FileMkdir, FileRead, FileRemove, FileRename, FileSearch, FileStat, FileWatch, FileWrite, TcpConnect,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn at(dir: &TempDir, name: &str) -> ByteString {
    dir.path().join(name).as_path().into()
}

/// Everything on stream 0, the events, and the result.
async fn content<K: Kind>(call: &Call<K>) -> (Vec<u8>, Vec<K::Down>, Result<K::Result, Error>) {
    let (mut bytes, mut events, mut ended) = (Vec::new(), Vec::new(), false);
    loop {
        match call.recv().await {
            Reply::Data(0, data) if !ended => bytes.extend_from_slice(&data),
            Reply::End(0) if !ended => ended = true,
            Reply::Data(stream, _) | Reply::End(stream) => panic!("nothing more comes on stream {stream}"),
            Reply::Event(event) => events.push(event),
            Reply::Closed(result) => {
                assert_eq!(result.is_ok(), ended, "the end of the content and success are one");
                return (bytes, events, result);
            }
        }
    }
}

async fn read(link: &Link, params: Read) -> (Vec<u8>, Vec<ReadDown>, Result<ReadEnd, Error>) {
    content(&link.open::<FileRead>(&params, None).unwrap()).await
}

async fn write(link: &Link, params: Write, bytes: Bytes) -> Result<Written, Error> {
    let call = link.open::<FileWrite>(&params, None).unwrap();
    let (sent, result) = tokio::join!(
        async {
            call.write(0, bytes).await?;
            call.end(0)
        },
        call.result()
    );
    // A write that has failed takes no more.
    assert!(sent.is_ok() || result.is_err());
    result
}

#[tokio::test]
async fn content_goes_there_and_back() {
    let (dir, link) = (tempfile::tempdir().unwrap(), client().await);
    for length in [0, 1, 65_536, 5_000_000] {
        let bytes: Bytes = (0..length).map(|at: u32| (at % 251) as u8).collect::<Vec<u8>>().into();
        let written = write(&link, Write { path: at(&dir, "f"), ..Write::default() }, bytes.clone()).await.unwrap();
        let (back, events, end) = read(&link, Read { path: at(&dir, "f"), meta: true, ..Read::default() }).await;
        assert!(back == bytes, "{length}");
        let [ReadDown::Meta(info)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((info.size, &info.etag), (u64::from(length), &written.etag));
        assert_eq!(end.unwrap(), ReadEnd { bytes: u64::from(length), etag: written.etag, changed: false });
    }
    let (_, _, missing) = read(&link, Read { path: at(&dir, "none"), ..Read::default() }).await;
    assert_eq!(missing.unwrap_err().code, Code::FileNotFound);
    let refused = write(&link, Write { path: at(&dir, "no/f"), ..Write::default() }, vec![0; 3_000_000].into()).await;
    assert_eq!(refused.unwrap_err().code, Code::FileNotFound);
}

#[tokio::test]
async fn a_write_that_is_given_up_leaves_nothing() {
    let (dir, link) = (tempfile::tempdir().unwrap(), client().await);
    let call = link.open::<FileWrite>(&Write { path: at(&dir, "f"), ..Write::default() }, None).unwrap();
    call.write(0, vec![1; 2_000_000].into()).await.unwrap();
    call.cancel();
    assert_eq!(call.result().await.unwrap_err().code, Code::Cancelled);
    while std::fs::read_dir(dir.path()).unwrap().count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_appended_is_seen_at_once() {
    let (dir, link) = (tempfile::tempdir().unwrap(), client().await);
    let params = Write { path: at(&dir, "log"), how: Some(WriteMode::Append), ..Write::default() };
    let call = link.open::<FileWrite>(&params, None).unwrap();
    for line in 1..4_usize {
        call.write(0, Bytes::from_static(b"line\n")).await.unwrap();
        while std::fs::read(dir.path().join("log")).map_or(0, |content| content.len()) < line * 5 {
            tokio::task::yield_now().await;
        }
    }
    call.end(0).unwrap();
    assert_eq!(call.result().await.unwrap().bytes, 15);
}

#[tokio::test]
async fn unary_kinds_answer() {
    let (dir, link) = (tempfile::tempdir().unwrap(), client().await);
    ask::<FileMkdir>(&link, Mkdir { path: at(&dir, "a/b"), parents: true, mode: None }).await.unwrap();
    let rename = Rename { from: at(&dir, "a/b"), to: at(&dir, "c"), no_replace: true };
    ask::<FileRename>(&link, rename).await.unwrap();
    let list = List { path: at(&dir, ""), recursive: true, ..List::default() };
    let names = ask::<FileList>(&link, list).await.unwrap().entries;
    assert_eq!(names.iter().map(|info| info.path.to_string()).collect::<Vec<_>>(), ["a", "c"]);
    let remove = Remove { path: at(&dir, "a"), recursive: true, force: false };
    assert_eq!(ask::<FileRemove>(&link, remove).await.unwrap().count, 1);
    assert_eq!(code::<FileStat>(&link, Stat { path: at(&dir, "a"), no_follow: false }).await, Code::FileNotFound);
}

#[tokio::test]
async fn a_token_with_paths_reaches_only_those() {
    let dir = tempfile::tempdir().unwrap();
    let inside: PathBuf = dir.path().join("in");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(dir.path().join("secret"), "x").unwrap();
    std::os::unix::fs::symlink("../secret", inside.join("link")).unwrap();
    let link = client_with(Access::new("t", kind::Scope::ALL.iter().copied(), Some(vec![inside]))).await;
    for name in ["secret", "in/link", "in/../secret"] {
        let (bytes, _, end) = read(&link, Read { path: at(&dir, name), ..Read::default() }).await;
        assert_eq!((bytes.len(), end.unwrap_err().code), (0, Code::PermissionDenied), "{name}");
    }
    let params = Write { path: at(&dir, "in/new"), ..Write::default() };
    write(&link, params, Bytes::from_static(b"x")).await.unwrap();
}

#[tokio::test]
async fn search_and_watch_tell_events_until_cancelled() {
    let (dir, link) = (tempfile::tempdir().unwrap(), client().await);
    let watch = link.open::<FileWatch>(&Watch { path: at(&dir, ""), ..Watch::default() }, None).unwrap();
    let Reply::Event(WatchDown::Ready {}) = watch.recv().await else { panic!("it stands") };
    std::fs::write(dir.path().join("f"), "needle\n").unwrap();
    let Reply::Event(WatchDown::Change { change: Change::Create, path, .. }) = watch.recv().await else {
        panic!("the file is told")
    };
    assert_eq!(path, ByteString::from("f"));
    watch.cancel();
    assert_eq!(watch.result().await.unwrap_err().code, Code::Cancelled);
    let params = Search { path: at(&dir, ""), pattern: Some("need".into()), ..Search::default() };
    let search = link.open::<FileSearch>(&params, None).unwrap();
    let Reply::Event(SearchDown::Line { line: 1, .. }) = search.recv().await else { panic!("it is found") };
    assert_eq!(search.result().await.unwrap().matches, 1);
}

#[tokio::test]
async fn a_tree_goes_from_here_to_there() {
    let (dir, link) = (tempfile::tempdir().unwrap(), client().await);
    std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
    for number in 0..300 {
        std::fs::write(dir.path().join(format!("a/b/{number}")), vec![b'x'; number * 50]).unwrap();
    }
    let from = TreeRead { path: at(&dir, "a"), ..TreeRead::default() };
    let (archive, _, packed) = content(&link.open::<kind::TreeRead>(&from, None).unwrap()).await;
    let to = TreeWrite { path: at(&dir, "c"), owners: false };
    let call = link.open::<kind::TreeWrite>(&to, None).unwrap();
    let send = async {
        call.write(0, archive.into()).await.unwrap();
        call.end(0).unwrap();
    };
    let ((), unpacked) = tokio::join!(send, call.result());
    assert_eq!(packed.unwrap(), unpacked.unwrap());
    let bad = link.open::<kind::TreeWrite>(&to, None).unwrap();
    // The error may come before all was sent.
    let _sent = bad.write(0, vec![b'x'; 1_000_000].into()).await;
    assert_eq!(bad.result().await.unwrap_err().code, Code::ValidationFailed);
}

#[tokio::test]
async fn a_tunnel_is_half_closed_in_both_directions() {
    let link = client().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = || link.open::<TcpConnect>(&Connect { port, host: None, timeout_ms: None }, None).unwrap();
    let bytes: Bytes = vec![7; 3_000_000].into();
    // The opener ends first: the port answers only then.
    let call = connect();
    let (mut socket, _) = listener.accept().await.unwrap();
    let server = tokio::spawn(async move {
        let mut all = Vec::new();
        socket.read_to_end(&mut all).await.unwrap();
        socket.write_all(&all).await.unwrap();
    });
    let send = async {
        call.write(0, bytes.clone()).await.unwrap();
        call.end(0).unwrap();
    };
    let ((back, events, result), ()) = tokio::join!(content(&call), send);
    assert!(back == bytes);
    assert!(matches!(events[..], [Down::Connected {}]));
    let ended = result.unwrap();
    assert_eq!((ended.sent, ended.received), (3_000_000, 3_000_000));
    server.await.unwrap();
    // The port ends first, and still listens.
    let call = connect();
    let (socket, _) = listener.accept().await.unwrap();
    let (mut from, mut to) = socket.into_split();
    to.shutdown().await.unwrap();
    let Reply::Event(Down::Connected {}) = call.recv().await else { panic!("it stands") };
    let Reply::End(0) = call.recv().await else { panic!("the port has ended") };
    call.write(0, Bytes::from_static(b"still here")).await.unwrap();
    call.end(0).unwrap();
    let mut all = Vec::new();
    from.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"still here");
    assert_eq!(call.result().await.unwrap().sent, 10);
    // The opener gives up.
    let call = connect();
    let (mut socket, _) = listener.accept().await.unwrap();
    call.cancel();
    assert_eq!(call.result().await.unwrap_err().code, Code::Cancelled);
    assert_eq!(socket.read(&mut [0; 1]).await.unwrap(), 0);
    drop(listener);
    assert_eq!(code::<TcpConnect>(&link, Connect { port, host: None, timeout_ms: None }).await, Code::ConnectFailed);
}
