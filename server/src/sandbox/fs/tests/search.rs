//! Searching, compared with what grep finds.

use sandwire_protocol::Code;
use sandwire_protocol::kind::file::{Search, SearchDown, SearchEnd};

use super::*;

async fn search(files: &Files, params: Search) -> Result<(Vec<SearchDown>, SearchEnd), Error> {
    let mut found = files.search(Search { path: path("."), ..params }).await?;
    let mut results = Vec::new();
    while let Some(result) = found.next().await {
        results.push(result);
    }
    Ok((results, found.end().await?))
}

fn lines(results: &[SearchDown]) -> Vec<String> {
    let show = |result: &SearchDown| match result {
        SearchDown::Line { path, line, text, matches } => format!("{path}:{line}:{text}:{matches:?}"),
        SearchDown::File(info) => info.path.to_string(),
    };
    results.iter().map(show).collect()
}

#[tokio::test]
async fn by_content() {
    let (dir, files) = workspace();
    shell(
        dir.path(),
        "mkdir s; printf 'one\\ntwo\\nTwo two\\nthree' > a; printf 'a.b\\r\\naxb\\n' > s/b; printf 'two\\0' > bin",
    );
    let pattern = |pattern: &str| Search { pattern: Some(pattern.into()), ..Search::default() };
    let (results, end) = search(&files, pattern("two")).await.unwrap();
    assert_eq!(lines(&results), ["a:2:two:[(0, 3)]", "a:3:Two two:[(4, 7)]"]);
    assert_eq!((end.files, end.matches, end.truncated), (3, 2, false));
    let (results, _) = search(&files, Search { ignore_case: true, ..pattern("two") }).await.unwrap();
    assert_eq!(lines(&results)[1], "a:3:Two two:[(0, 3), (4, 7)]");
    let (results, _) = search(&files, Search { literal: true, ..pattern("a.b") }).await.unwrap();
    assert_eq!(lines(&results), ["s/b:1:a.b\r:[(0, 3)]"]);
    let (results, _) = search(&files, Search { context: Some(1), ..pattern("^two") }).await.unwrap();
    assert_eq!(lines(&results), ["a:1:one:[]", "a:2:two:[(0, 3)]", "a:3:Two two:[]"]);
    let (results, end) = search(&files, Search { limit: Some(1), ..pattern("two") }).await.unwrap();
    assert_eq!((results.len(), end.matches, end.truncated), (1, 1, true));
    let (_, end) = search(&files, Search { limit: Some(2), ..pattern("two") }).await.unwrap();
    assert!(!end.truncated);
    for bad in ["(", r"(\w{200}){200}"] {
        assert_eq!(search(&files, pattern(bad)).await.unwrap_err().code, Code::ValidationFailed, "{bad}");
    }
    std::fs::write(dir.path().join("long"), [vec![b'x'; 10_000], b"needle\n".to_vec()].concat()).unwrap();
    let (results, _) = search(&files, pattern("needle|^x")).await.unwrap();
    let [SearchDown::Line { text, matches, .. }] = &results[..] else { panic!("{results:?}") };
    assert_eq!((text.as_bytes().len(), matches.as_slice()), (4096, &[(0, 1)][..]));
}

#[tokio::test]
async fn by_name_and_by_ignore_files() {
    let (dir, files) = workspace();
    shell(
        dir.path(),
        "mkdir -p src/sub target .git; touch src/a.rs src/sub/b.rs src/c.txt target/t.rs src/keep.log src/x.log .hidden",
    );
    shell(dir.path(), "printf '/target\\n*.log\\n' > .gitignore; printf '!keep.log\\n' > src/.gitignore");
    let (results, end) = search(&files, Search { include: vec!["*.rs".into()], ..Search::default() }).await.unwrap();
    assert_eq!(lines(&results), ["src/a.rs", "src/sub/b.rs", "target/t.rs"]);
    assert_eq!((end.files, end.matches), (3, 3));
    let (results, _) = search(&files, Search { gitignore: true, ..Search::default() }).await.unwrap();
    assert_eq!(lines(&results), ["src/a.rs", "src/c.txt", "src/keep.log", "src/sub/b.rs"]);
    let (results, _) =
        search(&files, Search { include: vec!["src/*".into()], exclude: vec!["*.log".into()], ..Search::default() })
            .await
            .unwrap();
    assert_eq!(lines(&results), ["src/.gitignore", "src/a.rs", "src/c.txt"]);
}

#[tokio::test]
async fn the_same_as_grep() {
    let (_dir, files) = workspace();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join("protocol/src");
    let expected = shell(&root, "grep -rnI 'pub struct' . | sed 's|^\\./||' | LC_ALL=C sort");
    let params = Search { path: root.as_path().into(), pattern: Some("pub struct".into()), ..Search::default() };
    let mut found = files.search(params).await.unwrap();
    let mut lines = Vec::new();
    while let Some(SearchDown::Line { path, line, text, .. }) = found.next().await {
        lines.push(format!("{path}:{line}:{text}"));
    }
    lines.sort();
    assert_eq!(lines, expected.lines().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_search_that_nobody_waits_for_stops() {
    let (_dir, files) = workspace();
    let params = Search { path: path("/proc/self/../.."), pattern: Some("x".into()), ..Search::default() };
    let mut found = files.search(params).await.unwrap();
    assert!(found.next().await.is_some());
    // The runtime would wait for its thread at the end of the test.
    drop(found);
}
