//! What one sandbox sees of the machine, of the engine and of another one: nothing.

use sandwire_tests::server::Server;
use sandwire_tests::wait::{wait_for, wait_until_async};

use super::{Engine, output};

/// A secret in the engine's environment, and its token.
const SECRET: &str = "known-to-the-engine-alone";

fn engine() -> Engine {
    Engine::of(Server::host().env("SECRET_OF_THE_ENGINE", SECRET))
}

#[tokio::test]
async fn two_sandboxes_do_not_see_each_other() {
    let engine = engine();
    let (one, two) = (engine.client("one").await, engine.client("two").await);
    let process = one.processes().start("exec sleep 98765").id("p").spawn().await.unwrap();
    output(&one, "echo 1 > /tmp/mine; echo 1 > /workspace/mine; echo 1 > ~/mine").await;
    assert_eq!(output(&two, "ps ax -o args | grep -c '[s]leep 98765' || true").await, "0");
    assert_eq!(output(&one, "ps ax -o args | grep -c '[s]leep 98765'").await, "1");
    assert_eq!(output(&two, "ls /tmp /workspace ~ | grep mine || true").await, "");
    let root = engine.0.root();
    assert!(output(&two, &format!("ls {} 2>&1 || true", root.display())).await.contains("No such file"));
    assert_eq!(output(&two, "find / -name mine -not -path '/proc/*' 2>/dev/null || true").await, "");
    // Everything that it may signal is its own.
    output(&two, "kill -KILL -1 2>/dev/null; true").await;
    assert!(process.info().await.unwrap().exit.is_none());
    assert_eq!(output(&engine.client("two").await, "hostname").await, "two");
}

#[tokio::test]
async fn a_sandbox_sees_nothing_of_the_engine() {
    let engine = engine();
    let client = engine.client("dev").await;
    let said = output(&client, "env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'").await;
    assert!(!said.contains(SECRET) && !said.contains("sandwire-server host"), "{said}");
    assert!(!said.contains(engine.0.root().to_str().unwrap()), "{said}");
    // Every process that it sees is of its own.
    assert_eq!(output(&client, "ps ax -o comm= --sort pid | head -1").await, "sandwire-server");
    assert_eq!(output(&client, "ps ax -o comm= | grep -c '^sandwire' || true").await, "1");
}

#[tokio::test]
async fn the_system_is_to_read_and_its_secrets_are_not() {
    let engine = engine();
    let client = engine.client("dev").await;
    for place in ["/", "/usr/bin", "/etc", "/run", "/var", "/proc/sys/kernel"] {
        let touched = output(&client, &format!("touch {place}/x 2>&1 || echo refused")).await;
        assert!(touched.contains("refused"), "{place}");
    }
    let sysctl = "cat /proc/sys/vm/swappiness > /proc/sys/vm/swappiness";
    assert!(output(&client, &format!("({sysctl}) 2>&1 || echo refused")).await.contains("refused"));
    assert_eq!(output(&client, "cat /etc/shadow 2>/dev/null | wc -c").await, "0");
    assert!(output(&client, "cat /etc/passwd").await.contains("root:"));
    assert_eq!(output(&client, "grep CapEff /proc/self/status").await, "CapEff:\t0000000000000000");
    for place in ["/workspace", "/tmp", "$HOME", "/var/tmp", "/dev/shm"] {
        output(&client, &format!("echo x > {place}/x")).await;
    }
    // A terminal, name look-up, and what programs need of /dev.
    assert!(output(&client, "getent hosts localhost").await.contains("localhost"));
    assert_eq!(output(&client, "script -qec 'tty | grep -c pts' /dev/null | tr -d '\\r'").await, "1");
}

#[tokio::test]
async fn more_directories_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model"), "weights").unwrap();
    let engine = Engine::of(Server::host().arg("--read-only").arg(folder.path()));
    let client = engine.client("dev").await;
    let path = folder.path().display();
    assert_eq!(
        output(&client, &format!("cat {path}/model; touch {path}/x 2>/dev/null || echo refused")).await,
        "weightsrefused"
    );
}

#[tokio::test]
async fn a_link_in_place_of_its_socket_leads_nobody_elsewhere() {
    let engine = engine();
    let (one, two) = (engine.client("one").await, engine.client("two").await);
    let socket = engine.0.root().join(".run/1/server.sock");
    let link = format!("rm /run/sandwire/server.sock; ln -s {} /run/sandwire/server.sock", socket.display());
    output(&one, &link).await;
    assert_eq!(output(&engine.client("one").await, "hostname").await, "one");
    assert_eq!(output(&two, "hostname").await, "two");
}

#[tokio::test]
async fn nothing_is_zombie_and_orphans_are_reaped() {
    let engine = engine();
    let client = engine.client("dev").await;
    output(&client, "for i in $(seq 50); do (sh -c 'sleep 0.01 &' &) ; done").await;
    let zombies = "ps ax -o stat= | grep -c '^Z' || true";
    wait_until_async("no zombie to be left", || async {
        let left = output(&client, zombies).await;
        if left == "0" { Ok(()) } else { Err(left) }
    })
    .await;
    assert_eq!(engine.0.zombies(), 0);
}

#[tokio::test]
async fn without_isolation_it_says_so_loudly_and_works_all_the_same() {
    let engine = Engine::of(Server::host().env("SECRET_OF_THE_ENGINE", SECRET).args(["--isolation", "none"]));
    wait_for("the warning", || engine.0.log().contains("ISOLATION IS OFF")).await;
    let info = engine.begin("dev").await;
    assert_eq!(info["isolation"], "none");
    let client = engine.client("dev").await;
    let own = engine.0.root().join("dev");
    assert_eq!(output(&client, "pwd; echo $HOME; echo $TMPDIR").await, {
        let own = own.canonicalize().unwrap();
        let paths = ["workspace", "home", "tmp"].map(|name| own.join(name).display().to_string());
        paths.join("\n")
    });
    assert!(!output(&client, "env").await.contains(SECRET));
    output(&client, "echo kept > file").await;
    drop(client);
    assert_eq!(engine.well("POST", "/sandboxes/dev/stop").await["exit_code"], 0);
    assert_eq!(output(&engine.client("dev").await, "cat file").await, "kept");
    engine.well("DELETE", "/sandboxes/dev").await;
    assert!(!own.exists());
}

#[tokio::test]
async fn where_bubblewrap_is_missing_it_refuses_and_says_what_to_do() {
    let nowhere = tempfile::tempdir().unwrap();
    for isolation in ["auto", "bubblewrap"] {
        let (status, said) = Server::host().args(["--isolation", isolation]).env("PATH", nowhere.path()).refused();
        assert_eq!(status.code(), Some(1));
        for word in ["bwrap", "apt-get install bubblewrap", "--isolation none"] {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
    // One that is there and does not work.
    let broken = nowhere.path().join("bwrap");
    std::fs::write(&broken, "#!/bin/sh\necho no namespaces today >&2; exit 1\n").unwrap();
    std::fs::set_permissions(&broken, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let (status, said) = Server::host().env("PATH", nowhere.path()).refused();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("no namespaces today") && said.contains("--isolation none"), "{said}");
}
