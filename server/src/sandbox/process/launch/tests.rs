#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::os::unix::fs::PermissionsExt;

use super::*;

fn argv(words: &[&str]) -> Launch {
    Launch { argv: words.iter().map(|word| (*word).into()).collect(), ..Launch::default() }
}

fn prepare(launch: &Launch) -> Result<Prepared, Error> {
    Prepared::new(launch, Path::new("/"), &Variables::default(), &Buckets::default(), "m1".to_owned())
}

fn code(launch: &Launch) -> Code {
    prepare(launch).unwrap_err().code
}

fn with_env(name: &str, value: Option<&str>) -> Launch {
    Launch { env: [(name.into(), value.map(Into::into))].into(), ..argv(&["true"]) }
}

#[test]
fn exactly_one_of_argv_and_command() {
    assert_eq!(code(&Launch::default()), Code::ValidationFailed);
    assert_eq!(code(&Launch { command: Some("x".into()), ..argv(&["true"]) }), Code::ValidationFailed);
    let line = prepare(&Launch { command: Some("echo 'a b'".into()), ..Launch::default() }).unwrap();
    assert_eq!(line.program.to_bytes(), default_shell().as_bytes());
    assert_eq!(line.argv[1..], [c"-c".to_owned(), c"echo 'a b'".to_owned()]);
    assert_eq!(line.shown, "echo 'a b'");
}

#[test]
fn what_the_kernel_cannot_take_is_refused() {
    assert_eq!(code(&argv(&["true", "a\0b"])), Code::ValidationFailed);
    assert_eq!(code(&argv(&["tr\0ue"])), Code::ValidationFailed);
    assert_eq!(code(&with_env("A=B", Some("x"))), Code::ValidationFailed);
    assert_eq!(code(&with_env("", Some("x"))), Code::ValidationFailed);
    assert_eq!(code(&with_env("A", Some("x\0"))), Code::ValidationFailed);
    assert_eq!(code(&Launch { cwd: Some("a\0".into()), ..argv(&["true"]) }), Code::ValidationFailed);
    assert_eq!(code(&Launch { cwd: Some("/etc/passwd".into()), ..argv(&["true"]) }), Code::InvalidProcessCwd);
    assert_eq!(code(&Launch { cwd: Some("/no/such".into()), ..argv(&["true"]) }), Code::InvalidProcessCwd);
    assert_eq!(code(&Launch { user: Some("no-such-user".into()), ..argv(&["true"]) }), Code::UserNotFound);
}

#[test]
fn the_program_is_found_in_the_commands_own_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tool");
    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    std::fs::create_dir(folder.path().join("dir")).unwrap();
    let path = folder.path().to_str().unwrap();
    let with_path = |name: &str| Launch {
        env: [("PATH".into(), Some(path.into()))].into(),
        cwd: Some(path.into()),
        ..argv(&[name])
    };
    assert_eq!(code(&with_path("tool")), Code::CommandPermissionDenied);
    assert_eq!(code(&with_path("dir")), Code::CommandPermissionDenied);
    assert_eq!(code(&with_path("cat")), Code::CommandNotFound);
    assert_eq!(code(&with_path("./cat")), Code::CommandNotFound);
    assert_eq!(code(&with_path("")), Code::CommandNotFound);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(prepare(&with_path("tool")).unwrap().program.to_bytes(), file.as_os_str().as_bytes());
    assert_eq!(prepare(&with_path("./tool")).unwrap().program.to_bytes(), b"./tool");
    assert_eq!(code(&argv(&["tool"])), Code::CommandNotFound);
}

#[test]
fn the_environment_is_what_was_asked_for() {
    let cleared =
        prepare(&Launch { clear_env: true, env: [("A".into(), Some("1".into()))].into(), ..argv(&["true"]) }).unwrap();
    assert_eq!(cleared.env, [c"A=1".to_owned(), c"SANDWIRE_ID=m1".to_owned()]);
    let inherited = prepare(&with_env("PATH", None)).unwrap();
    assert!(inherited.env.iter().all(|entry| !entry.to_bytes().starts_with(b"PATH=")));
    assert!(prepare(&argv(&["true"])).unwrap().env.iter().any(|entry| entry.to_bytes().starts_with(b"PATH=")));
}
