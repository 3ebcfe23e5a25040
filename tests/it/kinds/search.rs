//! `file.search`.

use sandwire::Reply;
use sandwire::protocol::kind::FileSearch;
use sandwire::protocol::kind::file::{FileType, Search, SearchDown, SearchEnd, Write};
use sandwire::protocol::{ByteString, Code, Error};
use sandwire_tests::wait::wait_until_async;

use super::place::{Place, told};

fn pattern(pattern: &str) -> Search {
    Search { path: ".".into(), pattern: Some(pattern.to_owned()), ..Search::default() }
}

fn names() -> Search {
    Search { path: ".".into(), ..Search::default() }
}

/// What was found, as grep would show it.
async fn search(place: &Place, params: Search) -> Result<(Vec<String>, SearchEnd), Error> {
    let told = place.told::<FileSearch>(&params).await;
    let show = |event: &SearchDown| match event {
        SearchDown::File(info) => info.path.to_string(),
        SearchDown::Line { path, line, text, matches } => {
            let ranges: Vec<_> = matches.iter().map(|(from, to)| format!("{from}-{to}")).collect();
            format!("{path}:{line}:{text}:{}", ranges.join(","))
        }
    };
    told.result.map(|end| (told.events.iter().map(show).collect(), end))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn lines_are_found_with_their_places() {
    let place = Place::start().await;
    place.sh(
        "mkdir d; printf 'one\\ntwo two\\r\\nThree' > a; printf 'a.b\\naxb\\n\\nGR\\xc3\\x9cN gr\\xc3\\xbcn\\n' > d/b; \
         ln -s a link; : > empty",
    );
    for (params, expected) in [
        (pattern("two"), ["a:2:two two\r:0-3,4-7"].as_slice()),
        (pattern("^t|e$"), &["a:1:one:2-3", "a:2:two two\r:0-1", "a:3:Three:4-5"]),
        (pattern("a.b"), &["d/b:1:a.b:0-3", "d/b:2:axb:0-3"]),
        (Search { literal: true, ..pattern("a.b") }, &["d/b:1:a.b:0-3"]),
        (pattern("three"), &[]),
        (Search { ignore_case: true, ..pattern("three") }, &["a:3:Three:0-5"]),
        (Search { ignore_case: true, ..pattern("Grün") }, &["d/b:4:GRÜN grün:0-5,6-11"]),
        (Search { literal: true, ignore_case: true, ..pattern("A.B") }, &["d/b:1:a.b:0-3"]),
        (pattern(r"\bt\w+\s"), &["a:2:two two\r:0-4,4-8"]),
        (pattern("^$"), &["d/b:3::0-0"]),
        (Search { context: Some(1), ..pattern("axb") }, &["d/b:1:a.b:", "d/b:2:axb:0-3", "d/b:3::"]),
        (Search { context: Some(100), ..pattern("one") }, &["a:1:one:0-3", "a:2:two two\r:", "a:3:Three:"]),
        (Search { path: "d".into(), ..pattern("axb") }, &["b:2:axb:0-3"]),
        (
            Search { include: vec!["d/*".to_owned()], ..pattern(".") },
            &[
                "d/b:1:a.b:0-1,1-2,2-3",
                "d/b:2:axb:0-1,1-2,2-3",
                "d/b:4:GRÜN grün:0-1,1-2,2-4,4-5,5-6,6-7,7-8,8-10,10-11",
            ],
        ),
        (Search { exclude: vec!["d".to_owned()], ..pattern("[ab]") }, &[]),
    ] {
        let (found, end) = search(&place, params.clone()).await.unwrap();
        let matches = found.iter().filter(|line| !line.ends_with(':')).count() as u64;
        assert_eq!(found, expected, "{params:?}");
        assert_eq!((end.matches, end.unreadable, end.truncated), (matches, 0, false), "{params:?}");
        let files = if params.include.is_empty() && params.exclude.is_empty() && params.path == ".".into() {
            3
        } else {
            end.files
        };
        assert_eq!(end.files, files, "{params:?}");
    }
    for (params, parameter) in [
        (pattern("("), "pattern"),
        (pattern("a\nb"), "pattern"),
        (pattern(&"x".repeat(65_537)), "pattern"),
        (pattern("(a{1000}){1000}"), "pattern"),
        (Search { limit: Some(0), ..pattern("x") }, "limit"),
        (Search { context: Some(101), ..pattern("x") }, "context"),
        (Search { include: vec!["[".to_owned()], ..names() }, "include"),
        (Search { exclude: vec!["[".to_owned()], ..names() }, "exclude"),
    ] {
        let error = search(&place, params).await.expect_err(parameter);
        assert_eq!((error.code, error.details.get("parameter")), (Code::ValidationFailed, Some(&parameter.into())));
    }
    assert_eq!(search(&place, Search { path: "a".into(), ..pattern("x") }).await.unwrap_err().code, Code::NotDirectory);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn names_are_found_with_what_they_are() {
    let place = Place::start().await;
    place.sh("mkdir -p src/sub; touch src/a.rs src/sub/b.rs c.rs c.txt; ln -s nowhere src/l.rs; mkfifo f.rs");
    let told = place.told::<FileSearch>(&Search { include: vec!["*.rs".to_owned()], ..names() }).await;
    let mut found = Vec::new();
    for event in told.events {
        let SearchDown::File(info) = event else { panic!("{event:?}") };
        let full = place.files().symlink_stat(info.path.clone()).await.unwrap();
        assert_eq!(info, full, "everything that a stat tells");
        found.push((info.path.to_string(), info.file_type));
    }
    let expected = [
        ("c.rs", FileType::File),
        ("f.rs", FileType::Other),
        ("src/a.rs", FileType::File),
        ("src/l.rs", FileType::Symlink),
        ("src/sub/b.rs", FileType::File),
    ];
    assert_eq!(found, expected.map(|(path, kind)| (path.to_owned(), kind)));
    assert_eq!(told.result.unwrap(), SearchEnd { files: 5, matches: 5, unreadable: 0, truncated: false });
    let (found, _) = search(&place, names()).await.unwrap();
    assert_eq!(found, ["c.rs", "c.txt", "f.rs", "src/a.rs", "src/l.rs", "src/sub/b.rs"], "directories are no files");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_limit_stops_and_says_so() {
    let place = Place::start().await;
    place.sh("seq 1 3 > a; seq 1 3 > b; mkdir many; seq 1 10001 > many/n");
    for (limit, matches, truncated) in [(1, 1, true), (3, 3, true), (5, 5, true), (6, 6, false), (u32::MAX, 6, false)] {
        let exclude = vec!["many".to_owned()];
        let (found, end) = search(&place, Search { limit: Some(limit), exclude, ..pattern(".") }).await.unwrap();
        assert_eq!((found.len() as u64, end.matches, end.truncated), (matches, matches, truncated), "{limit}");
    }
    let (found, end) = search(&place, Search { limit: Some(2), ..names() }).await.unwrap();
    assert_eq!((found, end.truncated), (vec!["a".to_owned(), "b".to_owned()], true));
    let (found, end) = search(&place, Search { path: "many".into(), ..pattern(".") }).await.unwrap();
    assert_eq!((found.len(), end.matches, end.truncated), (10_000, 10_000, true), "10000 when nothing is said");
    // Lines of context do not count.
    let (found, end) = search(&place, Search { limit: Some(1), context: Some(1), ..pattern("2") }).await.unwrap();
    assert!(found.starts_with(&["a:1:1:".to_owned(), "a:2:2:0-1".to_owned()]) && end.matches == 1, "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn binary_long_and_closed_files() {
    let place = Place::without_override().await;
    place.sh(
        "printf 'needle\\0' > binary; printf 'needle \\xff\\xfe\\n' > latin; echo needle > closed; chmod 000 closed; \
         mkdir shut; echo needle > shut/f; chmod 000 shut; \
         head -c 10000000 /dev/zero | tr '\\0' x > endless; (head -c 9000 /dev/zero | tr '\\0' x; echo needle) > long; \
         (for i in {1..300}; do printf 'needle '; done) > often",
    );
    let told = place.told::<FileSearch>(&pattern("needle|^x")).await;
    let mut lines = told.events.iter().map(|event| match event {
        SearchDown::Line { path, line: 1, text, matches } => (path.to_string(), text.clone(), matches.len()),
        other => panic!("{other:?}"),
    });
    assert_eq!(lines.next(), Some(("latin".to_owned(), ByteString::new(b"needle \xff\xfe".as_slice()), 1)));
    assert_eq!(
        lines.next(),
        Some(("long".to_owned(), "x".repeat(4096).as_str().into(), 1)),
        "told as far as 4096 bytes"
    );
    let (path, text, matches) = lines.next().unwrap();
    assert_eq!((path.as_str(), text.as_bytes().len(), matches), ("often", 2100, 256), "places have a bound");
    assert!(lines.next().is_none());
    let end = told.result.unwrap();
    assert_eq!((end.files, end.matches, end.unreadable), (6, 3, 3), "closed, shut, and endless in one line");
    assert_eq!(place.code::<FileSearch>(Search { path: "shut".into(), ..names() }).await, Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn ignore_files_are_held_as_git_holds_them() {
    let place = Place::start().await;
    place.sh("git init -q r; cd r; mkdir -p src/deep/er target/x docs node_modules/m src/target; \
         printf '/target\\n*.log\\nnode_modules/\\n# no\\n\\n!important.log\\nsrc/deep/*.tmp\\n' > .gitignore; \
         printf '*.gen\\n!keep.log\\n/er/no\\n' > src/deep/.gitignore; echo 'excluded' > .git/info/exclude; \
         touch target/x/a src/target/a a.log important.log src/deep/{keep,drop}.log src/deep/{x.gen,x.tmp,y} \
         src/deep/er/{no,x.gen,x.tmp,yes,keep.log} docs/excluded docs/d node_modules/m/i");
    let ignoring = |path: &str| Search { path: path.into(), gitignore: true, ..names() };
    for dir in ["r", "r/src", "r/src/deep", "r/src/deep/er", "r/docs"] {
        let git = place
            .sh(&format!("cd {dir}; git ls-files -co --exclude-standard | grep -v '\\(^\\|/\\)\\.' | LC_ALL=C sort"));
        let (found, _) = search(&place, ignoring(dir)).await.unwrap();
        assert_eq!(found, git.lines().collect::<Vec<_>>(), "{dir}");
    }
    let (found, _) = search(&place, ignoring("r/src/deep")).await.unwrap();
    assert_eq!(found, ["er/keep.log", "er/x.tmp", "er/yes", "keep.log", "y"]);
    let (found, _) = search(&place, Search { gitignore: false, ..ignoring("r/src/deep/er") }).await.unwrap();
    assert_eq!(found, ["keep.log", "no", "x.gen", "x.tmp", "yes"]);
    // What is asked for by its path is looked at, as other tools do.
    assert_eq!(search(&place, ignoring("r/target")).await.unwrap().0, ["x/a"]);
    // Above a repository, or without one, nothing is meant; in one inside another only its own counts.
    place.sh("echo '*' > .gitignore; git init -q r/docs/inner; touch r/docs/inner/b.log; mkdir -p plain/sub; touch plain/sub/f");
    assert_eq!(search(&place, ignoring("r/docs/inner")).await.unwrap().0, ["b.log"]);
    assert_eq!(search(&place, ignoring("r/docs")).await.unwrap().0, ["d"]);
    assert_eq!(search(&place, ignoring("plain/sub")).await.unwrap().0, ["f"]);
    assert_eq!(search(&place, ignoring("plain")).await.unwrap().0, ["sub/f"]);
    assert!(search(&place, ignoring(".")).await.unwrap().0.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_search_that_is_given_up_stops_and_gives_its_place_back() {
    let place = Place::start().await;
    place.sh("yes $(printf 'y%.0s' {1..4000}) | head -c 30000000 > lines");
    let params = Search { limit: Some(u32::MAX), ..pattern("^y") };
    let open = || place.client.open::<FileSearch>(&params).unwrap();
    // Readers that stop reading hold 10 searches by content up.
    let held: Vec<_> = std::iter::repeat_with(open).take(10).collect();
    for call in &held {
        assert!(matches!(call.recv().await, Reply::Event(_)));
    }
    // All else goes on.
    place.write(Write { path: "f".into(), ..Write::default() }, "x").await.unwrap();
    assert_eq!(place.files().stat("f").await.unwrap().size, 1);
    assert_eq!(search(&place, names()).await.unwrap().0, ["f", "lines"]);
    place.wait_open(10).await;
    let error = place.refused::<FileSearch>(params.clone()).await;
    assert_eq!((error.code, error.details.get("limit")), (Code::LimitExceeded, Some(&10.into())));
    held[0].cancel();
    assert_eq!(told(&held[0]).await.result.unwrap_err().code, Code::Cancelled);
    place.wait_open(9).await;
    let first = Search { limit: Some(1), ..params.clone() };
    wait_until_async("a place for another search", || async { search(&place, first.clone()).await }).await;
    drop(held);
    place.wait_open(0).await;
}
