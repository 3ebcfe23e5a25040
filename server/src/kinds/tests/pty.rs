//! `pty.*` over the wire.

use sandwire_protocol::kind::pty::{self, Down, Ended, Info, Open, Up};
use sandwire_protocol::kind::{PtyAttach, PtyClose, PtyList, PtyOpen, PtyResize, PtySnapshot, Scope};

use super::*;

fn open(id: &str, command: &str) -> Open {
    Open { id: Some(id.to_owned()), run: bash(command), ..Open::default() }
}

fn attach(id: &str) -> pty::Attach {
    pty::Attach { id: id.to_owned(), ..pty::Attach::default() }
}

/// What a viewer was told and shown.
#[derive(Debug, Default)]
struct Seen {
    events: Vec<Down>,
    shown: String,
    end: Option<Result<Ended, Error>>,
}

impl Seen {
    /// Looks until a text was shown, or the end.
    async fn until<K: Kind<Down = Down, Result = Ended>>(&mut self, call: &Call<K>, text: Option<&str>) {
        while self.end.is_none() && !text.is_some_and(|text| self.shown.contains(text)) {
            match call.recv().await {
                Reply::Data(0, bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Reply::Data(stream, _) | Reply::End(stream) => panic!("nothing comes on stream {stream}"),
                Reply::Event(event) => self.events.push(event),
                Reply::Closed(end) => self.end = Some(end),
            }
        }
    }
}

#[tokio::test]
async fn a_terminal_is_opened_typed_at_and_outlives_its_viewers() {
    let link = client().await;
    let params =
        Open { cols: Some(100), rows: Some(30), ..open("t", "stty -echo; while read l; do eval \"$l\"; done") };
    let call = link.open::<PtyOpen>(&params, None).unwrap();
    let mut seen = Seen::default();
    call.write(0, "stty size; echo $TERM\n".into()).await.unwrap();
    seen.until(&call, Some("xterm-256color")).await;
    assert!(seen.shown.contains("30 100"));
    let [Down::Attached { id, pid, cols: 100, rows: 30, created: true }, Down::Live {}] = seen.events.as_slice() else {
        panic!("{:?}", seen.events)
    };
    assert_eq!(id, "t");
    drop(call);

    let call = link.open::<PtyAttach>(&attach("t"), None).unwrap();
    let mut again = Seen::default();
    again.until(&call, Some("xterm-256color")).await;
    let Down::Attached { pid: same, created: false, .. } = &again.events[0] else { panic!("{:?}", again.events) };
    assert_eq!(same, pid);
    call.event(Up::Resize { cols: 90, rows: 20 }).await.unwrap();
    call.write(0, "stty size\n".into()).await.unwrap();
    again.until(&call, Some("20 90")).await;
    call.write(0, "exit 3\n".into()).await.unwrap();
    again.until(&call, None).await;
    let ended = again.end.unwrap().unwrap();
    assert_eq!((ended.id.as_str(), ended.exit.code), ("t", Some(3)));

    let late = link.open::<PtyAttach>(&attach("t"), None).unwrap();
    let mut last = Seen::default();
    last.until(&late, None).await;
    assert!(last.shown.contains("20 90"), "the last screen is kept");
    assert_eq!(last.end.unwrap().unwrap().exit.code, Some(3));
}

#[tokio::test]
async fn signals_go_to_the_foreground_also_when_nothing_reads_the_keys() {
    let link = client().await;
    let call = link
        .open::<PtyOpen>(&open("t", "stty raw -echo; trap 'exit 5' INT; echo up; while :; do sleep 0.05; done"), None)
        .unwrap();
    let mut seen = Seen::default();
    seen.until(&call, Some("up")).await;
    // More keys than anybody takes.
    let keys = call.write(0, vec![b'x'; 200_000].into());
    let signal = async {
        call.event(Up::Signal { signal: "INT".to_owned() }).await.unwrap();
        seen.until(&call, None).await;
    };
    tokio::select! {
        () = signal => {}
        _ = async { keys.await.map_err(drop).ok(); std::future::pending::<()>().await } => {}
    }
    let exit = seen.end.unwrap().unwrap().exit;
    assert_eq!((exit.code, exit.signal), (Some(5), None));
}

#[tokio::test]
async fn a_snapshot_shows_the_screen() {
    let link = client().await;
    let command = "printf 'one\\r\\ntwo\\r\\n\\e[1mbold\\e[0m'; read; printf '\\e[?1049h\\e[2;3Halternate'; read";
    let call = link.open::<PtyOpen>(&open("t", command), None).unwrap();
    let mut seen = Seen::default();
    seen.until(&call, Some("bold")).await;
    let snapshot = |ansi| pty::Snapshot { id: "t".to_owned(), scrollback: 10, ansi };
    let text = ask::<PtySnapshot>(&link, snapshot(false)).await.unwrap();
    assert_eq!(String::from_utf8(text.content).unwrap(), "one\ntwo\nbold");
    assert_eq!((text.cols, text.rows, text.cursor_col, text.cursor_row, text.alternate), (80, 24, 4, 2, false));
    let painted = ask::<PtySnapshot>(&link, snapshot(true)).await.unwrap();
    assert!(String::from_utf8(painted.content).unwrap().contains("\x1b[1mbold"));
    call.write(0, "\n".into()).await.unwrap();
    seen.until(&call, Some("alternate")).await;
    let text = ask::<PtySnapshot>(&link, snapshot(false)).await.unwrap();
    assert!(text.alternate);
    assert_eq!(String::from_utf8(text.content).unwrap(), "\n  alternate");
}

#[tokio::test]
async fn terminals_are_listed_resized_and_closed() {
    let link = client().await;
    let one = link.open::<PtyOpen>(&open("one", "printf '\\e]0;the title\\a'; echo up; read"), None).unwrap();
    let mut seen = Seen::default();
    seen.until(&one, Some("up")).await;
    assert_eq!(code::<PtyOpen>(&link, open("one", "true")).await, Code::TerminalExists);
    let reused = link.open::<PtyOpen>(&Open { reuse: true, ..open("one", "true") }, None).unwrap();
    let mut other = Seen::default();
    other.until(&reused, Some("up")).await;
    let Down::Attached { created: false, .. } = other.events[0] else { panic!("{:?}", other.events) };
    let [Info { id, title, viewers: 2, exit: None, .. }] =
        &ask::<PtyList>(&link, pty::List {}).await.unwrap().terminals[..]
    else {
        panic!("one terminal with two viewers")
    };
    assert_eq!((id.as_str(), title.as_str()), ("one", "the title"));

    let size = |id: &str, cols, rows| pty::ResizeParams { id: id.to_owned(), cols, rows };
    ask::<PtyResize>(&link, size("one", 50, 10)).await.unwrap();
    assert_eq!(code::<PtyResize>(&link, size("one", 0, 10)).await, Code::ValidationFailed);
    let close = |id: &str| pty::Close { id: id.to_owned(), grace_ms: Some(5000) };
    let info = ask::<PtyClose>(&link, close("one")).await.unwrap();
    assert_eq!((info.cols, info.exit.unwrap().signal.as_deref()), (50, Some("SIGHUP")));
    for (call, mut seen) in [(&one, seen), (&reused, other)] {
        seen.until(call, None).await;
        assert!(seen.events.contains(&Down::Resized { cols: 50, rows: 10 }));
        assert_eq!(seen.end.unwrap().unwrap().exit.signal.as_deref(), Some("SIGHUP"));
    }
    assert!(ask::<PtyList>(&link, pty::List {}).await.unwrap().terminals.is_empty());

    assert_eq!(code::<PtyClose>(&link, close("one")).await, Code::TerminalNotFound);
    assert_eq!(code::<PtyResize>(&link, size("one", 5, 5)).await, Code::TerminalNotFound);
    assert_eq!(code::<PtyAttach>(&link, attach("one")).await, Code::TerminalNotFound);
    let snapshot = pty::Snapshot { id: "one".to_owned(), scrollback: 0, ansi: false };
    assert_eq!(code::<PtySnapshot>(&link, snapshot).await, Code::TerminalNotFound);
    let ended = ask::<PtyOpen>(&link, open("two", "exit 4")).await.unwrap();
    assert_eq!(ended.exit.code, Some(4));
    assert_eq!(code::<PtyResize>(&link, size("two", 5, 5)).await, Code::ProcessExited);
    let missing = Open { run: Launch { argv: vec!["no-such-program".into()], ..Launch::default() }, ..Open::default() };
    assert_eq!(code::<PtyOpen>(&link, missing).await, Code::CommandNotFound);
}

#[tokio::test]
async fn who_may_only_look_changes_nothing() {
    let link = client_with(Access::new("viewer", [Scope::Pty], None)).await;
    let writer = link.open::<PtyOpen>(&open("t", "echo up; read l; echo got $l"), None).unwrap();
    let mut seen = Seen::default();
    seen.until(&writer, Some("up")).await;
    let look = || pty::Attach { read_only: true, cols: Some(10), rows: Some(10), ..attach("t") };
    for event in [Up::Resize { cols: 9, rows: 9 }, Up::Signal { signal: "KILL".to_owned() }] {
        let viewer = link.open::<PtyAttach>(&look(), None).unwrap();
        viewer.event(event).await.unwrap();
        assert_eq!(viewer.result().await.unwrap_err().code, Code::PermissionDenied);
    }
    let viewer = link.open::<PtyAttach>(&look(), None).unwrap();
    viewer.write(0, "evil\n".into()).await.unwrap();
    assert_eq!(viewer.result().await.unwrap_err().code, Code::PermissionDenied);
    let viewer = link.open::<PtyAttach>(&look(), None).unwrap();
    writer.write(0, "good\n".into()).await.unwrap();
    let mut looked = Seen::default();
    looked.until(&viewer, None).await;
    seen.until(&writer, None).await;
    assert!(looked.shown.contains("got good") && seen.shown.contains("got good"));
    assert!(seen.events.iter().all(|event| !matches!(event, Down::Resized { .. })));
}

#[tokio::test]
async fn a_flood_is_whole_and_ends_with_the_true_exit() {
    let link = client().await;
    let call = link.open::<PtyOpen>(&open("t", "seq 1 200000; exit 6"), None).unwrap();
    let mut seen = Seen::default();
    seen.until(&call, None).await;
    let expected: String = (1..=200_000).map(|n| format!("{n}\r\n")).collect();
    assert!(seen.shown.ends_with(&expected));
    assert_eq!(seen.end.unwrap().unwrap().exit.code, Some(6));
}

#[tokio::test]
async fn a_transient_terminal_ends_with_its_channel() {
    let link = client().await;
    let call = link.open::<PtyOpen>(&Open { transient: true, ..open("t", "echo up; sleep 1046527") }, None).unwrap();
    let mut seen = Seen::default();
    seen.until(&call, Some("up")).await;
    drop(call);
    while ask::<PtyList>(&link, pty::List {}).await.unwrap().terminals[0].exit.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!living("1046527"));
}
