//! The sessions of a sandbox, by id.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sandwire_protocol::kind::session::{Create, DEFAULT, Info};
use sandwire_protocol::{Code, Error};

use super::session::{Held, Session};
use super::sink::Sink;
use crate::sandbox::id::{check_id, unused_id};
use crate::sandbox::process::run::Host;
use crate::sandbox::queue::{self, MOST, Refused};

/// Time between TERM and KILL when a session is deleted and none is named.
const GRACE: Duration = Duration::from_millis(2000);

/// Most bytes of what a session is started with: its variables above all. They are kept for its next shell.
pub(crate) const LARGEST_START: usize = 16 << 10;

/// All sessions.
#[derive(Debug)]
pub(crate) struct Registry {
    host: Host,
    max: usize,
    sink: Sink,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    sessions: BTreeMap<String, Arc<Session>>,
    next: u64,
    /// The server goes down.
    draining: bool,
}

/// A place in the queue of a session.
#[derive(Debug)]
pub(crate) struct Place {
    session: Arc<Session>,
    place: queue::Place,
}

impl Registry {
    /// No sessions yet, and at most `max`.
    pub(crate) fn new(host: Host, max: usize) -> Registry {
        Registry { host, max, sink: Sink::new(), table: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a session, or with `reuse` finds one. Gives the first place in it when it is new.
    ///
    /// # Errors
    /// `VALIDATION_FAILED` for a bad id, `SESSION_ALREADY_EXISTS`, `LIMIT_EXCEEDED`, `DRAINING`.
    pub(crate) fn create(&self, mut params: Create) -> Result<(Arc<Session>, Option<Place>), Error> {
        if size_of(&params) > LARGEST_START {
            let text = format!("the variables of a session have at most {LARGEST_START} bytes; export more in it");
            return Err(Error::new(Code::ValidationFailed, text).with("limit", LARGEST_START));
        }
        let mut table = self.lock();
        let id = match params.id.take() {
            Some(id) => {
                check_id(&id)?;
                id
            }
            None => unused_id("session", &self.host.boot, table.next, &table.sessions),
        };
        if let Some(session) = table.sessions.get(&id) {
            if params.reuse {
                return Ok((Arc::clone(session), None));
            }
            return Err(Error::new(Code::SessionExists, format!("a session {id:?} exists already")).with("id", id));
        }
        let session = self.insert(&mut table, id, params)?;
        drop(table);
        let place = session.enter()?;
        Ok((session, Some(place)))
    }

    fn insert(&self, table: &mut Table, id: String, params: Create) -> Result<Arc<Session>, Error> {
        if table.draining {
            return Err(Error::new(Code::Draining, "the server is going down and makes no session"));
        }
        if table.sessions.len() >= self.max {
            let message = format!("the server's limit `max_sessions` ({}) is reached; delete one", self.max);
            return Err(Error::new(Code::LimitExceeded, message).with("limit", "max_sessions"));
        }
        let number = table.next;
        table.next += 1;
        let session = Arc::new(Session::new(id.clone(), number, self.host.clone(), self.sink.clone(), params));
        table.sessions.insert(id, Arc::clone(&session));
        Ok(session)
    }

    /// Takes the next place in a session; the default one is made when it is not there.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`, `LIMIT_EXCEEDED`, `DRAINING`.
    pub(crate) fn enter(&self, id: &str) -> Result<Place, Error> {
        let mut table = self.lock();
        let session = match table.sessions.get(id) {
            Some(session) => Arc::clone(session),
            None if id == DEFAULT => self.insert(&mut table, id.to_owned(), Create::default())?,
            None => return Err(not_found(id)),
        };
        drop(table);
        session.enter()
    }

    /// The session with that id.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`.
    pub(crate) fn session(&self, id: &str) -> Result<Arc<Session>, Error> {
        self.lock().sessions.get(id).cloned().ok_or_else(|| not_found(id))
    }

    /// All sessions, oldest first.
    pub(crate) fn list(&self) -> Vec<Info> {
        let mut sessions: Vec<Arc<Session>> = self.lock().sessions.values().cloned().collect();
        sessions.sort_unstable_by_key(|session| session.number);
        sessions.iter().map(|session| session.info()).collect()
    }

    /// Ends a session and forgets it.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`.
    pub(crate) async fn delete(&self, id: &str, grace: Option<Duration>) -> Result<(), Error> {
        let session = self.lock().sessions.remove(id).ok_or_else(|| not_found(id))?;
        // Not given up with the one who asked: nobody else could end it any more.
        let ends = tokio::spawn(async move { session.close(grace.unwrap_or(GRACE)).await });
        ends.await.map_err(|error| Error::new(Code::Internal, format!("the session could not be ended: {error}")))
    }

    /// Forgets this very session, whose shell could not be started.
    pub(crate) async fn undo(&self, session: &Arc<Session>) {
        {
            let mut table = self.lock();
            if table.sessions.get(&session.id).is_some_and(|known| known.number == session.number) {
                table.sessions.remove(&session.id);
            }
        }
        session.close(Duration::ZERO).await;
    }

    /// Ends all, each with this time of grace, and makes no other.
    pub(crate) async fn shutdown(&self, grace: Duration) {
        let sessions = {
            let mut table = self.lock();
            table.draining = true;
            std::mem::take(&mut table.sessions)
        };
        futures_util::future::join_all(sessions.values().map(|session| session.close(grace))).await;
    }
}

impl Session {
    /// Takes the next place.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`, `LIMIT_EXCEEDED`.
    pub(super) fn enter(self: &Arc<Self>) -> Result<Place, Error> {
        match self.queue.enter() {
            Ok(place) => Ok(Place { session: Arc::clone(self), place }),
            Err(refused) => Err(explain(refused, &self.id)),
        }
    }
}

impl Place {
    /// Of which session it is.
    pub(super) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Waits for the turn. Dropped before, the place is given up.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND` when it was deleted meanwhile.
    pub(crate) async fn turn(self) -> Result<Held, Error> {
        let Place { session, place } = self;
        match place.turn().await {
            Ok(turn) => Ok(session.hold(turn).await),
            Err(refused) => Err(explain(refused, &session.id)),
        }
    }
}

/// What keeping it takes at least, in bytes.
fn size_of(params: &Create) -> usize {
    const EACH: usize = 32;
    let strings = params.env.keys().chain(params.env.values().flatten()).chain(&params.cwd).chain(&params.shell);
    strings.map(|string| string.as_bytes().len() + EACH).sum::<usize>() + params.user.as_ref().map_or(0, String::len)
}

fn not_found(id: &str) -> Error {
    Error::new(Code::SessionNotFound, format!("there is no session {id:?}; create it")).with("id", id)
}

fn explain(refused: Refused, id: &str) -> Error {
    match refused {
        Refused::Full => {
            Error::new(Code::LimitExceeded, format!("{MOST} commands wait for the session {id:?} already"))
                .with("limit", MOST)
                .with("id", id)
        }
        Refused::Closed => not_found(id),
    }
}
