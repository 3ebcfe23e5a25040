//! `session.*`.

use sandwire_protocol::kind::command::Exit;
use sandwire_protocol::kind::session::{Create, Created, Delete, Get, Info, List, Listing, State};
use sandwire_protocol::kind::{self, Done};

use super::super::value::Value;
use super::{Vectors, killed, odd, path};

fn id() -> String {
    "build".to_owned()
}

fn idle() -> Info {
    Info {
        id: id(),
        state: State::Idle,
        shell: "/bin/bash".to_owned(),
        pid: Some(4321),
        cwd: Some("/workspace/src".to_owned()),
        created_ms: 1_700_000_000_000,
        used_ms: 1_700_000_001_000,
        commands: 12,
        queued: 0,
        lost: 0,
        exit: None,
    }
}

fn busy() -> Info {
    Info { state: State::Busy, queued: 3, ..idle() }
}

fn ended() -> Info {
    Info { state: State::Ended, pid: None, lost: 1, exit: Some(Exit { shell_ended: false, ..killed() }), ..idle() }
}

pub fn files() -> Vec<(String, Value)> {
    let full = Create {
        id: Some(id()),
        shell: Some(path("/bin/sh")),
        cwd: Some(path("src")),
        env: [(path("GREETING"), Some(odd())), (path("LANG"), None)].into(),
        clear_env: true,
        user: Some("nobody".to_owned()),
        timeout_ms: Some(60_000),
        reuse: true,
        renew: true,
    };
    let create = Vectors::<kind::SessionCreate> {
        params: vec![("nothing", Create::default()), ("every field", full)],
        result: vec![
            ("a new one", Created { created: true, session: idle() }),
            ("one that was there", Created { created: false, session: busy() }),
        ],
        ..Vectors::default()
    };
    let list = Vectors::<kind::SessionList> {
        params: vec![("nothing", List {})],
        result: vec![("none", Listing::default()), ("three", Listing { sessions: vec![idle(), busy(), ended()] })],
        ..Vectors::default()
    };
    let get = Vectors::<kind::SessionGet> {
        params: vec![("an id", Get { id: id() })],
        result: vec![("idle", idle()), ("busy", busy()), ("its shell was killed", ended())],
        ..Vectors::default()
    };
    let delete = Vectors::<kind::SessionDelete> {
        params: vec![
            ("an id", Delete { id: id(), grace_ms: None }),
            ("every field", Delete { id: id(), grace_ms: Some(0) }),
        ],
        result: vec![("done", Done {})],
        ..Vectors::default()
    };
    vec![create.file(), list.file(), get.file(), delete.file()]
}
