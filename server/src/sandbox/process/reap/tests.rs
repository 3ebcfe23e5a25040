#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::os::fd::AsFd;
use std::path::Path;

use sandwire_protocol::kind::command::Launch;

use super::super::launch::Prepared;
use super::super::spawn::{Confinement, Failure, Stdio};
use super::*;
use crate::sandbox::variables::Variables;

fn start(reaper: &Reaper, command: &str) -> Child {
    let launch = Launch { command: Some(command.into()), ..Launch::default() };
    let prepared = Prepared::new(
        &launch,
        Path::new("/"),
        &Variables::default(),
        &crate::sandbox::buckets::Buckets::default(),
        "reap-test".to_owned(),
    )
    .unwrap();
    let null = std::fs::File::options().write(true).open("/dev/null").unwrap();
    let stdio = Stdio::Pipes { stdin: None, stdout: null.as_fd(), stderr: null.as_fd(), handed: None };
    reaper.spawn_with(|| spawn::spawn(&prepared, stdio, &Confinement::default())).unwrap()
}

fn is_child(pid: i32) -> bool {
    super::super::list::children_of_self().contains(&pid)
}

async fn gone(pid: i32) {
    while is_child(pid) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn codes_and_signals_are_told_apart() {
    let reaper = Reaper::new().unwrap();
    let exit = |command: &'static str| async move { start(&reaper, command).wait().await.unwrap().exit() };
    let seven = exit("exit 7").await;
    assert_eq!((seven.code, seven.signal), (Some(7), None));
    let killed = exit("kill -KILL $$").await;
    assert_eq!((killed.code, killed.signal.as_deref()), (None, Some("SIGKILL")));
    assert_eq!(exit("kill -s RTMIN+1 $$; exit 3").await.signal.as_deref(), Some("SIGRTMIN+1"));
    let code = exit("exit 137").await;
    assert_eq!((code.code, code.signal), (Some(137), None), "a code above 128 is no signal");
}

#[tokio::test]
async fn without_a_pidfd_the_signal_tells() {
    let mut child = start(&Reaper::new().unwrap(), "sleep 0.05; exit 4");
    child.pidfd = None;
    assert_eq!(child.wait().await.unwrap().exit().code, Some(4));
}

#[tokio::test]
async fn waiting_can_be_given_up_and_taken_up() {
    let child = start(&Reaper::new().unwrap(), "read x; exit 5");
    let other = start(&Reaper::new().unwrap(), "sleep 100");
    tokio::select! {
        biased;
        _ = other.wait() => panic!("it sleeps"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(child.wait().await.unwrap().exit().code, Some(5));
    assert!(other.signal(Signal::KILL).unwrap());
    assert_eq!(other.wait().await.unwrap().exit().signal.as_deref(), Some("SIGKILL"));
    assert!(!other.signal(Signal::KILL).unwrap(), "its pid is not its own any more");
    assert!(!other.signal_group(Signal::KILL).unwrap());
}

#[tokio::test]
async fn orphans_and_abandoned_children_are_reaped_and_others_left_alone() {
    let reaper = Reaper::new().unwrap();
    let task = tokio::spawn(reaper.run());
    // A child that the reaper does not know, waited for by the one who started it.
    let mut own = std::process::Command::new("true").spawn().unwrap();
    // The subshell's child is given to the server when the subshell has ended.
    let file = tempfile::NamedTempFile::new().unwrap();
    let child = start(&reaper, &format!("(setsid sh -c 'echo $$ > {}; sleep 0.05' &)", file.path().display()));
    assert_eq!(child.wait().await.unwrap().exit().code, Some(0));
    let orphan = loop {
        match std::fs::read_to_string(file.path()).unwrap().trim().parse::<i32>() {
            Ok(pid) => break pid,
            Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    };
    gone(orphan).await;
    let abandoned = start(&reaper, "exit 1");
    let pid = abandoned.pid();
    drop(abandoned);
    gone(pid).await;
    assert!(own.wait().unwrap().success(), "a foreign child keeps its status");
    task.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_each_get_their_own_status() {
    let reaper = Reaper::new().unwrap();
    let sweeps = tokio::spawn(reaper.run());
    let runs: Vec<_> = (0..120)
        .map(|code: i32| {
            tokio::spawn(async move {
                // Each leaves an orphan that ends at about the same time.
                let child = start(&reaper, &format!("(setsid true &); exit {code}"));
                (child.wait().await.unwrap().exit().code, code)
            })
        })
        .collect();
    for run in runs {
        let (told, true_code) = run.await.unwrap();
        assert_eq!(told, Some(true_code));
    }
    sweeps.abort();
}

#[tokio::test]
async fn a_failed_start_registers_nothing() {
    let failed: Result<Child, Failure> = Reaper::new()
        .unwrap()
        .spawn_with(|| Err(Failure { step: super::super::spawn::Step::Start, errno: libc::EAGAIN }));
    assert_eq!(failed.unwrap_err().errno, libc::EAGAIN);
}

#[test]
fn as_pid_1_orphans_are_reaped_too() {
    // The session of the new namespace's first process began outside, and so has no number inside.
    let output = std::process::Command::new("unshare")
        .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "sandbox::process::reap::tests::orphans_and_abandoned_children_are_reaped_and_others_left_alone",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "this test makes a namespace, as root: {text}");
}
