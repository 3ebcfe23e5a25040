//! The programs in `client-rs/examples`, as a newcomer runs them.

use std::process::{Command, Output};

use sandwire_tests::server::{Server, binary};

fn example(server: &Server, name: &str, args: &[&str]) -> Output {
    let mut command = Command::new(binary(&format!("examples/{name}")));
    command.env("SANDWIRE_URL", server.url()).env_remove("SANDWIRE_TOKEN").args(args);
    command.output().unwrap()
}

/// What it printed. It must end well.
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_command_is_run_with_its_output_and_code() {
    let server = Server::start();
    let output = example(&server, "run", &["echo out; echo err >&2; exit 3"]);
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (b"out\n".as_slice(), b"err\n".as_slice()));
    assert_eq!(output.status.code(), Some(3));
    let output = example(&server, "run", &["kill -9 $$"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("SIGKILL"), "{output:?}");
}

#[test]
fn a_process_is_kept_and_its_log_followed() {
    let server = Server::start();
    // Twice: it leaves nothing behind.
    for _ in 0..2 {
        let text = printed(&example(&server, "background", &[]));
        assert!(text.contains("the answer: HTTP/1.0 404") && text.ends_with("ended by SIGTERM\n"), "{text}");
    }
}

#[test]
fn a_terminal_is_driven() {
    let server = Server::start();
    let text = printed(&example(&server, "terminal", &[]));
    assert!(text.starts_with("Roses are red"), "{text}");
    assert!(text.ends_with("vim ended with Some(0) and left \"Roses are red\\n\"\n"), "{text}");
}

#[test]
fn a_directory_is_copied_there_and_back() {
    let server = Server::start();
    let here = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(here.path().join("from/sub")).unwrap();
    std::fs::write(here.path().join("from/sub/file"), "content").unwrap();
    let path = |name: &str| here.path().join(name).to_str().unwrap().to_owned();
    let text = printed(&example(&server, "copy", &[&path("from"), &path("to")]));
    assert!(text.starts_with("2 entries, 7 bytes up\nfiles: "), "{text}");
    assert_eq!(std::fs::read(here.path().join("to/sub/file")).unwrap(), b"content");
    let sums = std::fs::read_to_string(here.path().join("to/SUMS")).unwrap();
    assert!(
        sums.starts_with("ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73  ./sub/file\n"),
        "{sums}"
    );
}
