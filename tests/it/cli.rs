//! The command-line tool against the real server.

mod backup;
mod exec;
mod files;
mod network;
mod open;
mod ports;
mod processes;
mod sessions;
mod shell;

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use sandwire_tests::server::{Server, binary};

/// The tool, told where this server is.
fn tool(server: &Server, args: &[&str]) -> Command {
    let mut command = Command::new(binary("sandwire"));
    for name in ["SANDWIRE_TOKEN", "SANDWIRE_CA"] {
        command.env_remove(name);
    }
    command.env("SANDWIRE_URL", server.address().to_string()).args(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end.
fn run(server: &Server, args: &[&str]) -> Output {
    tool(server, args).output().unwrap()
}

/// Runs it to its end with this input.
fn run_with(server: &Server, args: &[&str], input: &[u8]) -> Output {
    feed(tool(server, args), input)
}

fn feed(mut command: Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // Who does not read its input ends all the same.
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().unwrap()
    })
}

/// Runs it and expects exit code 0: what it printed.
#[track_caller]
fn text(server: &Server, args: &[&str]) -> String {
    let output = run(server, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Sends it a signal.
fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(child.id().try_into().unwrap()).unwrap(), signal).unwrap();
}

/// The end of a child that somebody else has read from.
fn end_of(mut child: Child) -> Option<i32> {
    child.wait().unwrap().code()
}
