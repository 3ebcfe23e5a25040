#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use sandwire_protocol::kind::process::From;

use super::*;

const OUT: Output = Output::Stdout;
const ERR: Output = Output::Stderr;

fn memory_only(memory: usize) -> Arc<Log> {
    Log::new(Bounds::new(memory, 0, None))
}

async fn write(log: &Arc<Log>, output: Output, bytes: &[u8]) {
    if log.write(output, bytes) {
        log.settle().await;
    }
}

async fn rest(reader: &mut Reader) -> Vec<Piece> {
    let mut pieces = Vec::new();
    loop {
        let piece = reader.try_next(64 << 10).await;
        if matches!(piece, Piece::Empty { .. }) {
            return pieces;
        }
        pieces.push(piece);
    }
}

async fn text(log: &Arc<Log>, from: From, only: Option<Output>) -> String {
    let mut reader = Reader::open(log, from, only, false).await;
    rest(&mut reader)
        .await
        .into_iter()
        .map(|piece| match piece {
            Piece::Data { bytes, .. } => String::from_utf8(bytes.to_vec()).unwrap(),
            Piece::Gap { from, to } => format!("[{from}..{to}]"),
            Piece::Restarted { pid, .. } => format!("<{pid}>"),
            Piece::Empty { .. } => String::new(),
        })
        .collect()
}

#[tokio::test]
async fn every_place_to_begin_is_found() {
    let log = memory_only(1 << 20);
    write(&log, OUT, b"one\ntwo\n").await;
    write(&log, ERR, b"bad\n").await;
    write(&log, OUT, b"three\nunfin").await;
    assert_eq!(log.range(), (0, 23));
    for (from, expected) in [
        (From::Start, "one\ntwo\nbad\nthree\nunfin"),
        (From::End, ""),
        (From::Offset(4), "two\nbad\nthree\nunfin"),
        (From::Offset(99), ""),
        (From::Lines(0), ""),
        (From::Lines(1), "unfin"),
        (From::Lines(3), "bad\nthree\nunfin"),
        (From::Lines(99), "one\ntwo\nbad\nthree\nunfin"),
        (From::Time(0), "one\ntwo\nbad\nthree\nunfin"),
        (From::Time(u64::MAX), ""),
    ] {
        assert_eq!(text(&log, from, None).await, expected, "{from:?}");
    }
    assert_eq!(text(&log, From::Lines(2), Some(OUT)).await, "three\nunfin");
    assert_eq!(text(&log, From::Lines(1), Some(ERR)).await, "bad\n");
    assert_eq!(text(&log, From::Start, Some(ERR)).await, "bad\n");
    write(&log, OUT, b"\n").await;
    assert_eq!(text(&log, From::Lines(1), None).await, "unfin\n");
}

#[tokio::test]
async fn a_time_begins_at_its_first_chunk() {
    let log = memory_only(1 << 20);
    write(&log, OUT, b"old\n").await;
    let (_, before) = log.range();
    let old = time_of_last(&log).await;
    while now_ms() <= old {
        tokio::task::yield_now().await;
    }
    let since = now_ms();
    write(&log, ERR, b"new\n").await;
    let reader = Reader::open(&log, From::Time(since), None, true).await;
    assert_eq!(reader.offset(), before);
}

async fn time_of_last(log: &Arc<Log>) -> u64 {
    let mut reader = Reader::open(log, From::Start, None, true).await;
    let pieces = rest(&mut reader).await;
    let Some(Piece::Data { time_ms, .. }) = pieces.last() else { panic!("{pieces:?}") };
    *time_ms
}

#[tokio::test]
async fn memory_overflows_into_the_spool_and_the_oldest_goes() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = Bounds::new(2 * SEGMENT, 8 * SEGMENT as u64, Some(folder.path()));
    let log = Log::new(bounds);
    let mut late = Reader::open(&log, From::Start, None, false).await;
    let line = |number: u64| format!("{number:099}\n");
    for number in 0..5000 {
        write(&log, OUT, line(number).as_bytes()).await;
        assert!(log.lock().store.memory() <= 3 * SEGMENT);
    }
    let (start, end) = log.range();
    assert_eq!(end, 500_000);
    assert!(end - start > 8 * SEGMENT as u64 && end - start < 11 * SEGMENT as u64, "{start}");
    let pieces = rest(&mut late).await;
    assert_eq!(pieces[0], Piece::Gap { from: 0, to: start });
    let expected: Vec<u8> = (0..5000).flat_map(|number| line(number).into_bytes()).collect();
    let mut offset = start;
    for piece in &pieces[1..] {
        let Piece::Data { offset: at, bytes, .. } = piece else { panic!("{piece:?}") };
        assert_eq!(*at, offset);
        assert_eq!(bytes[..], expected[usize::try_from(offset).unwrap()..][..bytes.len()]);
        offset += bytes.len() as u64;
    }
    assert_eq!(offset, end);
    assert_eq!(text(&log, From::Lines(1000), None).await.lines().count(), 1000, "lines in the spool are counted");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the spool has no name");
}

#[tokio::test]
async fn without_a_disk_the_log_stays_in_memory_and_says_what_is_missing() {
    let log = Log::new(Bounds::new(2 * SEGMENT, 1 << 20, Some(Path::new("/no/such/folder"))));
    for _ in 0..100 {
        write(&log, OUT, &[b'x'; 1000]).await;
    }
    let (start, end) = log.range();
    assert!(start > 0 && end == 100_000 && end - start <= 2 * SEGMENT as u64);
    assert!(text(&log, From::Start, None).await.len() as u64 == end - start);
    let from_zero = text(&log, From::Offset(0), None).await;
    assert!(from_zero.starts_with(&format!("[0..{start}]")));
}

#[tokio::test]
async fn a_full_disk_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "none"])
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(mounted.success(), "this test mounts a small file system, as root");
    let log = Log::new(Bounds::new(2 * SEGMENT, 1 << 20, Some(folder.path())));
    for _ in 0..500 {
        write(&log, OUT, &[b'x'; 1000]).await;
    }
    let (start, end) = log.range();
    assert!(end == 500_000 && end - start <= 2 * SEGMENT as u64 && end > start);
    assert_eq!(text(&log, From::Start, None).await.len() as u64, end - start);
    drop(log);
    assert!(std::process::Command::new("umount").arg(folder.path()).status().unwrap().success());
}

#[tokio::test]
async fn a_follower_gets_what_comes_and_the_end() {
    let log = memory_only(1 << 20);
    let mut reader = Reader::open(&log, From::End, None, false).await;
    let follower = tokio::spawn(async move {
        let mut pieces = Vec::new();
        loop {
            let piece = reader.next(64 << 10).await;
            let done = matches!(piece, Piece::Empty { .. });
            pieces.push(piece);
            if done {
                return (pieces, reader.offset());
            }
        }
    });
    tokio::task::yield_now().await;
    write(&log, OUT, b"a").await;
    tokio::task::yield_now().await;
    let exit = Exit { code: Some(1), ..Exit::default() };
    log.restarted(77, exit.clone());
    write(&log, ERR, b"b").await;
    log.end();
    let (pieces, offset) = follower.await.unwrap();
    assert_eq!(offset, 2);
    assert_eq!(pieces.len(), 4, "{pieces:?}");
    assert!(matches!(&pieces[0], Piece::Data { offset: 0, output: OUT, bytes, .. } if bytes == "a"));
    assert_eq!(pieces[1], Piece::Restarted { pid: 77, exit });
    assert!(matches!(&pieces[2], Piece::Data { offset: 1, output: ERR, bytes, .. } if bytes == "b"));
    assert_eq!(pieces[3], Piece::Empty { ended: true });
    assert_eq!(text(&log, From::Start, None).await, "a<77>b");
    assert_eq!(text(&log, From::End, None).await, "");
    assert_eq!(text(&log, From::Start, Some(ERR)).await, "<77>b");
}

#[tokio::test]
async fn many_logs_share_their_memory() {
    let bounds = Bounds::new(256 << 10, 0, None);
    let logs: Vec<_> = (0..1000).map(|_| Log::new(bounds.clone())).collect();
    assert_eq!(bounds.memory_now(), SHARED_MEMORY / 1000);
    for log in &logs {
        write(log, OUT, &[b'x'; 100_000]).await;
    }
    let total: usize = logs.iter().map(|log| log.lock().store.memory()).sum();
    assert!(total <= SHARED_MEMORY, "{total}");
    drop(logs);
    assert_eq!(bounds.memory_now(), 256 << 10);
    assert_eq!(bounds.at_most(Some(1000)).memory, 1000);
}
