//! `file.stat` and `file.list`.

use std::os::unix::fs::MetadataExt;

use sandwire::protocol::kind::file::{FileType, Info, List, Stat};
use sandwire::protocol::kind::{FileList, FileStat};
use sandwire::protocol::{ByteString, Code};

use crate::kinds::place::Place;

fn of(path: &str) -> List {
    List { path: path.into(), ..List::default() }
}

fn paths(entries: &[Info]) -> Vec<String> {
    entries.iter().map(|entry| entry.path.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_path_is_is_told_in_full() {
    let place = Place::start().await;
    place.sh("printf 12345 > f; chown 1234:5678 f; chmod 4751 f; touch -d @1500000000.123456789 f; mkdir -m 1733 d; \
         ln -s f link; touch -h -d @-5.25 link; ln -s nowhere dangling");
    let stat =
        async |path: &str, no_follow| place.client.call::<FileStat>(&Stat { path: path.into(), no_follow }).await;
    let file = stat("f", false).await.unwrap();
    let etag = file.etag.clone();
    let expected = Info {
        path: "f".into(),
        file_type: FileType::File,
        size: 5,
        mode: 0o4751,
        uid: 1234,
        gid: 5678,
        modified_ms: 1_500_000_000_123,
        target: None,
        etag: etag.clone(),
    };
    assert!(!etag.is_empty());
    assert_eq!(file, expected);
    assert_eq!(stat("link", false).await.unwrap(), Info { path: "link".into(), ..expected.clone() });
    let link = stat("link", true).await.unwrap();
    assert_eq!(
        (link.file_type, link.target, link.size, link.etag.as_str()),
        (FileType::Symlink, Some("f".into()), 1, "")
    );
    assert_eq!(link.modified_ms, -5250, "times before 1970 are told too");
    let directory = stat("d", true).await.unwrap();
    assert_eq!((directory.file_type, directory.mode, directory.etag.as_str()), (FileType::Directory, 0o1733, ""));
    assert_eq!(stat("dangling", true).await.unwrap().target, Some("nowhere".into()));
    assert_eq!(stat("/", false).await.unwrap().file_type, FileType::Directory);
    // The entity tag changes with the content, and with nothing else.
    assert_eq!(stat("f", false).await.unwrap().etag, etag);
    place.sh("printf 54321 > f; touch -d @1500000000.123456789 f");
    assert_ne!(stat("f", false).await.unwrap().etag, etag, "same size and time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_listing_is_sorted_and_as_deep_as_asked_for() {
    let place = Place::start().await;
    place
        .sh("mkdir -p t/a/b/c t/.h/x t/a.d; touch t/a.txt t/a/z t/a/b/c/deep t/.h/x/y t/.dot t/a/.dot; ln -s a t/link");
    let list = async |list: List| place.client.call::<FileList>(&list).await.unwrap();
    let flat = list(of("t")).await;
    assert_eq!(paths(&flat.entries), [".dot", ".h", "a", "a.d", "a.txt", "link"]);
    assert_eq!(flat.cursor, None);
    let all =
        [".dot", ".h", ".h/x", ".h/x/y", "a", "a.d", "a.txt", "a/.dot", "a/b", "a/b/c", "a/b/c/deep", "a/z", "link"];
    let recursive = List { recursive: true, ..of("t") };
    assert_eq!(paths(&list(recursive.clone()).await.entries), all, "links are not followed");
    for (depth, count) in [(1, 6), (2, 10), (3, 12), (4, 13), (u32::MAX, 13)] {
        let entries = list(List { depth: Some(depth), ..recursive.clone() }).await.entries;
        assert_eq!(entries.len(), count, "depth {depth}: {:?}", paths(&entries));
    }
    let visible = List { no_hidden: true, ..recursive.clone() };
    assert_eq!(paths(&list(visible).await.entries), ["a", "a.d", "a.txt", "a/b", "a/b/c", "a/b/c/deep", "a/z", "link"]);
    // The directory may be reached through a link, and each entry says all that a stat says.
    assert_eq!(paths(&list(of("t/link")).await.entries), [".dot", "b", "z"]);
    for entry in list(recursive).await.entries {
        let path = format!("t/{}", entry.path);
        let info = place.client.call::<FileStat>(&Stat { path: path.as_str().into(), no_follow: true }).await.unwrap();
        assert_eq!(Info { path: entry.path.clone(), ..info }, entry);
        assert_eq!(std::fs::symlink_metadata(place.at(path)).unwrap().mode() & 0o7777, entry.mode);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn globs_choose() {
    let place = Place::start().await;
    place.sh("mkdir -p t/src/sub t/target/src; touch t/{a.rs,b.txt,ab.rs} t/src/{a.rs,.rs} t/src/sub/{c.rs,ü.rs} t/target/src/d.rs 't/[x].rs'");
    let list = async |include: &[&str], exclude: &[&str]| {
        let globs = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
        let list = List { recursive: true, include: globs(include), exclude: globs(exclude), ..of("t") };
        place.client.call::<FileList>(&list).await.map(|listing| paths(&listing.entries))
    };
    for (include, exclude, expected) in [
        (["a.rs"].as_slice(), [].as_slice(), ["a.rs", "src/a.rs"].as_slice()),
        (&["/a.rs"], &[], &["a.rs"]),
        (&["src/*.rs"], &[], &["src/.rs", "src/a.rs"]),
        (&["src/**"], &["sub"], &["src/.rs", "src/a.rs"]),
        (&["**/src/*"], &["src/sub"], &["src/.rs", "src/a.rs", "target/src/d.rs"]),
        (&["?.rs"], &["target"], &["a.rs", "src/a.rs", "src/sub/c.rs"]),
        (&["??.rs"], &["/ab.*"], &["src/sub/ü.rs"]),
        (&["[a-b].rs"], &[], &["a.rs", "src/a.rs"]),
        (&["{a,c}.rs"], &["/src/sub/"], &["a.rs", "src/a.rs"]),
        (&["[[]x].rs"], &[], &["[x].rs"]),
        (&["*.txt", "d.rs"], &[], &["b.txt", "target/src/d.rs"]),
        (&["nothing"], &[], &[]),
        (&[], &["*"], &[]),
        (&[], &["*.rs", "/target"], &["b.txt", "src", "src/sub"]),
    ] {
        assert_eq!(list(include, exclude).await.unwrap(), expected, "{include:?} {exclude:?}");
    }
    let many = vec!["x"; 257];
    for glob in [["[a"].as_slice(), &["{a"], &[&"x".repeat(1025)], &many] {
        for (include, exclude, parameter) in [(glob, [].as_slice(), "include"), (&[], glob, "exclude")] {
            let error = list(include, exclude).await.unwrap_err();
            let sandwire::Error::Remote(error) = error else { panic!("{error}") };
            assert_eq!((error.code, error.details.get("parameter")), (Code::ValidationFailed, Some(&parameter.into())));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn pages_hold_every_entry_once() {
    let place = Place::start().await;
    place.sh("mkdir -p t/{a,b,c}/{d,e}; touch t/{a,b,c}/{d,e}/f{0..9} t/{a,b,c}.txt");
    let whole = List { recursive: true, limit: Some(10_000), ..of("t") };
    let all = paths(&place.client.call::<FileList>(&whole).await.unwrap().entries);
    assert_eq!(all.len(), 72);
    for limit in [1, 7, 71, 72, 73] {
        let mut found = Vec::new();
        let mut next = Some(List { limit: Some(limit), ..whole.clone() });
        while let Some(list) = next {
            let page = place.client.call::<FileList>(&list).await.unwrap();
            assert!(page.entries.len() <= limit as usize && !page.entries.is_empty());
            found.extend(paths(&page.entries));
            next = page.cursor.map(|cursor| List { cursor: Some(cursor), ..list });
        }
        assert_eq!(found, all, "limit {limit}");
    }
    // A cursor is a place, not an entry: it holds when the entry is gone, or never was.
    let after = async |cursor: &str| {
        let list = List { cursor: Some(cursor.into()), ..whole.clone() };
        paths(&place.client.call::<FileList>(&list).await.unwrap().entries)
    };
    place.sh("rm -r t/b t/a/d/f3");
    assert_eq!(after("b/d/f5").await.first().map(String::as_str), Some("c"));
    assert_eq!(after("a/d/f3").await.first().map(String::as_str), Some("a/d/f4"));
    assert!(after("zzz").await.is_empty());
    for limit in [0, 10_001, u32::MAX] {
        let error = place.refused::<FileList>(List { limit: Some(limit), ..of("t") }).await;
        assert_eq!((error.code, error.details.get("parameter")), (Code::ValidationFailed, Some(&"limit".into())));
    }
    // A page has a bound in bytes as well; 1000 are a page when nothing is said.
    place.sh("mkdir many; cd many; n=$(printf 'n%.0s' {1..240}); touch ${n}{0001..2500}");
    let page = place.client.call::<FileList>(&List { limit: Some(10_000), ..of("many") }).await.unwrap();
    assert!(page.cursor.is_some() && page.entries.len() > 1000);
    assert_eq!(page.cursor, page.entries.last().map(|last| last.path.clone()));
    let page = place.client.call::<FileList>(&of("many")).await.unwrap();
    assert_eq!(page.entries.len(), 1000);
    let mut names = std::collections::BTreeSet::new();
    let mut entries = place.files().list("many");
    while let Some(entry) = futures_util::StreamExt::next(&mut entries).await {
        assert!(names.insert(entry.unwrap().path), "no entry comes twice");
    }
    assert_eq!(names.len(), 2500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_directory_that_may_not_be_looked_into_is_listed_without_content() {
    let place = Place::without_override().await;
    place.sh("mkdir -p t/closed/in t/open; touch t/open/f; chmod 000 t/closed");
    let listing = place.client.call::<FileList>(&List { recursive: true, ..of("t") }).await.unwrap();
    assert_eq!(paths(&listing.entries), ["closed", "open", "open/f"]);
    assert_eq!(place.code::<FileList>(of("t/closed")).await, Code::PermissionDenied);
    assert_eq!(place.code::<FileList>(of("t/open/f")).await, Code::NotDirectory);
    let names: Vec<ByteString> = listing.entries.into_iter().map(|entry| entry.path).collect();
    assert_eq!(names.len(), 3);
}
