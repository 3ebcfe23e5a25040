//! `PROTOCOL.md` names everything there is, and every rule in it is held by a test somewhere.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sandwire_protocol::kind::exec::{Down, Up};
use sandwire_protocol::kind::{self, NoEvent, Scope, TABLE};
use sandwire_protocol::{Code, Error};

/// Rules that this crate cannot hold, and the file whose tests or code do.
const ELSEWHERE: &[(&str, &str)] = &[
    ("R-HTTP-1", "server/src/http/upgrade.rs"),
    ("R-HTTP-2", "server/src/http/credential.rs"),
    ("R-HTTP-3", "server/src/http/upgrade.rs"),
    ("R-HTTP-4", "server/src/auth/origin.rs"),
    ("R-HTTP-5", "protocol/link/src/connection.rs"),
    ("R-HTTP-6", "server/src/http/answer.rs"),
    ("R-HTTP-7", "server/tests/door/session.rs"),
    ("R-HTTP-8", "server/tests/door/session.rs"),
    ("R-PREVIEW-1", "server/src/http/preview.rs"),
    ("R-PREVIEW-2", "tests/it/preview.rs"),
    ("R-PREVIEW-3", "tests/it/preview.rs"),
    ("R-PREVIEW-4", "server/src/http/preview/headers.rs"),
    ("R-HELLO-1", "client-rs/src/driver.rs"),
    ("R-HELLO-10", "tests/it/grants.rs"),
    ("R-RESUME-6", "server/src/lanes.rs"),
    ("R-GOAWAY-3", "server/src/conn.rs"),
    ("R-RELAY-3", "protocol/PROTOCOL.md"),
    ("R-RELAY-4", "tests/it/hostile/trunk.rs"),
    ("R-RELAY-5", "tests/it/asleep.rs"),
    ("R-RELAY-6", "tests/it/grants.rs"),
    ("R-RELAY-7", "tests/it/hostile.rs"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document() -> String {
    std::fs::read_to_string(root().join("PROTOCOL.md")).unwrap()
}

#[test]
fn everything_that_there_is_has_its_place() {
    let text = document();
    let names = TABLE
        .iter()
        .map(|row| row.name)
        .chain(Code::ALL.iter().map(|code| code.name()))
        .chain(Scope::ALL.iter().map(|scope| scope.name()));
    for name in names {
        assert!(text.contains(&format!("`{name}`")), "PROTOCOL.md does not have {name}");
    }
    for frame in [
        "HELLO", "WELCOME", "ACK", "PING", "PONG", "GOAWAY", "RESET", "OPEN", "DATA", "EVENT", "CREDIT", "END",
        "CLOSE", "CANCEL",
    ] {
        assert!(text.contains(&format!("| {frame} |")), "PROTOCOL.md does not have {frame}");
    }
    let limits = std::fs::read_to_string(root().join("src/limits.rs")).unwrap();
    for line in limits.lines() {
        let Some((name, _)) = line.strip_prefix("pub const ").and_then(|line| line.split_once(':')) else { continue };
        let name = if name == "TOKEN_LENGTH" { "TOKEN_MIN" } else { name };
        assert!(text.contains(&format!("`{name}`")), "PROTOCOL.md does not have {name}");
    }
}

fn rules(text: &str) -> Vec<String> {
    let mut found = vec![];
    for (at, _) in text.match_indices("R-") {
        let rest = &text[at + 2..];
        let word = rest.find(|letter: char| !letter.is_ascii_uppercase()).unwrap_or(rest.len());
        let Some(number) = rest[word..].strip_prefix('-') else { continue };
        let digits = number.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(number.len());
        if word > 0 && digits > 0 {
            found.push(text[at..at + 2 + word + 1 + digits].to_owned());
        }
    }
    found
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

#[test]
fn every_rule_is_held_by_a_test() {
    let text = document();
    let mut stated = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("- **R-")) {
        let (name, _) = line.split_once("**").unwrap();
        assert!(stated.insert(format!("R-{name}"), 0).is_none(), "R-{name} is stated twice");
    }
    assert!(stated.len() > 50, "{}", stated.len());
    let mut files = vec![];
    walk(&root().join("tests"), &mut files);
    walk(&root().join("vectors"), &mut files);
    for file in files.iter().filter(|file| !file.ends_with("contract.rs") && !file.ends_with("README.md")) {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        for rule in rules(&text) {
            let count = stated.get_mut(&rule).unwrap_or_else(|| panic!("{}: there is no {rule}", file.display()));
            *count += 1;
        }
    }
    for rule in rules(&text) {
        assert!(stated.contains_key(&rule), "PROTOCOL.md refers to {rule}, which it does not state");
    }
    let own = rules(&std::fs::read_to_string(root().join("tests/contract.rs")).unwrap());
    let elsewhere: BTreeSet<_> = ELSEWHERE.iter().map(|(rule, _)| (*rule).to_owned()).collect();
    let uncited: Vec<_> = stated
        .iter()
        .filter(|(rule, count)| **count == 0 && own.iter().filter(|own| own == rule).count() == 0)
        .map(|(rule, _)| rule)
        .collect();
    assert!(uncited.is_empty(), "no test cites {uncited:?}");
    for (rule, file) in ELSEWHERE {
        assert!(stated.contains_key(*rule), "{rule} is not stated");
        assert!(root().parent().unwrap().join(file).exists(), "{file} is gone");
    }
    assert_eq!(elsewhere.len(), ELSEWHERE.len());
}

/// R-EVOLVE-3: an opener ignores an event that it does not know, and nothing else.
#[test]
fn an_unknown_event_is_nothing_and_a_broken_one_an_error() {
    let later = kind::encode(&BTreeMap::from([("later", BTreeMap::from([("field", 1)]))])).unwrap();
    assert_eq!(kind::decode_event::<Down>(&later).unwrap(), None);
    assert!(kind::decode_event::<NoEvent>(&later).unwrap().is_none());
    let started = kind::encode(&Down::Started { pid: 7 }).unwrap();
    assert_eq!(kind::decode_event::<Down>(&started).unwrap(), Some(Down::Started { pid: 7 }));
    let broken = kind::encode(&BTreeMap::from([("started", BTreeMap::from([("pid", "seven")]))])).unwrap();
    for bytes in [&broken[..], b"", &[0xc1], &[0x80], &[0x81, 0xa7]] {
        assert_eq!(kind::decode_event::<Down>(bytes).unwrap_err().code, Code::ValidationFailed);
    }
    assert_eq!(kind::decode::<Up>(&later).unwrap_err().code, Code::ValidationFailed);
}

/// A payload is one value, whole.
#[test]
fn nothing_stands_behind_a_value() {
    let mut bytes = kind::encode(&Down::Started { pid: 7 }).unwrap().to_vec();
    kind::decode::<Down>(&bytes).unwrap();
    bytes.push(0xc0);
    assert_eq!(kind::decode::<Down>(&bytes).unwrap_err().code, Code::ValidationFailed);
    assert_eq!(kind::decode_event::<Down>(&bytes).unwrap_err().code, Code::ValidationFailed);
}

/// R-EVOLVE-2, as far as a test can: names of codes, kinds and scopes are unique, and read back as themselves.
#[test]
fn names_are_unique() {
    let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(codes.len(), Code::ALL.len());
    for code in Code::ALL {
        assert_eq!(Code::from_name(code.name()), *code);
        let error = Error::new(*code, "text").with("flag", true).with("count", -1_i64).with("name", "x");
        assert_eq!(kind::decode::<Error>(&kind::encode(&error).unwrap()).unwrap(), error);
    }
    assert_eq!(Code::from_name("OF_A_NEWER_SERVER"), Code::Unknown);
    let kinds: BTreeSet<_> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(kinds.len(), TABLE.len());
    let scopes: BTreeSet<_> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    assert_eq!(scopes.len(), Scope::ALL.len());
    for scope in Scope::ALL {
        let name = kind::encode(scope).unwrap();
        assert_eq!(kind::decode::<String>(&name).unwrap(), scope.name(), "the name in tokens is that in messages");
    }
}
