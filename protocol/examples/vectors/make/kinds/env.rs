//! `env.*`.

use sandwire_protocol::kind::env::{List, Listing, Set};
use sandwire_protocol::kind::{self, Done};

use super::super::value::Value;
use super::{Vectors, odd, path};

pub fn files() -> Vec<(String, Value)> {
    let full = Set { env: [(path("GREETING"), Some(path("grüß dich"))), (path("LANG"), None)].into() };
    let set = Vectors::<kind::EnvSet> {
        params: vec![
            ("nothing", Set::default()),
            ("one set, one unset", full),
            ("bytes", Set { env: [(path("RAW"), Some(odd()))].into() }),
        ],
        result: vec![("done", Done {})],
        ..Vectors::default()
    };
    let listing = Listing {
        env: [(path("GREETING"), path("grüß dich")), (path("RAW"), odd())].into(),
        unset: vec![path("LANG")],
    };
    let list = Vectors::<kind::EnvList> {
        params: vec![("nothing", List {})],
        result: vec![("none", Listing::default()), ("every field", listing)],
        ..Vectors::default()
    };
    vec![set.file(), list.file()]
}
