//! `process.logs` and the log side of `process.attach`: from any place, of either stream, with what is missing.

use bytes::Bytes;
use sandwire::protocol::Code;
use sandwire::protocol::kind::command::{Launch, Limits, Output};
use sandwire::protocol::kind::process::{Attach, From, LogEnd, LogEvent, Logs, Start};
use sandwire::protocol::kind::{Kind, ProcessAttach, ProcessLogs, ProcessWaitLog, process};
use sandwire::{Call, Client, Reply};
use sandwire_tests::server::Server;
use sandwire_tests::wait::{wait_for, wait_until_async};

use super::{attach, ended, get, logs, named, now_ms, start, wait_log};
use crate::kinds::{ask, event, line, served, served_by};

/// Something that a log said.
#[derive(Debug, PartialEq)]
enum Said {
    Bytes(u8, Bytes),
    Event(LogEvent),
}

/// All that a log said, and its end.
async fn heard<K: Kind<Down = LogEvent>>(call: &Call<K>) -> (Vec<Said>, K::Result) {
    let mut said = Vec::new();
    loop {
        match call.recv().await {
            Reply::Data(stream, data) => said.push(Said::Bytes(stream, data)),
            Reply::Event(event) => said.push(Said::Event(event)),
            Reply::End(stream) => panic!("the end of stream {stream}"),
            Reply::Closed(result) => return (said, result.unwrap()),
        }
    }
}

/// Reads a log: its bytes, its events, its end.
async fn read(client: &Client, params: &Logs) -> (Vec<u8>, Vec<LogEvent>, LogEnd) {
    let (said, end) = heard(&client.open::<ProcessLogs>(params).unwrap()).await;
    let (mut bytes, mut events) = (Vec::new(), Vec::new());
    for item in said {
        match item {
            Said::Bytes(_, data) => bytes.extend_from_slice(&data),
            Said::Event(event) => events.push(event),
        }
    }
    (bytes, events, end)
}

#[tokio::test]
async fn a_log_begins_wherever_it_is_asked_to() {
    let (_server, client) = served().await;
    start(&client, named("p", "printf 'one\\ntwo\\nthree\\n'; printf 'four'")).await;
    ended(&client, "p").await;
    let whole = "one\ntwo\nthree\nfour";
    for (from, begin) in [
        (From::Start, 0),
        (From::End, 18),
        (From::Offset(0), 0),
        (From::Offset(5), 5),
        (From::Offset(18), 18),
        (From::Offset(u64::MAX), 18),
        (From::Lines(0), 18),
        (From::Lines(1), 14),
        (From::Lines(2), 8),
        (From::Lines(4), 0),
        (From::Lines(u64::MAX), 0),
        (From::Time(0), 0),
        (From::Time(u64::MAX), 18),
    ] {
        let (bytes, events, end) = read(&client, &logs("p", from)).await;
        assert_eq!(String::from_utf8(bytes).unwrap(), whole[begin..], "{from:?}");
        assert_eq!(events, [LogEvent::Begin { offset: begin as u64 }], "{from:?}");
        assert_eq!(end, LogEnd { offset: 18, ended: true });
        let attach = Attach { from, ..attach("p", false) };
        let (said, info) = heard(&client.open::<ProcessAttach>(&attach).unwrap()).await;
        assert_eq!(said[0], Said::Event(LogEvent::Begin { offset: begin as u64 }));
        assert_eq!((info.log_start, info.log_end), (0, 18));
    }
}

#[tokio::test]
async fn streams_are_apart_in_their_order() {
    let (server, client) = served().await;
    // Each step waits until the one before was read, so that the order of the two pipes is known.
    let step = |n: u32| format!("until [ -e step{n} ]; do sleep 0.005; done");
    let command =
        format!("echo a; {}; echo b >&2; {}; echo c; {}; printf d >&2; {}", step(1), step(2), step(3), step(4));
    let before = now_ms();
    start(&client, named("p", &command)).await;
    for (n, seen) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        ask::<ProcessWaitLog>(&client, &wait_log("p", seen)).await.unwrap();
        // Later than the chunk by the clock's own unit.
        let at = now_ms();
        wait_for("the clock to go on", || now_ms() > at).await;
        std::fs::write(server.workspace().join(format!("step{n}")), "").unwrap();
    }
    let after = now_ms();
    ended(&client, "p").await;
    let bytes = |stream, data: &'static str| Said::Bytes(stream, Bytes::from_static(data.as_bytes()));
    let begin = |offset| Said::Event(LogEvent::Begin { offset });
    let all = heard(&client.open::<ProcessLogs>(&logs("p", From::Start)).unwrap()).await;
    assert_eq!(all.0, [begin(0), bytes(1, "a\n"), bytes(2, "b\n"), bytes(1, "c\n"), bytes(2, "d")]);
    // With times, before each chunk: where it is, and when it came.
    let timed = Logs { timestamps: true, ..logs("p", From::Start) };
    let (said, _) = heard(&client.open::<ProcessLogs>(&timed).unwrap()).await;
    let mut times = Vec::new();
    for (item, offset) in said[1..].chunks(2).zip([0, 2, 4, 6]) {
        let [Said::Event(LogEvent::At { offset: at, time_ms }), Said::Bytes(..)] = item else { panic!("{said:?}") };
        assert_eq!(*at, offset);
        times.push(*time_ms);
    }
    assert!(times.len() == 4 && times.is_sorted() && times[0] >= before && times[3] <= after, "{before} {times:?}");
    // From a time on: exactly what came then or later.
    for (n, begins) in [0, 2, 4, 6].into_iter().enumerate() {
        let (_, events, _) = read(&client, &logs("p", From::Time(times[n]))).await;
        assert_eq!(events, [LogEvent::Begin { offset: begins }], "{times:?}");
    }
    // One stream alone has holes, which only `at` tells; the end is that of the whole.
    let only = |output, from, timestamps| Logs { output: Some(output), timestamps, ..logs("p", from) };
    let (out, _, end) = read(&client, &only(Output::Stdout, From::Start, false)).await;
    assert_eq!((out.as_slice(), end), (b"a\nc\n".as_slice(), LogEnd { offset: 7, ended: true }));
    let (said, _) = heard(&client.open::<ProcessLogs>(&only(Output::Stderr, From::Start, true)).unwrap()).await;
    let [_, Said::Event(LogEvent::At { offset: 2, .. }), b, Said::Event(LogEvent::At { offset: 6, .. }), d] = &said[..]
    else {
        panic!("{said:?}")
    };
    assert_eq!((b, d), (&bytes(2, "b\n"), &bytes(2, "d")));
    // Lines are those of the stream that is read.
    let (out, _, _) = read(&client, &only(Output::Stdout, From::Lines(1), false)).await;
    assert_eq!(out, b"c\n");
    let (err, _, _) = read(&client, &only(Output::Stderr, From::Lines(2), false)).await;
    assert_eq!(err, b"b\nd");
}

#[tokio::test]
async fn a_reader_that_comes_back_misses_nothing_and_gets_nothing_twice() {
    let (server, client) = served().await;
    let command = "for i in $(seq 400); do echo line $i; [ $((i % 100)) = 0 ] && \
                   until [ -e go$i ]; do sleep 0.005; done; done; :";
    start(&client, named("p", command)).await;
    let (mut all, mut from) = (Vec::new(), From::Start);
    for pause in [100, 200, 300, 400] {
        ask::<ProcessWaitLog>(&client, &wait_log("p", &format!("line {pause}"))).await.unwrap();
        let (bytes, events, end) = read(&client, &logs("p", from)).await;
        assert_eq!(events, [LogEvent::Begin { offset: all.len() as u64 }]);
        all.extend_from_slice(&bytes);
        assert_eq!(end, LogEnd { offset: all.len() as u64, ended: false }, "it stops at what there was");
        from = From::Offset(end.offset);
        std::fs::write(server.workspace().join(format!("go{pause}")), "").unwrap();
    }
    ended(&client, "p").await;
    let (bytes, _, end) = read(&client, &logs("p", from)).await;
    assert!(bytes.is_empty() && end.ended);
    let expected: String = (1..=400).map(|number| format!("line {number}\n")).collect();
    assert_eq!(String::from_utf8(all).unwrap(), expected);
}

#[tokio::test]
async fn who_follows_gets_what_comes_to_the_end() {
    let (server, client) = served().await;
    let command = "echo early; until [ -e go ]; do sleep 0.01; done; seq 100000; echo err >&2; exit 2";
    start(&client, named("p", command)).await;
    ask::<ProcessWaitLog>(&client, &wait_log("p", "early")).await.unwrap();
    let follow = |from, output| Logs { follow: true, output, ..logs("p", from) };
    let whole = client.open::<ProcessLogs>(&follow(From::Start, None)).unwrap();
    let late = client.open::<ProcessLogs>(&follow(From::End, None)).unwrap();
    let errors = client.open::<ProcessLogs>(&follow(From::Start, Some(Output::Stderr))).unwrap();
    let given_up = client.open::<ProcessLogs>(&follow(From::End, None)).unwrap();
    assert_eq!(event(&late).await, LogEvent::Begin { offset: 6 });
    assert_eq!(event(&given_up).await, LogEvent::Begin { offset: 6 });
    given_up.cancel();
    assert_eq!(given_up.result().await.unwrap_err().code, Code::Cancelled);
    std::fs::write(server.workspace().join("go"), "").unwrap();
    let numbers: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
    let text = |said: &[Said], wanted: u8| -> String {
        let pieces = said.iter().filter_map(|item| match item {
            Said::Bytes(stream, data) if *stream == wanted => Some(data.as_ref()),
            Said::Bytes(..) | Said::Event(_) => None,
        });
        String::from_utf8(pieces.collect::<Vec<_>>().concat()).unwrap()
    };
    let ((whole, end), (late, _), (errors, last)) = tokio::join!(heard(&whole), heard(&late), heard(&errors));
    assert!(text(&whole, 1) == format!("early\n{numbers}") && text(&late, 1) == numbers);
    assert_eq!((text(&whole, 2), text(&errors, 2), text(&errors, 1)), ("err\n".into(), "err\n".into(), String::new()));
    let length = numbers.len() as u64 + 10;
    assert_eq!((end.offset, last.offset, end.ended, last.ended), (length, length, true, true));
}

/// A line of 100 bytes for each number.
fn lines(numbers: std::ops::RangeInclusive<u32>) -> String {
    numbers.map(|number| format!("{number:099}\n")).collect()
}

/// The same by the shell.
fn print_lines(to: u32) -> String {
    format!("seq -f %099.f 1 {to}")
}

#[tokio::test]
async fn what_the_log_lost_is_told_exactly() {
    let bounds = ["--log-memory", "32KiB", "--log-spool", "64KiB"];
    let (server, client) = served_by(Server::builder().args(bounds)).await;
    start(&client, named("p", &print_lines(10_000))).await;
    let info = ended(&client, "p").await;
    let written = lines(1..=10_000);
    assert_eq!(info.log_end, written.len() as u64);
    let kept = info.log_end - info.log_start;
    assert!((48 << 10..=96 << 10).contains(&kept), "{kept} bytes are kept of memory and spool");
    let tail = &written.as_bytes()[usize::try_from(info.log_start).unwrap()..];
    let (bytes, events, end) = read(&client, &logs("p", From::Start)).await;
    assert!(bytes == tail, "what is kept is what was written");
    assert_eq!(events, [LogEvent::Begin { offset: info.log_start }]);
    assert_eq!(end, LogEnd { offset: info.log_end, ended: true });
    for from in [From::Offset(0), From::Offset(12_345)] {
        let From::Offset(first) = from else { unreachable!() };
        let (bytes, events, _) = read(&client, &logs("p", from)).await;
        assert!(bytes == tail);
        let gap = LogEvent::Gap { from: first, to: info.log_start };
        assert_eq!(events, [LogEvent::Begin { offset: first }, gap, LogEvent::Begin { offset: info.log_start }]);
    }
    let (bytes, events, _) = read(&client, &logs("p", From::Offset(info.log_end - 150))).await;
    assert!(bytes == tail[tail.len() - 150..] && events.len() == 1);
    let (bytes, _, _) = read(&client, &logs("p", From::Lines(7))).await;
    assert_eq!(String::from_utf8(bytes).unwrap(), lines(9_994..=10_000));

    // One that reads too slowly is told of each hole, and the rest is whole.
    start(&client, named("slow", &format!("{}; until [ -e go ]; do sleep 0.01; done; echo end", print_lines(40_000))))
        .await;
    let slow = Client::builder(server.url()).window(64 << 10).connect().await.unwrap();
    let call = slow.open::<ProcessLogs>(&Logs { follow: true, ..logs("slow", From::Offset(0)) }).unwrap();
    let full = || async {
        let info = get(&client, "slow").await.unwrap();
        if info.log_end >= 4_000_000 { Ok(()) } else { Err(info) }
    };
    wait_until_async("all to be written, whoever reads", full).await;
    std::fs::write(server.workspace().join("go"), "").unwrap();
    let (said, end) = heard(&call).await;
    let written = lines(1..=40_000) + "end\n";
    let (mut at, mut gaps) = (0, 0);
    for item in &said {
        match item {
            Said::Bytes(1, data) => {
                assert!(written.as_bytes()[at..].starts_with(data), "at {at}");
                at += data.len();
            }
            Said::Event(LogEvent::Begin { offset }) => assert_eq!(*offset, at as u64),
            Said::Event(LogEvent::Gap { from, to }) => {
                assert!(*from == at as u64 && to > from, "{item:?} at {at}");
                at = usize::try_from(*to).unwrap();
                gaps += 1;
            }
            Said::Bytes(..) | Said::Event(LogEvent::At { .. } | LogEvent::Restarted { .. }) => panic!("{item:?}"),
        }
    }
    assert!(gaps > 0 && at == written.len() && end.offset == at as u64, "{gaps} gaps, {at}, {end:?}");
}

#[tokio::test]
async fn a_log_is_as_large_as_its_process_asks_and_no_larger_than_the_setting() {
    let (_server, client) = served_by(Server::builder().args(["--log-memory", "64KiB", "--log-spool", "128KiB"])).await;
    for (log_bytes, most) in
        [(Some(50_000), 50_000), (Some(100_000), 100_000), (Some(1 << 40), 192 << 10), (Some(0), 16 << 10)]
    {
        let id = format!("p{most}");
        start(&client, Start { log_bytes, ..named(&id, &print_lines(5_000)) }).await;
        let info = ended(&client, &id).await;
        let kept = info.log_end - info.log_start;
        assert_eq!(info.log_end, 500_000);
        // What goes goes in segments of 16 KiB, and half of the memory at once.
        let least = (most - (16 << 10)) / 3;
        assert!(kept <= most && kept > least, "{kept} bytes are kept of {most}");
        let (bytes, _, _) = read(&client, &logs(&id, From::Start)).await;
        assert!(bytes == lines(1..=5_000).as_bytes()[usize::try_from(info.log_start).unwrap()..]);
    }
    // What a limit of the command threw away never was in the log, and is counted.
    let limits = Some(Limits { output_bytes: Some(1_000), ..Limits::default() });
    let run = Launch { limits, ..line(&print_lines(100)) };
    start(&client, Start { run, ..named("limited", "") }).await;
    let info = ended(&client, "limited").await;
    assert_eq!((info.log_end, info.exit.unwrap().output_dropped), (1_000, 9_000));
}

#[tokio::test]
async fn the_rust_client_reads_a_log_as_it_is() {
    use futures_util::{StreamExt, TryStreamExt};
    use sandwire::kinds::process::LogItem;
    let (_server, client) = served().await;
    let process = client.processes().start("echo out; echo err >&2; echo last").spawn().await.unwrap();
    process.wait(None).await.unwrap();
    let query = || process.logs().from(From::Lines(1)).output(Output::Stdout).timestamps();
    let mut log = query().open().unwrap();
    let items: Vec<LogItem> = log.by_ref().try_collect().await.unwrap();
    let [
        LogItem::Event(LogEvent::Begin { .. }),
        LogItem::Event(LogEvent::At { .. }),
        LogItem::Output(Output::Stdout, data),
    ] = items.as_slice()
    else {
        panic!("{items:?}")
    };
    assert_eq!(data.as_ref(), b"last\n");
    assert_eq!(log.end(), Some(&process::LogEnd { offset: 13, ended: true }));
    let mut missing = client.processes().process("no-such").logs().open().unwrap();
    let error = missing.try_next().await.unwrap_err();
    assert_eq!(error.code(), Some(Code::ProcessNotFound));
}
