//! Kernels that end: by themselves, killed, ended on purpose, with the server.

use std::time::Duration;

use rustix::process::{Pid, kill_process};
use sandwire::kinds::kernel::{State, Status};
use sandwire::protocol::Code;
use sandwire_tests::server::Signal;
use sandwire_tests::wait::{wait_for, wait_until_async};

use super::{context, died_with, refused, run, sees, served, told, value};

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

/// What stands between the server and a kernel: its parent.
fn bridge_of(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    status.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_kernel_that_ends_itself_is_told_once_more_and_then_there_is_a_fresh_one() {
    let (server, client) = served().await;
    let kernel = context(&client).await;
    told(&kernel, "x = 1").await;
    let cell = kernel.run("import os; os.write(1, b'last words'); os._exit(7)");
    let mut running = cell.clone().spawn().unwrap();
    let waits = kernel.run("print('never')").spawn().unwrap();
    sees(&mut running, "last words").await;
    let sandwire::Error::Remote(error) = running.wait().await.unwrap_err() else { panic!("no remote error") };
    assert!(died_with(&error, 7), "{error:?}");
    let sandwire::Error::Remote(error) = waits.wait().await.unwrap_err() else { panic!("no remote error") };
    assert!(died_with(&error, 7), "{error:?}");
    let info = kernel.info().await.unwrap();
    assert_eq!((info.state, info.pid, info.exit.unwrap().code), (State::Dead, None, Some(7)));
    wait_for("its bridge is gone", || server.started().is_empty()).await;
    let error = refused(kernel.run("x")).await;
    assert!(died_with(&error, 7), "{error:?}");
    assert_eq!(run(&kernel, "x").await.error.unwrap().name, "NameError");
    // With `renew` nothing is said; `restart` is at once.
    refused(cell.clone()).await;
    assert_eq!(kernel.run("'fresh'").renew().run().await.unwrap().results[0].text(), Some("'fresh'"));
    refused(cell).await;
    let info = kernel.restart().await.unwrap();
    assert_eq!((info.state, info.exit, info.execution_count), (State::Idle, None, 0));
    assert_eq!(value(&kernel, "1").await, "1");
}

#[tokio::test]
async fn a_kernel_that_is_killed_while_idle_is_seen_dead() {
    let (_server, client) = served().await;
    let kernel = context(&client).await;
    let pid = kernel.info().await.unwrap().pid.unwrap();
    told(&kernel, "import subprocess; sleeps = subprocess.Popen(['sleep', '1000'], start_new_session=True)").await;
    kill(pid, Signal::KILL);
    let info = wait_until_async("it is seen", || async {
        let info = kernel.info().await.unwrap();
        if info.state == State::Dead { Ok(info) } else { Err(info) }
    })
    .await;
    assert_eq!(info.exit.unwrap().signal.as_deref(), Some("SIGKILL"));
    let error = refused(kernel.run("1")).await;
    assert_eq!((error.code, error.details.get("signal")), (Code::KernelDied, Some(&"SIGKILL".into())));
    assert_eq!(value(&kernel, "1").await, "1");
    // Its bridge too.
    let pid = kernel.info().await.unwrap().pid.unwrap();
    let bridge = bridge_of(pid);
    let mut running = kernel.run("print('up', flush=True)\nimport time; time.sleep(1000)").spawn().unwrap();
    sees(&mut running, "up").await;
    kill(bridge, Signal::KILL);
    let error = running.wait().await.unwrap_err();
    assert_eq!(error.code(), Some(Code::KernelDied), "{error}");
    assert!(error.to_string().contains("bridge"), "{error}");
    wait_for("the kernel is gone", || !std::path::Path::new(&format!("/proc/{pid}")).exists()).await;
}

#[tokio::test]
async fn one_that_does_not_heed_the_interrupt_is_killed_and_that_is_said() {
    let (server, client) = served().await;
    let kernel = context(&client).await;
    let code = "import signal, subprocess, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n\
                subprocess.Popen(['sleep', '1000'])\nprint('deaf', flush=True)\ntime.sleep(1000)";
    let result = kernel.run(code).timeout(Duration::from_secs(3)).run().await.unwrap();
    assert_eq!((result.ran.status, result.ran.timed_out, result.ran.kernel_died), (Status::Aborted, true, true));
    assert_eq!(result.ran.exit.as_ref().unwrap().signal.as_deref(), Some("SIGKILL"));
    assert_eq!(result.text(), "deaf\n");
    wait_for("its bridge is gone", || server.started().is_empty()).await;
    assert_eq!(refused(kernel.run("1")).await.code, Code::KernelDied);
    assert_eq!(value(&kernel, "1").await, "1");
}

#[tokio::test]
async fn a_cell_ends_with_its_context() {
    let (server, client) = served().await;
    let kernel = context(&client).await;
    let sleeps = "print('up', flush=True)\nimport time\ntime.sleep(1000)";
    let mut running = kernel.run(sleeps).spawn().unwrap();
    sees(&mut running, "up").await;
    let waits = kernel.run("1").spawn().unwrap();
    let restarted = kernel.restart().await.unwrap();
    assert_eq!(restarted.state, State::Idle);
    assert_eq!(running.wait().await.unwrap_err().code(), Some(Code::KernelDied));
    assert_eq!(waits.wait().await.unwrap_err().code(), Some(Code::KernelDied));
    let mut running = kernel.run(sleeps).spawn().unwrap();
    sees(&mut running, "up").await;
    let waits = kernel.run("1").spawn().unwrap();
    kernel.delete(Some(Duration::ZERO)).await.unwrap();
    assert_eq!(running.wait().await.unwrap_err().code(), Some(Code::KernelDied));
    assert_eq!(waits.wait().await.unwrap_err().code(), Some(Code::KernelNotFound));
    assert!(server.started().is_empty());
}

#[tokio::test]
async fn a_bridge_that_does_not_read_holds_up_its_cell_alone_and_ends_with_its_context() {
    let (server, client) = served().await;
    let kernel = context(&client).await;
    let bridge = bridge_of(kernel.info().await.unwrap().pid.unwrap());
    let mut running = kernel.run("print('asks', flush=True)\ninput()").with_input().spawn().unwrap();
    sees(&mut running, "asks").await;
    let before = server.rss();
    kill(bridge, Signal::STOP);
    let control = running.control();
    let sender = tokio::spawn(async move {
        for _ in 0..1000 {
            control.input("x".repeat(30_000)).await?;
            control.interrupt().await?;
        }
        Ok::<_, sandwire::Error>(())
    });
    let stdin = std::fs::File::open(format!("/proc/{bridge}/fd/0")).unwrap();
    wait_for("nothing more can be said to it", || rustix::io::ioctl_fionread(&stdin).unwrap() > 60_000).await;
    for _ in 0..1000 {
        kernel.interrupt().await.unwrap();
    }
    assert_eq!(told(&context(&client).await, "print('meanwhile')").await, "meanwhile\n");
    assert!(!sender.is_finished());
    let grown = server.rss().saturating_sub(before);
    assert!(grown < 8 << 20, "the server holds {grown} bytes more");
    kernel.delete(Some(Duration::ZERO)).await.unwrap();
    assert_eq!(running.wait().await.unwrap_err().code(), Some(Code::KernelDied));
    assert!(sender.await.unwrap().is_err());
    wait_for("it is gone", || !std::path::Path::new(&format!("/proc/{bridge}")).exists()).await;
}

#[tokio::test]
async fn kernels_end_with_a_server_that_is_killed() {
    let (mut server, client) = served().await;
    let kernel = context(&client).await;
    let code =
        "import subprocess; p = [subprocess.Popen(['sleep', '1000'], start_new_session=s) for s in (False, True)]";
    told(&kernel, code).await;
    assert_eq!(server.started().len(), 4);
    let mark = server.mark();
    server.signal(Signal::KILL);
    server.wait_exit();
    wait_for("all are gone", || {
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let marked = format!("{}={}", mark.0, mark.1);
        !entries
            .filter_map(|entry| std::fs::read(entry.path().join("environ")).ok())
            .any(|environ| environ.split(|byte| *byte == 0).any(|variable| variable == marked.as_bytes()))
    })
    .await;
}
