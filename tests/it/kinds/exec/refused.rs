//! Each way in which a command cannot be started, with its code and what the error tells.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sandwire::protocol::error::Detail;
use sandwire::protocol::kind::Exec;
use sandwire::protocol::kind::command::Launch;
use sandwire::protocol::{ByteString, Code};
use sandwire_tests::server::Server;

use super::of;
use crate::kinds::{line, refusal, served, served_by, words};

fn file(path: &Path, content: impl AsRef<[u8]>, mode: u32) {
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn programs_that_cannot_be_run_say_why() {
    let (server, client) = served().await;
    let here = server.workspace();
    file(&here.join("plain"), "echo hi", 0o644);
    file(&here.join("no-shebang"), "echo hi", 0o755);
    file(&here.join("bad-shebang"), "#!/no/such/interpreter\n", 0o755);
    file(&here.join("empty"), "", 0o755);
    file(&here.join("broken-elf"), [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 60]].concat(), 0o755);
    std::fs::create_dir(here.join("folder")).unwrap();
    std::fs::create_dir(here.join("closed")).unwrap();
    file(&here.join("closed/tool"), "#!/bin/sh\n", 0o755);
    std::fs::set_permissions(here.join("closed"), PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::set_permissions(&here, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(here.parent().unwrap(), PermissionsExt::from_mode(0o755)).unwrap();
    file(&here.join("root-only"), "#!/bin/sh\n", 0o700);
    let as_nobody = |argv: &[&str]| Launch { user: Some("nobody".to_owned()), ..words(argv) };
    let path =
        |path: &str| -> Launch { Launch { env: [("PATH".into(), Some(path.into()))].into(), ..words(&["plain"]) } };
    let closed = here.join("closed/tool").display().to_string();
    for (launch, code, errno) in [
        (words(&[""]), Code::CommandNotFound, libc::ENOENT),
        (words(&["./plain/below"]), Code::CommandNotFound, libc::ENOTDIR),
        (words(&["./bad-shebang"]), Code::CommandNotFound, libc::ENOENT),
        (path("/no/such"), Code::CommandNotFound, libc::ENOENT),
        (path("."), Code::CommandPermissionDenied, libc::EACCES),
        (words(&["./folder"]), Code::CommandPermissionDenied, libc::EACCES),
        (as_nobody(&["./root-only"]), Code::CommandPermissionDenied, libc::EACCES),
        (as_nobody(&[&closed]), Code::CommandPermissionDenied, libc::EACCES),
        (words(&["./no-shebang"]), Code::ProcessSpawnFailed, libc::ENOEXEC),
        (words(&["./empty"]), Code::ProcessSpawnFailed, libc::ENOEXEC),
        (words(&["./broken-elf"]), Code::ProcessSpawnFailed, libc::ENOEXEC),
        (words(&["true", &"x".repeat(200_000)]), Code::ProcessSpawnFailed, libc::E2BIG),
        (Launch { shell: Some("/no/such/shell".into()), ..line("true") }, Code::CommandNotFound, libc::ENOENT),
    ] {
        let error = refusal::<Exec>(&client, &of(launch)).await;
        assert_eq!(error.code, code, "{error:?}");
        assert_eq!(error.details.get("errno"), Some(&Detail::from(errno)), "{error:?}");
        assert!(error.details.contains_key("program"), "{error:?}");
    }
    assert!(server.started().is_empty() && server.zombies() == 0);
}

#[tokio::test]
async fn directories_that_cannot_be_entered_say_why() {
    let (server, client) = served().await;
    let here = server.workspace();
    std::fs::set_permissions(&here, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(here.parent().unwrap(), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::create_dir(here.join("closed")).unwrap();
    std::fs::set_permissions(here.join("closed"), PermissionsExt::from_mode(0o700)).unwrap();
    file(&here.join("plain"), "", 0o644);
    std::os::unix::fs::symlink("loop", here.join("loop")).unwrap();
    let nobody = Some("nobody".to_owned());
    for (cwd, user, errno) in [
        ("no/such", None, libc::ENOENT),
        ("plain", None, libc::ENOTDIR),
        ("plain/below", None, libc::ENOTDIR),
        ("loop", None, libc::ELOOP),
        ("closed", nobody, libc::EACCES),
    ] {
        let error = refusal::<Exec>(&client, &of(Launch { cwd: Some(cwd.into()), user, ..line("true") })).await;
        assert_eq!(error.code, Code::InvalidProcessCwd, "{error:?}");
        assert_eq!(error.details.get("errno"), Some(&Detail::from(errno)), "{error:?}");
        let told = here.canonicalize().unwrap().join(cwd).display().to_string();
        assert_eq!(error.details.get("cwd"), Some(&Detail::from(told)), "{error:?}");
    }
}

#[tokio::test]
async fn what_no_kernel_takes_is_named() {
    let (_server, client) = served().await;
    let env = |name: &str, value: &str| Launch { env: [(name.into(), Some(value.into()))].into(), ..line("true") };
    let nul: ByteString = "a\0b".into();
    for (launch, field) in [
        (words(&["echo", "a\0b"]), "argv"),
        (words(&["a\0b"]), "argv"),
        (line("echo a\0b"), "argv"),
        (Launch { shell: Some(nul.clone()), ..line("true") }, "argv"),
        (Launch { cwd: Some(nul), ..line("true") }, "cwd"),
        (env("A", "a\0b"), "env"),
        (env("A\0", "a"), "env"),
        (env("A=B", "a"), "env"),
        (env("", "a"), "env"),
    ] {
        let error = refusal::<Exec>(&client, &of(launch)).await;
        assert_eq!(error.code, Code::ValidationFailed, "{error:?}");
        assert_eq!(error.details.get("field"), Some(&Detail::from(field)), "{error:?}");
    }
}

#[tokio::test]
async fn users_that_are_not_there_or_may_not_be_become() {
    let (_server, client) = served().await;
    for user in ["", ":", "no-such-user", "nobody:no-such-group", "nobody:", "-1", "4294967295", "0x0"] {
        let error = refusal::<Exec>(&client, &of(Launch { user: Some(user.to_owned()), ..line("true") })).await;
        assert_eq!(error.code, Code::UserNotFound, "{user:?}: {error:?}");
        assert_eq!(error.details.get("user"), Some(&Detail::from(user)), "{error:?}");
    }
    let unprivileged = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let builder = Server::builder().through(unprivileged).args(["--workspace", "/"]);
    let (_server, client) = served_by(builder).await;
    for user in ["root", "nobody:root", "1"] {
        let error = refusal::<Exec>(&client, &of(Launch { user: Some(user.to_owned()), ..line("true") })).await;
        assert_eq!(error.code, Code::PermissionDenied, "{user:?}: {error:?}");
    }
    // What it is already, it may be.
    let own = of(Launch { user: Some("nobody".to_owned()), ..line("exit 3") });
    assert_eq!(crate::kinds::ask::<Exec>(&client, &own).await.unwrap().code, Some(3));
}
