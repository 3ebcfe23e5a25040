//! What a shell's user may do in a session, in the ways that break a session that is made carelessly.

use sandwire::protocol::kind::Exec;
use sandwire::protocol::kind::command::Launch;
use sandwire::protocol::kind::exec::Params;

use super::super::{event, served};
use super::{code, fed, said, sees, told, within};
use crate::common::{collect, run};

#[tokio::test]
async fn state_lasts_from_one_command_to_the_next() {
    let (_server, client) = served().await;
    let told = |command| told(&client, "default", command);
    let steps = [
        ("cd /usr && export A=1 && B='two words' && umask 027", ""),
        ("pwd; echo $A; echo $B; umask", "/usr\n1\ntwo words\n0027\n"),
        ("env | grep -c ^B=; true", "0\n"),
        ("f() { echo \"f:$1\"; }; alias hey='echo hey'; shopt -s extglob nullglob; set -o pipefail", ""),
        ("f x; hey you", "f:x\nhey you\n"),
        ("shopt -q extglob && echo on; set -o | grep pipefail | tr -d ' \\t'", "on\npipefailon\n"),
        ("arr=(1 'b c' 3); declare -A map=([k]=v)", ""),
        ("echo \"${#arr[@]} ${arr[1]} ${map[k]}\"; cd - >/dev/null; set -- x y", "3 b c v\n"),
        ("echo $# $2", "2 y\n"),
        ("exec 7>/dev/null; echo kept >&7", ""),
        ("echo still >&7; echo done", "done\n"),
    ];
    for (command, expected) in steps {
        assert_eq!(told(command).await, expected, "{command}");
    }
}

#[tokio::test]
async fn exit_and_failing_lines_end_the_command_and_not_the_session() {
    let (_server, client) = served().await;
    let before = "cd /usr; export A=1; L=local; f() { echo f; }; alias ll='echo ll'; umask 077; arr=(x 'y z'); \
                  shopt -s nullglob; trap 'true' USR1; set -- p 'q r'";
    assert_eq!(code(&client, before).await, 0);
    let intact = "pwd; echo $A $L; f; ll; umask; echo \"${arr[1]}\"; shopt -q nullglob && echo ng; trap -p USR1; \
                  env | grep ^A=";
    let expected = "/usr\n1 local\nf\nll\n0077\ny z\nng\ntrap -- 'true' SIGUSR1\nA=1\n";
    assert_eq!(code(&client, "exit 3").await, 3);
    assert_eq!(told(&client, "default", "echo \"$# $2\"").await, "2 q r\n");
    let ends = [
        ("echo before; exit", 0),
        ("false; exit", 1),
        ("g() { exit 4; echo no; }; g; echo no", 4),
        ("for i in 1 2 3; do [ $i = 2 ] && exit 5; done", 5),
        ("eval 'eval \"exit 6\"'", 6),
        ("(exit 7)", 7),
        ("set -e; false; echo no", 1),
        ("f2() { set -e; false; echo no; }; f2; echo no", 1),
        ("set +e; set -u; echo $undefined; echo no", 1),
        ("set +u; : ${undefined:?}; echo no", 1),
        ("echo $((1/0))", 1),
        ("if; then", 2),
        ("echo \"unbalanced", 2),
        ("echo 'unbalanced", 2),
        ("( ; )", 2),
        ("no-such-command", 127),
        ("/etc/passwd", 126),
        ("kill -9 $BASHPID & wait $!", 137),
        ("sh -c 'kill -9 $$'", 137),
        ("return 8", 2),
        ("exec /no/such/program", 127),
    ];
    for (command, expected_code) in ends {
        let got = code(&client, command).await;
        let accepted = got == expected_code || (got == 127 && command.contains("undefined"));
        assert!(accepted, "{command}: {got}");
        assert_eq!(code(&client, "set +eu").await, 0, "after {command}");
        assert_eq!(told(&client, "default", intact).await, expected, "after {command}");
    }
}

#[tokio::test]
async fn text_of_every_form_is_run_as_it_stands() {
    let (_server, client) = served().await;
    let forms = [
        ("echo a # a comment at the end", "a\n"),
        ("# nothing but a comment", ""),
        ("", ""),
        ("\n\n  \n", ""),
        ("cat <<E\nheredoc $((1+1))\nE", "heredoc 2\n"),
        ("cat <<'E'\n$no\nE\n", "$no\n"),
        ("cat <<-E\n\ttabs\n\tE\necho after", "tabs\nafter\n"),
        ("echo a \\\n b", "a b\n"),
        ("echo 'multi\nline'", "multi\nline\n"),
        ("printf 'no newline'", "no newline"),
        ("for i in 1 2\ndo\n  echo $i\ndone", "1\n2\n"),
        ("echo '$BASH_EXECUTION_STRING' }", "$BASH_EXECUTION_STRING }\n"),
        ("echo ${BASH_LINENO[0]-none}; echo $LINENO", "none\n1\n"),
        ("echo grüße", "grüße\n"),
        ("alias two='echo 2'\ntwo", "2\n"),
        ("[[ abc == @(abc|d) ]] && echo glob", "glob\n"),
        ("diff <(echo a) <(echo a) && echo same", "same\n"),
        ("cat", ""),
        ("read x; echo \"$? [$x]\"", "1 []\n"),
    ];
    for (form, expected) in forms {
        assert_eq!(told(&client, "default", form).await, expected, "{form:?}");
    }
    let (out, err, exit) = said(&client, "cat <<E\nno end").await;
    assert_eq!((&*out, exit.unwrap().code), ("no end\n", Some(0)));
    assert!(err.contains("delimited by end-of-file"), "{err}");
    let (_, err, _) = said(&client, "no-such-command").await;
    assert_eq!(err, "/bin/bash: line 1: no-such-command: command not found\n");
    let argv = ["printf", "%s|", "a b", "it's", "$HOME", "*"].map(Into::into).to_vec();
    let params = Params { run: Launch { argv, ..Launch::default() }, ..within("default", "") };
    let params = Params { run: Launch { command: None, ..params.run }, ..params };
    assert_eq!(run(&client, &params).await.0, b"a b|it's|$HOME|*|");
    let long = format!("x='{}'; echo ${{#x}}", "y".repeat(300_000));
    assert_eq!(told(&client, "default", &long).await, "300000\n");
}

#[tokio::test]
async fn nothing_that_a_user_redefines_stands_in_the_way() {
    let (_server, client) = served().await;
    let hostile = [
        "PS1='>>> '; PS4='TRACE '; IFS=0123456789abcdefghijklmnopqrstuvwxyz",
        "printf() { echo mine; }; eval() { :; }; mapfile() { :; }; read() { :; }; trap() { :; }; exit() { :; }; \
         unset -f exit trap",
        "command() { :; }; cd() { :; }; declare() { :; }; test() { :; }; set() { :; }; source() { :; }",
        "alias builtin=false eval=false printf=false exec=false trap=false '['=false if=false until=false '[['=false",
        "unalias -a",
        "builtin() { :; }",
        "trap 'echo ERR >&2' ERR; trap 'echo DEBUG >/dev/null' DEBUG; trap 'echo RETURN' RETURN",
        "false",
        "\\builtin trap - ERR DEBUG RETURN",
        "set -x; set -f; set -C; set -o posix",
        "set +o posix; set +xfC",
        "TMOUT=1; unset PATH HOME",
        "BASH_EXECUTION_STRING=mine; unset BASH_EXECUTION_STRING; unset REPLY MAPFILE",
        "declare -A BASH_EXECUTION_STRING",
        "unset BASH_EXECUTION_STRING; declare -i BASH_EXECUTION_STRING",
        "LC_ALL=C; LANG=tlh",
        "shopt -u expand_aliases; shopt -s extdebug; shopt -u extdebug",
        "exec </dev/null; exec 2>&-; exec >&-",
        "ulimit -n 40",
    ];
    for command in hostile {
        let (_, _, exit) = run(&client, &within("default", command)).await;
        let exit = exit.unwrap_or_else(|error| panic!("{command}: {error}"));
        assert!(!exit.shell_ended, "{command}: {exit:?}");
        let (out, _, exit) = run(&client, &within("default", "\\builtin echo here $$")).await;
        let out = String::from_utf8(out).unwrap();
        assert!(out.starts_with("here "), "after {command}: {out:?} {exit:?}");
        assert_eq!(exit.unwrap().code, Some(0), "after {command}");
    }
    let (out, _, _) = run(&client, &within("default", "unset -f printf echo; printf %s x")).await;
    assert_eq!(out, b"x");
}

#[tokio::test]
async fn the_machinery_is_not_seen() {
    let (_server, client) = served().await;
    let told = |command| told(&client, "default", command);
    assert_eq!(told("env | grep -e /shm/ -e BASH_EXEC -e POSIXLY | cat").await, "");
    assert_eq!(told("declare -F; alias; jobs; true").await, "");
    assert_eq!(told("set | grep -v -e ^BASH_EXECUTION_STRING= -e '^_=' | grep -e /shm/ -e POSIXLY | cat").await, "");
    assert_eq!(told("tr '\\0' ' ' </proc/$$/cmdline").await, "/bin/bash ");
    let fds = "for fd in /proc/self/fd/*; do [ -e $fd ] && readlink $fd; done | grep -e '/[dct]$' | cat; ls /proc/self/fd | wc -l";
    assert_eq!(told(fds).await, "4\n", "stdin, stdout, stderr and the directory itself");
    let (_, err, _) = said(&client, "set -x").await;
    assert_eq!(err, "");
    let (out, err, _) = said(&client, "echo x").await;
    assert_eq!((&*out, &*err), ("x\n", "++ echo x\n"));
    let (_, err, _) = said(&client, "set +x").await;
    assert_eq!(err, "++ set +x\n");
}

#[tokio::test]
async fn input_is_data_a_stream_or_nothing() {
    let (_server, client) = served().await;
    assert_eq!(fed(&client, "read a; read b; echo \"$b-$a\"", "1\n2\n3\n").await, ("2-1\n".to_owned(), 0));
    assert_eq!(told(&client, "default", "echo $a$b").await, "12\n", "what was read is a variable of the session");
    assert_eq!(fed(&client, "cat; exit 3", "x").await, ("x".to_owned(), 3));
    assert_eq!(fed(&client, "echo deaf", &"x".repeat(1 << 20)).await, ("deaf\n".to_owned(), 0));
    assert_eq!(fed(&client, "wc -c", &"x".repeat(1 << 20)).await, ("1048576\n".to_owned(), 0));
    assert_eq!(fed(&client, "exec <&-; echo closed", "x").await, ("closed\n".to_owned(), 0));
    assert_eq!(fed(&client, "cat", "").await, (String::new(), 0));
    for round in 0..20 {
        assert_eq!(fed(&client, "cat", &round.to_string()).await.0, round.to_string());
    }
    let call = client.open::<Exec>(&Params { stdin: true, report_start: true, ..within("default", "cat") }).unwrap();
    let _started = event(&call).await;
    call.write(0, "one".into()).await.unwrap();
    sees(&call, "one").await;
    call.write(0, "two".into()).await.unwrap();
    sees(&call, "two").await;
    call.end(0).unwrap();
    assert_eq!(collect(&call).await.result.unwrap().code, Some(0));
}

#[tokio::test]
async fn output_of_every_kind_comes_whole() {
    let (_server, client) = served().await;
    let (out, _, exit) = run(&client, &within("default", "printf 'a\\0b\\377\\001'; head -c 300000 /dev/zero")).await;
    assert_eq!((out.len(), &out[..5], exit.unwrap().code), (300_005, &b"a\0b\xff\x01"[..], Some(0)));
    let (out, _, _) = run(&client, &within("default", "head -c 104857600 /dev/zero | tr '\\0' x")).await;
    assert_eq!(out.len(), 100 << 20);
    assert!(out.iter().all(|byte| *byte == b'x'));
    let merged = Params { merge_stderr: true, ..within("default", "for i in 1 2 3; do echo o$i; echo e$i >&2; done") };
    let (out, err, _) = run(&client, &merged).await;
    assert_eq!((&*out, &*err), (&b"o1\ne1\no2\ne2\no3\ne3\n"[..], &b""[..]));
    assert_eq!(code(&client, "exec >&-; echo lost").await, 1);
    assert_eq!(code(&client, "exec >&- 2>&-").await, 0);
    assert_eq!(told(&client, "default", "echo back").await, "back\n");
    assert_eq!(told(&client, "default", "exec >/dev/null; echo lost").await, "");
    assert_eq!(told(&client, "default", "echo back").await, "back\n");
}

#[tokio::test]
async fn a_background_job_holds_nobody_and_speaks_to_nobody_else() {
    let (_server, client) = served().await;
    let dir = tempfile::tempdir().unwrap();
    let go = dir.path().join("go");
    let start = format!(
        "mkfifo {go}; (read x <{go}; echo late; echo late >&2; echo late; touch {go}.done) & echo started",
        go = go.display()
    );
    assert_eq!(told(&client, "default", &start).await, "started\n");
    assert_eq!(told(&client, "default", "sleep 1000 & echo at once").await, "at once\n");
    assert_eq!(told(&client, "default", "jobs -r | wc -l").await, "2\n");
    // It writes while another command of the session runs.
    let wake = format!(
        "echo >{go}; while [ ! -e {go}.done ]; do read -t 0.01 <> <(:) || :; done; echo mine",
        go = go.display()
    );
    let (out, err, exit) = said(&client, &wake).await;
    assert_eq!((&*out, &*err, exit.unwrap().code), ("mine\n", "", Some(0)));
    assert_eq!(told(&client, "default", "wait %1; echo $?").await, "0\n", "it was not ended by a broken pipe");
    assert_eq!(told(&client, "default", "kill %2; wait %2 2>/dev/null; echo $?").await, "143\n");
}

#[tokio::test]
async fn a_thousand_commands_keep_their_order_and_their_output() {
    let (_server, client) = served().await;
    assert_eq!(code(&client, "n=0").await, 0);
    for round in 0..16 {
        let calls: Vec<_> =
            (0..60).map(|_| client.open::<Exec>(&within("default", "echo $((n++))")).unwrap()).collect();
        for (index, call) in calls.iter().enumerate() {
            let got = collect(call).await;
            assert_eq!(got.result.unwrap().code, Some(0));
            assert_eq!(got.streams[1], format!("{}\n", round * 60 + index).as_bytes());
        }
    }
}

#[tokio::test]
async fn a_deleted_directory_is_no_harm() {
    let (_server, client) = served().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gone");
    std::fs::create_dir(&path).unwrap();
    assert_eq!(code(&client, &format!("cd {}; rmdir {0}", path.display())).await, 0);
    assert_eq!(told(&client, "default", "echo here").await, "here\n");
    assert_eq!(code(&client, &format!("cd {}", path.display())).await, 1);
    assert_eq!(code(&client, "exit 4").await, 4);
    assert_eq!(told(&client, "default", "echo here; cd /; pwd").await, "here\n/\n");
}

#[tokio::test]
async fn env_and_cwd_of_one_command_hold_for_it_only() {
    let (_server, client) = served().await;
    assert_eq!(code(&client, "cd /usr; export A=old GONE=here; PLAIN=p").await, 0);
    let run_in = Launch {
        command: Some(
            "pwd; echo \"$A|${GONE-unset}|$NEW\"; env | grep -c -e ^A= -e ^GONE= -e ^NEW=; A=changed; cd /tmp".into(),
        ),
        cwd: Some("lib".into()),
        env: [("A".into(), Some("it's; $(x)\n".into())), ("GONE".into(), None), ("NEW".into(), Some("n".into()))]
            .into(),
        ..Launch::default()
    };
    let params = Params { run: run_in, ..within("default", "") };
    let (out, err, exit) = run(&client, &params).await;
    assert_eq!(
        String::from_utf8_lossy(&out),
        "/usr/lib\nit's; $(x)\n|unset|n\n2\n",
        "{}",
        String::from_utf8_lossy(&err)
    );
    assert_eq!(exit.unwrap().code, Some(0));
    let after = "pwd; echo \"$A|$GONE|${NEW-unset}|$PLAIN\"; env | grep -c -e ^A= -e ^GONE=";
    assert_eq!(told(&client, "default", after).await, "/usr\nold|here|unset|p\n2\n");
    // Nor does it end a shell whose options are strict, or that has made one of them read-only.
    assert_eq!(code(&client, "set -eu; readonly FIXED=1").await, 0);
    let run_in = Launch { command: Some("echo $FIXED $NEW; trap : EXIT; false; echo no".into()), ..params.run.clone() };
    let strict = Params { run: run_in, ..params.clone() };
    let fixed = [("FIXED".into(), Some("2".into())), ("NONE".into(), None)];
    let env = strict.run.env.clone().into_iter().chain(fixed).collect();
    let strict = Params { run: Launch { env, ..strict.run }, ..strict };
    let (out, err, exit) = run(&client, &strict).await;
    assert_eq!((&out[..], &err[..]), (&b"1 n\n"[..], &b""[..]));
    let exit = exit.unwrap();
    assert_eq!((exit.code, exit.shell_ended), (Some(1), false));
    assert_eq!(told(&client, "default", "set +eu; echo $FIXED ${NEW-none} $A; pwd").await, "1 none old\n/usr\n");
    let leaves = Params { run: Launch { command: Some("exit 3".into()), ..params.run.clone() }, ..params };
    assert_eq!(run(&client, &leaves).await.2.unwrap().code, Some(3));
    assert_eq!(told(&client, "default", after).await, "/usr\nold|here|unset|p\n2\n", "after an exit too");
}

#[tokio::test]
async fn an_exit_trap_runs_at_exit_or_with_the_end_of_the_session() {
    let (_server, client) = served().await;
    let dir = tempfile::tempdir().unwrap();
    let note = dir.path().join("note");
    let (out, _, exit) = said(&client, "cd /usr; trap 'echo bye $?' EXIT INT; echo hi; exit 3").await;
    assert_eq!((&*out, exit.unwrap().code), ("hi\nbye 3\n", Some(3)));
    assert_eq!(told(&client, "default", "pwd").await, "/usr\n", "the session lives");
    assert_eq!(code(&client, "exit 4").await, 4, "the trap was run, and is no more");
    // Set by what the text does not show.
    std::fs::write(&note, "trap 'echo file' EXIT").unwrap();
    assert_eq!(told(&client, "default", &format!(". {}", note.display())).await, "");
    let (out, _, exit) = said(&client, "exit 5").await;
    assert_eq!((&*out, exit.unwrap().code), ("file\n", Some(5)));
    assert_eq!(
        told(&client, "default", "pwd; trap - EXIT; trap 'rm nothing' EXIT; trap '' EXIT; trap - EXIT").await,
        "/usr\n"
    );
    assert_eq!(said(&client, "exit 6").await.0, "");
    let last = format!("trap 'echo end >{}' EXIT", note.display());
    assert_eq!(told(&client, "default", &last).await, "");
    super::life::delete(&client, "default").await.unwrap();
    assert_eq!(std::fs::read(&note).unwrap(), b"end\n");
}
