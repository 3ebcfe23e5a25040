//! What runs, where, with what and as whom: `Launch`, as `exec` takes it.

use std::os::unix::fs::{PermissionsExt, symlink};

use sandwire::Client;
use sandwire::protocol::ByteString;
use sandwire::protocol::kind::command::Launch;
use sandwire_tests::server::Server;

use super::{of, text};
use crate::common::run;
use crate::kinds::{line, served, words};

#[tokio::test]
async fn arguments_are_bytes_and_pass_no_shell() {
    let (_server, client) = served().await;
    let argv: Vec<ByteString> = ["printf", "[%s]", "", " a  b ", "$HOME;*", "\n'\"\\"].map(Into::into).to_vec();
    let argv = [argv, vec![ByteString::from(b"\xff\xfe".to_vec())]].concat();
    let (out, _, _) = run(&client, &of(Launch { argv, ..Launch::default() })).await;
    assert_eq!(out, b"[][ a  b ][$HOME;*][\n'\"\\][\xff\xfe]");
    let command = Some(ByteString::from(b"printf %s '\xff\xfe' | od -An -tx1".to_vec()));
    assert_eq!(text(&client, &of(Launch { command, ..Launch::default() })).await, " ff fe\n");
    let many: Vec<String> = (0..5000).map(|number| format!("argument-{number}")).collect();
    let words = words(
        &[&["bash", "-c", "echo $# ${@: -1}", "-"], &*many.iter().map(String::as_str).collect::<Vec<_>>()].concat(),
    );
    assert_eq!(text(&client, &of(words)).await, "5000 argument-4999\n");
}

#[tokio::test]
async fn a_line_is_run_by_the_shell_that_is_asked_for() {
    let (server, client) = served().await;
    for (shell, said) in [(None, "/bin/bash"), (Some("/bin/sh"), "/bin/sh"), (Some("dash"), "dash")] {
        let run = Launch { shell: shell.map(Into::into), ..line("echo $0") };
        assert_eq!(text(&client, &of(run)).await.trim_end(), said);
    }
    std::fs::write(server.workspace().join("own"), "#!/bin/sh\necho own \"$@\"\n").unwrap();
    std::fs::set_permissions(server.workspace().join("own"), PermissionsExt::from_mode(0o755)).unwrap();
    let run = Launch { shell: Some("./own".into()), ..line("a line") };
    assert_eq!(text(&client, &of(run)).await, "own -c a line\n");
    // A shell of no line means nothing.
    let run = Launch { shell: Some("./own".into()), ..words(&["echo", "argv"]) };
    assert_eq!(text(&client, &of(run)).await, "argv\n");
}

#[tokio::test]
async fn a_directory_may_be_absolute_a_link_or_above() {
    let (server, client) = served().await;
    let workspace = server.workspace().canonicalize().unwrap();
    std::fs::create_dir_all(workspace.join("a/b")).unwrap();
    symlink("a/b", workspace.join("link")).unwrap();
    let above = workspace.parent().unwrap().display().to_string();
    for (cwd, expected) in [
        ("/usr", "/usr".to_owned()),
        ("link", format!("{}/a/b", workspace.display())),
        ("a/b/../", format!("{}/a", workspace.display())),
        ("..", above),
        ("", workspace.display().to_string()),
    ] {
        let run = Launch { cwd: Some(cwd.into()), ..words(&["pwd", "-P"]) };
        assert_eq!(text(&client, &of(run)).await.trim_end(), expected, "{cwd:?}");
    }
    // A program with a slash is taken from there, too.
    std::fs::write(workspace.join("a/here"), "#!/bin/sh\necho here\n").unwrap();
    std::fs::set_permissions(workspace.join("a/here"), PermissionsExt::from_mode(0o755)).unwrap();
    let run = Launch { cwd: Some("a/b".into()), ..words(&["../here"]) };
    assert_eq!(text(&client, &of(run)).await, "here\n");
}

#[tokio::test]
async fn the_environment_is_the_servers_changed_or_none() {
    let token = "sesame-sesame-sesame";
    let server = Server::builder().env("SANDWIRE_TOKEN", token).env("SANDWIRE_LOG", "info").env("KEPT", "k").start();
    let client = Client::builder(server.url()).token(token).connect().await.unwrap();
    let variables = async |run: Launch| -> Vec<String> {
        let (out, _, exit) = run_env(&client, run).await;
        assert_eq!(exit, Some(0));
        let all = out.split('\0').filter(|line| !line.is_empty());
        all.map(str::to_owned).filter(|line| !line.starts_with("SANDWIRE_ID=")).collect()
    };
    let own = variables(words(&["env", "-0"])).await;
    assert!(own.contains(&"KEPT=k".to_owned()) && !own.iter().any(|line| line.contains("SANDWIRE")), "{own:?}");
    let env = [
        ("KEPT".into(), None),
        ("NOT_THERE".into(), None),
        ("EMPTY".into(), Some("".into())),
        ("ODD".into(), Some("a=b\nc 'd'".into())),
        ("SANDWIRE_URL".into(), Some("of-the-caller".into())),
    ];
    let changed = variables(Launch { env: env.clone().into(), ..words(&["env", "-0"]) }).await;
    let expected = ["EMPTY=", "ODD=a=b\nc 'd'", "SANDWIRE_URL=of-the-caller"];
    assert!(expected.iter().all(|line| changed.iter().any(|found| found == line)), "{changed:?}");
    assert!(!changed.iter().any(|line| line.starts_with("KEPT=") || line.starts_with("NOT_THERE")), "{changed:?}");
    assert_eq!(changed.len(), own.len() + 2, "all others stay");
    let mut cleared = variables(Launch { env: env.into(), clear_env: true, ..words(&["/usr/bin/env", "-0"]) }).await;
    cleared.sort();
    assert_eq!(cleared, expected, "nothing but what was asked for");
}

async fn run_env(client: &Client, launch: Launch) -> (String, String, Option<i32>) {
    let (out, err, exit) = run(client, &of(launch)).await;
    (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap(), exit.unwrap().code)
}

#[tokio::test]
async fn a_program_is_looked_up_in_the_commands_own_path() {
    let (server, client) = served().await;
    let workspace = server.workspace();
    for folder in ["one", "two"] {
        std::fs::create_dir(workspace.join(folder)).unwrap();
        std::fs::write(workspace.join(folder).join("tool"), format!("#!/bin/sh\necho {folder}\n")).unwrap();
    }
    // The first is not executable, so the next one counts.
    std::fs::set_permissions(workspace.join("two/tool"), PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("/no/such:{0}/one:{0}/two", workspace.display());
    let run = Launch { env: [("PATH".into(), Some(path.into()))].into(), ..words(&["tool"]) };
    assert_eq!(text(&client, &of(run)).await, "two\n");
    let run = Launch { env: [("PATH".into(), Some("two".into()))].into(), ..words(&["tool"]) };
    assert_eq!(text(&client, &of(run)).await, "two\n", "relative to the working directory");
    // Without a PATH the usual folders are looked in, as execvp(3) does.
    let run = Launch { clear_env: true, ..words(&["echo", "found"]) };
    assert_eq!(text(&client, &of(run)).await, "found\n");
}

#[tokio::test]
async fn a_user_is_a_name_or_a_number_and_may_have_another_group() {
    let (_server, client) = served().await;
    let who = "id -u; id -g; id -G; echo $USER $LOGNAME $HOME";
    for (user, expected) in [
        ("nobody", "65534\n65534\n65534\nnobody nobody /nonexistent\n"),
        ("65534", "65534\n65534\n65534\nnobody nobody /nonexistent\n"),
        ("nobody:daemon", "65534\n1\n1\nnobody nobody /nonexistent\n"),
        ("nobody:4321", "65534\n4321\n4321\nnobody nobody /nonexistent\n"),
        ("root", "0\n0\n0\nroot root /root\n"),
    ] {
        let run = Launch { user: Some(user.to_owned()), cwd: Some("/".into()), ..line(who) };
        assert_eq!(text(&client, &of(run)).await, expected, "{user}");
    }
    // Numbers that nobody has are as good; what is asked for goes over what the user brings.
    let env = [("HOME".into(), Some("/asked".into()))].into();
    let run =
        Launch { user: Some("54321:54322".to_owned()), cwd: Some("/".into()), env, ..line("id -u; id -g; echo $HOME") };
    assert_eq!(text(&client, &of(run)).await, "54321\n54322\n/asked\n");
}
