//! User and password are nowhere but in the request to the server that they are for.

use std::fs;

use sandwire_tests::server::Builder;

use super::*;

/// How a password might show.
fn forms() -> [&'static str; 3] {
    // As it is, as in a URL, as in a header: base64 of `ada:…`.
    [PASSWORD, "s3cret%2Fp%40ss%20word", "YWRhOnMzY3JldC9wQHNzIHdvcmQ"]
}

#[track_caller]
fn shows_nothing(place: &str, text: &str) {
    for form in forms() {
        assert!(!text.contains(form), "{place}: {text}");
    }
}

/// Arguments and environment of every process of the machine.
fn everybody() -> String {
    let mut all = String::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let path = entry.unwrap().path();
        for name in ["cmdline", "environ"] {
            all += &String::from_utf8_lossy(&fs::read(path.join(name)).unwrap_or_default());
            all += "\n";
        }
    }
    all
}

/// All files below a folder, as text.
fn files(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all += &files(&path);
        } else {
            all += &String::from_utf8_lossy(&fs::read(&path).unwrap());
        }
    }
    all
}

fn loud() -> Builder {
    Server::builder().env("SANDWIRE_LOG", "trace")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_password_reaches_its_server_and_nobody_else() {
    let (origin, (server, client)) = (Origin::start(), super::super::served_by(loud()).await);
    let inside = format!("http://{USER}:s3cret%2Fp%40ss%20word@127.0.0.1:{}/held/shop.git", origin.port);
    let apart = Checkout {
        username: Some(USER.into()),
        password: Some(PASSWORD.into()),
        directory: Some("apart".into()),
        ..of(origin.url("held/shop.git"))
    };
    for (params, name) in [(of(inside), "shop"), (apart, "apart")] {
        let call = client.open::<GitCheckout>(&params).unwrap();
        wait_for("git to have signed in", || origin.file("asked").exists()).await;
        shows_nothing("/proc", &everybody());
        fs::write(origin.file("go"), "").unwrap();
        let mut told = String::new();
        let done = loop {
            match call.recv().await {
                Reply::Event(CheckoutDown::Progress(progress)) => told += &progress.text,
                Reply::Closed(result) => break result.unwrap(),
                other => panic!("{other:?}"),
            }
        };
        fs::remove_file(origin.file("go")).unwrap();
        fs::remove_file(origin.file("asked")).unwrap();
        assert_eq!(done.url, origin.url("held/shop.git"));
        shows_nothing("progress and result", &format!("{told} {done:?}"));
        shows_nothing("the directory", &files(&server.workspace().join(name)));
        assert_eq!(fs::read_to_string(server.workspace().join(name).join("file")).unwrap(), "two\n");
    }
    shows_nothing("the log", &server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_that_repeats_it_does_not_get_it_into_an_error() {
    let (origin, (server, client)) = (Origin::start(), super::super::served_by(loud()).await);
    let params = Checkout {
        username: Some(USER.into()),
        password: Some(PASSWORD.into()),
        // Whoever wants to see everything sees everything but this.
        env: [("GIT_TRACE_CURL".into(), Some("1".into())), ("GIT_TRACE_REDACT".into(), Some("0".into()))].into(),
        ..of(origin.url("echo/shop.git"))
    };
    let error = refusal::<GitCheckout>(&client, &params).await;
    assert_eq!(error.code, Code::GitAuthFailed, "{error:?}");
    assert!(format!("{error:?}").contains("you are ada:***"), "{error:?}");
    shows_nothing("the error", &format!("{error:?}"));
    shows_nothing("the log", &server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nobody_else_is_asked_and_no_other_host_is_told() {
    let (origin, (server, client)) = (Origin::start(), served().await);
    // A helper of the sandbox's user, which would write down what it is asked and told.
    let script = "#!/bin/sh\ncat >> \"$0.log\"\necho \"$1\" >> \"$0.log\"\n";
    let helper = server.workspace().join("helper");
    fs::write(&helper, script).unwrap();
    let config = server.workspace().join("config");
    let path = helper.display();
    fs::write(
        &config,
        format!("[credential]\nhelper = !sh {path}\n[credential \"http://127.0.0.1\"]\nhelper = !sh {path}\n"),
    )
    .unwrap();
    let env = [("GIT_CONFIG_GLOBAL".into(), Some(config.as_path().into()))];
    let wrong =
        Checkout { password: Some("wrong".into()), env: env.clone().into(), ..of(origin.url("private/shop.git")) };
    assert_eq!(refusal::<GitCheckout>(&client, &wrong).await.code, Code::GitAuthFailed);
    assert!(!server.workspace().join("helper.log").exists(), "it was asked");
    // Without credentials of the call, the sandbox's own are asked for.
    let none = Checkout { password: None, ..wrong };
    assert_eq!(refusal::<GitCheckout>(&client, &none).await.code, Code::GitAuthFailed);
    assert!(fs::read_to_string(server.workspace().join("helper.log")).unwrap().contains("get"));

    // The same server by another name is another host: a submodule there is not given the password.
    let away = format!("http://localhost:{}/private/part.git", origin.port);
    let make = format!(
        "git clone -q {} work && cd work && mkdir part && \
         printf '[submodule \"part\"]\\n\\tpath = part\\n\\turl = {away}\\n' > .gitmodules && git add .gitmodules && \
         git update-index --add --cacheinfo 160000,$(git -C {} rev-parse HEAD),part && \
         git -c user.name=A -c user.email=a@b commit -qm sub && git push -q origin HEAD:sub",
        origin.file("shop.git").display(),
        origin.file("part.git").display(),
    );
    said(&client, &make).await;
    let sub = Checkout {
        username: Some(USER.into()),
        password: Some(PASSWORD.into()),
        branch: Some("sub".to_owned()),
        recurse_submodules: true,
        ..of(origin.url("private/shop.git"))
    };
    let error = refusal::<GitCheckout>(&client, &sub).await;
    assert_eq!(error.code, Code::GitAuthFailed, "{error:?}");
    assert!(format!("{error:?}").contains("localhost"), "{error:?}");
    let alone = Checkout { recurse_submodules: false, ..sub };
    checkout(&client, &alone).await.unwrap();
}
