//! Several viewers, of several sizes, with several rights.

use sandwire::Client;
use sandwire::protocol::Code;
use sandwire::protocol::error::Detail;
use sandwire::protocol::kind::pty::{Attach, Close, Down, List, Open, ResizeParams, Snapshot, Up};
use sandwire::protocol::kind::{PtyAttach, PtyClose, PtyList, PtyOpen, PtyResize, PtySnapshot};
use sandwire_tests::wait::wait_until_async;

use super::{attach, bash, info, named, open, roomy, shows, snapshot, to};
use crate::kinds::{ask, refusal, served, served_by};

fn sized(id: &str, cols: u16, rows: u16) -> Attach {
    Attach { cols: Some(cols), rows: Some(rows), ..to(id) }
}

#[tokio::test]
async fn the_size_is_that_of_who_typed_or_said_it_last() {
    let (_server, client) = served_by(roomy()).await;
    let mut one = open(&client, &Open { cols: Some(70), rows: Some(20), ..bash("t") });
    one.sees("$ ").await;
    // Who comes says a size, or has none.
    let mut other = attach(&client, &sized("t", 100, 30));
    other.live().await;
    assert!(matches!(other.events[0], Down::Attached { cols: 100, rows: 30, created: false, .. }), "{other:?}");
    let large = Down::Resized { cols: 100, rows: 30 };
    one.until("the size to be told", |eyes| eyes.events.contains(&large)).await;
    let mut none = attach(&client, &to("t"));
    none.live().await;
    assert!(matches!(none.events[0], Down::Attached { cols: 100, rows: 30, .. }), "{none:?}");
    none.types("stty size\r").await;
    none.sees("30 100\r\n").await;
    // Typing takes the own size back; the others are told, who typed is not.
    one.types("stty size\r").await;
    one.sees("20 70\r\n").await;
    let small = Down::Resized { cols: 70, rows: 20 };
    other.until("the size to be told", |eyes| eyes.events.contains(&small)).await;
    none.until("the size to be told", |eyes| eyes.events.contains(&small)).await;
    assert!(!one.events.contains(&small));
    // So does saying a size; one with a 0 in it is none.
    other.says(Up::Resize { cols: 0, rows: 50 }).await;
    other.says(Up::Resize { cols: 50, rows: 0 }).await;
    other.says(Up::Resize { cols: 90, rows: 25 }).await;
    let said = Down::Resized { cols: 90, rows: 25 };
    one.until("the size to be told", |eyes| eyes.events.last() == Some(&said)).await;
    one.says(Up::Resize { cols: 60, rows: 15 }).await;
    one.types("stty size\r").await;
    one.sees("15 60\r\n").await;
    // Only one side: the other one is as it is.
    let mut wide = attach(&client, &Attach { cols: Some(120), ..to("t") });
    wide.live().await;
    assert!(matches!(wide.events[0], Down::Attached { cols: 120, rows: 15, .. }), "{wide:?}");

    // Whoever resizes it from outside is no viewer: all are told.
    let resize = |cols, rows| ResizeParams { id: "t".to_owned(), cols, rows };
    ask::<PtyResize>(&client, &resize(77, 17)).await.unwrap();
    let told = Down::Resized { cols: 77, rows: 17 };
    one.until("the size to be told", |eyes| eyes.events.contains(&told)).await;
    wide.until("the size to be told", |eyes| eyes.events.contains(&told)).await;
    let now = info(&client, "t").await;
    assert_eq!((now.cols, now.rows, now.viewers), (77, 17, 4));
    for (cols, rows) in [(0, 10), (10, 0)] {
        let error = refusal::<PtyResize>(&client, &resize(cols, rows)).await;
        assert_eq!(
            (error.code, error.details.get("cols")),
            (Code::ValidationFailed, Some(&Detail::from(u32::from(cols))))
        );
    }
    ask::<PtyResize>(&client, &resize(u16::MAX, 20)).await.unwrap();
    let (_, screen) = snapshot(&client, "t").await;
    assert_eq!((screen.cols, screen.rows), (1000, 20), "as wide as they get");
}

#[tokio::test]
async fn who_only_looks_changes_nothing() {
    let (_server, client) = served().await;
    let mut eyes = open(&client, &bash("t"));
    eyes.sees("$ ").await;
    let looking = || Attach { read_only: true, ..sized("t", 40, 10) };
    let mut looks = attach(&client, &looking());
    looks.live().await;
    assert!(matches!(looks.events[0], Down::Attached { cols: 80, rows: 24, .. }), "{looks:?}");
    for keys in [true, false] {
        let mut wrong = attach(&client, &looking());
        wrong.live().await;
        if keys {
            wrong.types("touch typed\r").await;
        } else {
            wrong.says(Up::Resize { cols: 40, rows: 10 }).await;
        }
        assert_eq!(wrong.ended().await.unwrap_err().code, Code::PermissionDenied);
    }
    let mut wrong = attach(&client, &looking());
    wrong.says(Up::Signal { signal: "KILL".to_owned() }).await;
    assert_eq!(wrong.ended().await.unwrap_err().code, Code::PermissionDenied);
    eyes.types("echo s''een; ls\r").await;
    looks.sees("seen\r\n").await;
    eyes.sees("seen\r\n").await;
    assert!(!looks.text().contains("typed"));
    assert_eq!((info(&client, "t").await.cols, info(&client, "t").await.viewers), (80, 2));
}

#[tokio::test]
async fn who_may_only_look_is_let_in_to_look() {
    let (server, client) = served().await;
    let mut eyes = open(&client, &bash("t"));
    eyes.sees("$ ").await;
    let viewer = Client::builder(server.url()).scopes(["pty-read"]).connect().await.unwrap();
    for error in [
        refusal::<PtyOpen>(&viewer, &Open { reuse: true, ..bash("t") }).await,
        refusal::<PtyAttach>(&viewer, &to("t")).await,
        refusal::<PtyResize>(&viewer, &ResizeParams { id: "t".to_owned(), cols: 10, rows: 10 }).await,
        refusal::<PtyClose>(&viewer, &Close { id: "t".to_owned(), grace_ms: None }).await,
    ] {
        assert_eq!((error.code, error.details.get("scope")), (Code::PermissionDenied, Some(&Detail::from("pty"))));
    }
    assert_eq!(ask::<PtyList>(&viewer, &List {}).await.unwrap().terminals.len(), 1);
    ask::<PtySnapshot>(&viewer, &Snapshot { id: "t".to_owned(), scrollback: 0, ansi: false }).await.unwrap();
    let mut looks = attach(&viewer, &Attach { read_only: true, ..to("t") });
    looks.live().await;
    eyes.types("echo s''een\r").await;
    looks.sees("seen\r\n").await;
    let blind = Client::builder(server.url()).scopes(["exec"]).connect().await.unwrap();
    let error = refusal::<PtyAttach>(&blind, &Attach { read_only: true, ..to("t") }).await;
    assert_eq!(error.code, Code::PermissionDenied);
}

#[tokio::test]
async fn a_signal_is_for_what_is_in_the_foreground() {
    let (_server, client) = served().await;
    let mut eyes = open(&client, &bash("t"));
    eyes.sees("$ ").await;
    for (name, says) in [("usr1", "138"), ("SIGTERM", "143"), ("9", "137")] {
        eyes.types("sleep 600; echo status-$?\r").await;
        eyes.until("the shell to wait", |eyes| eyes.has_shown("status-$?\r\n")).await;
        // Only once sleep is what is in the foreground: until then the signal is for the shell, or for its fork.
        let pid = info(&client, "t").await.pid;
        let foreground = || async {
            let stat = |pid: i32| procfs::process::Process::new(pid).and_then(|process| process.stat());
            let group = stat(pid.cast_signed()).unwrap().tpgid;
            stat(group).ok().filter(|leader| leader.comm == "sleep").map(drop).ok_or(group)
        };
        wait_until_async("sleep to be in the foreground", foreground).await;
        eyes.says(Up::Signal { signal: name.to_owned() }).await;
        eyes.sees(&format!("status-{says}\r\n")).await;
    }
    let mut wrong = attach(&client, &to("t"));
    wrong.says(Up::Signal { signal: "NOPE".to_owned() }).await;
    let error = wrong.ended().await.unwrap_err();
    assert_eq!((error.code, error.details.get("signal")), (Code::ValidationFailed, Some(&Detail::from("NOPE"))));
    eyes.types("echo al''ive\r").await;
    eyes.sees("alive\r\n").await;
}

#[tokio::test]
async fn an_interrupt_reaches_a_flood_that_nobody_reads() {
    let (_server, client) = served().await;
    let mut eyes = open(&client, &bash("t"));
    eyes.sees("$ ").await;
    eyes.types("yes 'a line of a flood'\r").await;
    // Nothing is read here, until the program stands because its viewer does.
    let pid = info(&client, "t").await.pid;
    let mut before = None;
    let stands = || {
        let yes = sandwire_tests::proc::descendants(pid).unwrap().into_iter().find(|child| child.comm == "yes");
        let written = yes.and_then(|yes| std::fs::read_to_string(format!("/proc/{}/io", yes.pid)).ok());
        let stands = written.is_some() && written == before;
        before = written;
        std::future::ready(if stands { Ok(()) } else { Err(()) })
    };
    wait_until_async("the flood to stand", stands).await;
    eyes.types("\x03echo $((6 * 7))\r").await;
    eyes.sees("42\r\n").await;
    assert!(eyes.shown.len() < 1 << 20, "what was on its way has a bound: {}", eyes.shown.len());
}

#[tokio::test]
async fn viewers_are_counted_and_have_a_bound() {
    let (_server, client) = served_by(roomy()).await;
    let mut eyes = open(&client, &named("t", "cat"));
    eyes.live().await;
    let mut others = Vec::new();
    for _ in 1..64 {
        let mut other = attach(&client, &to("t"));
        other.live().await;
        others.push(other);
    }
    assert_eq!(info(&client, "t").await.viewers, 64);
    let error = refusal::<PtyAttach>(&client, &to("t")).await;
    assert_eq!((error.code, error.details.get("limit")), (Code::LimitExceeded, Some(&Detail::from(64))));
    eyes.types("for all\r").await;
    for other in &mut others {
        other.sees("for all\r\nfor all\r\n").await;
    }
    drop(others);
    let alone = || async {
        let viewers = info(&client, "t").await.viewers;
        if viewers == 1 { Ok(()) } else { Err(viewers) }
    };
    wait_until_async("the others to have gone", alone).await;
    attach(&client, &to("t")).live().await;
    shows(&client, "t", "for all").await;
}
