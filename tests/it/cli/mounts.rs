//! `sandwire mount`, `mounts` and `unmount`.

use rustix::process::Signal;
use sandwire_tests::server::Server;
use sandwire_tests::wait::block_until;
use serde_json::Value;

use super::{run, signal, text, tool};
use crate::kinds::mount::SHARED;

#[test]
fn a_bucket_is_mounted_listed_and_unmounted() {
    let server = Server::start();
    SHARED.make("by-tool");
    SHARED.put("by-tool/low/x", b"inside");
    let endpoint = SHARED.endpoint();
    let data = server.workspace().join("data");
    let mount = |more: &[&str]| {
        let args = [&["mount", "--endpoint", &endpoint, "--env-keys", "by-tool:/low", "data"], more].concat();
        let keys = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "secret-key")];
        tool(&server, &args).envs(keys).env_remove("AWS_SESSION_TOKEN").output().unwrap()
    };
    let mounted = mount(&["-o", "umask=0022"]);
    assert_eq!(mounted.status.code(), Some(0), "{mounted:?}");
    assert_eq!(String::from_utf8(mounted.stdout).unwrap().trim(), data.to_str().unwrap());
    assert_eq!(text(&server, &["exec", "-c", "cat data/x"]), "inside");
    let again = mount(&[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("(BUCKET_MOUNT_ERROR)"), "{again:?}");
    let listed = text(&server, &["mounts"]);
    assert!(listed.contains("by-tool:/low") && listed.contains("read-write") && listed.contains("mounted"), "{listed}");
    let json: Value = serde_json::from_str(&text(&server, &["--json", "mounts"])).unwrap();
    assert_eq!((json[0]["bucket"].as_str(), json[0]["state"].as_str()), (Some("by-tool"), Some("mounted")));
    // What cannot be unmounted keeps no other.
    let gone = run(&server, &["unmount", "nothing", "data"]);
    assert_eq!(gone.status.code(), Some(1), "{gone:?}");
    assert!(!data.exists());
    assert!(String::from_utf8_lossy(&gone.stderr).contains("(MOUNT_NOT_FOUND)"), "{gone:?}");
    let keyless = run(&server, &["mount", "--endpoint", &endpoint, "by-tool", "data"]);
    assert!(String::from_utf8_lossy(&keyless.stderr).contains("(MISSING_CREDENTIALS)"), "{keyless:?}");
}

#[test]
fn a_mount_that_is_interrupted_is_given_up() {
    let server = Server::start();
    // It takes the connection and says nothing.
    let store = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", store.local_addr().unwrap());
    let mut mount = tool(&server, &["mount", "--endpoint", &endpoint, "--env-keys", "never", "data"]);
    let mut mount =
        mount.envs([("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "secret-key")]).spawn().unwrap();
    let _asked = store.accept().unwrap();
    signal(&mount, Signal::INT);
    assert_eq!(mount.wait().unwrap().code(), Some(130));
    block_until("nothing of it to be left", || {
        let left = (server.started(), server.workspace().join("data").exists());
        if left == (vec![], false) { Ok(()) } else { Err(left) }
    });
    assert!(text(&server, &["--json", "mounts"]).starts_with("[]"));
}
