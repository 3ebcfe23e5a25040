//! `file.*`.

use sandwire_protocol::kind::file::{
    Change, Chmod, Copied, Copy, FileType, Info, List, Listing, Mkdir, Read, ReadDown, ReadEnd, Remove, Removed,
    Rename, Search, SearchDown, SearchEnd, Stat, Symlink, TreeEnd, TreeRead, TreeWrite, Watch, WatchDown, Write,
    WriteMode, Written,
};
use sandwire_protocol::kind::{self, Done, Kind};

use super::super::value::Value;
use super::{Vectors, odd, path};

fn info() -> Info {
    Info {
        path: path("src/main.rs"),
        file_type: FileType::File,
        size: 5_000_000_000,
        mode: 0o644,
        uid: 1000,
        gid: 1000,
        modified_ms: -1,
        target: None,
        etag: "1-2-3".to_owned(),
    }
}

fn link() -> Info {
    Info { file_type: FileType::Symlink, target: Some(path("../x")), etag: String::new(), ..info() }
}

fn globs(one: &str) -> Vec<String> {
    vec![one.to_owned(), "**/*.{c,h}".to_owned()]
}

/// A kind that says nothing but "done".
fn done<K: Kind<Result = Done>>(params: Vec<(&'static str, K::Params)>) -> (String, Value) {
    Vectors::<K> { params, result: vec![("done", Done {})], ..Vectors::default() }.file()
}

pub fn files() -> Vec<(String, Value)> {
    let mut files = vec![read().file(), write().file(), stat().file(), list().file()];
    files.extend(changes());
    files.extend([search().file(), watch().file()]);
    files.extend(trees());
    files
}

fn read() -> Vectors<kind::FileRead> {
    let full = Read { path: odd(), offset: Some(1 << 33), length: Some(100), tail: None, meta: true };
    Vectors {
        params: vec![
            ("a whole file", Read { path: path("a.txt"), ..Read::default() }),
            ("a range, with its description", full),
            ("the end", Read { path: path("/var/log/x"), tail: Some(4096), ..Read::default() }),
        ],
        down: vec![("meta", ReadDown::Meta(info()))],
        result: vec![
            ("read", ReadEnd { bytes: 3, etag: "1-2-3".to_owned(), changed: false }),
            ("changed meanwhile", ReadEnd { bytes: 0, etag: String::new(), changed: true }),
        ],
        ..Vectors::default()
    }
}

fn write() -> Vectors<kind::FileWrite> {
    let full = Write {
        path: odd(),
        how: Some(WriteMode::Replace),
        offset: None,
        mode: Some(0o600),
        parents: true,
        fsync: true,
        if_match: Some("1-2-3".to_owned()),
        size: Some(12),
    };
    let how = |how| Write { path: path("a"), how: Some(how), ..Write::default() };
    Vectors {
        params: vec![
            ("replaced by default", Write { path: path("a"), ..Write::default() }),
            ("every field", full),
            ("create", how(WriteMode::Create)),
            ("append", how(WriteMode::Append)),
            ("patch", Write { offset: Some(7), ..how(WriteMode::Patch) }),
        ],
        result: vec![("written", Written { bytes: 12, etag: "4-5-6".to_owned() })],
        ..Vectors::default()
    }
}

fn stat() -> Vectors<kind::FileStat> {
    let of = |file_type| Info { file_type, etag: String::new(), ..info() };
    Vectors {
        params: vec![
            ("a path", Stat { path: path("a"), no_follow: false }),
            ("a link itself", Stat { path: odd(), no_follow: true }),
        ],
        result: vec![
            ("a file", info()),
            ("a directory", of(FileType::Directory)),
            ("a symbolic link", link()),
            ("a device", of(FileType::Other)),
        ],
        ..Vectors::default()
    }
}

fn list() -> Vectors<kind::FileList> {
    let full = List {
        path: path("/src"),
        recursive: true,
        depth: Some(3),
        no_hidden: true,
        include: globs("*.rs"),
        exclude: globs("target"),
        limit: Some(100),
        cursor: Some(odd()),
    };
    Vectors {
        params: vec![("a directory", List { path: path("."), ..List::default() }), ("every field", full)],
        result: vec![
            ("the last page", Listing { entries: vec![], cursor: None }),
            ("a page", Listing { entries: vec![info(), link()], cursor: Some(odd()) }),
        ],
        ..Vectors::default()
    }
}

fn changes() -> Vec<(String, Value)> {
    let rename = || Rename { from: path("a"), to: path("b"), no_replace: false };
    let renames = || vec![("replacing", rename()), ("not replacing", Rename { no_replace: true, ..rename() })];
    let copy = || Copy { from: path("a"), to: path("b"), recursive: false, no_replace: false };
    let remove = Vectors::<kind::FileRemove> {
        params: vec![
            ("a file", Remove { path: path("a"), recursive: false, force: false }),
            ("every field", Remove { path: odd(), recursive: true, force: true }),
        ],
        result: vec![("removed", Removed { count: 12 })],
        ..Vectors::default()
    };
    let copy = Vectors::<kind::FileCopy> {
        params: vec![("a file", copy()), ("every field", Copy { recursive: true, no_replace: true, ..copy() })],
        result: vec![("copied", Copied { count: 2, bytes: 1 << 33 })],
        ..Vectors::default()
    };
    vec![
        done::<kind::FileMkdir>(vec![
            ("a directory", Mkdir { path: path("d"), ..Mkdir::default() }),
            ("every field", Mkdir { path: path("d/e"), parents: true, mode: Some(0o700) }),
        ]),
        remove.file(),
        done::<kind::FileRename>(renames()),
        done::<kind::FileMove>(renames()),
        copy.file(),
        done::<kind::FileChmod>(vec![
            ("a file", Chmod { path: path("a"), mode: 0o755, recursive: false }),
            ("a tree", Chmod { path: path("d"), mode: 0o7777, recursive: true }),
        ]),
        done::<kind::FileSymlink>(vec![("a link", Symlink { path: path("l"), target: odd() })]),
    ]
}

fn search() -> Vectors<kind::FileSearch> {
    let full = Search {
        path: path("."),
        include: globs("*.rs"),
        exclude: globs("target"),
        pattern: Some("fn main".to_owned()),
        literal: true,
        ignore_case: true,
        gitignore: true,
        context: Some(2),
        limit: Some(10),
    };
    let line = SearchDown::Line {
        path: path("a.rs"),
        line: 70_000,
        text: path("fn main() {}"),
        matches: vec![(0, 7), (8, 9)],
    };
    let beside = SearchDown::Line { path: path("a.rs"), line: 70_001, text: odd(), matches: vec![] };
    Vectors {
        params: vec![("names", Search { path: path("src"), ..Search::default() }), ("every field", full)],
        down: vec![("a file", SearchDown::File(info())), ("a line", line), ("a line beside it", beside)],
        result: vec![
            ("all of it", SearchEnd { files: 10, matches: 2, unreadable: 1, truncated: false }),
            ("stopped by the limit", SearchEnd { truncated: true, ..SearchEnd::default() }),
        ],
        ..Vectors::default()
    }
}

fn watch() -> Vectors<kind::FileWatch> {
    let full = Watch {
        path: path("/src"),
        flat: true,
        include: globs("*.rs"),
        exclude: globs("target"),
        debounce_ms: Some(0),
    };
    let change = |change| WatchDown::Change { change, path: path("a"), from: None, directory: false };
    let renamed = WatchDown::Change { change: Change::Rename, path: path("new"), from: Some(odd()), directory: true };
    Vectors {
        params: vec![("a directory", Watch { path: path("."), ..Watch::default() }), ("every field", full)],
        down: vec![
            ("ready", WatchDown::Ready {}),
            ("create", change(Change::Create)),
            ("modify", change(Change::Modify)),
            ("attrib", change(Change::Attrib)),
            ("remove", change(Change::Remove)),
            ("rename", renamed),
            ("overflow", WatchDown::Overflow {}),
        ],
        result: vec![("done", Done {})],
        ..Vectors::default()
    }
}

fn trees() -> Vec<(String, Value)> {
    let end = || TreeEnd { entries: 3, bytes: 1 << 33, skipped: vec![] };
    let full = TreeRead { path: path("/src"), include: globs("*.rs"), exclude: globs("target"), gitignore: true };
    let read = Vectors::<kind::TreeRead> {
        params: vec![("a directory", TreeRead { path: path("."), ..TreeRead::default() }), ("every field", full)],
        result: vec![("all of it", end()), ("without some", TreeEnd { skipped: vec![path("pipe"), odd()], ..end() })],
        ..Vectors::default()
    };
    let write = Vectors::<kind::TreeWrite> {
        params: vec![
            ("a directory", TreeWrite { path: path("d"), owners: false }),
            ("with owners", TreeWrite { path: path("d"), owners: true }),
        ],
        result: vec![("unpacked", end())],
        ..Vectors::default()
    };
    vec![read.file(), write.file()]
}
