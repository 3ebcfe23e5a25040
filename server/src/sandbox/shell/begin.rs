//! From what is asked of a session to a command that runs in its shell.

use std::io;
use std::os::unix::ffi::OsStringExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use sandwire_protocol::kind::command::{Launch, Limits};
use sandwire_protocol::{ByteString, Code, Error};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::command::{Command, no_shell};
use super::posix;
use super::quote::{literal, quoted};
use super::script::{self, Dialect, Setting};
use super::session::{Asked, Begun, Held, unwritable};
use crate::sandbox::process::launch::bad_cwd;
use crate::sandbox::process::pipe::{Pipes, Stdin};
use crate::sandbox::process::run::Outputs;
use crate::sandbox::process::tree::Moment;
use crate::sandbox::variables::is_name;

impl Held {
    /// Whether to begin that command may take as long as the store of a bucket does.
    pub(crate) fn may_wait(&self, launch: &Launch) -> bool {
        let host = &self.session.host;
        if !host.buckets.any() {
            return false;
        }
        let first = self.session.launch.cwd.as_ref().map(|cwd| host.workspace.join(cwd));
        let now = self.directory();
        let to = launch.cwd.as_ref().map(|cwd| now.join(cwd));
        [first, Some(now), to].into_iter().flatten().any(|path| host.buckets.lead(&path))
    }

    /// Begins a command, of which [`Held::may_wait`] was asked. Dropped before its end, the shell is good for no other and is
    /// killed by the next.
    ///
    /// # Errors
    /// `VALIDATION_FAILED`, `INVALID_PROCESS_CWD`, `SESSION_TERMINATED`, those of starting a shell; `TIMEOUT` when that, or to
    /// enter the directory, waits for a bucket for longer than the command may take.
    pub(crate) async fn begin(
        mut self,
        launch: &Launch,
        asked: &Asked,
        may_wait: bool,
    ) -> Result<(Command, Outputs, Option<Stdin>), Error> {
        check(launch)?;
        let timeout = asked.timeout.or(self.session.timeout);
        // Where nothing blocks for long, who gives up waits for the beginning, so that the session stays what it is.
        let most = timeout.filter(|_| may_wait);
        within(most, self.shell(asked.renew)).await?;
        let mut setting = Setting { nonce: nonce()?, rearm: self.inner.rearm, ..Setting::default() };
        if let Some(cwd) = &launch.cwd {
            let from = self.directory();
            let to = from.join(cwd);
            // One in a bucket is tried by the shell alone: it may take as long as the store does.
            if !self.session.host.buckets.lead(&to) && !to.is_dir() {
                return Err(bad_cwd(&to, "is no directory, or cannot be seen", libc::ENOTDIR));
            }
            setting.cwd = Some((to.into_os_string().into_vec(), from.into_os_string().into_vec()));
        }
        let value = |value: &Option<ByteString>| value.as_ref().map(|value| value.as_bytes().to_vec());
        setting.env = launch.env.iter().map(|(name, it)| (name.to_string(), value(it))).collect();
        let text = text(launch, self.dialect());
        setting.traps = script::may_trap_exit(&text);

        let inner = &mut *self.inner;
        let (Some(home), Some(living)) = (&inner.home, &inner.living) else { return Err(no_shell()) };
        let mut stdout = inner.free.take(home).map_err(|error| unwritable(&error))?;
        let mut stderr = if asked.merge_stderr { None } else { Some(inner.free.take(home)) }
            .transpose()
            .map_err(|error| unwritable(&error))?;
        setting.stdout.clone_from(&stdout.name);
        setting.stderr.clone_from(&stderr.as_ref().unwrap_or(&stdout).name);
        let stdin = if asked.stdin {
            let name = inner.free.name(home).map_err(|error| unwritable(&error))?;
            // Kept until the shell has it open, so that the shell does not wait for it.
            Some((home.open_pipe(&name, OFlags::RDWR).map_err(|error| unwritable(&error))?, name))
        } else {
            None
        };
        setting.stdin = stdin.as_ref().map(|(_, name)| name.clone());
        let pipes = match stdout.reader.take() {
            Some(reader) => Pipes::new(reader, stderr.as_mut().and_then(|pipe| pipe.reader.take())),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        let pipes = pipes.map_err(|error| unwritable(&error))?;
        let (run, since, used) = (Arc::clone(living.run()), Moment::now(), living.used());
        self.tell(&mut setting, &text)?;
        let started = Instant::now();
        self.session.works(Some(Begun { at: started, moment: since }));
        let over = CancellationToken::new();
        let left = launch.limits.as_ref().and_then(|limits| limits.output_bytes).unwrap_or(u64::MAX);
        let outputs = Outputs::new(pipes, over.clone(), left);
        let command = Command {
            run,
            nonce: setting.nonce,
            since,
            used,
            started,
            timeout,
            grace: asked.grace,
            outputs: Mutex::new([Some(stdout), stderr].into_iter().flatten().collect()),
            stdin: stdin.as_ref().map(|(_, name)| name.clone()),
            over,
            sent: Mutex::new(None),
            pressed: Notify::new(),
            held: tokio::sync::Mutex::new(self),
        };
        let stdin = match stdin {
            Some((pipe, name)) => within(most, command.open_stdin(pipe, &name)).await?,
            None => None,
        };
        Ok((command, outputs, stdin))
    }

    /// Rings for a command.
    pub(super) fn tell(&mut self, setting: &mut Setting, text: &[u8]) -> Result<(), Error> {
        self.used(false);
        setting.sandbox = self.changes();
        let told = self.ring(setting, text);
        if let (Err(_), Some(follower)) = (&told, &self.inner.follower) {
            follower.missed();
        }
        told
    }

    fn ring(&mut self, setting: &Setting, text: &[u8]) -> Result<(), Error> {
        let inner = &mut *self.inner;
        let (Some(home), Some(living)) = (&inner.home, &inner.living) else { return Err(no_shell()) };
        let file = script::command(living.dialect, home.path(), setting, text);
        home.command(&file).map_err(|error| unwritable(&error))?;
        if living.dialect == Dialect::Posix {
            for (name, code) in posix::files(home.path(), setting) {
                home.write(name, &code).map_err(|error| unwritable(&error))?;
            }
        }
        living.ring().map_err(|error| unwritable(&error))?;
        inner.busy = true;
        inner.rearm = false;
        Ok(())
    }
}

/// Whether a session can run this.
///
/// # Errors
/// `VALIDATION_FAILED`.
pub(super) fn check(launch: &Launch) -> Result<(), Error> {
    let invalid = |text: &str, field: &str| Err(Error::new(Code::ValidationFailed, text).with("field", field));
    match (&launch.command, launch.argv.as_slice()) {
        (Some(_), [_, ..]) => return invalid("both `argv` and `command` are given; give one", "argv"),
        (None, []) => return invalid("neither `argv` nor `command` is given; give one", "argv"),
        (Some(_), []) | (None, [_, ..]) => {}
    }
    let settled = [
        ("shell", launch.shell.is_some()),
        ("clear_env", launch.clear_env),
        ("user", launch.user.is_some()),
        (
            "limits",
            launch.limits.as_ref().is_some_and(|it| Limits { output_bytes: None, ..it.clone() } != Limits::default()),
        ),
    ];
    if let Some((field, _)) = settled.into_iter().find(|(_, given)| *given) {
        return invalid(&format!("`{field}` cannot be given with `session`: its shell runs already"), field);
    }
    if let Some(name) = launch.env.keys().find(|name| !is_name(name.as_bytes())) {
        return invalid(&format!("a shell has no variable that is named {name}: letters, digits and _"), "env");
    }
    let strings = launch.argv.iter().chain(&launch.command).chain(&launch.cwd).chain(launch.env.values().flatten());
    if strings.into_iter().any(|string| string.as_bytes().contains(&0)) {
        return invalid("a string of the command holds a NUL byte", "command");
    }
    Ok(())
}

fn text(launch: &Launch, dialect: Dialect) -> Vec<u8> {
    let word = |word: &ByteString| match dialect {
        Dialect::Bash => quoted(word.as_bytes()).into_bytes(),
        Dialect::Posix => literal(word.as_bytes()),
    };
    match &launch.command {
        Some(command) => command.as_bytes().to_vec(),
        None => launch.argv.iter().map(word).collect::<Vec<_>>().join(&b' '),
    }
}

/// The work, when it takes no longer than that.
async fn within<T>(time: Option<Duration>, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let Some(time) = time else { return work.await };
    tokio::time::timeout(time, work).await.unwrap_or_else(|_late| {
        let text = format!("the session's shell did not come to begin the command within {} ms", time.as_millis());
        Err(Error::new(Code::Timeout, text))
    })
}

/// Begins with the letter that the shell looks for.
pub(super) fn nonce() -> Result<String, Error> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(|error| Error::new(Code::Internal, format!("no random number: {error}")))?;
    Ok(format!("n{:016x}", u64::from_ne_bytes(random)))
}
