//! `kernel.*`.

use sandwire_protocol::kind::kernel::{
    Create, Delete, Down, Failure, Get, Info, Interrupt, List, Listing, Part, Ran, Restart, Rich, Run, Spec,
    SpecListing, Specs, State, Status, Up,
};
use sandwire_protocol::kind::{self, Done};

use super::super::value::Value;
use super::{Vectors, killed, odd, path};

fn id() -> String {
    "notebook".to_owned()
}

fn idle() -> Info {
    Info {
        id: id(),
        spec: "python3".to_owned(),
        language: "python".to_owned(),
        state: State::Idle,
        pid: Some(4321),
        cwd: Some("/workspace/src".to_owned()),
        created_ms: 1_700_000_000_000,
        used_ms: 1_700_000_001_000,
        execution_count: 12,
        queued: 0,
        exit: None,
    }
}

fn starting() -> Info {
    Info { state: State::Starting, pid: None, execution_count: 0, ..idle() }
}

fn busy() -> Info {
    Info { state: State::Busy, queued: 3, ..idle() }
}

fn dead() -> Info {
    Info { state: State::Dead, pid: None, cwd: None, exit: Some(killed()), ..idle() }
}

fn picture() -> Rich {
    let part = |mime: &str, size| Part { mime: mime.to_owned(), size };
    Rich {
        display: true,
        execution_count: Some(12),
        display_id: Some("figure".to_owned()),
        update: true,
        parts: vec![part("text/plain", 32), part("image/png", 1 << 33)],
        metadata: Some("{\"image/png\":{\"width\":640}}".to_owned()),
    }
}

fn run() -> Vectors<kind::KernelRun> {
    let full = Run {
        id: Some(id()),
        language: Some("python".to_owned()),
        code: "name = input('Wer? ')\nprint(f'grüß dich, {name}')".to_owned(),
        timeout_ms: Some(60_000),
        stdin: true,
        env: [("GREETING".to_owned(), Some("grüß dich".to_owned())), ("LANG".to_owned(), None)].into(),
        renew: true,
    };
    let failure = Failure {
        name: "ZeroDivisionError".to_owned(),
        value: "division by zero".to_owned(),
        traceback: vec!["\u{1b}[31m---\u{1b}[39m".to_owned(), "1/0".to_owned()],
    };
    let one = Part { mime: "text/plain".to_owned(), size: 1 };
    Vectors {
        params: vec![
            ("a cell", Run { code: "1 + 1".to_owned(), ..Run::default() }),
            ("nothing", Run::default()),
            ("every field", full),
        ],
        up: vec![("a line of input", Up::Input { value: "Mühle".to_owned() }), ("an interrupt", Up::Interrupt {})],
        down: vec![
            ("started", Down::Started { execution_count: 12 }),
            ("a result", Down::Result(Rich { parts: vec![one], ..Rich::default() })),
            ("a display with every field", Down::Result(picture())),
            ("clear", Down::Clear { wait: true }),
            ("input", Down::InputRequest { prompt: "Wer? ".to_owned(), password: false }),
            ("an error", Down::Error(failure)),
        ],
        result: vec![
            ("to its end", Ran { execution_count: Some(12), duration_ms: 7, ..Ran::default() }),
            ("failed", Ran { status: Status::Error, execution_count: Some(13), ..Ran::default() }),
            (
                "killed after its time",
                Ran {
                    status: Status::Aborted,
                    execution_count: None,
                    duration_ms: 65_000,
                    timed_out: true,
                    kernel_died: true,
                    exit: Some(killed()),
                },
            ),
        ],
    }
}

pub fn files() -> Vec<(String, Value)> {
    let spec = |name: &str, display_name: &str, language: &str| Spec {
        name: name.to_owned(),
        display_name: display_name.to_owned(),
        language: language.to_owned(),
    };
    let specs = Vectors::<kind::KernelSpecs> {
        params: vec![("nothing", Specs {})],
        result: vec![
            ("none", SpecListing::default()),
            (
                "two",
                SpecListing {
                    specs: vec![spec("deno", "Deno", "typescript"), spec("python3", "Python 3 (ipykernel)", "python")],
                },
            ),
        ],
        ..Vectors::default()
    };
    let full = Create {
        id: Some(id()),
        spec: Some("python3".to_owned()),
        language: Some("python".to_owned()),
        cwd: Some(path("src")),
        env: [(path("GREETING"), Some(odd())), (path("LANG"), None)].into(),
        clear_env: true,
        timeout_ms: Some(60_000),
        reuse: true,
    };
    let create = Vectors::<kind::KernelCreate> {
        params: vec![("nothing", Create::default()), ("every field", full)],
        result: vec![("idle", idle())],
        ..Vectors::default()
    };
    let list = Vectors::<kind::KernelList> {
        params: vec![("nothing", List {})],
        result: vec![
            ("none", Listing::default()),
            ("one of each state", Listing { kernels: vec![starting(), idle(), busy(), dead()] }),
        ],
        ..Vectors::default()
    };
    let get = Vectors::<kind::KernelGet> {
        params: vec![("an id", Get { id: id() })],
        result: vec![("busy", busy()), ("its kernel was killed", dead())],
        ..Vectors::default()
    };
    let delete = Vectors::<kind::KernelDelete> {
        params: vec![
            ("an id", Delete { id: id(), grace_ms: None }),
            ("every field", Delete { id: id(), grace_ms: Some(0) }),
        ],
        result: vec![("done", Done {})],
        ..Vectors::default()
    };
    let restart = Vectors::<kind::KernelRestart> {
        params: vec![("an id", Restart { id: id() })],
        result: vec![("idle", idle())],
        ..Vectors::default()
    };
    let interrupt = Vectors::<kind::KernelInterrupt> {
        params: vec![("an id", Interrupt { id: id() })],
        result: vec![("done", Done {})],
        ..Vectors::default()
    };
    vec![
        specs.file(),
        create.file(),
        list.file(),
        get.file(),
        delete.file(),
        restart.file(),
        interrupt.file(),
        run().file(),
    ]
}
