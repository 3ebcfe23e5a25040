//! Vectors of `mount.*`.

use sandwire_protocol::kind::mount::{Create, Info, List, Listing, Provider, Remove, State};
use sandwire_protocol::kind::{self, Done};

use super::super::value::Value;
use super::{Vectors, killed, path};

pub fn files() -> Vec<(String, Value)> {
    vec![create().file(), list().file(), remove().file()]
}

fn mounted() -> Info {
    Info {
        path: path("/workspace/data"),
        bucket: "photos".to_owned(),
        endpoint: "https://0123456789abcdef.r2.cloudflarestorage.com".to_owned(),
        provider: Provider::R2,
        read_only: false,
        prefix: None,
        state: State::Mounted,
        created_ms: 1_700_000_000_000,
        exit: None,
    }
}

fn ended() -> Info {
    Info {
        provider: Provider::Gcs,
        endpoint: "https://storage.googleapis.com".to_owned(),
        read_only: true,
        prefix: Some("2026/july".to_owned()),
        state: State::Ended,
        exit: Some(killed()),
        ..mounted()
    }
}

fn create() -> Vectors<kind::MountCreate> {
    let bare = Create { bucket: "photos".to_owned(), path: path("data"), ..Create::default() };
    let full = Create {
        endpoint: Some("http://127.0.0.1:9000".to_owned()),
        provider: Some(Provider::Other),
        region: Some("eu-central-1".to_owned()),
        access_key_id: Some("AKIAIOSFODNN7EXAMPLE".into()),
        secret_access_key: Some("wJalrXUtnFEMI/K7MDENG".into()),
        session_token: Some("FwoGZXIvYXdzE".into()),
        read_only: true,
        prefix: Some("2026/july".to_owned()),
        options: vec!["max_stat_cache_size=1000".to_owned(), "nomixupload".to_owned()],
        ..bare.clone()
    };
    Vectors {
        params: vec![("a bucket", bare), ("every field", full)],
        result: vec![("mounted", mounted()), ("another store", Info { provider: Provider::S3, ..mounted() })],
        ..Vectors::default()
    }
}

fn list() -> Vectors<kind::MountList> {
    Vectors {
        params: vec![("nothing", List {})],
        result: vec![("none", Listing::default()), ("two", Listing { mounts: vec![mounted(), ended()] })],
        ..Vectors::default()
    }
}

fn remove() -> Vectors<kind::MountRemove> {
    Vectors {
        params: vec![("a path", Remove { path: path("data") })],
        result: vec![("done", Done {})],
        ..Vectors::default()
    }
}
