//! What a background process or a terminal takes over from a session.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use sandwire_protocol::kind::command::Launch;
use sandwire_protocol::{ByteString, Code, Error};

use super::begin::nonce;
use super::command::{Outcome, no_shell};
use super::home;
use super::script::Setting;
use super::session::{Held, unwritable};
use crate::sandbox::process::launch::MARKER;

/// Largest environment, in bytes, that is taken over from a session.
pub(super) const ENVIRONMENT: u64 = 1 << 20;

impl Held {
    /// What a process that is started from here takes over: environment, directory, user.
    ///
    /// # Errors
    /// `SESSION_TERMINATED`, `NOT_SUPPORTED` where there is no program `env`, `LIMIT_EXCEEDED`.
    pub(crate) async fn inherit(mut self, launch: &mut Launch) -> Result<(), Error> {
        self.shell(false).await?;
        let from = self.directory();
        start_from(launch, &from, self.session.launch.user.as_ref());
        if launch.clear_env {
            return Ok(());
        }
        let inner = &mut *self.inner;
        let Some(home) = &inner.home else { return Err(no_shell()) };
        let (stdout, rearm) = (inner.free.name(home).map_err(|error| unwritable(&error))?, inner.rearm);
        let mut setting =
            Setting { nonce: nonce()?, rearm, environment: true, stderr: stdout.clone(), stdout, ..Setting::default() };
        self.tell(&mut setting, b"")?;
        let status = match self.outcome(&setting.nonce).await? {
            Outcome::Done(status) => status,
            Outcome::NoDirectory | Outcome::Left(_) | Outcome::Died(_) | Outcome::Deaf(_) | Outcome::Stuck => {
                return Err(no_shell());
            }
        };
        if status != 0 {
            return Err(Error::new(Code::NotSupported, "the program `env` is needed to hand an environment on"));
        }
        let Some(home) = &self.inner.home else { return Err(no_shell()) };
        let all = home.take(home::ENVIRONMENT, ENVIRONMENT).map_err(|error| {
            if error.kind() != io::ErrorKind::FileTooLarge {
                return unwritable(&error);
            }
            Error::new(Code::LimitExceeded, "the session's environment has more than 1 MiB").with("limit", ENVIRONMENT)
        })?;
        take_over(launch, &all);
        Ok(())
    }
}

/// The launch begins in this directory and as this user, as far as it does not say otherwise.
pub(super) fn start_from(launch: &mut Launch, from: &Path, user: Option<&String>) {
    let cwd = launch.cwd.as_ref().map_or_else(|| from.to_owned(), |cwd| from.join(cwd));
    launch.cwd = Some(ByteString::new(cwd.into_os_string().into_vec()));
    launch.user = launch.user.take().or_else(|| user.cloned());
}

/// The environment of the launch is this one, with its own variables over it.
pub(super) fn take_over(launch: &mut Launch, all: &[u8]) {
    let mut env = variables(all);
    env.append(&mut launch.env);
    launch.env = env;
    launch.clear_env = true;
}

/// Reads `NAME=value` with a NUL behind each.
fn variables(all: &[u8]) -> BTreeMap<ByteString, Option<ByteString>> {
    let pairs = all.split(|byte| *byte == 0).filter_map(|pair| {
        let at = memchr::memchr(b'=', pair)?;
        let (name, value) = (pair.get(..at)?, pair.get(at + 1..)?);
        let own = name == MARKER.as_bytes() || name == b"_" || name.is_empty();
        (!own).then(|| (ByteString::new(name.to_vec()), Some(ByteString::new(value.to_vec()))))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn variables_of_any_content_are_read_and_the_servers_own_left_out() {
        let env = variables(b"A=1\0B=x=y\nz\0EMPTY=\0_=/usr/bin/env\0SANDWIRE_ID=x\0broken\0=x\0F%%=() { :; }\0");
        let value = |name: &str| env.get(&ByteString::from(name)).cloned().flatten().map(|value| value.to_string());
        assert_eq!(env.len(), 4);
        assert_eq!((value("A").unwrap(), value("B").unwrap()), ("1".to_owned(), "x=y\nz".to_owned()));
        assert_eq!((value("EMPTY").unwrap(), value("F%%").unwrap()), (String::new(), "() { :; }".to_owned()));
    }
}
