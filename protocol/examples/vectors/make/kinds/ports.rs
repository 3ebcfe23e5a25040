//! Vectors of `port.*`.

use sandwire_protocol::kind::{self, Done, port};

use super::super::value::Value;
use super::Vectors;

pub fn files() -> Vec<(String, Value)> {
    vec![list().file(), watch().file(), expose().file(), unexpose().file()]
}

fn bare() -> port::Port {
    port::Port { port: 22, address: "0.0.0.0".to_owned(), uid: 0, ..port::Port::default() }
}

fn full() -> port::Port {
    port::Port {
        port: 8000,
        address: "::1".to_owned(),
        uid: 1000,
        pid: Some(4321),
        command: Some("python3 -m http.server".to_owned()),
        process: Some("web".to_owned()),
        terminal: Some("work".to_owned()),
    }
}

fn exposed() -> port::Exposed {
    port::Exposed {
        port: 8000,
        name: Some("shop".to_owned()),
        token: Some("0123456789abcdef".to_owned()),
        host: Some("8000-box-0123456789abcdef.localhost:7070".to_owned()),
        url: Some("http://8000-box-0123456789abcdef.localhost:7070/".to_owned()),
        local_host: true,
        since_ms: 1_700_000_000_000,
    }
}

fn without_secret() -> port::Exposed {
    port::Exposed { port: 3000, since_ms: 1_700_000_000_000, ..port::Exposed::default() }
}

fn list() -> Vectors<kind::PortList> {
    Vectors {
        params: vec![("nothing", port::List::default()), ("every field", port::List { own: true, exposed_only: true })],
        result: vec![
            ("nobody", port::Listing::default()),
            (
                "every field",
                port::Listing {
                    ports: vec![bare(), full()],
                    exposed: vec![without_secret(), exposed()],
                    truncated: true,
                },
            ),
        ],
        ..Vectors::default()
    }
}

fn watch() -> Vectors<kind::PortWatch> {
    Vectors {
        params: vec![
            ("nothing", port::Watch::default()),
            ("every field", port::Watch { interval_ms: Some(250), own: true }),
        ],
        down: vec![
            ("opened", port::WatchDown::Opened(bare())),
            ("changed", port::WatchDown::Changed(full())),
            ("closed", port::WatchDown::Closed { port: 22, address: "0.0.0.0".to_owned() }),
            ("exposed", port::WatchDown::Exposed(exposed())),
            ("unexposed", port::WatchDown::Unexposed { port: 8000 }),
            ("ready", port::WatchDown::Ready {}),
        ],
        result: vec![("done", Done {})],
        ..Vectors::default()
    }
}

fn expose() -> Vectors<kind::PortExpose> {
    Vectors {
        params: vec![
            ("a port", port::Expose { port: 8000, ..port::Expose::default() }),
            (
                "every field",
                port::Expose {
                    port: u16::MAX,
                    name: Some("shop".to_owned()),
                    token: Some("my_token_1".to_owned()),
                    local_host: true,
                },
            ),
        ],
        result: vec![("exposed", exposed())],
        ..Vectors::default()
    }
}

fn unexpose() -> Vectors<kind::PortUnexpose> {
    Vectors {
        params: vec![("a port", port::Unexpose { port: 8000 })],
        result: vec![
            ("was exposed", port::Unexposed { existed: true }),
            ("was not", port::Unexposed { existed: false }),
        ],
        ..Vectors::default()
    }
}
