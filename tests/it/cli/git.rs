//! `sandwire git-checkout`.

use std::process::Command;

use sandwire_tests::server::Server;
use serde_json::Value;

use super::{run, run_with, text};

/// A repository in the workspace.
fn planted(server: &Server) -> String {
    let script = "git init -q -b main shop && cd shop && echo tea > list && git add list && \
                  git -c user.name=A -c user.email=a@b.example commit -qm first";
    let made = Command::new("sh").arg("-ec").arg(script).current_dir(server.workspace()).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    format!("file://{}/shop", server.workspace().display())
}

#[test]
fn a_repository_is_checked_out_and_failures_are_told() {
    let server = Server::start();
    let url = planted(&server);
    let copy = server.workspace().join("copy");
    let args = ["git-checkout", "-b", "main", "--depth", "1", &url, "copy"];
    assert_eq!(text(&server, &args).trim(), copy.to_str().unwrap());
    assert_eq!(std::fs::read_to_string(copy.join("list")).unwrap(), "tea\n");
    let again = run(&server, &args);
    assert_eq!((again.status.code(), again.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&again.stderr).contains("(DIRECTORY_NOT_EMPTY)"), "{again:?}");
    let json: Value = serde_json::from_str(&text(&server, &["--json", "git-checkout", &url, "other"])).unwrap();
    assert_eq!((json["branch"].as_str(), json["url"].as_str()), (Some("main"), Some(url.as_str())));
    // A password is read, and not taken where it would be of no use.
    let args = ["git-checkout", "--username", "ada", "--password-file", "-", &url, "third"];
    let refused = run_with(&server, &args, b"secret-of-ada\n");
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("(VALIDATION_FAILED)") && !said.contains("secret-of-ada"), "{said}");
    let missing = run(&server, &["git-checkout", "--password-file", "/nowhere/x", &url, "third"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(!server.workspace().join("third").exists());
}
