//! The code contexts of a sandbox, by id.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sandwire_protocol::kind::kernel::{Create, DEFAULT_LANGUAGE, Info, Spec};
use sandwire_protocol::{ByteString, Code, Error};

use super::cell::Cell;
use super::context::{Asked, Context, Held, not_found};
use super::pool::Pool;
use super::{language, specs};
use crate::sandbox::activity::Work;
use crate::sandbox::id::{check_id, unused_id};
use crate::sandbox::process::run::Host;
use crate::sandbox::queue::{self, MOST, Refused};

/// Time that a kernel has to end when its context is deleted and none is named.
const GRACE: Duration = Duration::from_millis(2000);

/// Most bytes of what a context's kernel is started with: its variables above all.
const LARGEST_START: usize = 16 << 10;

/// How many there may be, and of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Contexts at once.
    pub(crate) max: usize,
    /// Kernels that wait for a context.
    pub(crate) pool: usize,
    /// Bytes of output of one kernel that wait for a reader.
    pub(crate) spool: u64,
}

/// All contexts.
#[derive(Debug)]
pub(crate) struct Registry {
    host: Host,
    max: usize,
    pool: Arc<Pool>,
    work: Work,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    contexts: BTreeMap<String, Arc<Context>>,
    next: u64,
    /// The server goes down.
    draining: bool,
}

/// A place in the queue of a context.
#[derive(Debug)]
pub(crate) struct Place {
    context: Arc<Context>,
    place: queue::Place,
    /// Kernels of it that have ended before.
    deaths: u64,
}

impl Registry {
    /// No contexts yet.
    pub(crate) fn new(host: Host, bounds: Bounds, work: Work) -> Registry {
        let pool = Arc::new(Pool::new(host.clone(), bounds.pool, bounds.spool));
        Registry { host, max: bounds.max, pool, work, table: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kernels that are installed.
    pub(crate) fn specs(&self) -> Vec<Spec> {
        let env = BTreeMap::new();
        specs::all(&|name| variable(&self.host, &env, name)).iter().map(specs::Found::listed).collect()
    }

    /// Makes a context, or with `reuse` finds one. Gives the first place in it when it is new.
    ///
    /// # Errors
    /// `VALIDATION_FAILED`, `KERNEL_EXISTS`, `KERNEL_SPEC_NOT_FOUND`, `LIMIT_EXCEEDED`, `DRAINING`.
    pub(crate) fn create(&self, mut params: Create) -> Result<(Arc<Context>, Option<Place>), Error> {
        if size_of(&params) > LARGEST_START {
            let text = format!("the variables of a context have at most {LARGEST_START} bytes");
            return Err(Error::new(Code::ValidationFailed, text).with("limit", LARGEST_START));
        }
        let mut table = self.lock();
        let id = match params.id.take() {
            Some(id) => {
                check_id(&id)?;
                id
            }
            None => unused_id("kernel", &self.host.boot, table.next, &table.contexts),
        };
        if let Some(context) = table.contexts.get(&id) {
            if params.reuse {
                return Ok((Arc::clone(context), None));
            }
            return Err(Error::new(Code::KernelExists, format!("a code context {id:?} exists already")).with("id", id));
        }
        let context = self.insert(&mut table, id, params)?;
        drop(table);
        let place = context.enter()?;
        Ok((context, Some(place)))
    }

    fn insert(&self, table: &mut Table, id: String, params: Create) -> Result<Arc<Context>, Error> {
        if table.draining {
            return Err(Error::new(Code::Draining, "the server is going down and makes no code context"));
        }
        if table.contexts.len() >= self.max {
            let message = format!("the server's limit `max_kernels` ({}) is reached; delete one", self.max);
            return Err(Error::new(Code::LimitExceeded, message).with("limit", "max_kernels"));
        }
        let wanted = params.language.as_deref().map(language::canonical);
        let default = wanted.as_deref().unwrap_or(DEFAULT_LANGUAGE);
        let found = specs::find(params.spec.as_deref(), default, &|name| variable(&self.host, &params.env, name))?;
        let language = wanted.unwrap_or_else(|| found.language.clone());
        let number = table.next;
        table.next += 1;
        let shared = (self.host.clone(), Arc::clone(&self.pool), self.work.clone());
        let context = Arc::new(Context::new(id.clone(), number, (language, found), shared, params));
        table.contexts.insert(id, Arc::clone(&context));
        Ok(context)
    }

    /// Takes the next place in a context, or in the default one of a language, which is made when it is not there.
    ///
    /// # Errors
    /// `KERNEL_NOT_FOUND`, `KERNEL_SPEC_NOT_FOUND`, `VALIDATION_FAILED`, `LIMIT_EXCEEDED`, `DRAINING`.
    pub(crate) fn enter(&self, id: Option<&str>, language: Option<&str>) -> Result<Place, Error> {
        let wanted = language.map(language::canonical);
        let context = match id {
            Some(id) => self.context(id)?,
            None => {
                let id = wanted.clone().unwrap_or_else(|| DEFAULT_LANGUAGE.to_owned());
                check_id(&id)?;
                let mut table = self.lock();
                match table.contexts.get(&id) {
                    Some(context) => Arc::clone(context),
                    None => self.insert(&mut table, id, Create { language: wanted.clone(), ..Create::default() })?,
                }
            }
        };
        if let Some(wanted) = wanted.filter(|wanted| *wanted != context.language) {
            let text = format!("the code context {:?} is for {}, not for {wanted}", context.id, context.language);
            return Err(Error::new(Code::ValidationFailed, text).with("field", "language"));
        }
        context.enter()
    }

    /// The context with that id.
    ///
    /// # Errors
    /// `KERNEL_NOT_FOUND`.
    pub(crate) fn context(&self, id: &str) -> Result<Arc<Context>, Error> {
        self.lock().contexts.get(id).cloned().ok_or_else(|| not_found(id))
    }

    /// All contexts, oldest first.
    pub(crate) fn list(&self) -> Vec<Info> {
        let mut contexts: Vec<Arc<Context>> = self.lock().contexts.values().cloned().collect();
        contexts.sort_unstable_by_key(|context| context.number);
        contexts.iter().map(|context| context.info()).collect()
    }

    /// Kernels that live, those that wait for a context included.
    pub(crate) fn living(&self) -> usize {
        let table = self.lock();
        table.contexts.values().filter(|context| context.info().pid.is_some()).count() + self.pool.waiting()
    }

    /// Gives a context a fresh kernel.
    ///
    /// # Errors
    /// `KERNEL_NOT_FOUND`, those of starting a kernel.
    pub(crate) async fn restart(&self, id: &str) -> Result<Info, Error> {
        let context = self.context(id)?;
        // Not given up with the one who asked: the old kernel is gone either way.
        join(tokio::spawn(context.restart())).await
    }

    /// Ends a context and forgets it.
    ///
    /// # Errors
    /// `KERNEL_NOT_FOUND`.
    pub(crate) async fn delete(&self, id: &str, grace: Option<Duration>) -> Result<(), Error> {
        let context = self.lock().contexts.remove(id).ok_or_else(|| not_found(id))?;
        // Not given up with the one who asked: nobody else could end it any more.
        join(tokio::spawn(async move {
            context.close(grace.unwrap_or(GRACE)).await;
            Ok(())
        }))
        .await
    }

    /// Forgets this very context, whose kernel could not be started.
    pub(crate) async fn undo(&self, context: &Arc<Context>) {
        {
            let mut table = self.lock();
            if table.contexts.get(&context.id).is_some_and(|known| known.number == context.number) {
                table.contexts.remove(&context.id);
            }
        }
        context.close(Duration::ZERO).await;
    }

    /// Ends all, each with this time of grace, and makes no other.
    pub(crate) async fn shutdown(&self, grace: Duration) {
        let contexts = {
            let mut table = self.lock();
            table.draining = true;
            std::mem::take(&mut table.contexts)
        };
        let close = futures_util::future::join_all(contexts.values().map(|context| context.close(grace)));
        tokio::join!(close, self.pool.shutdown());
    }
}

impl Context {
    fn enter(self: &Arc<Self>) -> Result<Place, Error> {
        let deaths = self.deaths();
        match self.queue.enter() {
            Ok(place) => Ok(Place { context: Arc::clone(self), place, deaths }),
            Err(refused) => Err(explain(refused, &self.id)),
        }
    }
}

impl Place {
    /// Waits for the turn. Dropped before, the place is given up.
    ///
    /// # Errors
    /// `KERNEL_NOT_FOUND` when it was deleted meanwhile.
    pub(crate) async fn turn(self) -> Result<Held, Error> {
        let Place { context, place, .. } = self;
        match place.turn().await {
            Ok(turn) => Ok(context.hold(turn).await),
            Err(refused) => Err(explain(refused, &context.id)),
        }
    }

    /// Begins a cell in its turn, with a kernel that is started for it if there is none.
    ///
    /// # Errors
    /// `KERNEL_NOT_FOUND`, `KERNEL_DIED`, `NOT_SUPPORTED`, those of starting a kernel.
    pub(crate) async fn begin(self, code: String, asked: Asked) -> Result<Cell, Error> {
        let deaths = self.deaths;
        let held = self.turn().await?;
        // Once begun, it is not given up half-way: half a cell would be none, and a kernel that starts is for the next.
        join(tokio::spawn(held.begin(code, asked, deaths))).await
    }
}

async fn join<T>(task: tokio::task::JoinHandle<Result<T, Error>>) -> Result<T, Error> {
    task.await.map_err(|error| Error::new(Code::Internal, format!("the work on a kernel did not end: {error}")))?
}

/// A variable as a kernel would have it, that is started with these over those of the sandbox and the server.
fn variable(host: &Host, env: &BTreeMap<ByteString, Option<ByteString>>, name: &str) -> Option<OsString> {
    if let Some(value) = env.get(&ByteString::from(name)) {
        return value.clone().map(|value| OsString::from_vec(value.into_bytes()));
    }
    let own = std::env::var_os(name).map(|value| (name.into(), value.into_vec()));
    let mut variables: BTreeMap<Vec<u8>, Vec<u8>> = own.into_iter().collect();
    host.variables.apply(&mut variables);
    variables.remove(name.as_bytes()).map(OsString::from_vec)
}

/// What keeping it takes at least, in bytes.
fn size_of(params: &Create) -> usize {
    const EACH: usize = 32;
    let strings = params.env.keys().chain(params.env.values().flatten()).chain(&params.cwd);
    strings.map(|string| string.as_bytes().len() + EACH).sum::<usize>()
}

fn explain(refused: Refused, id: &str) -> Error {
    match refused {
        Refused::Full => {
            Error::new(Code::LimitExceeded, format!("{MOST} cells wait for the code context {id:?} already"))
                .with("limit", MOST)
                .with("id", id)
        }
        Refused::Closed => not_found(id),
    }
}
