//! The typed calls of the Rust client.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use sandwire::kinds::process::LogItem;
use sandwire::kinds::terminal::TerminalItem;
use sandwire::protocol::Code;
use sandwire::protocol::kind::Exec;
use sandwire::protocol::kind::command::{Launch, Output, Target};
use sandwire::protocol::kind::exec::Params;
use sandwire::protocol::kind::file::{Change, List, SearchDown, WatchDown};
use sandwire::protocol::kind::process::From;
use sandwire::protocol::kind::sandbox::MetricsDown;
use sandwire::{Client, Error, State};
use sandwire_tests::server::Server;
use sandwire_tests::wait::{wait_for, wait_until_async};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};

use crate::common::noise;

async fn served() -> (Server, Client) {
    let server = Server::start();
    let client = Client::connect(server.address().to_string()).await.unwrap();
    (server, client)
}

#[tokio::test]
async fn a_command_is_run_with_all_that_it_is_given() {
    let (_server, client) = served().await;
    let command = client.exec("cat; echo $A >&2; pwd; exit 3").stdin("in\n").env("A", "b").cwd("/");
    let output = command.run().await.unwrap();
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (b"in\n/\n".as_slice(), b"b\n".as_slice()));
    assert!(output.exit.code == Some(3) && !output.success() && !output.truncated);
    let output = client.exec_argv(["echo"]).arg("a b").run().await.unwrap();
    assert!(output.success() && output.text() == "a b\n");
    let output = client.exec("sleep 60").timeout(Duration::from_millis(100)).run().await.unwrap();
    assert!(output.exit.timed_out && !output.success());
    let output = client.exec("yes | head -c 1000000; exit 5").output_limit(1000).run().await.unwrap();
    assert_eq!((output.stdout.len(), output.truncated, output.exit.code), (1000, true, Some(5)));
    let output = client.exec("exec <&-; exit 6").stdin(noise(1, 2_000_000)).run().await.unwrap();
    assert_eq!(output.exit.code, Some(6), "a command may end without reading its input");
    let error = client.exec_argv(["no-such-program"]).run().await.unwrap_err();
    assert_eq!(error.code(), Some(Code::CommandNotFound));
}

#[tokio::test]
async fn output_is_read_in_order_or_apart() {
    let (_server, client) = served().await;
    let mut running = client.exec("echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three").spawn().unwrap();
    let chunks: Vec<_> = running.output().map_ok(|chunk| (chunk.output, chunk.data)).try_collect().await.unwrap();
    let text = |chunk: &(Output, bytes::Bytes)| (chunk.0, String::from_utf8(chunk.1.to_vec()).unwrap());
    let expected = [(Output::Stdout, "one\n"), (Output::Stderr, "two\n"), (Output::Stdout, "three\n")];
    assert!(chunks.iter().map(text).eq(expected.map(|(output, text)| (output, text.to_owned()))), "{chunks:?}");
    assert_eq!(running.wait().await.unwrap().code, Some(0));

    // Both floods are larger than every buffer; each reader takes what is its own.
    let mut running = client.exec("yes o | head -c 3000000 & yes e | head -c 2000000 >&2; wait").spawn().unwrap();
    let (mut out, mut err) = (running.stdout(), running.stderr());
    let (mut all_out, mut all_err) = (Vec::new(), Vec::new());
    let (_, _, exit) = tokio::join!(out.read_to_end(&mut all_out), err.read_to_end(&mut all_err), running.wait());
    assert_eq!((all_out.len(), all_err.len()), (3_000_000, 2_000_000));
    assert!(all_out.chunks(2).all(|line| line == b"o\n") && all_err.chunks(2).all(|line| line == b"e\n"));
    assert_eq!(exit.unwrap().code, Some(0));

    // One whose other output is not read by anybody.
    let mut running = client.exec("yes e | head -c 2000000 >&2; echo end").spawn().unwrap();
    let mut lines = running.stdout().lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("end"));
    assert_eq!(lines.next_line().await.unwrap(), None);
}

#[tokio::test]
async fn a_running_command_is_written_to_signalled_and_ended() {
    let (server, client) = served().await;
    let mut running = client.exec("read line; echo got $line; cat | wc -c").piped_stdin().spawn().unwrap();
    let mut stdin = running.stdin().unwrap();
    let mut lines = running.stdout().lines();
    stdin.write_all(b"hello\n").await.unwrap();
    stdin.flush().await.unwrap();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("got hello"));
    stdin.write_all(&noise(2, 1_000_000)).await.unwrap();
    stdin.shutdown().await.unwrap();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("1000000"));
    assert_eq!(running.wait().await.unwrap().code, Some(0));

    let mut running = client.exec("trap 'exit 8' USR1; echo up; while :; do sleep 0.05; done").spawn().unwrap();
    running.next().await.unwrap().unwrap();
    running.signal("USR1", Target::Group).await.unwrap();
    assert_eq!(running.wait().await.unwrap().code, Some(8));

    let mut running = client.exec("echo up; sleep 600").spawn().unwrap();
    running.next().await.unwrap().unwrap();
    drop(running);
    wait_for("the command to end with its handle", || server.started().is_empty()).await;
}

#[tokio::test]
async fn processes_live_by_themselves() {
    let (_server, client) = served().await;
    let process = client.processes().start("echo up; cat; exit 4").id("p").piped_stdin().spawn().await.unwrap();
    process.wait_for_log("^up$", Some(Duration::from_secs(30))).await.unwrap();
    assert!(process.stats().await.unwrap().processes >= 1);
    let mut attached = process.logs().from(From::End).attach(true).unwrap();
    let mut stdin = attached.stdin().unwrap();
    stdin.write_all(b"typed").await.unwrap();
    stdin.shutdown().await.unwrap();
    let mut seen = Vec::new();
    while let Some(item) = attached.log().next().await {
        if let LogItem::Output(Output::Stdout, data) = item.unwrap() {
            seen.extend_from_slice(&data);
        }
    }
    assert_eq!(seen, b"typed");
    assert_eq!(attached.end().unwrap().exit.as_ref().unwrap().code, Some(4));
    assert_eq!(process.wait(None).await.unwrap().exit.unwrap().code, Some(4));
    let mut log = process.logs().open().unwrap();
    let items: Vec<_> = log.by_ref().try_collect().await.unwrap();
    assert!(items.iter().any(|item| matches!(item, LogItem::Output(Output::Stdout, _))));
    assert!(log.end().unwrap().ended);
    process.remove(false).await.unwrap();
    assert_eq!(process.info().await.unwrap_err().code(), Some(Code::ProcessNotFound));
    assert!(client.processes().list().await.unwrap().is_empty());
    let sleeper = client.processes().start_argv(["sleep", "600"]).spawn().await.unwrap();
    assert_eq!(sleeper.kill(None).await.unwrap().exit.unwrap().signal.as_deref(), Some("SIGTERM"));
}

#[tokio::test]
async fn a_terminal_is_typed_into_and_seen() {
    let (_server, client) = served().await;
    let mut terminal = client.terminals().open().id("t").argv(["bash", "--norc"]).size(90, 20).spawn().unwrap();
    let input = terminal.input();
    input.resize(77, 33).await.unwrap();
    input.write("stty size; exit 5\r").await.unwrap();
    let mut shown = Vec::new();
    let ended = loop {
        match terminal.next().await.unwrap().unwrap() {
            TerminalItem::Output(data) => shown.extend_from_slice(&data),
            TerminalItem::Event(_) => {}
            TerminalItem::Ended(ended) => break ended,
        }
    };
    assert_eq!((ended.id.as_str(), ended.exit.code), ("t", Some(5)));
    assert!(String::from_utf8_lossy(&shown).contains("33 77"));
    assert_eq!(client.terminals().list().await.unwrap().len(), 1);
    client.terminals().close("t", None).await.unwrap();
    assert!(client.terminals().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn files_are_streams() {
    let (server, client) = served().await;
    let files = client.files();
    let content = noise(3, 3_000_000);
    let written = files.write_all("a/b/file", content.clone()).await.unwrap();
    assert_eq!(written.bytes, 3_000_000);
    assert!(files.read("a/b/file").unwrap().bytes(4 << 20).await.unwrap() == content);
    let error = files.read("a/b/file").unwrap().bytes(1000).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::LimitExceeded));
    let mut reader = files.read("no-such").unwrap();
    let error = Error::from(reader.fill_buf().await.unwrap_err());
    assert_eq!(error.code(), Some(Code::FileNotFound), "the code survives AsyncRead");
    // Without a finish, nothing has changed.
    let mut upload = files.write("a/b/file").unwrap();
    upload.write_all(b"half").await.unwrap();
    drop(upload);
    assert_eq!(files.stat("a/b/file").await.unwrap().size, 3_000_000);
    let mut upload = files.write("a/b").unwrap();
    let failed = async {
        loop {
            upload.send(vec![0; 1000]).await?;
        }
    };
    let error: Error = Result::<(), Error>::unwrap_err(failed.await);
    assert_eq!(error.code(), Some(Code::IsDirectory), "a failed write says why");

    for number in 0..25 {
        files.write_all(format!("many/{number:02}"), "").await.unwrap();
    }
    let list = List { path: "many".into(), limit: Some(10), ..List::default() };
    let names: Vec<_> = files.list_with(list).map_ok(|info| info.path.to_string()).try_collect().await.unwrap();
    assert!(names.iter().eq((0..25).map(|number| format!("{number:02}")).collect::<Vec<_>>().iter()), "{names:?}");

    files.symlink("file", "a/b/link").await.unwrap();
    assert_eq!(files.symlink_stat("a/b/link").await.unwrap().target, Some("file".into()));
    files.rename("a/b/file", "moved").await.unwrap();
    let removed = files.remove_all("a").await.unwrap();
    assert_eq!(removed.count, 3);
    assert!(server.workspace().join("moved").exists());
}

#[tokio::test]
async fn files_are_searched_and_watched() {
    let (server, client) = served().await;
    let files = client.files();
    files.write_all("x", "a\nneedle\n").await.unwrap();
    let mut found = files.search(".", "ne+dle").unwrap();
    let items: Vec<_> = found.by_ref().try_collect().await.unwrap();
    assert!(matches!(items.as_slice(), [SearchDown::Line { line: 2, .. }]), "{items:?}");
    assert_eq!(found.end().unwrap().matches, 1);
    let mut watch = files.watch(".").unwrap();
    assert!(matches!(watch.next().await, Some(Ok(WatchDown::Ready {}))));
    std::fs::write(server.workspace().join("y"), "").unwrap();
    let change = watch.next().await.unwrap().unwrap();
    assert!(matches!(change, WatchDown::Change { change: Change::Create, .. }), "{change:?}");
}

#[tokio::test]
async fn trees_go_both_ways() {
    let (server, client) = served().await;
    let here = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(here.path().join("t/a/b")).unwrap();
    std::fs::write(here.path().join("t/a/b/c"), noise(4, 500_000)).unwrap();
    let mut told = 0;
    let (end, packed) =
        client.files().upload_tree_with(&here.path().join("t"), "up", |bytes| told += bytes).await.unwrap();
    assert_eq!((end.entries, end.bytes, told), (packed.entries, 500_000, 500_000));
    client.files().download_tree("up", here.path().join("down")).await.unwrap();
    assert!(std::fs::read(here.path().join("down/a/b/c")).unwrap() == noise(4, 500_000));
    assert!(server.workspace().join("up/a/b/c").is_file());
    let error = client.files().download_tree("no-such", here.path().join("none")).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::FileNotFound), "{error}");
}

#[tokio::test]
async fn a_port_is_a_stream_and_the_sandbox_tells_of_itself() {
    let (_server, client) = served().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let echo = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        stream.write_all(&all).await.unwrap();
    });
    let (mut reader, mut writer) = client.tcp(port).await.unwrap().split();
    let sent = noise(5, 1_000_000);
    writer.write_all(&sent).await.unwrap();
    writer.shutdown().await.unwrap();
    let mut all = Vec::new();
    reader.read_to_end(&mut all).await.unwrap();
    assert!(all == sent);
    echo.await.unwrap();
    assert_eq!(client.tcp(port).await.unwrap_err().code(), Some(Code::ConnectFailed));
    assert!(client.sandbox().info().await.unwrap().cpus > 0);
    assert!(client.sandbox().metrics().await.unwrap().memory_total > 0);
    let mut samples = client.sandbox().metrics_every(Duration::from_millis(100)).unwrap();
    for _ in 0..2 {
        assert!(matches!(samples.next().await, Some(Ok(MetricsDown::Sample(_)))));
    }
    assert!(matches!(client.state(), State::Connected { connections: 1, .. }));
}

/// Handles are held across awaits in spawned tasks, and shared between them.
#[test]
fn every_handle_may_be_sent_and_shared() {
    use sandwire::kinds::exec::{Command, Control, Running};
    use sandwire::kinds::file::Files;
    use sandwire::kinds::process::{Attachment, Log, Process};
    use sandwire::kinds::stream::{Download, Feed, Reader, Upload, Writer};
    use sandwire::kinds::tcp::Tcp;
    use sandwire::kinds::terminal::{Terminal, TerminalInput};
    use sandwire::protocol::kind::{FileWatch, FileWrite};

    fn shared<T: Send + Sync + Unpin + 'static>() {}
    shared::<(Client, Error, State, Command, Running, Control, Files)>();
    shared::<(Process, Attachment, Log, Terminal, TerminalInput, Tcp)>();
    shared::<(Reader, Writer, Download<()>, Upload<FileWrite>, Feed<FileWatch>)>();
}

#[tokio::test]
async fn no_more_channels_are_asked_for_than_the_server_has() {
    let server = Server::builder().args(["--max-channels-per-lane", "3"]).start();
    let client = Client::connect(server.url()).await.unwrap();
    let sleep = Params { run: Launch { command: Some("sleep 1000".into()), ..Launch::default() }, ..Params::default() };
    // From its answer on, the client knows.
    client.exec("true").run().await.unwrap();
    // Far more than a server bears with.
    let calls: Vec<_> = (0..100).map(|_| client.open::<Exec>(&sleep)).collect();
    assert_eq!(calls.iter().filter(|call| call.is_ok()).count(), 3);
    for refused in calls.iter().filter_map(|call| call.as_ref().err()) {
        assert_eq!(refused.code(), Some(Code::LimitExceeded));
    }
    drop(calls);
    wait_until_async("a free channel", || async { client.exec("echo free").run().await }).await;
}
