//! Who listens on which port, and which ports are exposed.

pub(crate) mod exposed;
pub(crate) mod names;
mod owner;
mod table;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sandwire_protocol::kind::port::{Exposed, Port};
use sandwire_protocol::{Code, Error};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::Sandbox;
use super::process::owner::Owners;
use exposed::Exposures;
use names::Names;
use owner::{Known, Processes};
use table::Socket;

/// Ports that are listed.
pub(crate) const MAX_LISTED: usize = 128;

/// Most bytes of one of them: its command, an id of 128 characters, its address, and what holds them.
pub(crate) const LISTED: usize = 512;

/// Watches at once.
pub(crate) const MAX_WATCHES: usize = 12;

/// What is known of the ports of a sandbox.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) exposures: Exposures,
    pub(crate) names: Names,
    newest: Mutex<Option<Newest>>,
    watches: Semaphore,
}

/// The newest look at who listens, which all share.
#[derive(Debug)]
struct Newest {
    began: Instant,
    looks: Looks,
    processes: Arc<Processes>,
}

/// Who listens, at one time.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Look {
    /// By port and then by address.
    pub(crate) ports: Vec<Port>,
    /// Whether there are more.
    pub(crate) truncated: bool,
}

/// Who listens, with the server itself and without it.
#[derive(Clone, Debug, Default)]
struct Looks {
    all: Arc<Look>,
    others: Arc<Look>,
}

/// What somebody in a sandbox is called.
#[derive(Clone, Debug)]
enum Owner {
    Process(String),
    Terminal(String),
}

impl Ports {
    /// Nothing is exposed yet.
    pub(crate) fn new(names: Names) -> Self {
        Self {
            exposures: Exposures::default(),
            names,
            newest: Mutex::const_new(None),
            watches: Semaphore::new(MAX_WATCHES),
        }
    }

    /// A place for a watch.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED`.
    pub(crate) fn watch(&self) -> Result<SemaphorePermit<'_>, Error> {
        self.watches.try_acquire().map_err(|_| {
            let message = format!("{MAX_WATCHES} watches of ports are the most at once: cancel one first");
            Error::new(Code::LimitExceeded, message).with("limit", MAX_WATCHES)
        })
    }
}

impl Sandbox {
    /// Who listens, as it was at most so long ago. The server's own port is left out, unless it is asked for.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` when `/proc` cannot be read.
    pub(crate) async fn listening(&self, at_most_old: Duration, own: bool) -> Result<Arc<Look>, Error> {
        let looks = self.look(at_most_old).await.map_err(|error| {
            Error::new(Code::Internal, format!("the ports cannot be read: {error}"))
                .with("errno", error.raw_os_error().unwrap_or(0))
        })?;
        Ok(if own { looks.all } else { looks.others })
    }

    /// Those who ask while a look is being taken share the next one.
    async fn look(&self, at_most_old: Duration) -> io::Result<Looks> {
        let asked = Instant::now();
        let mut newest = self.ports.newest.lock().await;
        if let Some(newest) = newest.as_ref()
            && newest.began + at_most_old > asked
        {
            return Ok(newest.looks.clone());
        }
        let began = Instant::now();
        let known = newest.as_ref().map(|newest| Arc::clone(&newest.processes)).unwrap_or_default();
        let processes = self.processes.leaders().into_iter().map(|(id, leader)| (Owner::Process(id), leader));
        let terminals = self.terminals.leaders().into_iter().map(|(id, leader)| (Owner::Terminal(id), leader));
        let leaders: Vec<_> = processes.chain(terminals).collect();
        let work = tokio::task::spawn_blocking(move || {
            let (sockets, truncated) = table::listening(MAX_LISTED)?;
            let processes = owner::processes(&sockets, &known);
            let owners = Owners::new(leaders);
            let ports = sockets.iter().map(|socket| port(socket, &processes, &owners)).collect();
            Ok::<_, io::Error>((Look { ports, truncated }, processes))
        });
        let (all, processes) = work.await.map_err(io::Error::other)??;
        let looks = match newest.take() {
            // The same objects while nothing changes: many watches keep one.
            Some(newest) if *newest.looks.all == all => newest.looks,
            Some(_) | None => self.looks(all),
        };
        *newest = Some(Newest { began, looks: looks.clone(), processes: Arc::new(processes) });
        Ok(looks)
    }

    fn looks(&self, all: Look) -> Looks {
        let is_own = |port: &Port| {
            let at = |own: &SocketAddr| own.port() == port.port && own.ip().to_string() == port.address;
            self.listens.get().is_some_and(at)
        };
        let ports = all.ports.iter().filter(|port| !is_own(port)).cloned().collect();
        let others = Arc::new(Look { ports, truncated: all.truncated });
        Looks { all: Arc::new(all), others }
    }

    /// What is exposed; its secrets only for who may expose.
    pub(crate) fn exposed(&self, secrets: bool) -> Vec<Exposed> {
        let mut all = self.ports.exposures.all();
        for exposed in &mut all {
            if secrets {
                self.ports.names.complete(exposed, self.listens.get().copied());
            } else {
                exposed.token = None;
            }
        }
        all
    }
}

fn port(socket: &Socket, processes: &Processes, owners: &Owners<Owner>) -> Port {
    let known = processes.get(&socket.inode).and_then(Option::as_ref);
    let (process, terminal) = match known.and_then(|Known { seen, .. }| owners.of(seen)) {
        Some(Owner::Process(id)) => (Some(id.clone()), None),
        Some(Owner::Terminal(id)) => (None, Some(id.clone())),
        None => (None, None),
    };
    Port {
        port: socket.address.port(),
        address: socket.address.ip().to_string(),
        uid: socket.uid,
        pid: known.and_then(|known| u32::try_from(known.seen.pid).ok()),
        command: known.map(|known| known.command.clone()),
        process,
        terminal,
    }
}
