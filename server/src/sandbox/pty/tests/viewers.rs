//! Many viewers, fast and slow, early and late.

use sandwire_protocol::Code;

use super::super::painting::RESET;
use super::*;

/// Looks until two see the same as the server's model.
async fn same(terminal: &Arc<Terminal>, eyes: &mut [&mut Eyes]) {
    for eyes in eyes {
        loop {
            let seen = eyes.screen.paint(1000);
            if terminal.with_screen(|screen| screen.paint(1000) == seen).await {
                break;
            }
            eyes.look().await;
        }
    }
}

#[tokio::test]
async fn who_joins_late_sees_what_the_others_see() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let lines: String = (1..500).map(|n| format!("\x1b[3{}mline {n}\x1b[0m 漢字 é 🦀\n", n % 8)).collect();
    std::fs::write(file.path(), &lines).unwrap();
    let path = file.path().to_str().unwrap();
    let colours = "import sys\nfor i in range(3000): sys.stdout.write('\\x1b[38;5;%dm\\x1b[48;2;%d;0;9m%d %s' % (i % 256, i % 256, i, '\\n' if i % 7 == 0 else '🦀'))\nsys.stdout.write('\\x1b[5;20r\\x1b[7;10H\\x1b7\\x1b[31mdone'); sys.stdout.flush(); sys.stdin.readline()";
    let programs: [(&[&str], &[&str], &str, &str); 5] = [
        (&["vim", "-u", "NONE", "-N", path], &["~", "line 20"], "\x06:set number\r", ":q!\r"),
        (&["less", "-R", path], &["line 20"], "  /line 77\r", "q"),
        (&["top", "-d", "600"], &["load average", "PID"], "c1", "q"),
        (&["python3", "-c", colours], &["done"], "", "\r"),
        (&["bash", "--norc", "-i"], &["$"], "ls --color=always / && printf '\\e(0lqk\\e(B \\e[?1004h'\r", "exit\r"),
    ];
    let registry = registry();
    for (program, seen, keys, quit) in programs {
        let (terminal, _) = registry.open(&Open { run: argv(program), ..Open::default() }).unwrap();
        let mut early = Eyes::at(&terminal).await;
        early.until(|screen| seen.iter().any(|text| screen.text(1000).contains(text))).await;
        early.types(keys).await;
        let mut late = Eyes::at(&terminal).await;
        within(same(&terminal, &mut [&mut early, &mut late])).await;
        // Again and again, because top throws away what is typed while it draws.
        let impatient = terminal.attach(None, false, 0).await.unwrap();
        let quitting = async {
            loop {
                impatient.write(quit.as_bytes()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let one = tokio::select! {
            exit = early.watch() => exit,
            () = quitting => continue,
        };
        let other = late.watch().await;
        assert_eq!((one.code, &one), (Some(0), &other), "{program:?}");
        within(same(&terminal, &mut [&mut early, &mut late])).await;
        // The same stream again, joined at many other bytes.
        for part in 0..40 {
            let at = early.bytes.len() * part / 40 + part % 7;
            super::super::screen::tests::joins(&early.bytes, at.min(early.bytes.len()), SIZE, 200);
        }
    }
}

#[tokio::test]
async fn a_viewer_that_does_not_read_stops_the_program_and_loses_nothing() {
    let registry = registry();
    let (terminal, _) = registry.open(&run("seq 1 400000")).unwrap();
    let mut eyes = Eyes::at(&terminal).await;
    let written = || std::fs::read_to_string(format!("/proc/{}/io", terminal.pid())).unwrap_or_default();
    // The program stands when it has written no more between two looks.
    let mut before = String::new();
    until(|| {
        std::thread::sleep(Duration::from_millis(100));
        let now = written();
        let stands = now == before && terminal.lock().viewers.values().any(|looking| !looking.queue.keeps_up());
        before = now;
        stands
    })
    .await;
    assert!(terminal.lives());
    assert_eq!(eyes.watch().await.code, Some(0));
    let expected: String = (1..=400_000).map(|n| format!("{n}\r\n")).collect();
    assert!(eyes.shown().ends_with(&expected));
}

#[tokio::test]
async fn an_interrupt_ends_a_flood_that_nobody_reads() {
    let registry = registry();
    let (terminal, _) = registry.open(&shell()).unwrap();
    let mut eyes = Eyes::at(&terminal).await;
    eyes.types("yes 'a line of a flood'\r").await;
    until(|| terminal.lock().viewers.values().any(|looking| !looking.queue.keeps_up())).await;
    let before = eyes.bytes.len();
    eyes.types("\x03echo $((6 * 7))\r").await;
    eyes.sees("42").await;
    assert!(eyes.bytes.len() - before < 256 << 10, "little was old: {}", eyes.bytes.len() - before);
    eyes.types("exit\r").await;
    eyes.watch().await;
}

#[tokio::test]
async fn a_slow_viewer_stalls_nobody_and_is_painted_the_screen_later() {
    let registry = registry();
    let (terminal, _) = registry.open(&run("read; seq 1 300000; printf '\\e[?2004h\\e[5;10Hhere'; read")).unwrap();
    let mut fast = Eyes::at(&terminal).await;
    let mut slow = Eyes::at(&terminal).await;
    fast.types("\r").await;
    fast.sees("here").await;
    let expected: String = (1..=300_000).map(|n| format!("{n}\r\n")).collect();
    assert!(fast.shown().contains(&expected), "the fast one missed nothing");
    slow.sees("here").await;
    assert!(slow.bytes.windows(RESET.len()).any(|bytes| bytes == RESET));
    assert!(slow.bytes.len() < expected.len() / 2);
    // The scrollback of who was let go is its own affair; the screen is not.
    assert_eq!(slow.screen.paint(0), fast.screen.paint(0));
    fast.types("\r").await;
    assert_eq!(fast.watch().await, slow.watch().await);
}

#[tokio::test]
async fn the_size_follows_who_typed_or_said_its_size_last() {
    let registry = registry();
    let (terminal, _) = registry.open(&shell()).unwrap();
    let small = SIZE;
    let large = Size { cols: 100, rows: 30 };
    let mut one = Eyes::of(terminal.attach(Some(small), false, 0).await.unwrap());
    let mut other = Eyes::of(terminal.attach(Some(large), false, 0).await.unwrap());
    assert_eq!(other.viewer.size, large);
    other.types("stty size\r").await;
    other.sees("30 100").await;
    one.sees("30 100").await;
    assert_eq!(one.sizes, [large]);
    one.screen.resize(small);
    one.types("stty size\r").await;
    one.sees("24 80").await;
    other.sees("24 80").await;
    assert_eq!(other.sizes, [small]);
    one.viewer.resize(0, 50).await.unwrap();
    assert_eq!(terminal.info().cols, 80);
    other.viewer.resize(90, 20).await.unwrap();
    other.screen.resize(Size { cols: 90, rows: 20 });
    other.types("stty size\r").await;
    other.sees("20 90").await;

    let looking = Eyes::of(terminal.attach(Some(Size { cols: 10, rows: 10 }), true, 0).await.unwrap());
    assert_eq!(terminal.info().cols, 90, "who only looks has no say");
    assert_eq!(looking.viewer.write(b"x").await.unwrap_err().code, Code::PermissionDenied);
    assert_eq!(looking.viewer.resize(50, 50).await.unwrap_err().code, Code::PermissionDenied);
    assert_eq!(looking.viewer.signal("INT").unwrap_err().code, Code::PermissionDenied);
    assert_eq!(terminal.info().viewers, 3);
    drop(looking);
    assert_eq!(terminal.info().viewers, 2);
    other.types("exit\r").await;
    assert_eq!(other.watch().await, one.watch().await);
}

#[tokio::test]
async fn viewers_come_and_go_during_a_flood() {
    let registry = registry();
    let (terminal, _) = registry
        .open(&run("for i in $(seq 2000); do seq $i $((i + 50)); printf '\\e[3%dm' $((i % 8)); done; printf end; read"))
        .unwrap();
    let mut first = Eyes::at(&terminal).await;
    let mut others = Vec::new();
    for _ in 0..20 {
        for _ in 0..20 {
            first.look().await;
        }
        let mut other = Eyes::at(&terminal).await;
        other.look().await;
        others.push(other);
        if others.len() > 5 {
            others.remove(0);
        }
    }
    first.sees("end").await;
    let mut all: Vec<&mut Eyes> = others.iter_mut().collect();
    for eyes in &mut all {
        eyes.sees("end").await;
        assert_eq!(eyes.screen.paint(0), first.screen.paint(0));
    }
    first.types("\r").await;
    assert_eq!(first.watch().await.code, Some(0));
}
