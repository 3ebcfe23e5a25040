//! A context in the turn of one: its kernel is started, a cell begun, or both ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sandwire_protocol::kind::kernel::{Ran, Status};
use sandwire_protocol::{Code, Error};
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cell::{Cell, Timer};
use super::context::{Context, Inner, Present};
use super::{language, wire};
use crate::sandbox::queue::Turn;
use crate::sandbox::variables::is_name;

/// Most bytes of the variables of one cell.
const LARGEST_ENV: usize = 16 << 10;

/// What is asked of a context beside the code.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// The language that it must be for.
    pub(crate) language: Option<String>,
    pub(crate) stdin: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) env: BTreeMap<String, Option<String>>,
    pub(crate) renew: bool,
}

/// What became of a cell whose turn it was.
#[derive(Debug)]
pub(crate) enum Begun {
    /// It runs.
    Runs(Box<Cell>),
    /// Its time was over before it began.
    Late(Ran),
}

/// A context in its turn.
#[derive(Debug)]
pub(crate) struct Held {
    pub(super) inner: OwnedMutexGuard<Inner>,
    pub(super) context: Arc<Context>,
    /// Kernels of it that had ended when the place was taken.
    deaths: u64,
    /// When the turn came.
    since: Instant,
    /// Given on last.
    _turn: Turn,
}

impl Asked {
    /// Looks at what can be looked at before anything is done.
    ///
    /// # Errors
    /// `VALIDATION_FAILED`, which does not show a value.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let invalid = |text: String| Err(Error::new(Code::ValidationFailed, text).with("field", "env"));
        let sizes = self.env.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, String::len));
        let size: usize = sizes.sum();
        if size > LARGEST_ENV {
            return invalid(format!("the variables of a cell have {size} bytes; {LARGEST_ENV} is the most"));
        }
        for (name, value) in &self.env {
            // Who writes `NAME=value` here says a value, too.
            let shown = name.split('=').next().unwrap_or_default();
            if !is_name(name.as_bytes()) {
                return invalid(format!("{shown:?} is no name of a variable: A-Z a-z 0-9 and _, and no digit first"));
            }
            if value.as_ref().is_some_and(|value| value.contains('\0')) {
                return invalid(format!("the value of {shown} holds a NUL"));
            }
        }
        Ok(())
    }
}

impl Held {
    /// For one who has seen so many kernels end when taking the place.
    pub(super) fn new(context: Arc<Context>, inner: OwnedMutexGuard<Inner>, turn: Turn, deaths: u64) -> Held {
        Held { inner, context, deaths, since: Instant::now(), _turn: turn }
    }

    /// Milliseconds since the turn came.
    pub(super) fn duration_ms(&self) -> u64 {
        millis(self.since)
    }

    /// Runs a cell, in a kernel that is started for it if there is none. Dropped before its end, the cell is not begun, or
    /// interrupted; a kernel that starts is there for the next.
    ///
    /// # Errors
    /// `KERNEL_DIED`, `NOT_SUPPORTED`, `VALIDATION_FAILED`, those of starting a kernel.
    pub(crate) async fn run(self, code: String, asked: Asked) -> Result<Begun, Error> {
        let since = self.since;
        let timeout = asked.timeout.or(self.context.timeout);
        // A time beyond what a clock can count is as good as none.
        let over = timeout.and_then(|timeout| since.checked_add(timeout));
        let (context, fate) = (Arc::clone(&self.context), Arc::<Fate>::default());
        // Dropped here, it is not begun any more.
        let unwanted = Unwanted(Arc::clone(&fate));
        // In a task of its own: half a cell would be none.
        let begun = super::registry::join(tokio::spawn(self.begin(code, asked, over, fate)));
        tokio::pin!(begun);
        let late = async {
            match over {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let cell = tokio::select! {
            biased;
            cell = &mut begun => Some(cell),
            // When it has begun, it is interrupted, as at any later time.
            () = late => if unwanted.0.decide() { None } else { Some(begun.as_mut().await) },
        };
        if let Some(cell) = cell {
            return Ok(Begun::Runs(Box::new(cell?)));
        }
        // When no kernel is started for the next, the context is free now.
        if context.seen().starting.is_none() {
            let _not_begun = begun.await;
        }
        Ok(Begun::Late(Ran { status: Status::Aborted, timed_out: true, duration_ms: millis(since), ..Ran::default() }))
    }

    async fn begin(
        mut self,
        code: String,
        asked: Asked,
        over: Option<Instant>,
        fate: Arc<Fate>,
    ) -> Result<Cell, Error> {
        let context = Arc::clone(&self.context);
        context.seen().cell = Present::Begins { interrupt: false };
        context.bury(&mut self.inner).await;
        if fate.is_decided() {
            return Err(unwanted());
        }
        if context.deaths() > self.deaths {
            let gone = context.seen().untold.clone();
            return Err(gone.map_or_else(|| context.given_up(), |gone| context.died(&gone)));
        }
        let untold = context.seen().untold.take();
        if let Some(gone) = untold.filter(|_| !asked.renew) {
            return Err(context.died(&gone));
        }
        self.start().await?;
        context.check_language(asked.language.as_deref())?;
        let found = context.find().await?;
        let (before, after) = if asked.env.is_empty() {
            (None, None)
        } else {
            let text = "`env` of a cell is for Python, JavaScript and TypeScript; give it to `kernel.create`";
            let code = language::variables(found, &asked.env);
            let code = code.ok_or_else(|| Error::new(Code::NotSupported, text).with("language", context.language()))?;
            Some(code).unzip()
        };
        let Some(living) = &self.inner.living else { return Err(Error::new(Code::Internal, "there is no kernel")) };
        let control = Arc::clone(&living.control);
        let cell = wire::Cell { stdin: asked.stdin, silent: false, before, after, trails: found.is_deno() };
        if !fate.decide() {
            return Err(unwanted());
        }
        let number = control.number();
        let timer = over.map(|at| Timer::start(Arc::clone(&control), number, at));
        tokio::select! {
            begun = control.begin(number, &code, &cell) => begun?,
            () = control.given_up.cancelled() => return Err(context.given_up()),
        }
        {
            let mut seen = context.seen();
            if matches!(seen.cell, Present::Begins { interrupt: true }) {
                control.interrupt(number);
            }
            seen.cell = Present::Runs(number);
        }
        context.used(None);
        let working = context.work.begin();
        Ok(Cell::new(self, control, number, timer, working))
    }

    /// Gives the context a kernel, if it has none. Not any more when it was given up since the place was taken.
    ///
    /// # Errors
    /// Those of finding and of starting a kernel; `KERNEL_DIED` when it was given up.
    pub(crate) async fn start(&mut self) -> Result<(), Error> {
        let context = Arc::clone(&self.context);
        let starting = Starting { context: &context, given_up: CancellationToken::new() };
        {
            let mut seen = context.seen();
            if seen.deaths > self.deaths {
                drop(seen);
                return Err(context.given_up());
            }
            if self.inner.living.is_some() {
                return Ok(());
            }
            // From here on it hears of it when the context is given up.
            seen.starting = Some(starting.given_up.clone());
        }
        let found = tokio::select! {
            found = context.find() => found?,
            () = starting.given_up.cancelled() => return Err(context.given_up()),
        };
        let living = context.pool.get(found, &context.launch(found), &starting.given_up).await;
        {
            let mut seen = context.seen();
            if seen.deaths == self.deaths {
                seen.dead = living.is_err();
                let living = living?;
                (seen.pid, seen.count) = (Some(living.pid), 0);
                seen.control = Some(Arc::clone(&living.control));
                drop(seen);
                context.watch(living.death());
                self.inner.living = Some(living);
                return Ok(());
            }
        }
        if let Ok(living) = living {
            living.end(Duration::ZERO).await;
        }
        Err(context.given_up())
    }

    /// Ends its kernel.
    pub(super) async fn end(&mut self, grace: Duration) {
        let living = self.inner.living.take();
        {
            let mut seen = self.context.seen();
            (seen.pid, seen.control) = (None, None);
        }
        if let Some(living) = living {
            living.end(grace).await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.context.seen().cell = Present::None;
    }
}

/// Whether a cell is begun: decided once, by who begins it or by who does not want it any more.
#[derive(Debug, Default)]
struct Fate(AtomicBool);

impl Fate {
    /// Whether this is the one who decides.
    fn decide(&self) -> bool {
        !self.0.swap(true, Ordering::SeqCst)
    }

    fn is_decided(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Dropped, a cell that was not begun never is.
struct Unwanted(Arc<Fate>);

impl Drop for Unwanted {
    fn drop(&mut self) {
        self.0.decide();
    }
}

fn unwanted() -> Error {
    Error::new(Code::Cancelled, "nobody wants the cell any more")
}

/// A kernel is being started, until this is dropped.
struct Starting<'a> {
    context: &'a Context,
    given_up: CancellationToken,
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.context.seen().starting = None;
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn variables_that_cannot_be_are_refused_without_their_values() {
        let long = "x".repeat(LARGEST_ENV);
        for (name, value) in [("A=secret", "secret"), ("A", "secret\0"), ("", "secret"), ("1", "secret"), ("A", &long)]
        {
            let asked = Asked { env: [(name.to_owned(), Some(value.to_owned()))].into(), ..Asked::default() };
            let error = asked.check().unwrap_err();
            assert_eq!(error.code, Code::ValidationFailed);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let fine = [("A_1".to_owned(), Some("'\"\n€".to_owned())), ("B".to_owned(), None)];
        Asked { env: fine.into(), ..Asked::default() }.check().unwrap();
    }
}
