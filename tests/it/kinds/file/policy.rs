//! What a token does not allow: by its scopes, and by its limit on paths.

use std::path::Path;

use sandwire::Client;
use sandwire::protocol::Code;
use sandwire::protocol::kind::file::{Copy, List, Mkdir, Read, Remove, Rename, Search, TreeRead, Write};
use sandwire_tests::server::Server;

use super::paths::all_in;
use crate::kinds::place::{Place, bash};

const READING: [&str; 6] = ["read", "stat", "list", "search", "watch", "tree_read"];

/// A client whose token allows only `open` of this directory.
async fn limited(dir: &Path) -> Place {
    bash(
        dir,
        "mkdir -p open/sub outside/sub; echo inside > open/there; echo hidden > outside/secret; ln -s ../outside open/escape; \
         ln -s ../outside/secret open/link; ln -s ../outside/new open/dangling; ln -s there open/fine; ln -s .. open/up",
    );
    let config =
        format!("[[tokens]]\nname = 'limited'\ntoken = 'only-for-open'\npaths = ['{}']", dir.join("open").display());
    let server = Server::builder().config(config).start();
    let client = Client::builder(server.url()).token("only-for-open").connect().await.unwrap();
    Place { server, client }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nothing_outside_is_read_changed_or_told_to_exist() {
    let dir = tempfile::tempdir().unwrap();
    let place = limited(dir.path()).await;
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let open = at("open/");
    let before = bash(dir.path(), "find . -printf '%P %y %m %l %T@ %s\\n' | LC_ALL=C sort");
    for name in [
        "outside",
        "outside/secret",
        "outside/none",
        "outside/secret/x",
        "none",
        "none/x",
        "",
        "openx",
        "open/..",
        "open/../outside/secret",
        "open/sub/../../outside/secret",
        "open/escape/secret",
        "open/escape/none",
        "open/escape/sub",
        "open/up/outside/secret",
        "open/up/none",
        "open/sub/../escape/secret",
    ] {
        for (kind, said) in all_in(&place, &open, at(name).as_bytes(), None).await {
            let nameless = name.ends_with("..") && !READING.contains(&kind) && said == Some(Code::ValidationFailed);
            assert!(said == Some(Code::PermissionDenied) || nameless, "{kind} {name}: {said:?}");
        }
    }
    // At these ends there is a link, which some kinds follow and others take for itself.
    for name in ["open/link", "open/escape", "open/dangling"] {
        let following = ["read", "write", "stat", "list", "chmod", "search", "watch", "tree_read", "tree_write"];
        for (kind, said) in all_in(&place, &open, at(name).as_bytes(), Some(&following)).await {
            assert_eq!(said, Some(Code::PermissionDenied), "{kind} {name}");
        }
    }
    // The workspace is not open either, and neither is the whole system.
    for path in [".", "x", "/", "/etc/passwd", "/proc/self/root/etc/passwd", "/proc/self/cwd/x"] {
        for (kind, said) in all_in(&place, &open, path.as_bytes(), Some(&READING)).await {
            assert_eq!(said, Some(Code::PermissionDenied), "{kind} {path}");
        }
    }
    // The root of what is open is no entry of it.
    for (kind, said) in
        all_in(&place, &open, at("open").as_bytes(), Some(&["remove", "rename from", "move from"])).await
    {
        assert_eq!(said, Some(Code::PermissionDenied), "{kind}");
    }
    assert_eq!(bash(dir.path(), "find . -printf '%P %y %m %l %T@ %s\\n' | LC_ALL=C sort"), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_inside_works_and_ends_at_links() {
    let dir = tempfile::tempdir().unwrap();
    let place = limited(dir.path()).await;
    let at = |name: &str| dir.path().join(name).to_str().unwrap().into();
    let files = place.files();
    for name in ["open/there", "open/fine", "open/sub/../there", "open/up/open/there", "outside/../open/there"] {
        let (bytes, _) = place.read(Read { path: at(name), ..Read::default() }).await.unwrap();
        assert_eq!(bytes, b"inside\n", "{name}");
    }
    place.write(Write { path: at("open/a/b"), parents: true, ..Write::default() }, "x").await.unwrap();
    files.mkdir_with(&Mkdir { path: at("open"), parents: true, mode: None }).await.unwrap();
    files.rename_with(&Rename { from: at("open/a/b"), to: at("open/c"), no_replace: true }).await.unwrap();
    // A link that leads outside can be listed, copied as a link, moved and removed; nothing behind it is reached.
    let listing = List { path: at("open"), recursive: true, ..List::default() };
    let entries = place.client.call::<sandwire::protocol::kind::FileList>(&listing).await.unwrap().entries;
    assert!(entries.iter().all(|entry| !entry.path.to_string().contains("secret")), "{entries:?}");
    let search = Search { path: at("open"), pattern: Some("hidden|inside".to_owned()), ..Search::default() };
    let told = place.told::<sandwire::protocol::kind::FileSearch>(&search).await;
    assert_eq!((told.events.len(), told.result.unwrap().matches), (1, 1));
    let copy = Copy { from: at("open"), to: at("open/sub/copy"), recursive: true, no_replace: false };
    assert_eq!(place.code::<sandwire::protocol::kind::FileCopy>(copy).await, Code::ValidationFailed, "into itself");
    files.copy_with(&Copy { from: at("open/escape"), to: at("open/sub/e"), ..Copy::default() }).await.unwrap();
    assert_eq!(bash(dir.path(), "readlink open/sub/e"), "../outside\n");
    let tree = TreeRead { path: at("open"), ..TreeRead::default() };
    let told = place.told::<sandwire::protocol::kind::TreeRead>(&tree).await;
    assert!(told.result.unwrap().skipped.is_empty() && !told.bytes.windows(6).any(|bytes| bytes == b"hidden"));
    for name in ["open/escape", "open/link", "open/sub"] {
        files.remove_with(&Remove { path: at(name), recursive: true, force: false }).await.unwrap();
    }
    assert_eq!(bash(dir.path(), "cat outside/secret; ls outside/sub"), "hidden\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn scopes_part_reading_from_changing() {
    let Place { server, client: _all } = Place::start().await;
    std::fs::write(server.workspace().join("there"), "").unwrap();
    for (scope, allows) in [("file-read", true), ("file-write", false)] {
        let client = Client::builder(server.url()).scopes([scope]).connect().await.unwrap();
        let place = Place { client, server: Server::start() };
        for (kind, said) in all_in(&place, "", b"a\0b", None).await {
            let allowed = READING.contains(&kind) == allows;
            let expected = if allowed { Code::ValidationFailed } else { Code::PermissionDenied };
            assert_eq!(said, Some(expected), "{kind} with {scope}");
        }
    }
}
