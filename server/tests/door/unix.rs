//! A socket in the file system in place of a port, and the end with standard input.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, Stdio};

use sandwire_link::Socket;
use sandwire_protocol::kind::command::Launch;
use sandwire_protocol::kind::{Exec, exec};
use tempfile::TempDir;

use crate::lane;
use crate::server::{Answer, UPGRADE, program, run, wait_for};

/// A server on a socket; what it says goes nowhere.
struct OnSocket {
    child: Child,
    stdin: Option<ChildStdin>,
    home: TempDir,
}

impl OnSocket {
    fn start(args: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut child = program(home.path())
            .args(["--listen", "unix:socket"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "listening on unix:socket\n");
        let stdin = child.stdin.take();
        Self { child, stdin, home }
    }

    fn path(&self) -> std::path::PathBuf {
        self.home.path().join("socket")
    }

    fn connect(&self) -> UnixStream {
        UnixStream::connect(self.path()).unwrap()
    }

    fn ask(&self, path: &str, headers: &[&str]) -> Answer {
        let mut stream = self.connect();
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").unwrap();
        Answer::read(&mut stream)
    }

    /// Runs a command on a lane of its own.
    async fn run(&self, command: &str) -> Option<i32> {
        let mut stream = self.connect();
        let lines: String = UPGRADE.iter().map(|line| format!("{line}\r\n")).collect();
        write!(stream, "GET /v1/connect HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").unwrap();
        assert_eq!(Answer::read(&mut stream).status, 101);
        stream.set_nonblocking(true).unwrap();
        let lane = lane::greet(Socket::stream(tokio::net::UnixStream::from_std(stream).unwrap(), Vec::new())).await;
        let run = Launch { command: Some(command.into()), ..Launch::default() };
        let call = lane.link.open::<Exec>(&exec::Params { run, ..exec::Params::default() }, None).unwrap();
        call.result().await.unwrap().code
    }

    fn ended(&mut self) -> Option<i32> {
        wait_for("the server to end", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for OnSocket {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Whether a process has not ended; one that nobody has waited for yet has.
fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|after| !after.trim().is_empty() && !after.starts_with(" Z"))
}

#[test]
fn only_its_owner_can_connect_and_its_name_goes_at_the_end() {
    let mut server = OnSocket::start(&[]);
    assert_eq!(std::fs::metadata(server.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(server.ask("/healthz", &[]).status, 200);
    assert_eq!(server.ask("/v1/connect", UPGRADE).status, 101);
    // Pages are kept out as on a port.
    assert_eq!(server.ask("/healthz", &["Origin: https://evil.example"]).status, 403);
    let pid = rustix::process::Pid::from_child(&server.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(server.ended(), Some(0));
    assert!(!server.path().exists());
}

#[test]
fn it_takes_over_what_a_killed_server_left_and_no_other_ones() {
    let mut server = OnSocket::start(&[]);
    let socket = format!("unix:{}", server.path().display());
    let output = run(&["--listen", &socket], &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    assert!(server.path().exists());
    let next = program(server.home.path()).args(["--listen", "unix:socket"]).stderr(Stdio::null()).spawn().unwrap();
    let mut next = OnSocket { child: next, stdin: None, home: tempfile::tempdir().unwrap() };
    wait_for("the next one to answer", || UnixStream::connect(server.path()).ok());
    next.child.kill().unwrap();
}

#[tokio::test]
async fn the_end_of_standard_input_ends_it_and_what_its_commands_left_behind() {
    let mut server = OnSocket::start(&["--end-with-stdin", "true", "--drain-time", "0s", "--drain-grace", "100ms"]);
    let mark = server.home.path().join("left-behind");
    // It ends, and leaves a process behind in a session of its own.
    let command = format!("setsid sh -c 'echo $$ > {}; exec sleep 1000' >&- 2>&- <&- &", mark.display());
    assert_eq!(server.run(&command).await, Some(0));
    let pid = wait_for("the process to run", || std::fs::read_to_string(&mark).ok()?.trim().parse::<i32>().ok());
    assert!(lives(pid));
    // Nobody reads its log any more, either: whoever started it is gone.
    drop(server.child.stderr.take());
    drop(server.stdin.take());
    assert_eq!(server.ended(), Some(0));
    assert!(!lives(pid) && !server.path().exists());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let output = run(&["--listen", "unix:"], &[]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let output = run(&["--listen", "unix:/no/such/folder/socket"], &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let output = run(&["--listen", "127.0.0.1:0", "--end-with-stdin", "true"], &[]);
    assert_eq!(output.status.code(), Some(1), "standard input is no pipe: {output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("--end-with-stdin"), "{output:?}");
}
