//! Sessions whose shell knows what POSIX says of `sh` and no more: here dash.

use sandwire::Client;
use sandwire::protocol::Code;
use sandwire::protocol::kind::command::Launch;
use sandwire::protocol::kind::env::Set;
use sandwire::protocol::kind::exec::Params;
use sandwire::protocol::kind::process::{Start, Wait};
use sandwire::protocol::kind::session::Create;
use sandwire::protocol::kind::{EnvSet, Exec, ProcessStart, ProcessWait};

use super::super::{ask, line, refusal, served};
use super::life::create;
use super::{told, within};
use crate::common::{run, run_with};

async fn made(client: &Client) {
    let shell = Some("/bin/dash".into());
    create(client, Create { id: Some("sh".to_owned()), shell, ..Create::default() }).await.unwrap();
}

async fn code(client: &Client, command: &str) -> Option<i32> {
    let exit = run(client, &within("sh", command)).await.2.unwrap();
    assert!(!exit.shell_ended, "{command}: {exit:?}");
    exit.code
}

#[tokio::test]
async fn its_state_lasts_also_over_what_ends_a_shell() {
    let (_server, client) = served().await;
    made(&client).await;
    assert_eq!(
        code(&client, "cd /usr; export A='1 '\"'\"' x'; alias ll='echo ll'; umask 027; f() { echo f; }; B=2").await,
        Some(0)
    );
    assert_eq!(told(&client, "sh", "pwd; echo \"$A\" $B; ll; umask; f").await, "/usr\n1 ' x 2\nll\n0027\nf\n");
    let ends = [
        ("exit 3", 3),
        ("set -e; false; echo no", 1),
        ("set +e; set -u; echo $nope; echo no", 2),
        ("set +u; if true; then", 2),
        ("echo 'unbalanced", 2),
        ("return 5", 5),
        ("no-such-command", 127),
        ("exec /no/such/program", 127),
        ("sh -c 'kill -9 $$'", 137),
    ];
    for (command, expected) in ends {
        assert_eq!(code(&client, command).await, Some(expected), "{command}");
        assert_eq!(code(&client, "set +eu").await, Some(0), "after {command}");
        assert_eq!(
            told(&client, "sh", "pwd; echo \"$A\"; ll; umask").await,
            "/usr\n1 ' x\nll\n0027\n",
            "after {command}"
        );
    }
    let forms = [
        ("cat <<E\nheredoc $((1+1))\nE", "heredoc 2\n"),
        ("printf 'no newline'", "no newline"),
        ("cat", ""),
        ("exec >&-; echo lost 2>/dev/null; true", ""),
        ("sleep 1000 & echo at once", "at once\n"),
    ];
    for (form, expected) in forms {
        assert_eq!(told(&client, "sh", form).await, expected, "{form}");
    }
    let (out, exit) = run_with(&client, within("sh", "read a; echo \"$a\"; cat"), "one\ntwo\n".into()).await;
    assert_eq!((&out[..], exit.unwrap().code), (&b"one\ntwo\n"[..], Some(0)));
    let argv = [&b"printf"[..], b"%s|", b"it's", b"\xff"].map(|word| word.to_vec().into()).to_vec();
    let words = Params { run: Launch { argv, ..Launch::default() }, ..within("sh", "") };
    assert_eq!(run(&client, &words).await.0, b"it's|\xff|");
}

#[tokio::test]
async fn variables_and_directory_of_one_command_hold_for_it_only() {
    let (_server, client) = served().await;
    made(&client).await;
    assert_eq!(code(&client, "cd /usr; export A=old GONE=here; PLAIN=p").await, Some(0));
    let own = |command: &str| {
        let env = [("A", Some("it's; $(x)\n")), ("GONE", None), ("PLAIN", Some("own"))];
        let env = env.map(|(name, value)| (name.into(), value.map(Into::into))).into();
        Params { run: Launch { cwd: Some("lib".into()), env, ..line(command) }, ..within("sh", "") }
    };
    let show = "pwd; echo \"$A|${GONE-unset}|$PLAIN\"; env | grep -c -e ^A= -e ^GONE= -e ^PLAIN=";
    assert_eq!(String::from_utf8(run(&client, &own(show)).await.0).unwrap(), "/usr/lib\nit's; $(x)\n|unset|own\n2\n");
    assert_eq!(told(&client, "sh", show).await, "/usr\nold|here|p\n2\n");
    assert_eq!(run(&client, &own("A=in; exit 4")).await.2.unwrap().code, Some(4));
    assert_eq!(told(&client, "sh", "pwd; echo $A $GONE").await, "/usr\nold here\n", "after an exit too");
    let nowhere = Params { run: Launch { cwd: Some("/no/such".into()), ..line("echo no") }, ..within("sh", "") };
    assert_eq!(refusal::<Exec>(&client, &nowhere).await.code, Code::InvalidProcessCwd);
    let env = [("A".into(), Some("it's new".into())), ("GONE".into(), None)].into();
    ask::<EnvSet>(&client, &Set { env }).await.unwrap();
    assert_eq!(told(&client, "sh", "printenv A; echo ${GONE-none}").await, "it's new\nnone\n");
    let out = tempfile::NamedTempFile::new().unwrap();
    let run_ = line(&format!("{{ pwd; echo \"$A\"; }} >{}", out.path().display()));
    let start = Start { run: run_, session: Some("sh".to_owned()), ..Start::default() };
    let id = ask::<ProcessStart>(&client, &start).await.unwrap().id;
    ask::<ProcessWait>(&client, &Wait { id, timeout_ms: None }).await.unwrap();
    assert_eq!(std::fs::read(out.path()).unwrap(), b"/usr\nit's new\n");
}

#[tokio::test]
async fn it_is_made_to_give_up_and_its_death_is_told_once() {
    let (_server, client) = served().await;
    made(&client).await;
    assert_eq!(code(&client, "cd /usr; export A=1").await, Some(0));
    for command in ["sleep 1881; echo no", "while :; do :; done", "while :; do sleep 0.01; done"] {
        let timed = Params { timeout_ms: Some(300), grace_ms: Some(60_000), ..within("sh", command) };
        let exit = run(&client, &timed).await.2.unwrap();
        assert!(exit.timed_out && !exit.shell_ended, "{command}: {exit:?}");
        assert_eq!(told(&client, "sh", "pwd; echo $A").await, "/usr\n1\n", "after {command}");
    }
    for command in ["kill -9 $$", "exec true"] {
        assert!(run(&client, &within("sh", command)).await.2.unwrap().shell_ended, "{command}");
        assert_eq!(refusal::<Exec>(&client, &within("sh", "echo")).await.code, Code::SessionTerminated);
        assert_eq!(told(&client, "sh", "echo fresh").await, "fresh\n");
    }
    // Nothing is run any more, and nobody waits for it.
    let exit = run(&client, &within("sh", "set -n")).await.2.unwrap();
    assert!(exit.shell_ended, "{exit:?}");
}
