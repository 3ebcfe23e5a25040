//! Which ports are exposed, and by which token each is reached.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sandwire_protocol::kind::port::{Expose, Exposed};
use sandwire_protocol::{Code, Error};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::sandbox::machine::now_ms;

/// Longest token.
pub(crate) const MAX_TOKEN: usize = 16;

/// Ports that are exposed at once.
const MAX_EXPOSED: usize = 64;

/// Longest name of a port, in characters.
const MAX_NAME: usize = 64;

/// The characters of a token that is drawn: 16 of them are 82 bits.
const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// The ports that are exposed.
#[derive(Debug, Default)]
pub(crate) struct Exposures {
    table: Mutex<BTreeMap<u16, Exposure>>,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct Exposure {
    /// Without what is derived from the token.
    told: Exposed,
    hash: [u8; 32],
    ended: CancellationToken,
}

/// Leave to use a port.
#[derive(Clone, Debug)]
pub(crate) struct Leave {
    pub(crate) port: u16,
    /// Whether the program is told `localhost` as its host.
    pub(crate) local_host: bool,
    /// Ends the leave.
    pub(crate) ended: CancellationToken,
}

impl Exposures {
    /// Exposes a port, which is not the server's own, or changes how. A new token ends what goes on with the old one.
    ///
    /// # Errors
    /// `INVALID_PORT`, `VALIDATION_FAILED`, `LIMIT_EXCEEDED`.
    pub(crate) fn expose(&self, params: &Expose, own: Option<u16>) -> Result<Exposed, Error> {
        check(params, own)?;
        let mut table = self.lock();
        if table.len() >= MAX_EXPOSED && !table.contains_key(&params.port) {
            let message = format!("{MAX_EXPOSED} exposed ports are the most: unexpose one first");
            return Err(Error::new(Code::LimitExceeded, message).with("limit", MAX_EXPOSED));
        }
        let before = table.get(&params.port).and_then(|before| before.told.token.clone());
        let token = match params.token.clone().or_else(|| before.clone()) {
            Some(token) => token,
            None => draw()?,
        };
        let same = if before.as_ref() == Some(&token) { table.remove(&params.port) } else { None };
        let told = Exposed {
            port: params.port,
            name: params.name.clone().filter(|name| !name.is_empty()),
            token: Some(token.clone()),
            host: None,
            url: None,
            local_host: params.local_host,
            since_ms: same.as_ref().map_or_else(now_ms, |same| same.told.since_ms),
        };
        let ended = same.map(|same| same.ended).unwrap_or_default();
        let exposure = Exposure { told: told.clone(), hash: Sha256::digest(&token).into(), ended };
        if let Some(other) = table.insert(params.port, exposure) {
            other.ended.cancel();
        }
        drop(table);
        self.changed.send_replace(());
        Ok(told)
    }

    /// Ends that, and what goes on. Whether the port was exposed.
    pub(crate) fn unexpose(&self, port: u16) -> bool {
        let Some(exposure) = self.lock().remove(&port) else { return false };
        exposure.ended.cancel();
        self.changed.send_replace(());
        true
    }

    /// All, by port; without what is derived from the token.
    pub(crate) fn all(&self) -> Vec<Exposed> {
        self.lock().values().map(|exposure| exposure.told.clone()).collect()
    }

    /// Tells whenever something changes.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Leave to use a port, for who has its token. What it takes in time tells neither how much of the token is right
    /// nor whether the port is exposed: hashes are compared, if need be with one that nothing has.
    pub(crate) fn leave(&self, port: u16, token: &str) -> Option<Leave> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        let table = self.lock();
        let exposure = table.get(&port);
        let known = exposure.map_or(&[0; 32], |exposure| &exposure.hash);
        if !bool::from(known.ct_eq(&hash)) {
            return None;
        }
        let Exposure { told, ended, .. } = exposure?;
        Some(Leave { port, local_host: told.local_host, ended: ended.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u16, Exposure>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(params: &Expose, own: Option<u16>) -> Result<(), Error> {
    let port = params.port;
    let invalid = |why: &str| Err(Error::new(Code::InvalidPort, why.to_owned()).with("port", u32::from(port)));
    if port == 0 {
        return invalid("port 0 cannot be exposed; give one from 1");
    }
    if own == Some(port) {
        return invalid("this port is the server's own, which is never exposed");
    }
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if let Some(token) = &params.token
        && !((1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(fits))
    {
        let message = format!("a token has 1 to {MAX_TOKEN} characters of a-z, 0-9 and `_`");
        return Err(Error::new(Code::ValidationFailed, message).with("parameter", "token"));
    }
    let long = |name: &String| name.chars().count() > MAX_NAME || name.chars().any(char::is_control);
    if params.name.as_ref().is_some_and(long) {
        let message = format!("a name has at most {MAX_NAME} characters, and none that controls a terminal");
        return Err(Error::new(Code::ValidationFailed, message).with("parameter", "name"));
    }
    Ok(())
}

/// A token that nobody guesses.
fn draw() -> Result<String, Error> {
    let mut token = String::with_capacity(MAX_TOKEN);
    let mut bytes = [0; 32];
    while token.len() < MAX_TOKEN {
        getrandom::fill(&mut bytes)
            .map_err(|error| Error::new(Code::Internal, format!("there are no random numbers: {error}")))?;
        // Bytes beyond the last whole multiple would favour the first letters.
        let even = bytes.iter().filter(|byte| usize::from(**byte) < 256 / ALPHABET.len() * ALPHABET.len());
        let letters = even.map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
        token.extend(letters.take(MAX_TOKEN - token.len()));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeSet;

    use super::*;

    fn of(port: u16, token: Option<&str>) -> Expose {
        Expose { port, token: token.map(str::to_owned), ..Expose::default() }
    }

    #[test]
    fn only_the_token_gives_leave_and_only_until_the_port_is_unexposed() {
        let exposures = Exposures::default();
        let token = exposures.expose(&of(80, None), Some(7070)).unwrap().token.unwrap();
        let leave = exposures.leave(80, &token).unwrap();
        assert_eq!((leave.port, leave.local_host), (80, false));
        for wrong in ["", &token[1..], &token[..15], "x", &token.to_uppercase()] {
            assert!(exposures.leave(80, wrong).is_none(), "{wrong}");
        }
        assert!(exposures.leave(81, &token).is_none());
        assert!(exposures.unexpose(80) && leave.ended.is_cancelled());
        assert!(!exposures.unexpose(80) && exposures.leave(80, &token).is_none() && exposures.all().is_empty());
    }

    #[test]
    fn exposed_again_a_port_keeps_its_token_unless_another_is_given() {
        let exposures = Exposures::default();
        let first = exposures.expose(&of(80, None), None).unwrap();
        let token = first.token.clone().unwrap();
        let leave = exposures.leave(80, &token).unwrap();
        let named = Expose { name: Some("shop".to_owned()), local_host: true, ..of(80, None) };
        let second = exposures.expose(&named, None).unwrap();
        assert_eq!((second.token, second.since_ms), (first.token, first.since_ms));
        assert!(!leave.ended.is_cancelled() && exposures.leave(80, &token).unwrap().local_host);
        let third = exposures.expose(&of(80, Some("mine_1")), None).unwrap();
        assert_eq!((third.token.as_deref(), third.name), (Some("mine_1"), None));
        assert!(leave.ended.is_cancelled() && exposures.leave(80, &token).is_none());
        assert!(!exposures.leave(80, "mine_1").unwrap().ended.is_cancelled());
    }

    #[test]
    fn tokens_are_of_a_host_name_and_never_the_same() {
        let drawn: BTreeSet<_> = (0..200).map(|_| draw().unwrap()).collect();
        assert_eq!(drawn.len(), 200);
        assert!(
            drawn.iter().all(|token| token.len() == MAX_TOKEN && token.bytes().all(|byte| ALPHABET.contains(&byte)))
        );
        let letters: BTreeSet<_> = drawn.iter().flat_map(|token| token.bytes()).collect();
        assert_eq!(letters.len(), ALPHABET.len(), "every letter comes");
    }

    #[test]
    fn what_may_not_be_exposed_is_refused() {
        let exposures = Exposures::default();
        let code = |params: &Expose| exposures.expose(params, Some(7070)).unwrap_err().code;
        assert_eq!((code(&of(0, None)), code(&of(7070, None))), (Code::InvalidPort, Code::InvalidPort));
        for token in ["", "A", "a-b", "a.b", "ä", "aaaaaaaaaaaaaaaaa"] {
            assert_eq!(code(&of(80, Some(token))), Code::ValidationFailed, "{token}");
        }
        for name in ["x".repeat(65), "a\nb".to_owned()] {
            assert_eq!(code(&Expose { name: Some(name), ..of(80, None) }), Code::ValidationFailed);
        }
        for port in 1..=64 {
            exposures.expose(&of(port, None), None).unwrap();
        }
        assert_eq!(code(&of(65, None)), Code::LimitExceeded);
        assert!(exposures.expose(&of(64, Some("t")), None).is_ok(), "one that is there takes no place");
        let ports: Vec<_> = exposures.all().iter().map(|exposed| exposed.port).collect();
        assert_eq!(ports, (1..=64).collect::<Vec<_>>());
    }
}
