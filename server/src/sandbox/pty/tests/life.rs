//! Opening, ending, and what lies between, for one viewer.

use sandwire_protocol::Code;

use super::*;

#[tokio::test]
async fn a_shell_is_typed_at_and_ends_with_its_own_code() {
    let registry = registry();
    let (terminal, created) = registry.open(&shell()).unwrap();
    assert!(created);
    let mut eyes = Eyes::at(&terminal).await;
    eyes.sees("$").await;
    assert!(eyes.live);
    eyes.types("echo $((6 * 7)) $TERM; tty\r").await;
    eyes.sees("42 xterm-256color").await;
    eyes.sees("/dev/pts/").await;
    assert_eq!(terminal.info().viewers, 1);
    eyes.types("exit 3\r").await;
    let exit = eyes.watch().await;
    assert_eq!((exit.code, exit.signal), (Some(3), None));
    assert!(exit.duration_us > 0);
    let info = registry.list().remove(0);
    assert_eq!(info.exit.unwrap().code, Some(3));
    assert!(info.command.starts_with("bash --norc"));
}

#[tokio::test]
async fn nothing_means_the_login_shell() {
    let registry = registry();
    let mut params = Open::default();
    params.run.env.insert("PS1".into(), Some("$ ".into()));
    let (terminal, _) = registry.open(&params).unwrap();
    let mut eyes = Eyes::at(&terminal).await;
    eyes.types("kill -9 $$\r").await;
    let exit = eyes.watch().await;
    assert_eq!((exit.code, exit.signal.as_deref()), (None, Some("SIGKILL")));
}

#[tokio::test]
async fn all_that_was_written_before_the_end_arrives_once() {
    let registry = registry();
    let expected: String = (1..=50_000).map(|n| format!("{n}\r\n")).collect();
    for command in ["seq 1 50000", "seq 1 50000; exec true", "setsid sleep 20 & seq 1 50000"] {
        let (terminal, _) = registry.open(&run(command)).unwrap();
        let mut eyes = Eyes::at(&terminal).await;
        assert_eq!(eyes.watch().await.code, Some(0), "{command}");
        assert!(eyes.shown().ends_with(&expected), "{command}: {} bytes", eyes.bytes.len());
    }
}

#[tokio::test]
async fn a_terminal_runs_and_is_remembered_without_viewers() {
    let registry = registry();
    let (terminal, _) = registry.open(&run("seq 1 100000; printf '\\e]0;the title\\a'; exit 5")).unwrap();
    within(terminal.wait()).await;
    assert_eq!(terminal.info().title, "the title");
    let mut late = Eyes::at(&terminal).await;
    assert_eq!(late.watch().await.code, Some(5));
    let text = late.screen.text(1000);
    assert!(text.ends_with("99999\n100000"));
    assert!(text.starts_with("98"), "the scrollback is bounded: {text:.20}");
}

#[tokio::test]
async fn a_program_may_close_its_terminal_and_come_back() {
    let registry = registry();
    let command = "exec </dev/null >/dev/null 2>&1; sleep 0.2; echo again >/dev/tty; sleep 0.2; exit 7";
    let (terminal, _) = registry.open(&run(command)).unwrap();
    let mut eyes = Eyes::at(&terminal).await;
    eyes.sees("again").await;
    assert_eq!(eyes.watch().await.code, Some(7));
}

#[tokio::test]
async fn input_waits_for_its_reader_and_is_whole() {
    let registry = registry();
    let command = "stty raw -echo; echo ready; head -c 200000 | md5sum";
    let (terminal, _) = registry.open(&run(command)).unwrap();
    let mut eyes = Eyes::at(&terminal).await;
    eyes.sees("ready").await;
    eyes.types(&"0123456789".repeat(20_000)).await;
    eyes.sees("bcc4bfca43786497d970f7d3e2fdd455").await;
    assert_eq!(eyes.watch().await.code, Some(0));
}

#[tokio::test]
async fn what_a_program_prints_does_not_hurt() {
    let registry = registry();
    let command = "head -c 400000 /dev/urandom; printf '\\e]0;'; head -c 300000 /dev/zero | tr '\\0' x; printf '\\ec'; \
                   for i in $(seq 3000); do printf 'x\\e[65535b\\e[65535S\\e[65535;65535H'; done; printf '\\ecfine'; read";
    let (terminal, _) = registry.open(&run(command)).unwrap();
    let mut eyes = Eyes::at(&terminal).await;
    eyes.until(|screen| screen.text(0) == "fine").await;
    let mut other = Eyes::at(&terminal).await;
    other.sees("fine").await;
    eyes.types("\r").await;
    assert_eq!(eyes.watch().await.code, Some(0));
}

#[tokio::test]
async fn a_signal_is_for_the_foreground() {
    let registry = registry();
    let (terminal, _) = registry.open(&shell()).unwrap();
    let mut eyes = Eyes::at(&terminal).await;
    eyes.types("sleep 1013579; echo ended by $?\r").await;
    until(|| living("1013579")).await;
    eyes.viewer.signal("SIGTERM").unwrap();
    eyes.sees("ended by 143").await;
    assert_eq!(eyes.viewer.signal("NOPE").unwrap_err().code, Code::ValidationFailed);
    eyes.types("sleep 1013579\r").await;
    until(|| living("1013579")).await;
    eyes.types("\x03").await;
    until(|| !living("1013579")).await;
    eyes.types("exit 0\r").await;
    assert_eq!(eyes.watch().await.code, Some(0));
}

#[tokio::test]
async fn closing_hangs_up_and_kills_the_whole_tree() {
    let registry = registry();
    let (terminal, _) =
        registry.open(&run("trap 'echo hung up; exit 9' HUP; echo up; while :; do sleep 0.05; done")).unwrap();
    let mut eyes = Eyes::at(&terminal).await;
    eyes.sees("up").await;
    let info = registry.close(&terminal.id, None).await.unwrap();
    assert_eq!(info.exit.unwrap().code, Some(9), "it had its time of grace");
    assert_eq!(eyes.watch().await.code, Some(9));
    assert!(eyes.shown().contains("hung up"));
    assert_eq!(registry.terminal(&terminal.id).unwrap_err().code, Code::TerminalNotFound);

    let deaf = "trap '' HUP TERM; (setsid sleep 1024681 &) ; setsid -f bash -c \"trap '' HUP; sleep 1024682; :\"; sleep 1024683; :";
    let (terminal, _) = registry.open(&run(deaf)).unwrap();
    until(|| living("1024681") && living("1024682") && living("1024683")).await;
    let info = registry.close(&terminal.id, Some(Duration::from_millis(50))).await.unwrap();
    assert_eq!(info.exit.unwrap().signal.as_deref(), Some("SIGKILL"));
    assert!(!["1024681", "1024682", "1024683"].into_iter().any(living));
}

#[tokio::test]
async fn a_transient_terminal_goes_with_its_last_viewer() {
    let registry = registry();
    let (terminal, _) = registry.open(&Open { transient: true, ..shell() }).unwrap();
    let one = Eyes::at(&terminal).await;
    let other = Eyes::at(&terminal).await;
    drop(one);
    assert!(terminal.lives());
    drop(other);
    within(terminal.wait()).await;
    assert_eq!(registry.living(), 0);
}

#[tokio::test]
async fn ids_are_checked_used_once_and_found_again() {
    let registry = registry();
    let named = |id: &str| Open { id: Some(id.to_owned()), ..shell() };
    for bad in ["", "a b", "ä", "x/y", &"x".repeat(129)] {
        assert_eq!(registry.open(&named(bad)).unwrap_err().code, Code::ValidationFailed, "{bad:?}");
    }
    let (first, _) = registry.open(&named("one")).unwrap();
    assert_eq!(registry.open(&named("one")).unwrap_err().code, Code::TerminalExists);
    let (again, created) = registry.open(&Open { reuse: true, ..named("one") }).unwrap();
    assert!(!created && Arc::ptr_eq(&first, &again));
    let (other, _) = registry.open(&shell()).unwrap();
    let ids: Vec<String> = registry.list().into_iter().map(|info| info.id).collect();
    assert_eq!(ids, ["one", &other.id]);
    first.close(Duration::from_secs(2)).await.unwrap();
    let (second, created) = registry.open(&Open { reuse: true, ..named("one") }).unwrap();
    assert!(created && second.pid() != first.pid(), "an ended one is replaced");
    registry.shutdown(Duration::from_secs(2)).await;
    assert_eq!(registry.living(), 0);
    assert_eq!(registry.open(&shell()).unwrap_err().code, Code::Draining);
}

#[tokio::test]
async fn bounds_hold() {
    let of = |memory| Registry::new(Host::new(Path::new("/tmp")).unwrap(), 3, 1000, memory, Work::default());
    // Cut to 1000 by 1000, which is more than a quarter of what there may be at first.
    let huge = Open { cols: Some(5000), rows: Some(5000), ..shell() };
    let registry = of(64 << 20);
    let refused = registry.open(&huge).unwrap_err();
    assert_eq!((refused.code, &refused.details["limit"]), (Code::LimitExceeded, &"terminal_memory".into()));
    let terminal = registry.open(&shell()).unwrap().0;
    let largest = terminal.resize(Size { cols: 1000, rows: 1000 }, None).await.unwrap_err();
    assert_eq!(largest.code, Code::LimitExceeded);
    assert_eq!(terminal.info().cols, 80);
    registry.shutdown(Duration::ZERO).await;
    let registry = of(400 << 20);
    assert_eq!(registry.open(&huge).unwrap().0.info().cols, 1000);
    registry.open(&huge).unwrap();
    let zero = Open { cols: Some(0), rows: Some(50), ..shell() };
    let info = registry.open(&zero).unwrap().0.info();
    assert_eq!((info.cols, info.rows), (80, 50));
    let error = registry.open(&shell()).unwrap_err();
    assert_eq!((error.code, &error.details["limit"]), (Code::LimitExceeded, &"max_terminals".into()));
    let terminal = registry.terminal(&info.id).unwrap();
    let mut viewers = Vec::new();
    let refused = loop {
        match terminal.attach(None, true, 0).await {
            Ok(viewer) => viewers.push(viewer),
            Err(error) => break error,
        }
    };
    assert_eq!((refused.code, viewers.len()), (Code::LimitExceeded, 64));
    registry.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn ended_terminals_make_room_for_new_ones() {
    // Room for five.
    let registry = Registry::new(Host::new(Path::new("/tmp")).unwrap(), 100, 1000, 16 << 20, Work::default());
    for _ in 0..8 {
        let (terminal, _) = registry.open(&Open { run: argv(&["true"]), ..Open::default() }).unwrap();
        within(terminal.wait()).await;
    }
    assert!((1..8).contains(&registry.list().len()));
}

#[tokio::test]
async fn few_ended_terminals_are_kept() {
    let registry = registry();
    for _ in 0..super::super::registry::KEEP + 5 {
        let (terminal, _) = registry.open(&Open { run: argv(&["true"]), ..Open::default() }).unwrap();
        within(terminal.wait()).await;
    }
    assert_eq!(registry.list().len(), super::super::registry::KEEP);
}

#[tokio::test]
async fn a_start_that_fails_says_why_and_leaves_nothing() {
    let registry = registry();
    let cases: [(Launch, Code); 4] = [
        (argv(&["no-such-program"]), Code::CommandNotFound),
        (argv(&["/etc/passwd"]), Code::CommandPermissionDenied),
        (Launch { cwd: Some("/no/such/folder".into()), ..argv(&["true"]) }, Code::InvalidProcessCwd),
        (Launch { user: Some("nobody-of-that-name".into()), ..argv(&["true"]) }, Code::UserNotFound),
    ];
    for (run, code) in cases {
        assert_eq!(registry.open(&Open { run, ..Open::default() }).unwrap_err().code, code);
    }
    assert!(registry.list().is_empty());
}

#[tokio::test]
async fn another_user_owns_the_terminal() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let registry = registry();
    let command = "id -un; [ -O \"$(tty)\" ] && echo mine; echo here >/dev/tty; echo $FOO";
    let mut params = run(command);
    params.run.user = Some("nobody".to_owned());
    params.run.clear_env = true;
    params.run.env.insert("FOO".into(), Some("bar".into()));
    params.term = Some("vt220".to_owned());
    let (terminal, _) = registry.open(&params).unwrap();
    let mut eyes = Eyes::at(&terminal).await;
    assert_eq!(eyes.watch().await.code, Some(0));
    assert_eq!(eyes.screen.text(0), "nobody\nmine\nhere\nbar");
}
