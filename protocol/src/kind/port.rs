//! `port.*`: the ports that programs in the sandbox listen on, and those that are exposed: reached by HTTP at a host name of
//! their own, `<port>-<sandbox>-<token>.<host>`, by whoever knows it.

use serde::{Deserialize, Serialize};

use super::command::is_false;

/// Parameters of `port.list`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct List {
    /// The server's own port too. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub own: bool,
    /// Only what is exposed: `ports` stays empty, and nobody has to look who listens. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub exposed_only: bool,
}

/// Result of `port.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Listing {
    /// Where somebody listens, by port and then by address.
    pub ports: Vec<Port>,
    /// What is exposed, by port, whether or not anybody listens.
    pub exposed: Vec<Exposed>,
    /// There are more ports than are listed: those with the highest numbers are left out. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
}

/// A TCP socket that listens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// The port.
    pub port: u16,
    /// The address, as `127.0.0.1`, `0.0.0.0` or `::`.
    pub address: String,
    /// User id of who opened it.
    pub uid: u32,
    /// Who listens: of several processes that share the socket the oldest. Absent where the server may not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The command line of that process, for people; a long one is cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The background process to whose tree it belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// The terminal in which it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<String>,
}

/// A port that is exposed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exposed {
    /// The port.
    pub port: u16,
    /// What it was called, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What makes the host name secret. Absent for who lacks the scope `port`, as are `host` and `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The host name at which this server serves it, with its own port where it needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The same as a URL, for a browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whether the program is told `localhost` as its host. See `port.expose`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub local_host: bool,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
}

/// Parameters of `port.watch`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watch {
    /// Time between two looks at who listens, at least 250. What is exposed is told at once. Default: 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    /// The server's own port too. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub own: bool,
}

/// Events of `port.watch`: first all that is there, then `ready`, then what changes. Who reads slowly is told the
/// difference between what it was told last and what is now, so that nothing piles up and nothing is missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchDown {
    /// Somebody listens.
    Opened(Port),
    /// Another process listens there now, or it belongs to something else.
    Changed(Port),
    /// Nobody listens there any more.
    Closed {
        /// The port.
        port: u16,
        /// The address.
        address: String,
    },
    /// A port was exposed, or is exposed in another way.
    Exposed(Exposed),
    /// A port is not exposed any more.
    Unexposed {
        /// The port.
        port: u16,
    },
    /// All that was there has been told.
    Ready {},
}

/// Parameters of `port.expose`. A port that is exposed already keeps its token, unless another is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Expose {
    /// The port, from 1. Nobody needs to listen yet. Never the server's own.
    pub port: u16,
    /// What it is called, for people: at most 64 characters. Default: no name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// 1 to 16 characters of `a-z`, `0-9` and `_`, which not every resolver takes in a host name. Whoever guesses it is
    /// in. Default: 16 characters of `a-z` and `0-9`, drawn at random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Tell the program that it is asked as `localhost:<port>`, for development servers that answer to no other name; the
    /// real one is in `X-Forwarded-Host`. Default: false, it is told the name that the browser uses.
    #[serde(default, skip_serializing_if = "is_false")]
    pub local_host: bool,
}

/// Parameters of `port.unexpose`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Unexpose {
    /// The port. One that is not exposed is no error.
    pub port: u16,
}

/// Result of `port.unexpose`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unexposed {
    /// Whether it was exposed.
    pub existed: bool,
}
