//! `port.*`: who listens, what is exposed, and what changes.

use std::net::{IpAddr, Ipv6Addr};

use sandwire::protocol::Code;
use sandwire::protocol::kind::port::{Expose, Exposed, List, Port, Unexpose, Watch, WatchDown};
use sandwire::protocol::kind::{PortExpose, PortList, PortUnexpose, PortWatch, process, pty};
use sandwire::protocol::kind::{ProcessStart, PtyOpen};
use sandwire::{Call, Client, Reply};
use sandwire_tests::server::Server;
use sandwire_tests::wait::{wait_for, wait_until_async};
use tokio::net::TcpListener;

use super::{ask, event, line, refusal, served, words};

/// Listens on these addresses, says on which ports, and goes on until it is ended.
const LISTEN: &str = "import socket, sys, signal\n\
    all = [socket.create_server((a, 0), family=socket.AF_INET6 if ':' in a else socket.AF_INET) for a in sys.argv[1:]]\n\
    open('ports', 'w').write(' '.join(str(s.getsockname()[1]) for s in all) + ' ')\n\
    signal.pause()";

fn of(port: u16) -> Expose {
    Expose { port, ..Expose::default() }
}

async fn ports(client: &Client, own: bool) -> Vec<Port> {
    ask::<PortList>(client, &List { own, exposed_only: false }).await.unwrap().ports
}

/// The ports that the script has said.
async fn said(server: &Server, count: usize) -> Vec<u16> {
    let file = server.workspace().join("ports");
    let read = || -> Vec<u16> {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.split_inclusive(' ').filter_map(|port| port.strip_suffix(' ')?.parse().ok()).collect()
    };
    wait_for("the ports", || read().len() == count).await;
    read()
}

/// The next event for which there is something to say.
async fn next<T>(call: &Call<PortWatch>, wanted: impl Fn(WatchDown) -> Option<T>) -> T {
    loop {
        match call.recv().await {
            Reply::Event(event) => {
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
            other => panic!("the watch ends: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_listens_is_told_with_its_process_and_the_server_only_when_asked() {
    let (server, client) = served().await;
    let start = process::Start {
        id: Some("web".to_owned()),
        // A child of a child, without the environment by which it would be known at once.
        run: words(&["sh", "-c", "env -i python3 -c \"$0\" 127.0.0.1 ::1 0.0.0.0 & wait", LISTEN]),
        ..process::Start::default()
    };
    let pid = ask::<ProcessStart>(&client, &start).await.unwrap().pid;
    let numbers = said(&server, 3).await;
    let all = ports(&client, false).await;
    let of = |port: u16| all.iter().find(|it| it.port == port).unwrap_or_else(|| panic!("{port} of {all:?}"));
    for (port, address) in numbers.iter().zip(["127.0.0.1", "::1", "0.0.0.0"]) {
        let it = of(*port);
        assert_eq!((it.address.as_str(), it.process.as_deref(), &it.terminal), (address, Some("web"), &None));
        assert_eq!(it.uid, rustix::process::getuid().as_raw());
        assert!(it.pid.is_some_and(|found| found != pid && server.started().contains(&found.cast_signed())));
        assert!(it.command.as_ref().is_some_and(|command| command.starts_with("python3 -c import socket")), "{it:?}");
    }
    assert!(all.is_sorted_by_key(|port| port.port));
    let own = server.address();
    assert!(all.iter().all(|port| port.port != own.port()), "{all:?}");
    let with_own = ports(&client, true).await;
    let server_itself = with_own.iter().find(|port| port.port == own.port()).unwrap();
    assert_eq!((server_itself.pid, server_itself.address.as_str()), (Some(server.pid()), "127.0.0.1"));
    // Somebody else's port is somebody else's.
    let other = TcpListener::bind((IpAddr::from(Ipv6Addr::LOCALHOST), 0)).await.unwrap();
    let port = other.local_addr().unwrap().port();
    let all = ports(&client, false).await;
    let found = all.iter().find(|it| it.port == port).unwrap();
    assert_eq!((found.pid, &found.process, &found.terminal), (Some(std::process::id()), &None, &None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_port_of_a_terminal_is_its() {
    let (server, client) = served().await;
    let open = pty::Open {
        id: Some("work".to_owned()),
        run: words(&["python3", "-c", LISTEN, "127.0.0.1"]),
        ..pty::Open::default()
    };
    let terminal = client.open::<PtyOpen>(&open).unwrap();
    event(&terminal).await;
    let port = said(&server, 1).await[0];
    let all = ports(&client, false).await;
    let found = all.iter().find(|it| it.port == port).unwrap();
    assert_eq!((found.process.as_deref(), found.terminal.as_deref()), (None, Some("work")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_watch_tells_all_that_is_there_then_what_changes() {
    let (server, client) = served().await;
    let before = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = before.local_addr().unwrap().port();
    ask::<PortExpose>(&client, &Expose { token: Some("t".to_owned()), ..of(there) }).await.unwrap();
    let watch = client.open::<PortWatch>(&Watch { interval_ms: Some(250), own: false }).unwrap();
    let mut first = Vec::new();
    loop {
        match event(&watch).await {
            WatchDown::Ready {} => break,
            event => first.push(event),
        }
    }
    assert!(first.iter().any(|event| matches!(event, WatchDown::Opened(port) if port.port == there)), "{first:?}");
    assert!(first.iter().any(|event| matches!(event, WatchDown::Exposed(exposed) if exposed.port == there)));
    let own = server.address().port();
    assert!(!first.iter().any(|event| matches!(event, WatchDown::Opened(port) if port.port == own)));

    let (listener, port) = {
        let listener = TcpListener::bind("[::1]:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    };
    let opened = next(&watch, |event| match event {
        WatchDown::Opened(it) if it.port == port => Some(it),
        _ => None,
    });
    assert_eq!(opened.await.address, "::1");
    drop(listener);
    next(&watch, |event| (event == WatchDown::Closed { port, address: "::1".to_owned() }).then_some(())).await;
    // What is exposed is told without a look at the clock.
    let named = Expose { name: Some("shop".to_owned()), ..of(there) };
    let exposed = ask::<PortExpose>(&client, &named).await.unwrap();
    let told = next(&watch, |event| match event {
        WatchDown::Exposed(exposed) => Some(exposed),
        _ => None,
    });
    assert_eq!(told.await, exposed);
    ask::<PortUnexpose>(&client, &Unexpose { port: there }).await.unwrap();
    next(&watch, |event| (event == WatchDown::Unexposed { port: there }).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn watches_are_few_and_look_seldom_enough() {
    let (_server, client) = served().await;
    let error = refusal::<PortWatch>(&client, &Watch { interval_ms: Some(249), own: false }).await;
    assert_eq!(error.code, Code::ValidationFailed);
    let mut watches = Vec::new();
    for _ in 0..12 {
        let watch = client.open::<PortWatch>(&Watch::default()).unwrap();
        event(&watch).await;
        watches.push(watch);
    }
    assert_eq!(refusal::<PortWatch>(&client, &Watch::default()).await.code, Code::LimitExceeded);
    drop(watches.pop());
    wait_until_async("a place", || async {
        let watch = client.open::<PortWatch>(&Watch::default()).unwrap();
        match watch.recv().await {
            Reply::Event(_) => Ok(()),
            other => Err(other),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_port_is_exposed_under_a_name_until_it_is_not() {
    let (server, client) = served().await;
    let exposed = ask::<PortExpose>(&client, &of(8000)).await.unwrap();
    let token = exposed.token.clone().unwrap();
    assert!(
        token.len() == 16 && token.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
        "{token}"
    );
    let host = exposed.host.clone().unwrap();
    let end = format!("-{token}.localhost:{}", server.address().port());
    assert!(host.starts_with("8000-") && host.ends_with(&end), "{host}");
    assert!(host.split('.').next().unwrap().len() <= 63);
    assert_eq!(exposed.url, Some(format!("http://{host}/")));
    // Again: the same, with another name.
    let again = ask::<PortExpose>(&client, &Expose { name: Some("shop".to_owned()), ..of(8000) }).await.unwrap();
    assert_eq!(again, Exposed { name: Some("shop".to_owned()), ..exposed });
    let given = Expose { token: Some("my_own".to_owned()), ..of(9) };
    assert_eq!(ask::<PortExpose>(&client, &given).await.unwrap().token.as_deref(), Some("my_own"));
    let listing = ask::<PortList>(&client, &List { exposed_only: true, own: false }).await.unwrap();
    assert_eq!((listing.exposed.iter().map(|it| it.port).collect::<Vec<_>>(), listing.ports), (vec![9, 8000], vec![]));
    for (existed, left) in [(true, 1), (false, 1)] {
        let unexposed = ask::<PortUnexpose>(&client, &Unexpose { port: 8000 }).await.unwrap();
        assert_eq!(unexposed.existed, existed);
        assert_eq!(client.ports().exposed().await.unwrap().len(), left);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_may_not_be_exposed_is_refused() {
    let (server, client) = served().await;
    for (expose, code) in [
        (of(0), Code::InvalidPort),
        (of(server.address().port()), Code::InvalidPort),
        (Expose { token: Some("A".to_owned()), ..of(80) }, Code::ValidationFailed),
        (Expose { token: Some("a-b".to_owned()), ..of(80) }, Code::ValidationFailed),
        (Expose { token: Some("a".repeat(17)), ..of(80) }, Code::ValidationFailed),
        (Expose { token: Some(String::new()), ..of(80) }, Code::ValidationFailed),
        (Expose { name: Some("n".repeat(65)), ..of(80) }, Code::ValidationFailed),
    ] {
        assert_eq!(refusal::<PortExpose>(&client, &expose).await.code, code, "{expose:?}");
    }
    for port in 1..=64 {
        ask::<PortExpose>(&client, &of(port)).await.unwrap();
    }
    assert_eq!(refusal::<PortExpose>(&client, &of(65)).await.code, Code::LimitExceeded);
}

/// To see what is exposed is not to be let in.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_may_only_look_learns_no_secret() {
    let config = "token = 'a-token-for-everything'\n[[tokens]]\nname = 'viewer'\ntoken = 'a-token-to-look'\nread_only = true\n\
                  [[tokens]]\nname = 'none'\ntoken = 'a-token-for-commands'\nscopes = ['exec', 'tcp']";
    let server = Server::builder().config(config).start();
    let connect = |token: &str| Client::builder(server.url()).token(token).connect();
    let (admin, viewer) = (connect("a-token-for-everything").await.unwrap(), connect("a-token-to-look").await.unwrap());
    let exposed = ask::<PortExpose>(&admin, &of(8000)).await.unwrap();
    let seen = viewer.ports().exposed().await.unwrap();
    let secret = Exposed { token: None, host: None, url: None, ..exposed.clone() };
    assert_eq!(seen, std::slice::from_ref(&secret));
    assert_eq!(admin.ports().exposed().await.unwrap(), [exposed]);
    let watch = viewer.open::<PortWatch>(&Watch::default()).unwrap();
    let told = next(&watch, |event| match event {
        WatchDown::Exposed(exposed) => Some(exposed),
        _ => None,
    });
    assert_eq!(told.await, secret);
    assert_eq!(refusal::<PortExpose>(&viewer, &of(80)).await.details["scope"], "port".into());
    assert_eq!(refusal::<PortUnexpose>(&viewer, &Unexpose { port: 8000 }).await.code, Code::PermissionDenied);
    let none = connect("a-token-for-commands").await.unwrap();
    assert_eq!(refusal::<PortList>(&none, &List::default()).await.details["scope"], "port-read".into());
    assert_eq!(refusal::<PortExpose>(&none, &of(80)).await.details["scope"], "port".into());
    ask::<sandwire::protocol::kind::Exec>(
        &none,
        &sandwire::protocol::kind::exec::Params { run: line("true"), ..Default::default() },
    )
    .await
    .unwrap();
}
