//! `sandwire shell` in a real terminal.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use sandwire_tests::server::{Server, binary};
use sandwire_tests::wait::block_until;

use super::{run_with, text};

/// A program in a terminal of its own.
struct Window {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Window {
    fn open(server: &Server, program: &str, args: &[&str]) -> Self {
        let pair = native_pty_system().openpty(PtySize { rows: 30, cols: 100, ..PtySize::default() }).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env("SANDWIRE_URL", server.address().to_string());
        command.env_remove("SANDWIRE_TOKEN");
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).unwrap();
        let shown = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let keep = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                keep.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self { child, keys: pair.master.take_writer().unwrap(), master: pair.master, shown }
    }

    fn shell(server: &Server, args: &[&str]) -> Self {
        let mut all = vec!["shell"];
        all.extend(args);
        Self::open(server, binary("sandwire").to_str().unwrap(), &all)
    }

    fn type_keys(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
    }

    /// Waits until this is shown behind what was seen before.
    #[track_caller]
    fn see(&self, text: &str) {
        block_until(text, || {
            let mut shown = self.shown.lock().unwrap();
            let all = String::from_utf8_lossy(&shown).into_owned();
            let found = shown.windows(text.len()).position(|window| window == text.as_bytes());
            match found {
                Some(at) => {
                    shown.drain(..at + text.len());
                    Ok(())
                }
                None => Err(all),
            }
        });
    }

    fn end(mut self) -> u32 {
        self.child.wait().unwrap().exit_code()
    }
}

const BASH: &[&str] = &["--", "bash", "--norc", "--noprofile"];

#[test]
fn a_shell_has_the_size_of_its_window_and_its_exit_code_passes_through() {
    let server = Server::start();
    let mut window = Window::shell(&server, BASH);
    window.see("bash-");
    window.type_keys(b"stty size; tty >/dev/null && echo a-t''ty\r");
    window.see("30 100");
    window.see("a-tty");
    window.master.resize(PtySize { rows: 41, cols: 123, ..PtySize::default() }).unwrap();
    window.type_keys(b"until [ \"$(stty size)\" = '41 123' ]; do sleep 0.05; done; echo resi''zed\r");
    window.see("resized");
    // Ctrl-C is a key as any other: it ends what runs in the sandbox, not the tool.
    window.type_keys(b"sleep 600\r");
    window.see("sleep 600");
    window.type_keys(b"\x03");
    window.see("bash-");
    window.type_keys(b"exit 7\r");
    assert_eq!(window.end(), 7);
}

#[test]
fn a_terminal_is_left_and_found_again_as_it_was() {
    let server = Server::start();
    let mut window = Window::shell(&server, &[&["work"], BASH].concat());
    window.see("bash-");
    window.type_keys(b"V=kept; echo s''et\r");
    window.see("set");
    window.type_keys(b"\x1d");
    window.see("sandwire shell work");
    assert_eq!(window.end(), 0);
    assert!(text(&server, &["terminal", "list"]).contains("work"));
    assert!(text(&server, &["terminal", "show", "work"]).contains("set"));
    let mut window = Window::shell(&server, &["work"]);
    // What was on the screen is painted.
    window.see("set");
    window.type_keys(b"echo got-$V\r");
    window.see("got-kept");
    let looking = Window::shell(&server, &["work", "--read-only"]);
    looking.see("got-kept");
    window.type_keys(b"echo for-b''oth\r");
    window.see("for-both");
    looking.see("for-both");
    window.type_keys(b"\r~.");
    window.see("detached");
    assert_eq!(window.end(), 0);
    text(&server, &["terminal", "close", "work"]);
    assert_ne!(looking.end(), 0, "bash did not end by itself");
}

#[test]
fn the_local_terminal_is_as_it_was_on_every_way_out() {
    let server = Server::start();
    let line = format!(
        "a=$(stty -g); {} shell work -- bash --norc; code=$?; b=$(stty -g); \
         [ \"$a\" = \"$b\" ] && echo restored-$code",
        binary("sandwire").display()
    );
    for way in ["detach", "exit", "signal"] {
        let mut window = Window::open(&server, "bash", &["--norc", "-c", &line]);
        window.see("bash-");
        let code = match way {
            "detach" => {
                window.type_keys(b"\x1d");
                0
            }
            "exit" => {
                window.type_keys(b"exit 3\r");
                3
            }
            _ => {
                let group = window.master.process_group_leader().unwrap();
                let tool = std::fs::read_to_string(format!("/proc/{group}/task/{group}/children")).unwrap();
                let tool = tool.split_whitespace().next().unwrap().parse().unwrap();
                kill_process(Pid::from_raw(tool).unwrap(), Signal::TERM).unwrap();
                143
            }
        };
        window.see(&format!("restored-{code}"));
        assert_eq!(window.end(), 0, "{way}");
    }
}

#[test]
fn without_a_terminal_keys_come_from_standard_input() {
    let server = Server::start();
    let output = run_with(&server, &["shell", "--", "bash", "--norc"], b"echo ty''ped\nexit 4\n");
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("typed"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no terminal"));
}

#[test]
fn a_command_in_a_terminal_ends_with_its_window() {
    let server = Server::start();
    let tool = binary("sandwire").to_str().unwrap().to_owned();
    let command = "tty >/dev/null && stty size; read line; echo got-$line; exit 7";
    let mut window = Window::open(&server, &tool, &["exec", "-it", "-c", command]);
    window.see("30 100");
    window.type_keys(b"it\r");
    window.see("got-it");
    assert_eq!(window.end(), 7);
    // Left by a key, and its window closed: it is gone both times.
    for closed in [false, true] {
        let mut window =
            Window::open(&server, &tool, &["exec", "-t", "--", "bash", "--norc", "-c", "echo up; sleep 600"]);
        window.see("up");
        if closed {
            // As the kernel does when the window goes.
            let tool = Pid::from_raw(window.child.process_id().unwrap().cast_signed()).unwrap();
            kill_process(tool, Signal::HUP).unwrap();
            assert_eq!(window.end(), 129);
        } else {
            window.type_keys(b"~.");
            window.see("ended");
            assert_eq!(window.end(), 255);
        }
        block_until("the command to end", || if server.started().is_empty() { Ok(()) } else { Err(server.started()) });
    }
    let output = super::run(&server, &["exec", "-t", "--json", "--", "true"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn a_bar_is_shown_where_a_person_sees_it() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let status = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(status.success());
    let args = ["cp", pipe.to_str().unwrap(), ":copy"];
    let window = Window::open(&server, binary("sandwire").to_str().unwrap(), &args);
    let mut writer = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    writer.write_all(&[7; 4096]).unwrap();
    window.see("4.00 KiB");
    drop(writer);
    assert_eq!(window.end(), 0);
    assert_eq!(std::fs::read(server.workspace().join("copy")).unwrap(), [7; 4096]);
    std::fs::write(folder.path().join("file"), "x").unwrap();
    let output = super::run(&server, &["cp", folder.path().join("file").to_str().unwrap(), ":copy"]);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}
