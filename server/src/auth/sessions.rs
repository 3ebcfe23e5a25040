//! Who is signed in with a browser. A sign-in ticket is exchanged for a session, once; the browser keeps the session's id
//! in a cookie. Tickets and ids are random and say nothing; what they stand for is here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sandwire_protocol::{Code, Error};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::access::Access;

/// Sessions at once. At the limit the one goes that was not used for longest.
pub(crate) const MAX_SESSIONS: usize = 1024;

/// Sign-in tickets that were not used yet. No more are given out meanwhile.
pub(crate) const MAX_TICKETS: usize = 256;

/// Random bytes of a ticket, and of a session's id.
const RANDOM: usize = 24;

/// Names an entry: the hash of its secret, so that looking it up tells nothing about the secret by its duration.
type Key = [u8; 32];

/// All sessions and sign-in tickets. Clones are the same table.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    /// How long a session outlives its last use.
    ttl: Duration,
    tables: Arc<Mutex<Tables>>,
}

#[derive(Debug, Default)]
struct Tables {
    tickets: BTreeMap<Key, (Access, Instant)>,
    sessions: BTreeMap<Key, Entry>,
}

#[derive(Debug)]
struct Entry {
    access: Access,
    used: Instant,
    /// Connections that it has now. With one it is in use.
    open: usize,
    revoked: CancellationToken,
}

impl Entry {
    fn lives(&self, now: Instant, ttl: Duration) -> bool {
        (self.open > 0 || now.duration_since(self.used) < ttl) && !self.access.expired()
    }
}

/// A session that somebody uses.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) access: Access,
    /// When it ends, unless it is used again.
    pub(crate) expires: SystemTime,
    key: Key,
    sessions: Sessions,
    revoked: CancellationToken,
}

/// A connection of a session, which does not expire as long as it has one.
#[derive(Debug)]
pub(crate) struct Open(Session);

impl Sessions {
    /// None yet; each ends when it was not used for this long.
    pub(crate) fn new(ttl: Duration) -> Self {
        Self { ttl, tables: Arc::default() }
    }

    /// A sign-in ticket for this access, good for so long.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` when too many wait to be used.
    pub(crate) fn ticket(&self, access: &Access, ttl: Duration) -> Result<String, Error> {
        self.ticket_at(access, ttl, Instant::now())
    }

    fn ticket_at(&self, access: &Access, ttl: Duration, now: Instant) -> Result<String, Error> {
        let mut tables = self.lock();
        tables.tickets.retain(|_, (_, until)| *until > now);
        if tables.tickets.len() >= MAX_TICKETS {
            let message = format!("{MAX_TICKETS} sign-in tickets wait to be used: use one, or wait until one expires");
            return Err(Error::new(Code::LimitExceeded, message));
        }
        let (ticket, key) = secret()?;
        tables.tickets.insert(key, (access.clone(), now + ttl));
        Ok(ticket)
    }

    /// Takes a sign-in ticket; nothing when it is unknown, expired, or was taken before.
    pub(crate) fn redeem(&self, ticket: &str) -> Option<Access> {
        self.redeem_at(ticket, Instant::now())
    }

    fn redeem_at(&self, ticket: &str, now: Instant) -> Option<Access> {
        let (access, until) = self.lock().tickets.remove(&key(ticket))?;
        (until > now && !access.expired()).then_some(access)
    }

    /// Begins a session: its id, which is the secret.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` when every one has a connection.
    pub(crate) fn begin(&self, access: Access) -> Result<String, Error> {
        self.begin_at(access, Instant::now())
    }

    fn begin_at(&self, access: Access, now: Instant) -> Result<String, Error> {
        let (id, key) = secret()?;
        let mut tables = self.lock();
        tables.sessions.retain(|_, entry| entry.lives(now, self.ttl));
        if tables.sessions.len() >= MAX_SESSIONS {
            let idle = tables.sessions.iter().filter(|(_, entry)| entry.open == 0);
            let Some((_, oldest)) = idle.map(|(key, entry)| (entry.used, *key)).min() else {
                return Err(Error::new(Code::LimitExceeded, format!("{MAX_SESSIONS} sessions are in use")));
            };
            tables.sessions.remove(&oldest);
        }
        tables.sessions.insert(key, Entry { access, used: now, open: 0, revoked: CancellationToken::new() });
        Ok(id)
    }

    /// The session with this id, which is used by that.
    pub(crate) fn find(&self, id: &str) -> Option<Session> {
        self.find_at(id, Instant::now())
    }

    fn find_at(&self, id: &str, now: Instant) -> Option<Session> {
        let key = key(id);
        let mut tables = self.lock();
        let entry = tables.sessions.get_mut(&key).filter(|entry| entry.lives(now, self.ttl))?;
        entry.used = now;
        let expires = SystemTime::now() + self.ttl;
        Some(Session {
            access: entry.access.clone(),
            expires: entry.access.expires().map_or(expires, |token| token.min(expires)),
            key,
            sessions: self.clone(),
            revoked: entry.revoked.clone(),
        })
    }

    /// Sessions now.
    pub(crate) fn len(&self) -> usize {
        let now = Instant::now();
        self.lock().sessions.values().filter(|entry| entry.lives(now, self.ttl)).count()
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Ends it, and its connections.
    pub(crate) fn end(self) {
        self.sessions.lock().sessions.remove(&self.key);
        self.revoked.cancel();
    }

    /// Opens a connection of it.
    pub(crate) fn open(self) -> Open {
        if let Some(entry) = self.sessions.lock().sessions.get_mut(&self.key) {
            entry.open += 1;
        }
        Open(self)
    }
}

impl Open {
    /// Waits until somebody signs out.
    pub(crate) async fn revoked(&self) {
        self.0.revoked.cancelled().await;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(entry) = self.0.sessions.lock().sessions.get_mut(&self.0.key) {
            entry.open = entry.open.saturating_sub(1);
            entry.used = Instant::now();
        }
    }
}

/// A new secret, and its key.
fn secret() -> Result<(String, Key), Error> {
    let mut bytes = [0; RANDOM];
    getrandom::fill(&mut bytes).map_err(|error| Error::new(Code::Internal, error.to_string()))?;
    let secret = URL_SAFE_NO_PAD.encode(bytes);
    let key = key(&secret);
    Ok((secret, key))
}

fn key(secret: &str) -> Key {
    Sha256::digest(secret).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use sandwire_protocol::kind::Scope;

    use super::*;

    const TTL: Duration = Duration::from_secs(100);

    #[test]
    fn a_ticket_is_good_once_and_not_for_ever() {
        let sessions = Sessions::new(TTL);
        let access = Access::new("viewer", [Scope::PtyRead], None);
        let now = Instant::now();
        let ticket = sessions.ticket_at(&access, TTL, now).unwrap();
        assert_eq!(sessions.redeem_at("", now), None);
        assert_eq!(sessions.redeem_at(&format!("{ticket}x"), now), None);
        assert_eq!(sessions.redeem_at(&ticket, now), Some(access.clone()));
        assert_eq!(sessions.redeem_at(&ticket, now), None, "once");
        let late = sessions.ticket_at(&access, TTL, now).unwrap();
        assert_eq!(sessions.redeem_at(&late, now + TTL), None, "expired");
        let gone = access.until(Some(SystemTime::UNIX_EPOCH));
        let ticket = sessions.ticket_at(&gone, TTL, now).unwrap();
        assert_eq!(sessions.redeem_at(&ticket, now), None, "its token has expired");
    }

    #[test]
    fn tickets_that_wait_have_a_bound_and_make_room_when_they_expire() {
        let sessions = Sessions::new(TTL);
        let (access, now) = (Access::full("t"), Instant::now());
        for _ in 0..MAX_TICKETS {
            sessions.ticket_at(&access, TTL, now).unwrap();
        }
        assert_eq!(sessions.ticket_at(&access, TTL, now).unwrap_err().code, Code::LimitExceeded);
        assert!(sessions.ticket_at(&access, TTL, now + TTL).is_ok());
    }

    #[test]
    fn a_session_lives_as_long_as_it_is_used() {
        let sessions = Sessions::new(TTL);
        let now = Instant::now();
        let id = sessions.begin_at(Access::full("t"), now).unwrap();
        for uses in 1..5 {
            assert!(sessions.find_at(&id, now + TTL * uses - Duration::from_secs(uses.into())).is_some(), "{uses}");
        }
        assert!(sessions.find_at(&id, now + TTL * 10).is_none());
        assert!(sessions.find_at(&id.to_lowercase(), now).is_none() && sessions.find_at("", now).is_none());
        let other = sessions.begin_at(Access::full("t"), now).unwrap();
        let open = sessions.find_at(&other, now).unwrap().open();
        assert!(sessions.find_at(&other, now + TTL * 10).is_some(), "it has a connection");
        drop(open);
        assert!(sessions.find_at(&other, now + TTL * 10 + TTL).is_none());
        let expired = Access::full("t").until(Some(SystemTime::UNIX_EPOCH));
        let expired = sessions.begin_at(expired, now).unwrap();
        assert!(sessions.find_at(&expired, now).is_none(), "its token has expired");
    }

    #[tokio::test]
    async fn signing_out_ends_the_session_and_tells_its_connections() {
        let sessions = Sessions::new(TTL);
        let id = sessions.begin(Access::full("t")).unwrap();
        let open = sessions.find(&id).unwrap().open();
        sessions.find(&id).unwrap().end();
        open.revoked().await;
        assert!(sessions.find(&id).is_none());
        assert_eq!(sessions.len(), 0);
    }

    #[test]
    fn the_table_has_a_bound_and_keeps_what_is_in_use() {
        let sessions = Sessions::new(TTL);
        let now = Instant::now();
        let at = |number: usize| now + Duration::from_millis(u64::try_from(number).unwrap());
        let first = sessions.begin_at(Access::full("t"), at(0)).unwrap();
        let _open = sessions.find_at(&first, at(0)).unwrap().open();
        let ids: Vec<String> =
            (1..=MAX_SESSIONS).map(|number| sessions.begin_at(Access::full("t"), at(number)).unwrap()).collect();
        assert_eq!(sessions.lock().sessions.len(), MAX_SESSIONS);
        let later = at(MAX_SESSIONS + 1);
        assert!(sessions.find_at(&first, later).is_some(), "in use");
        assert!(sessions.find_at(&ids[0], later).is_none(), "not used for longest");
        assert!(sessions.find_at(&ids[1], later).is_some());
    }
}
