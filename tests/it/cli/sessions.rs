//! `sandwire session`, and `exec --session`.

use sandwire_tests::server::Server;
use serde_json::Value;

use super::{run, run_with, text};

#[test]
fn a_session_lasts_from_one_call_to_the_next() {
    let server = Server::start();
    let within = |line: &str| text(&server, &["exec", "--session", "default", "-c", line]);
    assert_eq!(within("cd /usr; export A=1; f() { echo \"f $1\"; }"), "");
    assert_eq!(within("pwd; echo $A; f x"), "/usr\n1\nf x\n");
    assert_eq!(run(&server, &["exec", "--session", "default", "-c", "exit 3"]).status.code(), Some(3));
    assert_eq!(
        text(&server, &["exec", "--session", "default", "-e", "A=2", "-C", "lib", "--", "printenv", "A"]),
        "2\n"
    );
    assert_eq!(run_with(&server, &["exec", "--session", "default", "-c", "cat; pwd"], b"in\n").stdout, b"in\n/usr\n");
    assert_eq!(text(&server, &["start", "--id", "p", "--session", "default", "-c", "pwd; echo $A"]), "p\n");
    text(&server, &["wait", "p"]);
    assert_eq!(text(&server, &["logs", "p"]), "/usr\n1\n");
}

#[test]
fn sessions_are_made_listed_and_removed() {
    let server = Server::start();
    assert_eq!(text(&server, &["session", "create", "build", "-C", "/usr", "-e", "A=1"]), "build\n");
    assert_eq!(text(&server, &["session", "create", "--reuse", "build"]), "build\n");
    let again = run(&server, &["session", "create", "build"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("(SESSION_ALREADY_EXISTS)"));
    assert_eq!(text(&server, &["exec", "--session", "build", "-c", "pwd; echo $A"]), "/usr\n1\n");
    assert!(text(&server, &["session", "list"]).contains("build"));
    let listed: Value = serde_json::from_str(&text(&server, &["--json", "session", "ls"])).unwrap();
    assert_eq!((listed[0]["id"].as_str(), listed[0]["cwd"].as_str()), (Some("build"), Some("/usr")));
    let killed = run(&server, &["exec", "--session", "build", "-c", "kill -9 $$"]);
    assert_eq!(killed.status.code(), Some(137));
    let told = run(&server, &["exec", "--session", "build", "-c", "echo"]);
    assert_eq!(told.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&told.stderr).contains("(SESSION_TERMINATED)"));
    assert_eq!(run(&server, &["exec", "--session", "build", "-c", "kill -9 $$"]).status.code(), Some(137));
    assert_eq!(text(&server, &["exec", "--session", "build", "--renew", "-c", "pwd"]), "/usr\n");
    text(&server, &["session", "rm", "build"]);
    assert_eq!(text(&server, &["--json", "session", "list"]).trim(), "[]");
}

#[test]
fn variables_of_the_sandbox_are_set_listed_and_unset() {
    let server = Server::builder().env("OF_SERVER", "1").start();
    assert_eq!(text(&server, &["env", "set", "A=1", "B=x y"]), "");
    assert_eq!(text(&server, &["exec", "-c", "echo $A $B"]), "1 x y\n");
    assert_eq!(text(&server, &["exec", "-e", "A=2", "-c", "echo $A"]), "2\n");
    let file = "# a comment\n\nB=\"taken = as it stands\"\r\nC=3\n";
    let read = run_with(&server, &["env", "set", "--file", "-", "C=4"], file.as_bytes());
    assert_eq!(read.status.code(), Some(0), "{read:?}");
    assert_eq!(text(&server, &["env", "unset", "A", "OF_SERVER"]), "");
    assert_eq!(text(&server, &["env"]), "B=\"taken = as it stands\"\nC=4\nOF_SERVER  (unset)\n");
    let listed: Value = serde_json::from_str(&text(&server, &["--json", "env", "list"])).unwrap();
    assert_eq!(listed, serde_json::json!({"B": "\"taken = as it stands\"", "C": "4", "OF_SERVER": null}));
    assert_eq!(text(&server, &["exec", "-c", "echo ${A-none} ${OF_SERVER-none}"]), "none none\n");
    let mut from_here = super::tool(&server, &["env", "set", "KEY"]);
    assert_eq!(from_here.env("KEY", "secret").output().unwrap().status.code(), Some(0));
    assert_eq!(text(&server, &["exec", "-c", "echo $KEY"]), "secret\n");
    let missing = run(&server, &["env", "set", "SURELY_NOT_HERE"]);
    assert!(missing.status.code() != Some(0) && String::from_utf8_lossy(&missing.stderr).contains("SURELY_NOT_HERE"));
    let refused = run(&server, &["env", "set", "1A=secret"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("(VALIDATION_FAILED)") && !said.contains("secret"), "{said}");
}
