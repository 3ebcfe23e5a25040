//! `pty.*`.

use sandwire_protocol::kind::pty::{
    Attach, Close, Down, Ended, Info, List, Listing, Open, ResizeParams, Screen, Snapshot, Up,
};
use sandwire_protocol::kind::{self, Done};

use super::super::value::Value;
use super::{Vectors, exited, full_launch, killed};

fn id() -> String {
    "term-1".to_owned()
}

fn info() -> Info {
    Info {
        id: id(),
        pid: 99,
        command: "bash".to_owned(),
        title: "vim".to_owned(),
        cols: 120,
        rows: 40,
        viewers: 2,
        started_ms: 1_700_000_000_000,
        exit: None,
    }
}

fn up() -> Vec<(&'static str, Up)> {
    vec![("resize", Up::Resize { cols: 132, rows: 43 }), ("signal", Up::Signal { signal: "SIGWINCH".to_owned() })]
}

fn down() -> Vec<(&'static str, Down)> {
    vec![
        ("attached", Down::Attached { id: id(), pid: 99, cols: 80, rows: 24, created: true }),
        ("live", Down::Live {}),
        ("resized", Down::Resized { cols: 132, rows: 43 }),
    ]
}

pub fn files() -> Vec<(String, Value)> {
    let full = Open {
        id: Some(id()),
        run: full_launch(),
        cols: Some(132),
        rows: Some(43),
        term: Some("xterm".to_owned()),
        scrollback: Some(500),
        reuse: true,
        transient: true,
        session: Some("build".to_owned()),
    };
    let open = Vectors::<kind::PtyOpen> {
        params: vec![("a login shell", Open::default()), ("every field", full)],
        up: up(),
        down: down(),
        result: vec![("the shell ended", Ended { id: id(), exit: exited() })],
    };
    let full = Attach { id: id(), cols: Some(80), rows: Some(24), read_only: true, scrollback: Some(0) };
    let attach = Vectors::<kind::PtyAttach> {
        params: vec![("an id", Attach { id: id(), ..Attach::default() }), ("every field", full)],
        up: up(),
        down: down(),
        result: vec![("the program was killed", Ended { id: id(), exit: killed() })],
    };
    let list = Vectors::<kind::PtyList> {
        params: vec![("nothing", List {})],
        result: vec![
            ("none", Listing::default()),
            ("a living and an ended one", Listing { terminals: vec![info(), Info { exit: Some(exited()), ..info() }] }),
        ],
        ..Vectors::default()
    };
    let screen = Screen {
        content: b"$ ls\r\n\x1b[1mx\x1b[0m".to_vec(),
        cols: 80,
        rows: 24,
        cursor_col: 1,
        cursor_row: 2,
        alternate: true,
    };
    let snapshot = Vectors::<kind::PtySnapshot> {
        params: vec![
            ("the screen as text", Snapshot { id: id(), scrollback: 0, ansi: false }),
            ("every field", Snapshot { id: id(), scrollback: 1000, ansi: true }),
        ],
        result: vec![("a screen", screen)],
        ..Vectors::default()
    };
    let resize = Vectors::<kind::PtyResize> {
        params: vec![("a size", ResizeParams { id: id(), cols: 100, rows: 30 })],
        result: vec![("done", Done {})],
        ..Vectors::default()
    };
    let close = Vectors::<kind::PtyClose> {
        params: vec![
            ("with the default grace", Close { id: id(), grace_ms: None }),
            ("at once", Close { id: id(), grace_ms: Some(0) }),
        ],
        result: vec![("ended", Info { exit: Some(killed()), ..info() })],
        ..Vectors::default()
    };
    vec![open.file(), attach.file(), list.file(), snapshot.file(), resize.file(), close.file()]
}
