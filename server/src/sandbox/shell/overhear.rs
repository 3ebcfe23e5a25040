//! What a background process or a terminal takes over from a session. It waits for its turn, but not for a command that
//! runs on and on: then it takes what can be seen from outside.

use std::sync::Arc;
use std::time::Duration;

use sandwire_protocol::kind::command::Launch;
use sandwire_protocol::{Code, Error};

use super::inherit::{ENVIRONMENT, start_from, take_over};
use super::registry::Place;
use super::session::{Session, directory};

/// Time that a command of the session may take, as long as who waits behind it waits on.
const PATIENCE: Duration = Duration::from_secs(1);

/// Looks for a program that the command runs, and the pause between them: between two programs there is none.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(25);

impl Place {
    /// Completes a launch by directory, environment and user of the session: in its turn as they are then; when a command
    /// there takes longer than a second, as what that runs has them.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`, `SESSION_TERMINATED`, `NOT_SUPPORTED` where there is no program `env`, `LIMIT_EXCEEDED`; `TIMEOUT`
    /// when what runs there cannot be seen.
    pub(crate) async fn inherit(self, launch: &mut Launch) -> Result<(), Error> {
        let session = Arc::clone(self.session());
        let mut place = self;
        loop {
            let held = tokio::select! {
                biased;
                held = place.turn() => Some(held?),
                () = session.takes_long() => None,
            };
            match held {
                Some(held) => return held.inherit(launch).await,
                None if session.overhear(launch).await? => return Ok(()),
                // It has ended meanwhile.
                None => place = session.enter()?,
            }
        }
    }
}

impl Session {
    /// Returns when a command runs in it for longer than is waited for.
    async fn takes_long(&self) {
        loop {
            let ran = self.at_work().map(|(_, begun)| begun.at.elapsed());
            match PATIENCE.checked_sub(ran.unwrap_or_default()) {
                Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                Some(_) | None => return,
            }
        }
    }

    /// Takes what the command that runs in it shows. False when none does.
    async fn overhear(&self, launch: &mut Launch) -> Result<bool, Error> {
        for _ in 0..LOOKS {
            let Some((run, begun)) = self.at_work() else { return Ok(false) };
            let from = directory(run.pid(), &self.host.buckets).unwrap_or_else(|| self.host.workspace.to_path_buf());
            if launch.clear_env {
                start_from(launch, &from, self.launch.user.as_ref());
                return Ok(true);
            }
            let seen = run.tree().since(begun.moment).environment(ENVIRONMENT).await.map_err(|error| {
                Error::new(Code::Internal, format!("the processes of a session cannot be listed: {error}"))
            })?;
            if let Some(seen) = seen {
                start_from(launch, &from, self.launch.user.as_ref());
                take_over(launch, &seen);
                return Ok(true);
            }
            tokio::time::sleep(PAUSE).await;
        }
        let text = format!(
            "the session {:?} is busy with a command that runs no program of which the environment could be taken; wait for \
             its end, or begin without `session`",
            self.id
        );
        Err(Error::new(Code::Timeout, text).with("id", self.id.as_str()))
    }
}
