//! `backup.*`.

use sandwire_protocol::kind;
use sandwire_protocol::kind::backup::{Compression, Create, Created, Down, Restore, Restored};

use super::super::value::Value;
use super::{Vectors, odd, path};

const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn progress() -> Vec<(&'static str, Down)> {
    vec![("how far it is", Down::Progress { entries: 3, bytes: 1 << 33, archive_bytes: 1 << 20 })]
}

pub fn files() -> Vec<(String, Value)> {
    let with = |compression, level| Create {
        path: path("/src"),
        exclude: vec!["target".to_owned(), "**/*.{o,a}".to_owned()],
        gitignore: true,
        compression: Some(compression),
        level,
    };
    let created =
        Created { entries: 3, bytes: 1 << 33, archive_bytes: 1 << 20, sha256: DIGEST.to_owned(), skipped: vec![] };
    let create = Vectors::<kind::BackupCreate> {
        params: vec![
            ("a directory", Create { path: path("."), ..Create::default() }),
            ("every field", with(Compression::Zstd, Some(6))),
            ("gzip", with(Compression::Gzip, Some(9))),
            ("not compressed", with(Compression::None, None)),
        ],
        down: progress(),
        result: vec![
            ("all of it", created.clone()),
            ("without some", Created { skipped: vec![path("pipe"), odd()], ..created }),
        ],
        ..Vectors::default()
    };
    let restore = Vectors::<kind::BackupRestore> {
        params: vec![
            ("a directory", Restore { path: odd(), ..Restore::default() }),
            ("every field", Restore { path: path("/src"), sha256: Some(DIGEST.to_owned()), replace: true }),
        ],
        down: progress(),
        result: vec![
            ("where nothing was", Restored { entries: 3, bytes: 1 << 33, replaced: false }),
            ("in the place of another", Restored { entries: 1, bytes: 0, replaced: true }),
        ],
        ..Vectors::default()
    };
    vec![create.file(), restore.file()]
}
