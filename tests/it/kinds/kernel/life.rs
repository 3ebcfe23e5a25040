//! Contexts made, seen, shared, deleted; kernels that wait for them.

use sandwire::Client;
use sandwire::kinds::kernel::State;
use sandwire::protocol::Code;
use sandwire_tests::python;
use sandwire_tests::server::Server;
use sandwire_tests::wait::{wait_for, wait_until_async};

use super::{context, refused, served, served_by, told, value};

#[tokio::test]
async fn a_context_is_made_seen_and_deleted_without_a_trace() {
    let (server, client) = served().await;
    assert!(client.kernels().list().await.unwrap().is_empty());
    let specs = client.kernels().specs().await.unwrap();
    assert!(
        specs.iter().any(|spec| (spec.name.as_str(), spec.language.as_str()) == ("python3", "python")),
        "{specs:?}"
    );
    let (kernel, made) = client.kernels().create().id("n").cwd("/usr").open_info().await.unwrap();
    assert_eq!((made.id.as_str(), made.spec.as_str(), made.language.as_str()), ("n", "python3", "python"));
    assert_eq!((made.state, made.cwd.as_deref(), made.execution_count), (State::Idle, Some("/usr"), 0));
    assert_eq!(value(&kernel, "import os; os.getpid()").await, made.pid.unwrap().to_string());
    told(&kernel, "import subprocess; background = subprocess.Popen(['sleep', '1000'], start_new_session=True)").await;
    assert_eq!(kernel.info().await.unwrap().execution_count, 2);
    let again = client.kernels().create().id("n").open().await.unwrap_err();
    assert_eq!(again.code(), Some(Code::KernelExists));
    let same = client.kernels().create().id("n").reuse().open_info().await.unwrap().1;
    assert_eq!((same.pid, same.created_ms), (made.pid, made.created_ms));
    let other = context(&client).await;
    let ids: Vec<_> = client.kernels().list().await.unwrap().into_iter().map(|info| info.id).collect();
    assert_eq!(ids, ["n", other.id()]);
    // Nobody but the server can reach it.
    let command = std::fs::read(format!("/proc/{}/cmdline", made.pid.unwrap())).unwrap();
    let file = command.split(|byte| *byte == 0).find(|it| it.ends_with(b"connection.json")).unwrap();
    let file = std::path::PathBuf::from(String::from_utf8(file.to_vec()).unwrap());
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    let said = std::fs::read_to_string(&file).unwrap();
    assert!(said.contains("\"ipc\"") && said.contains("hmac-sha256"), "{said}");

    kernel.delete(None).await.unwrap();
    other.delete(None).await.unwrap();
    assert!(server.started().is_empty(), "{:?}", server.started());
    assert!(!file.parent().unwrap().exists());
    for code in [
        kernel.info().await.unwrap_err().code(),
        kernel.delete(None).await.unwrap_err().code(),
        kernel.restart().await.unwrap_err().code(),
        kernel.interrupt().await.unwrap_err().code(),
        kernel.run("1").run().await.unwrap_err().code(),
    ] {
        assert_eq!(code, Some(Code::KernelNotFound));
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_leaves_nothing() {
    let (server, client) = served_by(python::with_kernels().env("SANDWIRE_MAX_KERNELS", "1")).await;
    let create = || client.kernels().create();
    for (create, code, says) in [
        (create().id("a/b"), Code::ValidationFailed, "id"),
        (create().spec("no-such"), Code::KernelSpecNotFound, "kernel.specs"),
        (create().language("cobol"), Code::KernelSpecNotFound, "Jupyter kernel for cobol"),
        (create().language("r"), Code::KernelSpecNotFound, "IRkernel"),
        (create().cwd("/no/such"), Code::InvalidProcessCwd, "/no/such"),
        (create().env("A=B", "x"), Code::ValidationFailed, "A=B"),
        (create().env("A", "x".repeat(20_000)), Code::ValidationFailed, "16384"),
    ] {
        let error = create.clone().open().await.unwrap_err();
        assert_eq!(error.code(), Some(code), "{create:?}: {error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    assert!(client.kernels().list().await.unwrap().is_empty());
    let kernel = context(&client).await;
    assert_eq!(create().open().await.unwrap_err().code(), Some(Code::LimitExceeded));
    assert_eq!(refused(client.run_code("1")).await.code, Code::LimitExceeded);
    kernel.delete(None).await.unwrap();
    assert!(server.started().is_empty());
}

#[tokio::test]
async fn where_a_kernel_is_missing_the_error_says_what_brings_it() {
    let server = Server::builder().env("PATH", "/nowhere").env("HOME", "/nowhere").start();
    let client = Client::connect(server.url()).await.unwrap();
    for (language, says) in [("python", "pip install ipykernel"), ("javascript", "deno"), ("ts", "deno")] {
        let error = refused(client.run_code("1").language(language)).await;
        assert_eq!(error.code, Code::KernelSpecNotFound);
        assert!(error.message.contains(says), "{error}");
    }
    // A context may bring its own.
    let found = client.kernels().create().env("PATH", python::path(python::environment().join("bin")));
    assert_eq!(value(&found.open().await.unwrap(), "1 + 1").await, "2");
}

#[tokio::test]
async fn a_kernel_that_cannot_start_says_why() {
    let data = tempfile::tempdir().unwrap();
    let install = |name: &str, argv: &str| {
        let folder = data.path().join("kernels").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("kernel.json"), format!("{{\"argv\":{argv},\"language\":\"{name}\"}}")).unwrap();
    };
    install("missing", r#"["no-such-program"]"#);
    install("fails", r#"["sh", "-c", "echo why it failed >&2; exit 3"]"#);
    // What ipykernel says at every start is no reason.
    let line = "--IPKernelApp.exec_lines=import os; os.write(2, b'its own reason'); os._exit(5)";
    let python = python::environment().join("bin/python3");
    let argv = [python.to_str().unwrap(), "-m", "ipykernel_launcher", "-f", "{connection_file}", line];
    install("ends", &format!("{argv:?}"));
    let (server, client) = served_by(python::with_kernels().env("JUPYTER_PATH", data.path())).await;
    for (spec, says, code) in [
        ("missing", "no-such-program", None),
        ("fails", "it ended at once (code 3). why it failed", Some(3)),
        ("ends", "it ended at once (code 5). its own reason", Some(5)),
    ] {
        let error = client.kernels().create().spec(spec).open().await.unwrap_err();
        assert_eq!(error.code(), Some(Code::KernelStartFailed), "{error}");
        assert!(error.to_string().contains(says), "{error}");
        let sandwire::Error::Remote(error) = error else { panic!("{error}") };
        assert_eq!(error.details.get("exit_code"), code.map(i64::from).map(Into::into).as_ref());
    }
    assert!(client.kernels().list().await.unwrap().is_empty());
    wait_for("its bridge is gone", || server.started().is_empty()).await;
}

#[tokio::test]
async fn a_kernel_waits_for_the_next_context_and_is_no_other() {
    let server = python::with_kernels().start();
    let client = Client::connect(server.url()).await.unwrap();
    assert!(server.started().is_empty(), "nobody pays for what nobody uses");
    let first = context(&client).await;
    told(&first, "mine = 1").await;
    // The bridges and the kernels of the context and of the one that waits.
    // By its metrics: one that is being started is no help yet.
    let address = format!("http://{}/metrics", server.address());
    let living = |number: u32| {
        let said = std::process::Command::new("curl").args(["-s", &address]).output().unwrap().stdout;
        String::from_utf8(said).unwrap().contains(&format!("\nsandwire_kernels {number}\n"))
    };
    wait_for("a kernel waits", || living(2)).await;
    assert_eq!(server.started().len(), 4);
    std::fs::create_dir(server.workspace().join("sub")).unwrap();
    let waiting = kernels(&server);
    let (second, made) = client.kernels().create().cwd("sub").open_info().await.unwrap();
    assert!(waiting.contains(&made.pid.unwrap()), "{waiting:?} {made:?}");
    let folder = server.workspace().canonicalize().unwrap().join("sub").display().to_string();
    assert_eq!(told(&second, "import os; print(os.getcwd(), 'mine' in globals())").await, format!("{folder} False\n"));
    assert_eq!(second.info().await.unwrap().execution_count, 1);
    // One with an environment of its own gets its own.
    wait_for("another one waits", || living(3)).await;
    let waiting = kernels(&server);
    let (own, made) = client.kernels().create().env("A", "1").open_info().await.unwrap();
    assert!(!waiting.contains(&made.pid.unwrap()));
    assert_eq!(told(&own, "import os; print(os.environ['A'])").await, "1\n");
    for kernel in [first, second, own] {
        kernel.delete(None).await.unwrap();
    }
    wait_for("only the one that waits is there", || server.started().len() == 2).await;
}

#[tokio::test]
async fn a_cell_keeps_the_sandbox_awake_and_shutdown_leaves_nothing() {
    let (mut server, client) = served_by(python::with_kernels().args(["--drain-time", "0s"])).await;
    let kernel = context(&client).await;
    let busy = || async {
        let call = client.open::<sandwire::protocol::kind::SandboxActivity>(&Default::default()).unwrap();
        let sandwire::Reply::Event(event) = call.recv().await else { panic!("no event") };
        let sandwire::protocol::kind::sandbox::ActivityDown::Activity(activity) = event;
        activity.busy
    };
    assert!(!busy().await);
    let mut running = kernel.run("print('up', flush=True)\ninput()").with_input().spawn().unwrap();
    super::sees(&mut running, "up").await;
    assert!(busy().await);
    let state = kernel.info().await.unwrap().state;
    assert_eq!(state, State::Busy);
    drop(running);
    wait_until_async("it is idle", || async { if busy().await { Err("busy") } else { Ok(()) } }).await;
    told(&kernel, "import subprocess; sleeps = subprocess.Popen(['sleep', '1000'])").await;
    let cell = kernel.run("import time; time.sleep(1000)").spawn().unwrap();
    server.signal(sandwire_tests::server::Signal::TERM);
    assert!(server.wait_exit().success());
    drop(cell);
    wait_for("nothing is left", || server.started().is_empty()).await;
}

/// Pids of what it started.
fn kernels(server: &Server) -> Vec<u32> {
    server.started().into_iter().map(|pid| u32::try_from(pid).unwrap()).collect()
}
