//! What happens while a kernel starts, or is looked for.

use std::path::PathBuf;
use std::time::Duration;

use sandwire::Client;
use sandwire::kinds::kernel::{CellEvent, Kernel, RunningCell, State, Status};
use sandwire::protocol::Code;
use sandwire_tests::python;
use sandwire_tests::server::Server;
use sandwire_tests::wait::wait_until_async;
use tempfile::TempDir;

use super::{context, first, refused, served_by, value};

/// A server with a kernel whose start waits for a file.
struct Slow {
    server: Server,
    client: Client,
    go: PathBuf,
    _data: TempDir,
}

impl Slow {
    async fn new() -> Slow {
        let data = tempfile::tempdir().unwrap();
        let (go, folder) = (data.path().join("go"), data.path().join("kernels/slow"));
        std::fs::create_dir_all(&folder).unwrap();
        let script = format!("until [ -e {} ]; do sleep 0.02; done; exec python3 -m $1 -f \"$0\"", go.display());
        let argv = ["sh", "-c", script.as_str(), "{connection_file}", "ipykernel_launcher"];
        let kernel = serde_json::json!({"argv": argv, "language": "python"});
        std::fs::write(folder.join("kernel.json"), kernel.to_string()).unwrap();
        let (server, client) = served_by(python::with_kernels().env("JUPYTER_PATH", data.path())).await;
        Slow { server, client, go, _data: data }
    }

    fn go(&self) {
        std::fs::write(&self.go, "").unwrap();
    }

    /// A context whose kernel was there, and has ended.
    async fn cold(&self) -> Kernel {
        self.go();
        let kernel = self.client.kernels().create().spec("slow").open().await.unwrap();
        self.end(&kernel).await;
        kernel
    }

    async fn end(&self, kernel: &Kernel) {
        assert_eq!(refused(kernel.run("import os; os._exit(0)")).await.code, Code::KernelDied);
        std::fs::remove_file(&self.go).unwrap();
    }
}

/// Runs a cell for which a kernel must be started, until that is done.
async fn starts(kernel: &Kernel, code: &str) -> RunningCell {
    let running = kernel.run(code).renew().spawn().unwrap();
    starting(kernel).await;
    running
}

async fn starting(kernel: &Kernel) {
    wait_until_async("its kernel starts", || async {
        match kernel.info().await {
            Ok(info) if info.state == State::Starting && info.spec == "slow" => Ok(()),
            other => Err(other),
        }
    })
    .await;
}

#[tokio::test]
async fn who_restarts_or_deletes_a_context_waits_for_no_kernel_that_starts_there() {
    let slow = Slow::new().await;
    let kernel = slow.cold().await;
    let cell = starts(&kernel, "while True: pass").await;
    let again = kernel.clone();
    let restart = tokio::spawn(async move { again.restart().await });
    assert_eq!(cell.wait().await.unwrap_err().code(), Some(Code::KernelDied));
    slow.go();
    assert_eq!(restart.await.unwrap().unwrap().state, State::Idle);
    assert_eq!(value(&kernel, "1").await, "1");
    slow.end(&kernel).await;
    let cell = starts(&kernel, "while True: pass").await;
    let waits = kernel.run("1").spawn().unwrap();
    kernel.delete(None).await.unwrap();
    assert_eq!(cell.wait().await.unwrap_err().code(), Some(Code::KernelDied));
    assert_eq!(waits.wait().await.unwrap_err().code(), Some(Code::KernelNotFound));
    assert!(slow.server.started().is_empty(), "{:?}", slow.server.started());
    // Nor for one that is being made.
    let made = slow.client.kernels().create().id("made").spec("slow");
    let made = tokio::spawn(async move { made.open().await });
    let kernel = slow.client.kernel("made");
    starting(&kernel).await;
    kernel.delete(None).await.unwrap();
    assert_eq!(made.await.unwrap().unwrap_err().code(), Some(Code::KernelDied));
    assert!(slow.server.started().is_empty(), "{:?}", slow.server.started());
}

#[tokio::test]
async fn shutdown_waits_for_no_kernel_that_starts() {
    let mut slow = Slow::new().await;
    let kernel = slow.cold().await;
    let _cell = starts(&kernel, "while True: pass").await;
    slow.server.signal(sandwire_tests::server::Signal::TERM);
    assert!(slow.server.wait_exit().success());
    assert!(slow.server.started().is_empty());
}

#[tokio::test]
async fn a_cell_whose_kernel_starts_is_interrupted_when_it_begins() {
    let slow = Slow::new().await;
    let kernel = slow.cold().await;
    for by_event in [true, false] {
        let mut running = starts(&kernel, "import time; time.sleep(1000)").await;
        if by_event {
            running.control().interrupt().await.unwrap();
        } else {
            kernel.interrupt().await.unwrap();
        }
        slow.go();
        let event = first(&mut running).await;
        assert!(matches!(&event, CellEvent::Error(error) if error.name == "KeyboardInterrupt"), "{event:?}");
        assert_eq!(running.wait().await.unwrap().status, Status::Error);
        slow.end(&kernel).await;
    }
}

#[tokio::test]
async fn the_time_of_a_cell_begins_with_its_turn() {
    let slow = Slow::new().await;
    let kernel = slow.cold().await;
    let time = Duration::from_millis(200);
    let late = kernel.run("ran = 1").renew().timeout(time).run().await.unwrap().ran;
    assert_eq!((late.status, late.timed_out, late.kernel_died), (Status::Aborted, true, false));
    assert!(late.duration_ms >= 200, "{late:?}");
    // One whose opener has gone is not begun either; the kernel that was started for them is there for the next.
    drop(starts(&kernel, "ran = 1").await);
    slow.go();
    assert_eq!(value(&kernel, "'ran' in globals()").await, "False");
}

#[tokio::test]
async fn nobody_waits_for_a_kernelspec_that_cannot_be_read() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("kernels/pipe");
    std::fs::create_dir_all(&folder).unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.join("kernel.json")).status().unwrap();
    assert!(made.success());
    let (_server, client) = served_by(python::with_kernels().env("JUPYTER_PATH", data.path())).await;
    let specs = client.kernels().specs().await.unwrap();
    assert!(specs.iter().any(|spec| spec.name == "python3") && specs.iter().all(|spec| spec.name != "pipe"));
    assert_eq!(value(&context(&client).await, "1").await, "1");
    let error = client.kernels().create().spec("pipe").open().await.unwrap_err();
    assert_eq!(error.code(), Some(Code::KernelSpecNotFound));
}

#[tokio::test]
async fn all_who_wait_for_a_kernel_that_is_not_there_are_told_so() {
    let server = Server::builder().env("PATH", "/nowhere").env("HOME", "/nowhere").start();
    let client = Client::connect(server.url()).await.unwrap();
    let cells: Vec<_> = (0..8).map(|_| client.run_code("1").spawn().unwrap()).collect();
    for cell in cells {
        assert_eq!(cell.wait().await.unwrap_err().code(), Some(Code::KernelSpecNotFound));
    }
    assert!(client.kernels().list().await.unwrap().is_empty());
}
