//! `sandwire mount`, `mounts` and `unmount`.

use sandwire_tests::server::Server;
use serde_json::Value;

use super::{run, text, tool};
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
    text(&server, &["unmount", "data"]);
    assert!(!data.exists());
    let gone = run(&server, &["unmount", "data"]);
    assert!(String::from_utf8_lossy(&gone.stderr).contains("(MOUNT_NOT_FOUND)"), "{gone:?}");
    let keyless = run(&server, &["mount", "--endpoint", &endpoint, "by-tool", "data"]);
    assert!(String::from_utf8_lossy(&keyless.stderr).contains("(MISSING_CREDENTIALS)"), "{keyless:?}");
}
