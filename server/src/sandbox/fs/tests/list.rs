//! Listing and stat.

use sandwire_protocol::Code;
use sandwire_protocol::kind::file::{FileType, List, Listing, Stat};

use super::*;

async fn all_pages(files: &Files, params: List) -> (Vec<Vec<u8>>, usize) {
    let mut paths = Vec::new();
    let mut cursor = None;
    let mut pages = 0;
    loop {
        let page: Listing = files.list(List { cursor, ..params.clone() }).await.unwrap();
        pages += 1;
        paths.extend(page.entries.into_iter().map(|entry| entry.path.into_bytes()));
        cursor = page.cursor;
        if cursor.is_none() {
            return (paths, pages);
        }
    }
}

#[tokio::test]
async fn sorted_by_the_bytes_of_the_path() {
    let (dir, files) = workspace();
    shell(dir.path(), "mkdir -p a/b 'a!' c; touch a/b/x a.txt 'a!/z' a/y c/.h .dot; touch $'a/\\xff'; ln -s a link");
    let params = List { path: path("."), recursive: true, ..List::default() };
    let (whole, pages) = all_pages(&files, params.clone()).await;
    assert_eq!(pages, 1);
    let mut sorted = whole.clone();
    sorted.sort();
    assert_eq!(whole, sorted);
    assert_eq!(whole.len(), 12);
    for limit in 1..=14 {
        let (paged, _) = all_pages(&files, List { limit: Some(limit), ..params.clone() }).await;
        assert_eq!(paged, whole, "{limit}");
    }
    let (flat, _) = all_pages(&files, List { recursive: false, no_hidden: true, ..params.clone() }).await;
    assert_eq!(flat, [&b"a"[..], b"a!", b"a.txt", b"c", b"link"]);
    let (two, _) = all_pages(&files, List { depth: Some(2), ..params.clone() }).await;
    assert_eq!(two.len(), 11);
    let globs = List { include: vec!["*.txt".into(), "a/*".into(), "x".into()], ..params.clone() };
    assert_eq!(all_pages(&files, globs).await.0, [&b"a.txt"[..], b"a/b", b"a/b/x", b"a/y", b"a/\xff"]);
    let without = List { exclude: vec!["a".into(), "c/".into()], ..params };
    assert_eq!(all_pages(&files, without).await.0, [&b".dot"[..], b"a!", b"a!/z", b"a.txt", b"link"]);
}

#[tokio::test]
async fn a_huge_directory_and_a_deep_tree() {
    let (dir, files) = workspace();
    let huge = dir.path().join("huge");
    std::fs::create_dir(&huge).unwrap();
    for number in 0..30_000 {
        std::fs::write(huge.join(format!("{number:05}-{}", "n".repeat(100))), "").unwrap();
    }
    let (paths, pages) = all_pages(&files, List { path: path("huge"), limit: Some(10_000), ..List::default() }).await;
    assert_eq!(paths.len(), 30_000);
    assert!(paths.is_sorted());
    assert!(pages > 3, "a page fits in a frame");
    shell(dir.path(), "d=deep/$(printf 'd/%.0s' {1..1500}); mkdir -p $d; touch $d/bottom");
    let (deep, _) = all_pages(&files, List { path: path("deep"), recursive: true, ..List::default() }).await;
    assert_eq!(deep.len(), 1501);
    assert!(deep.last().unwrap().ends_with(b"d/bottom"));
    let remove = sandwire_protocol::kind::file::Remove { path: path("deep"), recursive: true, force: false };
    assert_eq!(files.remove(remove).await.unwrap().count, 1502);
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let (dir, files) = workspace();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let list = |params: List| files.list(params);
    assert_eq!(list(List { path: path("none"), ..List::default() }).await.unwrap_err().code, Code::FileNotFound);
    assert_eq!(list(List { path: path("file"), ..List::default() }).await.unwrap_err().code, Code::NotDirectory);
    for wrong in [
        List { path: path("."), limit: Some(0), ..List::default() },
        List { path: path("."), limit: Some(10_001), ..List::default() },
        List { path: path("."), include: vec!["[".into()], ..List::default() },
    ] {
        assert_eq!(list(wrong).await.unwrap_err().code, Code::ValidationFailed);
    }
}

#[tokio::test]
async fn what_a_path_is() {
    let (dir, files) = workspace();
    shell(dir.path(), "echo hello > f; chmod 2640 f; touch -d @1234567890.5 f; ln -s f l; mkfifo p; mkdir d");
    let stat = |name: &str, no_follow| files.stat(Stat { path: path(name), no_follow });
    let file = stat("l", false).await.unwrap();
    assert_eq!(
        (file.file_type, file.size, file.mode, file.modified_ms),
        (FileType::File, 6, 0o2640, 1_234_567_890_500)
    );
    assert_eq!(file.path, path("l"));
    assert!(!file.etag.is_empty());
    let link = stat("l", true).await.unwrap();
    assert_eq!((link.file_type, link.target), (FileType::Symlink, Some(path("f"))));
    assert_eq!(stat("p", false).await.unwrap().file_type, FileType::Other);
    assert_eq!(stat("d", false).await.unwrap().file_type, FileType::Directory);
}
