//! Vectors of `git.*`.

use sandwire_protocol::kind::git::{CheckedOut, Checkout, CheckoutDown, Progress};
use sandwire_protocol::kind::{self};

use super::super::value::Value;
use super::{Vectors, odd, path};

pub fn files() -> Vec<(String, Value)> {
    vec![checkout().file()]
}

fn checkout() -> Vectors<kind::GitCheckout> {
    let full = Checkout {
        url: "https://ada:secret@git.example/shop.git".into(),
        directory: Some(path("src/shop")),
        cwd: Some(path("work")),
        session: Some("build".to_owned()),
        branch: Some("feature/one".to_owned()),
        depth: Some(1),
        env: [(path("GIT_TRACE"), None), (odd(), Some(odd()))].into(),
        username: Some("ada".into()),
        password: Some("secret".into()),
        recurse_submodules: true,
        filter: Some("blob:none".to_owned()),
        timeout_ms: Some(600_000),
    };
    let receiving = Progress {
        phase: "Receiving objects".to_owned(),
        percent: Some(42),
        done: Some(42_000),
        total: Some(100_000),
        text: "Receiving objects:  42% (42000/100000), 1.50 MiB | 3.00 MiB/s".to_owned(),
    };
    let enumerating = Progress {
        phase: "Enumerating objects".to_owned(),
        done: Some(1 << 33),
        text: "remote: Enumerating objects: 8589934592, done.".to_owned(),
        ..Progress::default()
    };
    let begun =
        Progress { phase: "Cloning".to_owned(), text: "Cloning into 'shop'...".to_owned(), ..Progress::default() };
    Vectors {
        params: vec![
            ("a url", Checkout { url: "file:///srv/shop.git".into(), ..Checkout::default() }),
            ("every field", full),
        ],
        down: vec![
            ("a phase alone", CheckoutDown::Progress(begun)),
            ("a count", CheckoutDown::Progress(enumerating)),
            ("every field", CheckoutDown::Progress(receiving)),
        ],
        result: vec![
            (
                "a branch",
                CheckedOut {
                    url: "https://git.example/shop.git".to_owned(),
                    directory: path("/workspace/src/shop"),
                    branch: Some("feature/one".to_owned()),
                    commit: Some("8f0c1b2a3d4e5f60718293a4b5c6d7e8f9a0b1c2".to_owned()),
                    duration_ms: 1234,
                },
            ),
            (
                "an empty repository",
                CheckedOut { url: "file:///srv/empty.git".to_owned(), directory: odd(), ..CheckedOut::default() },
            ),
        ],
        ..Vectors::default()
    }
}
