//! `file.read`.

use bytes::Bytes;
use sandwire::Reply;
use sandwire::protocol::Code;
use sandwire::protocol::kind::FileRead;
use sandwire::protocol::kind::file::{Read, ReadDown};

use crate::common::noise;
use crate::kinds::place::{Place, told};

fn of(path: &str) -> Read {
    Read { path: path.into(), ..Read::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_range_is_what_the_file_has_there() {
    let place = Place::start().await;
    let content = noise(1, 700_001);
    std::fs::write(place.at("f"), &content).unwrap();
    std::fs::write(place.at("empty"), "").unwrap();
    let etag = place.files().stat("f").await.unwrap().etag;
    let size = content.len() as u64;
    for (offset, length, tail, expected) in [
        (None, None, None, 0..700_001),
        (Some(0), Some(1), None, 0..1),
        (Some(5), Some(300_000), None, 5..300_005),
        (Some(262_143), None, None, 262_143..700_001),
        (Some(10), Some(u64::MAX), None, 10..700_001),
        (None, Some(0), None, 0..0),
        (Some(3), Some(0), None, 0..0),
        (Some(size - 1), Some(100), None, 700_000..700_001),
        (Some(size), None, None, 0..0),
        (Some(size + 1), Some(7), None, 0..0),
        (Some(i64::MAX as u64), Some(7), None, 0..0),
        (Some(u64::MAX), None, None, 0..0),
        (None, None, Some(3), 699_998..700_001),
        (None, None, Some(0), 0..0),
        (None, None, Some(size), 0..700_001),
        (None, None, Some(u64::MAX), 0..700_001),
        (None, Some(100), Some(300_000), 400_001..400_101),
    ] {
        let (bytes, end) = place.read(Read { offset, length, tail, ..of("f") }).await.unwrap();
        assert!(bytes == content[expected.clone()], "{offset:?} {length:?} {tail:?}: {} bytes", bytes.len());
        assert_eq!((end.bytes, end.etag.as_str(), end.changed), (expected.len() as u64, etag.as_str(), false));
    }
    let (bytes, end) = place.read(Read { tail: Some(9), ..of("empty") }).await.unwrap();
    assert!(bytes.is_empty() && end.bytes == 0 && !end.etag.is_empty());
    let both = place.refused::<FileRead>(Read { offset: Some(1), tail: Some(1), ..of("f") }).await;
    assert_eq!((both.code, both.details.get("parameter")), (Code::ValidationFailed, Some(&"tail".into())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn meta_comes_before_the_content_and_only_when_asked_for() {
    let place = Place::start().await;
    std::fs::write(place.at("f"), "content").unwrap();
    let info = place.files().stat("f").await.unwrap();
    let call = place.client.open::<FileRead>(&Read { meta: true, ..of("f") }).unwrap();
    let Reply::Event(ReadDown::Meta(meta)) = call.recv().await else { panic!("no meta") };
    assert_eq!((&meta, meta.size), (&info, 7));
    let told = told(&call).await;
    assert_eq!((told.bytes.as_slice(), told.events.len()), (b"content".as_slice(), 0));
    let told = place.told::<FileRead>(&of("f")).await;
    assert!(told.events.is_empty() && told.result.unwrap().etag == info.etag);
    // What cannot be read has no meta either.
    let told = place.told::<FileRead>(&Read { meta: true, ..of("none") }).await;
    assert!(told.events.is_empty() && told.result.unwrap_err().code == Code::FileNotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_file_that_changes_while_it_is_read_is_told() {
    let place = Place::start().await;
    // More than all windows and buffers on the way, so that the reader is held up in the middle.
    let content = noise(2, 8 << 20);
    for (change, whole) in [
        ("printf x >> f", true),
        ("printf y | dd of=f conv=notrunc status=none", true),
        ("truncate -s 100 f", false),
        ("truncate -s 0 f", false),
    ] {
        std::fs::write(place.at("f"), &content).unwrap();
        let call = place.client.open::<FileRead>(&of("f")).unwrap();
        let Reply::Data(0, first) = call.recv().await else { panic!("no data") };
        place.sh(change);
        let rest = told(&call).await;
        let (bytes, end) = (first.len() + rest.bytes.len(), rest.result.unwrap());
        assert!(end.changed && end.bytes == bytes as u64, "{change}: {end:?}");
        assert_eq!(bytes >= content.len(), whole, "{change}");
        let end = place.read(of("f")).await.unwrap().1;
        assert!(!end.changed);
    }
    // One that is replaced meanwhile is read as it was.
    std::fs::write(place.at("f"), &content).unwrap();
    let call = place.client.open::<FileRead>(&of("f")).unwrap();
    let Reply::Data(0, first) = call.recv().await else { panic!("no data") };
    place.sh("echo new > g; mv g f");
    let rest = told(&call).await;
    assert!([first.as_ref(), &rest.bytes].concat() == content);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn files_whose_size_is_not_known_are_read_whole() {
    let place = Place::start().await;
    for path in ["/proc/version", "/proc/filesystems", "/sys/kernel/mm/transparent_hugepage/enabled"] {
        let Ok(content) = std::fs::read(path) else { continue };
        let (bytes, end) = place.read(of(path)).await.unwrap();
        assert_eq!((Bytes::from(bytes), end.changed), (Bytes::from(content.clone()), false), "{path}");
        let (bytes, _) = place.read(Read { tail: Some(5), ..of(path) }).await.unwrap();
        assert_eq!(bytes, content[content.len() - 5..], "{path}");
        let (bytes, _) = place.read(Read { offset: Some(2), length: Some(4), ..of(path) }).await.unwrap();
        assert_eq!(bytes, content[2..6], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_may_not_be_read_is_refused() {
    let place = Place::without_override().await;
    place.sh("echo secret > f; chmod 000 f; mkdir d; echo x > d/f; chmod 600 d; echo y > g");
    let error = place.refused::<FileRead>(of("f")).await;
    assert_eq!((error.code, error.details.get("path")), (Code::PermissionDenied, Some(&"f".into())));
    assert_eq!(error.details.get("errno"), Some(&libc::EACCES.into()));
    assert_eq!(place.code::<FileRead>(of("d/f")).await, Code::PermissionDenied);
    assert_eq!(place.read(of("g")).await.unwrap().0, b"y\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reader_that_goes_leaves_nothing_open() {
    let place = Place::start().await;
    std::fs::write(place.at("f"), noise(3, 8 << 20)).unwrap();
    let call = place.client.open::<FileRead>(&of("f")).unwrap();
    assert!(matches!(call.recv().await, Reply::Data(0, _)));
    place.wait_open(1).await;
    call.cancel();
    assert_eq!(told(&call).await.result.unwrap_err().code, Code::Cancelled);
    place.wait_open(0).await;
    let call = place.client.open::<FileRead>(&of("f")).unwrap();
    assert!(matches!(call.recv().await, Reply::Data(0, _)));
    drop(call);
    place.wait_open(0).await;
}
