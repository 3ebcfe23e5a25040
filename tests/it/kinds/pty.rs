//! `pty.*`: how terminals begin and end, and who is let in.

mod screen;
mod viewers;

use std::num::NonZeroU16;
use std::os::unix::fs::MetadataExt;
use std::time::SystemTime;

use bytes::Bytes;
use sandwire::protocol::error::Detail;
use sandwire::protocol::kind::command::{Launch, Limits};
use sandwire::protocol::kind::pty::{Attach, Close, Down, Ended, Info, List, Open, ResizeParams, Screen, Snapshot, Up};
use sandwire::protocol::kind::{Kind, PtyAttach, PtyClose, PtyList, PtyOpen, PtyResize, PtySnapshot};
use sandwire::protocol::{Code, Error};
use sandwire::{Call, Client, Reply};
use sandwire_tests::server::{Builder, Server};
use sandwire_tests::wait::{DEADLINE, wait_for, wait_until_async};

use super::{ask, line, refusal, served, served_by, words};

/// A viewer with a screen of its own.
struct Eyes<K: Kind<Up = Up, Down = Down, Result = Ended>> {
    call: Call<K>,
    screen: vt100::Parser,
    /// What was shown since the last keys were typed.
    shown: Vec<u8>,
    events: Vec<Down>,
    end: Option<Result<Ended, Error>>,
}

impl<K: Kind<Up = Up, Down = Down, Result = Ended>> Eyes<K> {
    fn of(call: Call<K>) -> Self {
        let screen = vt100::Parser::new(side(24), side(80), 1000);
        Self { call, screen, shown: Vec::new(), events: Vec::new(), end: None }
    }

    /// Looks until something is so.
    #[track_caller]
    fn until(&mut self, what: &str, so: impl Fn(&Self) -> bool) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let look = async {
                while !so(self) {
                    assert!(self.end.is_none(), "{place}: {what}: it ended: {:?}, {self:?}", self.end);
                    self.look().await;
                }
            };
            let late = tokio::time::timeout(DEADLINE, look).await.is_err();
            assert!(!late, "{place}: waited in vain for {what}: {self:?}");
        }
    }

    async fn look(&mut self) {
        match self.call.recv().await {
            Reply::Data(0, data) => {
                self.screen.process(&data);
                self.shown.extend_from_slice(&data);
            }
            Reply::Data(stream, _) | Reply::End(stream) => panic!("nothing comes on stream {stream}"),
            Reply::Event(event) => {
                if let Down::Attached { cols, rows, .. } | Down::Resized { cols, rows } = &event {
                    self.screen.screen_mut().set_size(side(*rows), side(*cols));
                }
                self.events.push(event);
            }
            Reply::Closed(end) => self.end = Some(end),
        }
    }

    /// Looks until this was shown since the last keys were typed.
    #[track_caller]
    fn sees(&mut self, text: &str) -> impl Future<Output = ()> {
        self.until(text, |eyes| eyes.has_shown(text))
    }

    fn has_shown(&self, text: &str) -> bool {
        self.shown.windows(text.len()).any(|shown| shown == text.as_bytes())
    }

    async fn types(&mut self, keys: &str) {
        self.shown.clear();
        self.call.write(0, Bytes::from(keys.to_owned())).await.unwrap();
    }

    async fn says(&self, event: Up) {
        self.call.event(event).await.unwrap();
    }

    /// Looks until the painting is complete.
    async fn live(&mut self) {
        self.until("the painting", |eyes| eyes.events.contains(&Down::Live {})).await;
    }

    /// Looks to the end.
    async fn ended(&mut self) -> Result<Ended, Error> {
        while self.end.is_none() {
            self.look().await;
        }
        self.end.clone().unwrap()
    }

    fn text(&self) -> String {
        self.screen.screen().contents()
    }
}

impl<K: Kind<Up = Up, Down = Down, Result = Ended>> std::fmt::Debug for Eyes<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The last of it, since it may be a flood.
        let shown = String::from_utf8_lossy(&self.shown[self.shown.len().saturating_sub(500)..]);
        write!(f, "{:?}\n{}\nshown: {shown:?}", self.events, self.text())
    }
}

fn side(length: u16) -> NonZeroU16 {
    NonZeroU16::new(length).unwrap()
}

/// A server whose terminals may be large, and have many viewers.
fn roomy() -> Builder {
    Server::builder().args(["--terminal-memory", "1GiB"])
}

/// A shell without settings of its own, whose prompt is `$ `.
fn bash(id: &str) -> Open {
    let env = [("PS1".into(), Some("$ ".into()))].into();
    Open { run: Launch { env, ..words(&["bash", "--norc", "--noprofile"]) }, ..named(id, "") }
}

/// A terminal under this id, with a line of the shell.
fn named(id: &str, command: &str) -> Open {
    Open { id: Some(id.to_owned()), run: line(command), ..Open::default() }
}

fn open(client: &Client, params: &Open) -> Eyes<PtyOpen> {
    Eyes::of(client.open(params).unwrap())
}

fn attach(client: &Client, params: &Attach) -> Eyes<PtyAttach> {
    Eyes::of(client.open(params).unwrap())
}

/// As one more viewer.
fn to(id: &str) -> Attach {
    Attach { id: id.to_owned(), ..Attach::default() }
}

async fn list(client: &Client) -> Vec<Info> {
    ask::<PtyList>(client, &List {}).await.unwrap().terminals
}

async fn info(client: &Client, id: &str) -> Info {
    list(client).await.into_iter().find(|terminal| terminal.id == id).unwrap()
}

async fn snapshot(client: &Client, id: &str) -> (String, Screen) {
    let screen = ask::<PtySnapshot>(client, &Snapshot { id: id.to_owned(), scrollback: 0, ansi: false }).await.unwrap();
    (String::from_utf8(screen.content.clone()).unwrap(), screen)
}

/// Waits until the screen shows this.
async fn shows(client: &Client, id: &str, text: &str) {
    let look = || async {
        let shown = snapshot(client, id).await.0;
        if shown.contains(text) { Ok(()) } else { Err(shown) }
    };
    wait_until_async(text, look).await;
}

async fn close(client: &Client, id: &str, grace_ms: Option<u64>) -> Result<Info, Error> {
    ask::<PtyClose>(client, &Close { id: id.to_owned(), grace_ms }).await
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

#[tokio::test]
async fn a_terminal_is_one_and_has_what_was_asked_for() {
    let (server, client) = served_by(roomy()).await;
    std::fs::create_dir(server.workspace().join("sub")).unwrap();
    let tells = "echo \"$(tty) $(stty size) $TERM $$ $(ps -o sid=,pgid=,tpgid= $$) $A\" $(basename $PWD); sleep 600";
    let before = now_ms();
    let mut eyes = open(&client, &Open { id: None, ..named("", tells) });
    eyes.sees("workspace\r\n").await;
    let [Down::Attached { id, pid, cols: 80, rows: 24, created: true }, Down::Live {}] = &eyes.events[..] else {
        panic!("{eyes:?}")
    };
    let said = eyes.text();
    let said: Vec<&str> = said.split_whitespace().collect();
    let pid = pid.to_string();
    assert!(said[0].starts_with("/dev/pts/"), "{said:?}");
    assert_eq!(said[1..5], ["24", "80", "xterm-256color", &pid], "{said:?}");
    assert_eq!(said[5..7], [&pid, &pid], "it leads its session and group: {said:?}");
    let told = info(&client, id).await;
    assert_eq!((told.pid.to_string(), told.command.as_str(), told.title.as_str()), (pid, tells, ""));
    assert_eq!((told.cols, told.rows, told.viewers, told.exit), (80, 24, 1, None));
    assert!((before..=now_ms()).contains(&told.started_ms));

    let env = [("A".into(), Some("of-env".into()))].into();
    let run = Launch { cwd: Some("sub".into()), env, ..line(tells) };
    let params = Open { run, cols: Some(101), rows: Some(33), term: Some("vt220".to_owned()), ..named("all", "") };
    let mut eyes = open(&client, &params);
    eyes.sees("of-env sub").await;
    assert!(eyes.has_shown(" 33 101 vt220 "), "{eyes:?}");
    // What the environment says goes over `term`.
    let env = [("TERM".into(), Some("dumb".into()))].into();
    let mut eyes =
        open(&client, &Open { run: Launch { env, ..line("echo [$TERM]") }, term: Some("x".into()), ..Open::default() });
    eyes.sees("[dumb]").await;
    for (cols, rows, expected) in [
        (Some(0), Some(0), (80, 24)),
        (Some(100), None, (100, 24)),
        (None, Some(50), (80, 50)),
        (Some(0), Some(50), (80, 50)),
        (Some(u16::MAX), Some(1), (1000, 1)),
    ] {
        let mut eyes = open(&client, &Open { cols, rows, run: line("stty size"), ..Open::default() });
        eyes.sees(&format!("{} {}\r\n", expected.1, expected.0)).await;
        let Down::Attached { cols: at_cols, rows: at_rows, .. } = eyes.events[0] else { panic!("{eyes:?}") };
        assert_eq!((at_cols, at_rows), expected, "{cols:?} {rows:?}");
    }
}

#[tokio::test]
async fn without_a_command_it_is_the_users_login_shell() {
    let (_server, client) = served().await;
    let says = "echo $(shopt -q login_shell && echo log''in) $(id -un) $0; exit 4\r";
    let mut eyes = open(&client, &Open::default());
    eyes.types(says).await;
    let end = eyes.ended().await.unwrap();
    assert!(eyes.text().contains("login root"), "{eyes:?}");
    assert_eq!(end.exit.code, Some(4));
    // With a shell that is asked for, and as a user, to whom the terminal belongs then.
    let run = Launch {
        shell: Some("/bin/bash".into()),
        user: Some("nobody".to_owned()),
        cwd: Some("/".into()),
        ..Launch::default()
    };
    let mut eyes = open(&client, &Open { run, ..named("nobody", "") });
    eyes.types(&says.replace("exit", "tty; sleep 600; exit")).await;
    eyes.until("the terminal's name", |eyes| eyes.text().contains("\n/dev/pts/")).await;
    assert!(eyes.text().contains("login nobody"), "{eyes:?}");
    let text = eyes.text();
    let path = text.lines().find(|line| line.starts_with("/dev/pts/")).unwrap();
    assert_eq!(std::fs::metadata(path.trim()).unwrap().uid(), 65534);
}

#[tokio::test]
async fn an_id_lives_once_and_is_found_again() {
    let (_server, client) = served().await;
    for id in ["", "a b", "../x", &"x".repeat(129)] {
        let error = refusal::<PtyOpen>(&client, &named(id, "true")).await;
        assert_eq!((error.code, error.details.get("field")), (Code::ValidationFailed, Some(&Detail::from("id"))));
    }
    let mut eyes = open(&client, &bash("t"));
    eyes.sees("$ ").await;
    let error = refusal::<PtyOpen>(&client, &bash("t")).await;
    assert_eq!((error.code, error.details.get("id")), (Code::TerminalExists, Some(&Detail::from("t"))));
    let reuse = Open { reuse: true, cols: Some(90), ..bash("t") };
    let mut again = open(&client, &reuse);
    again.live().await;
    let (Down::Attached { pid: one, .. }, Down::Attached { pid: other, cols: 90, rows: 24, created: false, .. }) =
        (&eyes.events[0], &again.events[0])
    else {
        panic!("{again:?}")
    };
    assert_eq!(one, other);
    again.types("exit 5\r").await;
    let end = eyes.ended().await.unwrap();
    assert_eq!((end.id.as_str(), end.exit.code), ("t", Some(5)));
    assert_eq!(again.ended().await.unwrap(), end);
    // One that has ended is kept, and makes room for another of its id.
    assert_eq!(info(&client, "t").await.exit.unwrap().code, Some(5));
    let mut anew = open(&client, &reuse);
    anew.live().await;
    assert!(matches!(anew.events[0], Down::Attached { created: true, .. }), "{anew:?}");
    assert_eq!(list(&client).await.len(), 1);
    let mut made = open(&client, &Open { run: line("sleep 600"), ..Open::default() });
    let mut other = open(&client, &Open { run: line("sleep 600"), ..Open::default() });
    made.live().await;
    other.live().await;
    let ids: Vec<String> = list(&client).await.into_iter().map(|terminal| terminal.id).collect();
    assert!(ids.len() == 3 && ids[0] == "t" && ids[1] != ids[2], "oldest first: {ids:?}");
}

#[tokio::test]
async fn what_cannot_be_opened_says_why_and_leaves_nothing() {
    let (server, client) = served().await;
    let limits = |limits| Launch { limits: Some(limits), ..line("true") };
    let both = Launch { command: Some("a".into()), ..words(&["b"]) };
    for (run, code) in [
        (words(&["no-such-program"]), Code::CommandNotFound),
        (words(&["/"]), Code::CommandPermissionDenied),
        (Launch { cwd: Some("no-such".into()), ..Launch::default() }, Code::InvalidProcessCwd),
        (Launch { user: Some("no-such-user".to_owned()), ..Launch::default() }, Code::UserNotFound),
        (both, Code::ValidationFailed),
        (line("a\0b"), Code::ValidationFailed),
        (limits(Limits { open_files: Some(0), ..Limits::default() }), Code::ValidationFailed),
        // A terminal has no bound of output; it is not ignored either.
        (limits(Limits { output_bytes: Some(10), ..Limits::default() }), Code::NotSupported),
    ] {
        let error = refusal::<PtyOpen>(&client, &Open { run, ..named("t", "") }).await;
        assert_eq!(error.code, code, "{error:?}");
    }
    assert!(list(&client).await.is_empty() && server.started().is_empty());
    let files = limits(Limits { open_files: Some(33), ..Limits::default() });
    let mut eyes =
        open(&client, &Open { run: Launch { command: Some("ulimit -n".into()), ..files }, ..Open::default() });
    eyes.sees("33\r\n").await;
}

#[tokio::test]
async fn all_ask_for_the_terminal_that_is_meant() {
    let (_server, client) = served().await;
    let id = || "no-such".to_owned();
    for error in [
        refusal::<PtyAttach>(&client, &to("no-such")).await,
        refusal::<PtySnapshot>(&client, &Snapshot { id: id(), scrollback: 0, ansi: true }).await,
        refusal::<PtyResize>(&client, &ResizeParams { id: id(), cols: 10, rows: 10 }).await,
        refusal::<PtyClose>(&client, &Close { id: id(), grace_ms: None }).await,
    ] {
        assert_eq!((error.code, error.details.get("id")), (Code::TerminalNotFound, Some(&Detail::from("no-such"))));
    }
}

#[tokio::test]
async fn there_are_no_more_than_are_allowed() {
    let (_server, client) = served_by(Server::builder().args(["--max-terminals", "2"])).await;
    let mut eyes = [open(&client, &bash("a")), open(&client, &bash("b"))];
    for eyes in &mut eyes {
        eyes.live().await;
    }
    let error = refusal::<PtyOpen>(&client, &bash("c")).await;
    assert_eq!((error.code, error.details.get("limit")), (Code::LimitExceeded, Some(&Detail::from("max_terminals"))));
    assert!(error.message.contains("max_terminals"), "{error}");
    let mut again = open(&client, &Open { reuse: true, ..bash("a") });
    again.live().await;
    // One that has ended takes no place.
    eyes[0].types("exit\r").await;
    eyes[0].ended().await.unwrap();
    open(&client, &bash("c")).live().await;
    assert_eq!(refusal::<PtyOpen>(&client, &bash("d")).await.code, Code::LimitExceeded);
    // Nor do they take more memory.
    let (_server, client) = served_by(Server::builder().args(["--terminal-memory", "32MiB"])).await;
    let mut eyes = open(&client, &bash("small"));
    eyes.live().await;
    let huge = Open { cols: Some(1000), rows: Some(1000), ..bash("huge") };
    let resize = ResizeParams { id: "small".to_owned(), cols: 1000, rows: 1000 };
    for error in [refusal::<PtyOpen>(&client, &huge).await, refusal::<PtyResize>(&client, &resize).await] {
        assert_eq!(error.code, Code::LimitExceeded);
        assert_eq!(error.details.get("limit"), Some(&Detail::from("terminal_memory")));
    }
    eyes.types("echo st''ill\r").await;
    eyes.sees("still\r\n").await;
    assert_eq!(list(&client).await.len(), 1);
}

#[tokio::test]
async fn all_that_was_shown_before_the_end_arrives() {
    let (_server, client) = served().await;
    let expected: String = (1..=20_000).map(|number| format!("{number}\r\n")).collect();
    let mut eyes = open(&client, &named("flood", "seq 20000; exit 9"));
    let end = eyes.ended().await.unwrap();
    assert!(eyes.has_shown(&expected), "{} bytes", eyes.shown.len());
    assert_eq!((end.exit.code, end.exit.timed_out), (Some(9), false));
    let mut eyes = open(&client, &named("killed", "kill -9 $$"));
    let exit = eyes.ended().await.unwrap().exit;
    assert_eq!((exit.code, exit.signal.as_deref()), (None, Some("SIGKILL")));
    // Its end of input is a key.
    let mut eyes = open(&client, &named("cat", "cat; exit 3"));
    eyes.live().await;
    eyes.call.end(0).unwrap();
    let mut other = attach(&client, &to("cat"));
    other.types("kept\r\x04").await;
    assert_eq!(eyes.ended().await.unwrap().exit.code, Some(3), "only the key ended it");
    assert!(eyes.has_shown("kept\r\nkept\r\n"), "{eyes:?}");
    // Who comes after the end sees the last screen, and how it ended.
    let mut late = attach(&client, &to("cat"));
    let end = late.ended().await.unwrap();
    assert_eq!((end.exit.code, late.text()), (Some(3), eyes.text()));
    assert!(matches!(late.events[..], [Down::Attached { created: false, .. }, Down::Live {}]), "{late:?}");
    let error = refusal::<PtyResize>(&client, &ResizeParams { id: "cat".to_owned(), cols: 10, rows: 10 }).await;
    assert_eq!(error.code, Code::ProcessExited);
}

#[tokio::test]
async fn closing_hangs_up_waits_and_kills_all_of_it() {
    let (server, client) = served().await;
    let mut eyes = open(&client, &named("hup", "trap 'exit 5' HUP; echo up; while :; do sleep 0.01; done"));
    eyes.sees("up\r\n").await;
    assert_eq!(close(&client, "hup", None).await.unwrap().exit.unwrap().code, Some(5));
    assert_eq!(eyes.ended().await.unwrap().exit.code, Some(5), "who looks is told");
    assert!(list(&client).await.is_empty(), "one that is closed is forgotten");
    let ignores = "trap '' HUP TERM; setsid nohup sleep 600 >/dev/null 2>&1 & (sleep 600 &) ; echo up; \
                   while :; do sleep 0.01; done";
    let mut eyes = open(&client, &named("ignores", ignores));
    eyes.sees("up\r\n").await;
    wait_for("all of it to run", || server.started().len() >= 3).await;
    let exit = close(&client, "ignores", Some(50)).await.unwrap().exit.unwrap();
    assert_eq!(exit.signal.as_deref(), Some("SIGKILL"));
    wait_for("nothing to be left", || server.started().is_empty() && server.zombies() == 0).await;
    // One that has ended is forgotten at once, and told as it was.
    open(&client, &named("over", "exit 6")).ended().await.unwrap();
    assert_eq!(close(&client, "over", Some(3_600_000)).await.unwrap().exit.unwrap().code, Some(6));
    assert_eq!(close(&client, "over", None).await.unwrap_err().code, Code::TerminalNotFound);
    // Who gives up waiting has asked all the same.
    let mut eyes =
        open(&client, &named("given-up", "trap 'sleep 0.1; exit 7' HUP; echo up; while :; do sleep 0.01; done"));
    eyes.sees("up\r\n").await;
    let closing = client.open::<PtyClose>(&Close { id: "given-up".to_owned(), grace_ms: None }).unwrap();
    closing.cancel();
    assert_eq!(closing.result().await.unwrap_err().code, Code::Cancelled);
}

#[tokio::test]
async fn a_transient_terminal_goes_with_its_last_viewer_and_others_stay() {
    let (server, client) = served().await;
    let mut eyes = open(&client, &Open { transient: true, ..bash("transient") });
    eyes.sees("$ ").await;
    let mut other = attach(&client, &to("transient"));
    other.live().await;
    drop(eyes);
    let one = || async {
        let viewers = info(&client, "transient").await.viewers;
        if viewers == 1 { Ok(()) } else { Err(viewers) }
    };
    wait_until_async("the first to have gone", one).await;
    other.types("echo st''ill\r").await;
    other.sees("still\r\n").await;
    other.call.cancel();
    assert_eq!(other.ended().await.unwrap_err().code, Code::Cancelled);
    wait_for("it to end with the last one", || server.started().is_empty()).await;
    // Others outlive who looks at them, and the lane.
    let mut eyes = open(&client, &bash("stays"));
    eyes.types("V=kept\r").await;
    eyes.sees("$ ").await;
    drop(eyes);
    client.close().await;
    let client = Client::connect(server.url()).await.unwrap();
    let mut eyes = attach(&client, &to("stays"));
    eyes.types("echo $V-still\r").await;
    eyes.sees("kept-still\r\n").await;
}
