//! A part of what a token allows, for one lane: certain terminals, certain paths. Whatever way is tried, it is no more.

use futures_util::StreamExt;
use sandwire::protocol::kind::{
    FileCopy, FileList, FileRead, FileRename, FileStat, FileSymlink, FileWatch, Kind, PtyAttach, PtyClose, PtyOpen,
    PtyResize, PtySnapshot, file, pty,
};
use sandwire::protocol::{Code, Error};
use sandwire::{Client, Reply};
use sandwire_tests::server::Server;

use crate::door::raw;

/// The error of a call that is to fail.
async fn refused<K: Kind>(client: &Client, params: &K::Params) -> Error {
    let call = client.open::<K>(params).unwrap();
    loop {
        match call.recv().await {
            Reply::Closed(result) => return result.expect_err(K::NAME),
            Reply::Data(..) | Reply::End(_) => {}
            Reply::Event(event) => panic!("{} was let in: {event:?}", K::NAME),
        }
    }
}

fn attach(id: &str, read_only: bool) -> pty::Attach {
    pty::Attach { id: id.to_owned(), read_only, ..pty::Attach::default() }
}

/// What a viewer is shown until it has this text.
async fn shows(client: &Client, id: &str, text: &str) {
    let call = client.open::<PtyAttach>(&attach(id, true)).unwrap();
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains(text) {
        match call.recv().await {
            Reply::Data(_, data) => shown.extend_from_slice(&data),
            Reply::Event(_) | Reply::End(_) => {}
            Reply::Closed(end) => panic!("{end:?}"),
        }
    }
}

/// Opens a terminal that says its name, and leaves it.
async fn living(client: &Client, id: &str) {
    let say = format!("echo in-$((1+1))-{id}; exec cat");
    let mut terminal = client.terminals().open().id(id).argv(["sh", "-c", &say]).spawn().unwrap();
    terminal.next().await.unwrap().unwrap();
}

/// Every way to a terminal by its id is denied, and says nothing of whether there is one.
async fn no_way_to(client: &Client, id: &str) {
    let denied = |error: &Error| {
        assert_eq!(error.code, Code::PermissionDenied, "{error}");
        assert_eq!(error.details["terminal"], id.into(), "{error}");
    };
    denied(&refused::<PtyAttach>(client, &attach(id, true)).await);
    denied(&refused::<PtyAttach>(client, &attach(id, false)).await);
    for reuse in [false, true] {
        let open = pty::Open { id: Some(id.to_owned()), reuse, ..pty::Open::default() };
        denied(&refused::<PtyOpen>(client, &open).await);
    }
    let id = || id.to_owned();
    denied(&refused::<PtySnapshot>(client, &pty::Snapshot { id: id(), scrollback: 0, ansi: false }).await);
    denied(&refused::<PtyResize>(client, &pty::ResizeParams { id: id(), cols: 9, rows: 9 }).await);
    denied(&refused::<PtyClose>(client, &pty::Close { id: id(), grace_ms: None }).await);
}

async fn ids(client: &Client) -> Vec<String> {
    client.terminals().list().await.unwrap().into_iter().map(|terminal| terminal.id).collect()
}

#[tokio::test]
async fn a_lane_for_a_terminal_reaches_no_other() {
    let server = Server::start();
    let owner = Client::connect(server.url()).await.unwrap();
    for id in ["mine", "other"] {
        living(&owner, id).await;
        shows(&owner, id, &format!("in-2-{id}")).await;
    }
    let viewer =
        Client::builder(server.url()).scopes(["pty-read"]).terminals(["mine", "later"]).connect().await.unwrap();
    shows(&viewer, "mine", "in-2-mine").await;
    assert_eq!(ids(&viewer).await, ["mine"]);
    let typing = refused::<PtyAttach>(&viewer, &attach("mine", false)).await;
    assert_eq!((typing.code, &typing.details["scope"]), (Code::PermissionDenied, &"pty".into()));

    let user = Client::builder(server.url()).scopes(["pty"]).terminals(["mine", "later"]).connect().await.unwrap();
    for id in ["other", "none", "", "MINE", "mine ", "mine\0"] {
        no_way_to(&user, id).await;
    }
    let unnamed = refused::<PtyOpen>(&user, &pty::Open::default()).await;
    assert_eq!((unnamed.code, &unnamed.details["terminal"]), (Code::PermissionDenied, &"".into()));
    living(&user, "later").await;
    shows(&user, "later", "in-2-later").await;
    assert_eq!(ids(&viewer).await, ["mine", "later"]);
    let none = Client::builder(server.url()).terminals([""; 0]).connect().await.unwrap();
    assert!(ids(&none).await.is_empty());
    no_way_to(&none, "mine").await;
    assert_eq!(ids(&owner).await.len(), 3, "nothing was closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_for_a_path_reaches_no_other() {
    let server = Server::start();
    let root = server.workspace().canonicalize().unwrap();
    for name in ["in/sub", "out"] {
        std::fs::create_dir_all(root.join(name)).unwrap();
        std::fs::write(root.join(name).join("file"), name).unwrap();
    }
    let at = |path: &str| root.join(path).to_str().unwrap().to_owned();
    let client = Client::builder(server.url()).paths([at("in")]).connect().await.unwrap();
    assert_eq!(client.files().read(at("in/sub/file")).unwrap().bytes(9).await.unwrap(), b"in/sub");
    assert_eq!(client.files().read("in/sub/file").unwrap().bytes(9).await.unwrap(), b"in/sub", "from the workspace");
    let denied = |error: Error| assert_eq!(error.code, Code::PermissionDenied, "{error}");
    for path in ["out/file", "in/../out/file", "in/sub/../../out/file"] {
        for path in [at(path), path.to_owned()] {
            denied(
                refused::<FileRead>(&client, &file::Read { path: path.as_str().into(), ..file::Read::default() }).await,
            );
            denied(refused::<FileStat>(&client, &file::Stat { path: path.as_str().into(), no_follow: true }).await);
        }
    }
    denied(refused::<FileList>(&client, &file::List { path: at("").as_str().into(), ..file::List::default() }).await);
    denied(
        refused::<FileWatch>(&client, &file::Watch { path: at("out").as_str().into(), ..file::Watch::default() }).await,
    );
    let copy = |from: &str, to: &str| file::Copy {
        from: at(from).as_str().into(),
        to: at(to).as_str().into(),
        recursive: true,
        no_replace: true,
    };
    denied(refused::<FileCopy>(&client, &copy("out", "in/got")).await);
    denied(refused::<FileCopy>(&client, &copy("in/sub", "out/got")).await);
    let rename =
        file::Rename { from: at("in/sub").as_str().into(), to: at("out/got").as_str().into(), no_replace: true };
    denied(refused::<FileRename>(&client, &rename).await);
    // A link that it makes itself leads nowhere.
    client.files().symlink(at("out"), at("in/link")).await.unwrap();
    let through = file::Read { path: at("in/link/file").as_str().into(), ..file::Read::default() };
    denied(refused::<FileRead>(&client, &through).await);
    // Nor does a lane that asks for the link as its root, on a connection that may no more than that.
    let narrow = |paths: Vec<String>| Client::builder(server.url()).paths(paths);
    let beyond = narrow(vec![at("in/link")]).connect().await.unwrap();
    denied(
        refused::<FileSymlink>(&beyond, &file::Symlink { path: at("in/x").as_str().into(), target: "y".into() }).await,
    );
    assert_eq!(beyond.files().read(at("out/file")).unwrap().bytes(9).await.unwrap(), b"out", "the token allows all");
    let nothing = narrow(vec![]).connect().await.unwrap();
    denied(refused::<FileStat>(&nothing, &file::Stat { path: at("in").as_str().into(), no_follow: true }).await);
}

/// What is answered to who asks for a ticket.
async fn ticket(server: &Server, body: &str) -> serde_json::Value {
    let head = "POST /v1/tickets HTTP/1.1\nHost: localhost\nConnection: close";
    let request = format!("{head}\nAuthorization: Bearer {TOKEN}\nContent-Length: {}\n\n{body}", body.len());
    serde_json::from_str(raw(server, &request).await.split_once("\r\n\r\n").unwrap().1).unwrap()
}

const TOKEN: &str = "a-token-that-allows-everything";

/// A ticket is a browser's way in without a relay: one terminal, to look at.
#[tokio::test]
async fn a_ticket_is_for_certain_terminals_and_paths() {
    let server = Server::builder().env("SANDWIRE_TOKEN", TOKEN).start();
    let root = server.workspace().canonicalize().unwrap();
    std::fs::create_dir(root.join("in")).unwrap();
    std::fs::write(root.join("secret"), "s").unwrap();
    let owner = Client::builder(server.url()).token(TOKEN).connect().await.unwrap();
    for id in ["mine", "other"] {
        living(&owner, id).await;
        shows(&owner, id, &format!("in-2-{id}")).await;
    }
    let body = format!(
        r#"{{"scopes": ["pty-read", "file-read"], "terminals": ["mine"], "paths": ["{}"]}}"#,
        root.join("in").display()
    );
    let given = ticket(&server, &body).await;
    let url = format!("{}?ticket={}", server.url(), given["ticket"].as_str().unwrap());
    let viewer = Client::connect(&url).await.unwrap();
    shows(&viewer, "mine", "in-2-mine").await;
    assert_eq!(ids(&viewer).await, ["mine"]);
    let error = refused::<PtyAttach>(&viewer, &attach("other", true)).await;
    assert_eq!(error.code, Code::PermissionDenied);
    let secret = file::Read { path: "secret".into(), ..file::Read::default() };
    assert_eq!(refused::<FileRead>(&viewer, &secret).await.code, Code::PermissionDenied);
    // A HELLO on it may narrow it further, and ask for no more.
    for builder in [
        Client::builder(&url).terminals(["mine", "other"]),
        Client::builder(&url).paths([root.to_str().unwrap()]),
        Client::builder(&url).paths([format!("{}/in/..", root.display())]),
    ] {
        let client = builder.connect().await.unwrap();
        let error = client.files().stat("in").await.unwrap_err();
        assert!(error.to_string().contains("PERMISSION_DENIED") || error.to_string().contains("VALIDATION"), "{error}");
    }
    let narrower = Client::builder(&url).terminals([""; 0]).connect().await.unwrap();
    assert!(ids(&narrower).await.is_empty());
    for wrong in [r#"{"paths": ["in"]}"#, r#"{"paths": ["/in/../.."]}"#, r#"{"terminals": "mine"}"#] {
        assert!(ticket(&server, wrong).await.get("ticket").is_none(), "{wrong}");
    }
}
