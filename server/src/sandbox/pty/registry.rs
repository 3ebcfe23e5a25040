//! The terminals of a sandbox, by id.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sandwire_protocol::kind::command::Launch;
use sandwire_protocol::kind::pty::{Info, Open};
use sandwire_protocol::{ByteString, Code, Error};

use super::budget::{Budget, Share};
use super::master;
use super::screen::{Screen, Size};
use super::terminal::{GRACE, Parts, Terminal};
use crate::sandbox::activity::Work;
use crate::sandbox::id::{check_id, unused_id};
use crate::sandbox::process::launch::default_shell;
use crate::sandbox::process::owner::Leader;
use crate::sandbox::process::run::{self, Host, Spec};
use crate::sandbox::process::user::Credentials;

/// Size when none is asked for.
const SIZE: Size = Size { cols: 80, rows: 24 };

/// Most lines above a screen, whatever the setting says.
pub(crate) const MAX_SCROLLBACK: usize = 10_000;

/// Ended terminals that are kept with their last screen.
pub(crate) const KEEP: usize = 25;

/// How long an ended terminal is kept.
const KEEP_FOR: Duration = Duration::from_secs(600);

/// All terminals. Clones are the same registry.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    host: Host,
    max: usize,
    scrollback: usize,
    budget: Arc<Budget>,
    table: Arc<Mutex<Table>>,
    /// Those that live.
    open: Work,
}

#[derive(Debug, Default)]
struct Table {
    terminals: BTreeMap<String, Arc<Terminal>>,
    next: u64,
    /// The server goes down.
    draining: bool,
}

impl Registry {
    /// No terminals yet; at most `max` that live, with at most `scrollback` lines above each screen.
    /// All together take at most `memory` bytes. Those that live are counted as this work.
    pub(crate) fn new(host: Host, max: usize, scrollback: usize, memory: usize, open: Work) -> Self {
        let scrollback = scrollback.min(MAX_SCROLLBACK);
        let budget = Budget::new(memory);
        Self { host, max, scrollback, budget, table: Arc::default(), open }
    }

    /// Opens a terminal, or with `reuse` finds one that lives. Returns it, and whether it is new.
    ///
    /// # Errors
    /// `TERMINAL_EXISTS`, `LIMIT_EXCEEDED`, `VALIDATION_FAILED`, and those of starting a command.
    pub(crate) fn open(&self, params: &Open) -> Result<(Arc<Terminal>, bool), Error> {
        let mut table = self.lock();
        prune(&mut table);
        let number = table.next;
        let id = match &params.id {
            Some(id) => {
                check_id(id)?;
                id.clone()
            }
            None => unused_id("pty", &self.host.boot, table.next, &table.terminals),
        };
        match table.terminals.get(&id) {
            Some(terminal) if terminal.lives() && params.reuse => return Ok((Arc::clone(terminal), false)),
            Some(terminal) if terminal.lives() => {
                return Err(Error::new(Code::TerminalExists, format!("a terminal {id:?} lives already")).with("id", id));
            }
            Some(_) | None => {}
        }
        if table.draining {
            return Err(Error::new(Code::Draining, "the server is going down and opens no terminal"));
        }
        if table.terminals.values().filter(|terminal| terminal.lives()).count() >= self.max {
            let message = format!("the server's limit `max_terminals` ({}) is reached", self.max);
            return Err(Error::new(Code::LimitExceeded, message).with("limit", "max_terminals"));
        }
        if params.run.limits.as_ref().is_some_and(|limits| limits.output_bytes.is_some()) {
            let message = "`output_bytes` cannot be held for a terminal: bound what runs in it in another way";
            return Err(Error::new(Code::NotSupported, message).with("field", "output_bytes"));
        }
        let size = Size::asked(params.cols, params.rows, SIZE).unwrap_or(SIZE);
        let scrollback = params.scrollback.map_or(self.scrollback, |lines| self.scrollback.min(lines as usize));
        let share = loop {
            match self.budget.take(size, scrollback) {
                Some(share) => break share,
                // Who works goes before who looks at what has ended.
                None if table.forget_oldest() => {}
                None => {
                    let message = "the terminals take what the setting `terminal_memory` allows; close one, or choose \
                                   a smaller size or scrollback";
                    return Err(Error::new(Code::LimitExceeded, message).with("limit", "terminal_memory"));
                }
            }
        };
        let screen = Screen::new(size, scrollback);
        let terminal = Arc::new(self.start(id.clone(), number, params, (screen, share))?);
        table.next += 1;
        table.terminals.insert(id, Arc::clone(&terminal));
        drop(table);
        let served = Arc::clone(&terminal);
        let working = self.open.begin();
        tokio::spawn(async move {
            served.serve().await;
            drop(working);
        });
        Ok((terminal, true))
    }

    fn start(&self, id: String, number: u64, params: &Open, model: (Screen, Share)) -> Result<Terminal, Error> {
        let (screen, share) = model;
        let size = screen.size();
        let (master, slave) = master::open(size).map_err(|error| {
            Error::new(Code::ProcessSpawnFailed, format!("no terminal can be made: {error}"))
                .with("errno", error.raw_os_error().unwrap_or(0))
        })?;
        let launch = on_terminal(&params.run, params.term.as_deref());
        let spec = Spec { stdin: false, merge_stderr: false, timeout: None, grace: GRACE };
        let run = run::start_on_terminal(&self.host, &launch, &slave.path, &spec)?;
        drop(slave);
        Ok(Terminal::new(Parts { id, number, run, master, screen, share, transient: params.transient }))
    }

    /// One terminal, living or ended.
    ///
    /// # Errors
    /// `TERMINAL_NOT_FOUND`.
    pub(crate) fn terminal(&self, id: &str) -> Result<Arc<Terminal>, Error> {
        let mut table = self.lock();
        prune(&mut table);
        table
            .terminals
            .get(id)
            .cloned()
            .ok_or_else(|| Error::new(Code::TerminalNotFound, format!("no terminal {id:?} is known")).with("id", id))
    }

    /// All terminals, oldest first.
    pub(crate) fn list(&self) -> Vec<Info> {
        let mut table = self.lock();
        prune(&mut table);
        let mut terminals: Vec<_> = table.terminals.values().cloned().collect();
        drop(table);
        terminals.sort_by_key(|terminal| terminal.number);
        terminals.iter().map(|terminal| terminal.info()).collect()
    }

    /// Ends a terminal and forgets it.
    ///
    /// # Errors
    /// `TERMINAL_NOT_FOUND`, those of [`Terminal::close`]: then it is not forgotten.
    pub(crate) async fn close(&self, id: &str, grace: Option<Duration>) -> Result<Info, Error> {
        let terminal = self.terminal(id)?;
        let info = terminal.close(grace.unwrap_or(GRACE)).await?;
        self.forget(&terminal);
        Ok(info)
    }

    /// All by their ids, and what the processes in them are known by.
    pub(crate) fn leaders(&self) -> Vec<(String, Leader)> {
        self.lock().terminals.values().map(|terminal| (terminal.id.clone(), terminal.leader())).collect()
    }

    /// Terminals that live.
    pub(crate) fn living(&self) -> usize {
        self.lock().terminals.values().filter(|terminal| terminal.lives()).count()
    }

    /// Ends all, each with this time of grace, and opens no other.
    pub(crate) async fn shutdown(&self, grace: Duration) {
        let terminals: Vec<_> = {
            let mut table = self.lock();
            table.draining = true;
            table.terminals.values().cloned().collect()
        };
        futures_util::future::join_all(terminals.iter().map(|terminal| async move {
            if let Err(error) = terminal.close(grace).await {
                tracing::warn!(%error, "a terminal is left");
            }
        }))
        .await;
    }

    /// Forgets this very terminal, not a later one of the same id.
    fn forget(&self, terminal: &Terminal) {
        let mut table = self.lock();
        if table.terminals.get(&terminal.id).is_some_and(|known| known.number == terminal.number) {
            table.terminals.remove(&terminal.id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Forgets the terminal that ended first. False when none has ended.
    fn forget_oldest(&mut self) -> bool {
        let ended = self.terminals.values().filter_map(|terminal| Some((terminal.ended_at()?, terminal.id.clone())));
        ended.min().is_some_and(|(_, id)| self.terminals.remove(&id).is_some())
    }
}

/// Forgets terminals that ended long ago, and the oldest of too many.
fn prune(table: &mut Table) {
    let mut ended: Vec<(Instant, String)> =
        table.terminals.values().filter_map(|terminal| Some((terminal.ended_at()?, terminal.id.clone()))).collect();
    ended.sort_unstable();
    let surplus = ended.len().saturating_sub(KEEP);
    for (index, (at, id)) in ended.iter().enumerate() {
        if index < surplus || at.elapsed() > KEEP_FOR {
            table.terminals.remove(id);
        }
    }
}

/// The launch with a TERM, and with the user's login shell when it names nothing to run.
fn on_terminal(launch: &Launch, term: Option<&str>) -> Launch {
    let mut launch = launch.clone();
    launch.env.entry("TERM".into()).or_insert_with(|| Some(term.unwrap_or("xterm-256color").into()));
    if launch.argv.is_empty() && launch.command.is_none() {
        let shell = launch.shell.clone().unwrap_or_else(|| login_shell(launch.user.as_deref()));
        launch.argv = vec![shell, "-l".into()];
    }
    launch
}

fn login_shell(user: Option<&str>) -> ByteString {
    let credentials = match user {
        Some(user) => Credentials::find(user).ok(),
        None => Credentials::of_uid(rustix::process::geteuid().as_raw()),
    };
    let shell = credentials.and_then(|credentials| credentials.shell);
    shell.filter(|shell| std::path::Path::new(shell).exists()).map_or_else(|| default_shell().into(), Into::into)
}
