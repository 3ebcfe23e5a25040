//! Tickets: short-lived signed proofs for who cannot send a header, a browser for example.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use sandwire_protocol::kind::Scope;
use sandwire_protocol::{Code, Error};
use serde::{Deserialize, Serialize};

use super::access::Access;
use super::grant::Grant;

/// Life of a ticket when the request names none.
const DEFAULT_TTL: Duration = Duration::from_secs(60);

/// Life of a ticket to sign in with, which a person has to carry to a browser.
const SIGN_IN_TTL: Duration = Duration::from_secs(300);

/// Longest life of a ticket.
const MAX_TTL: Duration = Duration::from_secs(3600);

/// Used single-use tickets that are remembered until they expire. No more are accepted meanwhile.
const MAX_USED: usize = 10_000;

/// Body of `POST /v1/tickets`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TicketRequest {
    /// Seconds until it expires, 1 to 3600. Default: 60.
    pub(crate) ttl: Option<u64>,
    /// Scopes by name, at most those of who asks. Default: all of those.
    pub(crate) scopes: Option<Vec<String>>,
    /// Terminals that `pty.*` may touch, by id, at most those of who asks. Default: all of those.
    pub(crate) terminals: Option<Vec<String>>,
    /// Absolute paths below which `file.*` may work, each below one of who asks. Default: all of those.
    pub(crate) paths: Option<Vec<PathBuf>>,
    /// Whether it is good for one connection only. Default: false.
    pub(crate) once: bool,
    /// Whether it is to sign in with in a browser, once, and for nothing else. Default: false.
    pub(crate) session: bool,
}

impl TicketRequest {
    /// What a ticket allows, and for how long: at most what `access` has, and no longer than the token itself.
    ///
    /// # Errors
    /// `VALIDATION_FAILED`, `PERMISSION_DENIED` for scopes that who asks does not have.
    pub(crate) fn narrow(&self, access: &Access) -> Result<(Access, Duration), Error> {
        let default = if self.session { SIGN_IN_TTL } else { DEFAULT_TTL };
        let ttl = self.ttl.unwrap_or(default.as_secs());
        if !(1..=MAX_TTL.as_secs()).contains(&ttl) {
            return Err(Error::new(Code::ValidationFailed, "`ttl` is 1 to 3600 seconds").with("ttl", ttl));
        }
        let access = access.narrow(&Grant {
            scopes: self.scopes.clone(),
            terminals: self.terminals.clone(),
            paths: self.paths.clone(),
        })?;
        let left = access.expires().map(|expires| expires.duration_since(SystemTime::now()).unwrap_or_default());
        let ttl = left.map_or(ttl, |left| ttl.min(left.as_secs()));
        Ok((access, Duration::from_secs(ttl)))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    /// Who asked for it.
    sub: String,
    /// When it expires, in seconds since 1970.
    exp: u64,
    /// Its own number.
    jti: String,
    once: bool,
    scopes: Vec<Scope>,
    /// As they really were when the ticket was made.
    paths: Option<Vec<PathBuf>>,
    terminals: Option<BTreeSet<String>>,
}

/// Mints and checks tickets. The key is drawn at the start, so that no ticket outlives the server.
pub(crate) struct Tickets {
    encode: EncodingKey,
    decode: DecodingKey,
    used: Mutex<BTreeMap<String, u64>>,
    clock: Clock,
}

/// Seconds since 1970 that go on at the speed of time, also when somebody sets the machine's clock back: else a ticket
/// would be good again.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// The seconds at `since`.
    began: u64,
    since: Instant,
}

impl Clock {
    fn start() -> Self {
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { began, since: Instant::now() }
    }

    fn now(self) -> u64 {
        self.began + self.since.elapsed().as_secs()
    }
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

impl Tickets {
    /// With a new key.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(crate) fn new() -> std::io::Result<Self> {
        super::hs256::install();
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(std::io::Error::other)?;
        Ok(Self {
            encode: EncodingKey::from_secret(&key),
            decode: DecodingKey::from_secret(&key),
            used: Mutex::default(),
            clock: Clock::start(),
        })
    }

    /// A ticket for at most what `access` has, and the seconds that it is good for.
    ///
    /// # Errors
    /// `VALIDATION_FAILED`, `PERMISSION_DENIED` for scopes that who asks does not have.
    pub(crate) fn mint(&self, access: &Access, request: &TicketRequest) -> Result<(String, u64), Error> {
        let (access, ttl) = request.narrow(access)?;
        let ttl = ttl.as_secs();
        let mut number = [0; 16];
        getrandom::fill(&mut number).map_err(|error| Error::new(Code::Internal, error.to_string()))?;
        let claims = Claims {
            sub: access.name.clone(),
            exp: self.clock.now() + ttl,
            jti: format!("{:032x}", u128::from_be_bytes(number)),
            once: request.once,
            scopes: access.scopes().collect(),
            paths: access.paths(),
            terminals: access.terminals().cloned(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encode)
            .map(|ticket| (ticket, ttl))
            .map_err(|error| Error::new(Code::Internal, format!("the ticket cannot be signed: {error}")))
    }

    /// What a ticket allows; nothing when it is forged, expired, or used up.
    pub(crate) fn access(&self, ticket: &str) -> Option<Access> {
        let mut validation = Validation::new(Algorithm::HS256);
        // By the clock that it was minted by.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(ticket, &self.decode, &validation).ok()?.claims;
        let now = self.clock.now();
        if claims.exp <= now {
            return None;
        }
        if claims.once {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.retain(|_, exp| *exp > now);
            if used.len() >= MAX_USED || used.insert(claims.jti, claims.exp).is_some() {
                return None;
            }
        }
        Some(Access::of_ticket(&claims.sub, claims.scopes, claims.paths, claims.terminals))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn a_ticket_carries_narrowed_rights_and_nothing_more() {
        let tickets = Tickets::new().unwrap();
        let access = Access::new("ci", [Scope::Exec, Scope::Pty], Some(vec!["/w".into()]));
        let request = TicketRequest { scopes: Some(vec!["pty-read".to_owned()]), ..TicketRequest::default() };
        let (ticket, ttl) = tickets.mint(&access, &request).unwrap();
        assert_eq!(ttl, 60);
        let got = tickets.access(&ticket).unwrap();
        assert_eq!(got, Access::new("ci", [Scope::PtyRead], Some(vec!["/w".into()])));
        let wider = TicketRequest { scopes: Some(vec!["file-write".to_owned()]), ..TicketRequest::default() };
        assert_eq!(tickets.mint(&access, &wider).unwrap_err().code, Code::PermissionDenied);
    }

    #[test]
    fn a_ticket_expires_with_its_token() {
        let tickets = Tickets::new().unwrap();
        let access = Access::full("t").until(Some(SystemTime::now() + Duration::from_secs(30)));
        let request = TicketRequest { ttl: Some(3600), ..TicketRequest::default() };
        let (_, ttl) = tickets.mint(&access, &request).unwrap();
        assert!(ttl <= 30, "{ttl}");
    }

    #[test]
    fn forged_foreign_expired_and_used_tickets_are_nothing() {
        let tickets = Tickets::new().unwrap();
        let access = Access::full("t");
        let (ticket, _) = tickets.mint(&access, &TicketRequest::default()).unwrap();
        assert!(Tickets::new().unwrap().access(&ticket).is_none(), "another server's key");
        let mut forged = ticket.clone().into_bytes();
        let middle = forged.len() / 2;
        forged[middle] = if forged[middle] == b'A' { b'B' } else { b'A' };
        assert!(tickets.access(&String::from_utf8(forged).unwrap()).is_none());
        assert!(tickets.access("").is_none());
        // The algorithm is the server's choice, not the ticket's.
        let mut parts = ticket.split('.');
        let (_, claims, signature) = (parts.next(), parts.next().unwrap(), parts.next().unwrap());
        for algorithm in ["none", "None", "HS384", "HS512", "RS256"] {
            let header = URL_SAFE_NO_PAD.encode(format!("{{\"typ\":\"JWT\",\"alg\":\"{algorithm}\"}}"));
            for signature in ["", signature] {
                assert!(tickets.access(&format!("{header}.{claims}.{signature}")).is_none(), "{algorithm}");
            }
        }
        let old = Claims {
            sub: "t".into(),
            exp: tickets.clock.now() - 1,
            jti: "1".into(),
            once: false,
            scopes: vec![],
            paths: None,
            terminals: None,
        };
        let old = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &old, &tickets.encode).unwrap();
        assert!(tickets.access(&old).is_none());
        let once = TicketRequest { once: true, ..TicketRequest::default() };
        let (ticket, _) = tickets.mint(&access, &once).unwrap();
        assert!(tickets.access(&ticket).is_some());
        assert!(tickets.access(&ticket).is_none(), "single use");
        for ttl in [0, 3601, u64::MAX] {
            let request = TicketRequest { ttl: Some(ttl), ..TicketRequest::default() };
            assert_eq!(tickets.mint(&access, &request).unwrap_err().code, Code::ValidationFailed);
        }
    }
}
