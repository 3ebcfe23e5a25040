//! Repositories, by the `git` of the sandbox: a supervised child, which is told a password by a descriptor of its own.

mod asked;
mod failure;
mod progress;
mod target;
mod url;

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sandwire_protocol::kind::command::{Exit, Launch};
use sandwire_protocol::kind::git::CheckedOut;
use sandwire_protocol::{ByteString, Code, Error};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::failure::Redact;
use self::progress::Reading;
use self::target::{Taken, Target};
use super::buckets::{apart, apart_trying};
use super::fs::Files;
use super::handed::Handed;
use super::process::run::{self, Host, Outputs, Run, Spec, Started};
use super::process::stop::Stop;
use super::process::user::Credentials;

pub(crate) use self::asked::Asked;
pub(crate) use self::progress::Latest;

/// Checkouts at once.
const MAX: usize = 16;

/// Time between TERM and KILL when the time of a checkout is over.
const GRACE: Duration = Duration::from_secs(2);

/// Largest piece that is read of what git says.
const PIECE: usize = 4 << 10;

/// Longest answer of git to a question about a repository, in bytes.
const ANSWER: usize = 4 << 10;

/// The checkouts of a sandbox.
#[derive(Debug)]
pub(crate) struct Checkouts {
    host: Host,
    places: Arc<Semaphore>,
    taken: Taken,
}

/// A checkout that has its place and its directory, and does not run yet.
#[derive(Debug)]
pub(crate) struct Checkout {
    asked: Asked,
    launch: Launch,
    target: Arc<Target>,
    host: Host,
    /// Whom git runs as, when that is not the server's own user.
    owner: Option<(u32, u32)>,
    latest: Arc<Latest>,
    _place: OwnedSemaphorePermit,
}

impl Checkouts {
    /// None yet.
    pub(crate) fn new(host: Host) -> Self {
        Self { host, places: Arc::new(Semaphore::new(MAX)), taken: Taken::default() }
    }

    /// Takes a place and the directory.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED`, those of [`Files::target`] and [`Target::take`], `GIT_REPOSITORY_NOT_FOUND`, `USER_NOT_FOUND`.
    pub(crate) async fn prepare(&self, asked: Asked, mut launch: Launch, files: &Files) -> Result<Checkout, Error> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let text = format!("{MAX} checkouts are under way, the most that there may be; wait for one");
            Error::new(Code::LimitExceeded, text).with("limit", MAX)
        })?;
        let wanted = match &launch.cwd {
            Some(cwd) => PathBuf::from(std::ffi::OsString::from_vec(cwd.as_bytes().to_vec())).join(&asked.directory),
            None => Path::new("").join(&asked.directory),
        };
        let path = files.target(&ByteString::new(wanted.into_os_string().into_vec())).await?;
        let source = asked.url.is_at(&path);
        let taken = Arc::clone(&self.taken);
        let target = apart_trying(move || Target::take(path, &taken)).await?;
        if source {
            // git would make the directory, and find in it the empty repository that it just began.
            let text = format!("{} is new or empty: there is no repository there", asked.url.shown);
            return Err(Error::new(Code::GitRepositoryNotFound, text));
        }
        let owner = match &launch.user {
            Some(user) => Credentials::find(user).map(|user| Some((user.uid, user.gid)))?,
            None => None,
        };
        asked::prepare(&mut launch.env, asked.credentials.is_some());
        let (host, latest) = (self.host.clone(), Arc::default());
        Ok(Checkout { asked, launch, target: Arc::new(target), host, owner, latest, _place: place })
    }
}

impl Checkout {
    /// How far it is.
    pub(crate) fn latest(&self) -> Arc<Latest> {
        Arc::clone(&self.latest)
    }

    /// Runs it to its end. What it made is removed when it fails.
    ///
    /// # Errors
    /// Those of `git.checkout`; `CANCELLED` when `stop` ended it.
    pub(crate) async fn run(self, stop: &Stop) -> Result<CheckedOut, Error> {
        let begun = Instant::now();
        let checked_out = self.check_out(begun, stop).await;
        if checked_out.is_err() {
            let target = Arc::clone(&self.target);
            if self.host.buckets.lead(&target.path) {
                // Not waited for, and in its place until then.
                apart(move || {
                    target.clear();
                    drop(self);
                });
            } else {
                apart_trying(move || {
                    target.clear();
                    Ok(())
                })
                .await?;
            }
        }
        checked_out
    }

    async fn check_out(&self, begun: Instant, stop: &Stop) -> Result<CheckedOut, Error> {
        self.clone_into(stop).await?;
        let commit = self.ask(&["rev-parse", "--verify", "--quiet", "HEAD"], begun, stop).await?;
        let branch = self.ask(&["symbolic-ref", "--quiet", "--short", "HEAD"], begun, stop).await?;
        let directory = ByteString::new(self.target.path.clone().into_os_string().into_vec());
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(CheckedOut { url: self.asked.url.shown.clone(), directory, branch, commit, duration_ms })
    }

    async fn clone_into(&self, stop: &Stop) -> Result<(), Error> {
        let launch = Launch { argv: self.asked.arguments(&self.target.path), ..self.launch.clone() };
        let timeout = self.asked.timeout_ms.map(Duration::from_millis);
        let spec = Spec { stdin: false, merge_stderr: true, timeout, grace: GRACE };
        let lacking = |error| Error::new(Code::Internal, format!("the credentials cannot be handed to git: {error}"));
        let answer = self.asked.answer().map(|answer| Handed::new(&answer, self.owner)).transpose().map_err(lacking)?;
        let started = run::start_handing(&self.host, &launch, &spec, answer.as_ref().map(Handed::fd));
        let Started { run, mut outputs, .. } = started.map_err(not_installed)?;
        drop(launch);
        let redact = Redact::of(self.asked.credentials.as_ref());
        let mut reading = Reading::default();
        let read = async {
            while let Some((_, bytes)) = outputs.next(PIECE).await? {
                reading.take(&bytes, &self.latest, &redact);
            }
            reading.end(&self.latest, &redact);
            Ok(())
        };
        let (exit, read): (_, Result<(), Error>) = tokio::join!(run.wait(stop), read);
        let exit = exit?;
        read?;
        if exit.success() && !stop.is_requested() {
            return Ok(());
        }
        // What it began may still write.
        end_rest(&run).await;
        self.ended_early(&exit, stop)?;
        Err(failure::explain(&self.asked, &exit, &reading.said, &redact))
    }

    /// Whether git was ended before its time.
    fn ended_early(&self, exit: &Exit, stop: &Stop) -> Result<(), Error> {
        if stop.is_requested() {
            return Err(Error::new(Code::Cancelled, "the opener gave up"));
        }
        if !exit.timed_out {
            return Ok(());
        }
        let limit = self.asked.timeout_ms.unwrap_or_default();
        let message = format!("git was ended after {limit} ms, and had not finished");
        let url = self.asked.url.shown.as_str();
        Err(Error::new(Code::Timeout, message).with("url", url).with("timeout_ms", limit))
    }

    /// What git says of the new repository in a line; nothing when it says so.
    async fn ask(&self, question: &[&str], begun: Instant, stop: &Stop) -> Result<Option<String>, Error> {
        let mut argv: Vec<ByteString> = vec!["git".into(), "-C".into(), self.target.path.as_path().into()];
        argv.extend(question.iter().map(|word| ByteString::from(*word)));
        let launch = Launch { argv, ..self.launch.clone() };
        let timeout = self.asked.timeout_ms.map(|ms| Duration::from_millis(ms).saturating_sub(begun.elapsed()));
        let spec = Spec { stdin: false, merge_stderr: false, timeout, grace: GRACE };
        let Started { run, mut outputs, .. } = run::start(&self.host, &launch, &spec).map_err(not_installed)?;
        let (exit, said) = tokio::join!(run.wait(stop), first(&mut outputs));
        let (exit, said): (Exit, Vec<u8>) = (exit?, said?);
        self.ended_early(&exit, stop)?;
        let line = String::from_utf8_lossy(&said).trim_end().to_owned();
        Ok((exit.success() && !line.is_empty()).then_some(line))
    }
}

/// The first bytes of what a command says; the rest is read and left.
async fn first(outputs: &mut Outputs) -> Result<Vec<u8>, Error> {
    let mut said = Vec::new();
    while let Some((output, bytes)) = outputs.next(PIECE).await? {
        if output == sandwire_protocol::kind::command::Output::Stdout {
            let room = ANSWER.saturating_sub(said.len());
            said.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
        }
    }
    Ok(said)
}

async fn end_rest(run: &Run) {
    if let Err(error) = run.tree().terminate(false, std::future::ready(())).await {
        tracing::warn!(%error, "what a checkout began could not be looked for");
    }
}

/// Of a program that is not there, what to install.
fn not_installed(error: Error) -> Error {
    if error.code != Code::CommandNotFound {
        return error;
    }
    let message = "there is no program `git` in the sandbox; install it: apt-get install git";
    Error { details: BTreeMap::new(), ..Error::new(Code::GitNotInstalled, message) }
}
