//! All sandboxes of one engine.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use sandwire_protocol::kind::command::Limits;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::activity;
use super::folders::Root;
use super::id::Id;
use super::isolation::{self, Kept};
use super::refused::Refused;
use super::running::{Ended, Recipe, Running};
use super::sandbox::{How, Removed, Sandbox};
use crate::config::HostSettings;
use crate::sandbox::machine::now_ms;
use crate::sandbox::port::names::sandbox_of;
use crate::sandbox::process::run::Host;

/// Sandboxes that are remembered though they do not run: how they ended.
pub(crate) const MAX_REMEMBERED: usize = 1024;

/// Time after which a sandbox is asked again that did not answer.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// The least pause between two questions to a sandbox.
const ASK_LEAST: Duration = Duration::from_millis(20);

/// How often it is tried to remove what the kernel still holds of a sandbox that was destroyed, and the pause between.
const GROUP_LOOKS: u32 = 100;
const GROUP_LOOK: Duration = Duration::from_millis(10);

/// All sandboxes.
#[derive(Debug)]
pub(crate) struct Engine {
    recipe: Arc<Recipe>,
    table: Mutex<BTreeMap<Id, Arc<Sandbox>>>,
    /// Places for those that run. Closed when the engine ends.
    places: Arc<Semaphore>,
    /// Zero is for ever.
    sleep_after: Duration,
}

impl Engine {
    /// Looks at what the machine can do, and takes the root.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub(crate) async fn new(settings: &HostSettings) -> Result<Arc<Self>, String> {
        let kept = isolation::choose(settings.isolation()).await?;
        let root = Root::take(&settings.root())?;
        let host = Host::new(root.path()).map_err(|error| format!("the kernel lacks what is needed: {error}"))?;
        tokio::spawn(reap(host.reaper));
        let program = std::env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
        let can = host.machine.names();
        let can = |name: &str| can.iter().any(|it| it == name);
        let limits = Limits {
            memory_bytes: Some(settings.memory()).filter(|bytes| *bytes > 0 && can("memory")),
            pids: Some(settings.pids()).filter(|count| *count > 0 && can("pids")),
            ..Limits::default()
        };
        for (name, wanted, held) in [
            ("memory", settings.memory() > 0, limits.memory_bytes.is_some()),
            ("pids", settings.pids() > 0, limits.pids.is_some()),
        ] {
            if wanted && !held {
                tracing::warn!(
                    "`{name}` of sandboxes is not bounded: there is no writable cgroup with that controller"
                );
            }
        }
        let recipe = Recipe {
            root,
            host,
            kept,
            program,
            read_only: settings.read_only(),
            limits,
            preview_host: settings.preview_host.clone().map(OnceLock::from).unwrap_or_default(),
            start_timeout: settings.start_timeout(),
            grace: settings.drain_grace(),
        };
        Ok(Arc::new(Self {
            recipe: Arc::new(recipe),
            table: Mutex::default(),
            places: Arc::new(Semaphore::new(settings.max_sandboxes())),
            sleep_after: settings.sleep_after(),
        }))
    }

    /// Writes down what it is and what it does not do; `own` is where it listens, if on a port.
    pub(crate) fn introduce(&self, address: &str, own: Option<SocketAddr>, memory_bound: u64) {
        if let Some(own) = own {
            self.recipe.preview_host.get_or_init(|| format!("localhost:{}", own.port()));
        }
        let Recipe { root, kept, limits, .. } = &*self.recipe;
        let isolation = kept.name();
        let (memory, pids) = (limits.memory_bytes, limits.pids);
        let root = root.path().display();
        tracing::info!(address, %root, isolation, memory, pids, memory_bound, "listening");
        if *kept == Kept::Not {
            tracing::warn!(
                "ISOLATION IS OFF (--isolation none): what runs in a sandbox sees the machine's files, processes and /tmp, \
                 and can read and change the other sandboxes and all that this user can"
            );
        }
    }

    /// Starts a sandbox, unless it runs.
    ///
    /// # Errors
    /// When it does not start, there is no place, or the engine ends.
    pub(crate) async fn start(
        self: &Arc<Self>,
        id: &Id,
        env: BTreeMap<String, String>,
    ) -> Result<Arc<Running>, Refused> {
        loop {
            let sandbox = self.sandbox(id);
            let Ok(started) = sandbox.start(&self.recipe, &self.places, env.clone()).await else { continue };
            if let Ok(running) = &started
                && !self.sleep_after.is_zero()
                && running.is_new()
            {
                tokio::spawn(self.sleep_when_idle(sandbox, Arc::clone(running)));
            }
            return started;
        }
    }

    /// The one that runs.
    ///
    /// # Errors
    /// 409.
    pub(crate) fn running(&self, id: &Id) -> Result<Arc<Running>, Refused> {
        self.known(id).and_then(|sandbox| sandbox.running()).ok_or_else(|| Refused::not_running(id))
    }

    /// The sandbox whose exposed port a `Host` names; the inner nothing is none that runs.
    pub(crate) fn exposes(&self, host: &str) -> Option<Option<Arc<Running>>> {
        let sandbox = sandbox_of(host, self.recipe.preview_host.get().map(String::as_str))?;
        Some(sandbox.and_then(|sandbox| self.running(&Id::parse(&sandbox).ok()?).ok()))
    }

    /// Stops a sandbox, if it runs, and waits for its end.
    pub(crate) async fn stop(&self, id: &Id, how: How) -> Option<Ended> {
        let sandbox = self.known(id)?;
        let ended = sandbox.stop(how, None).await;
        match ended {
            Some(ended) => Some(ended),
            None => sandbox.wait().await,
        }
    }

    /// Waits until a sandbox does not run.
    pub(crate) async fn wait(&self, id: &Id) -> Option<Ended> {
        self.known(id)?.wait().await
    }

    /// Ends a sandbox and removes all that it keeps.
    ///
    /// # Errors
    /// 500, when it cannot be removed.
    pub(crate) async fn destroy(&self, id: &Id) -> Result<(), Refused> {
        let sandbox = self.sandbox(id);
        let remove = async || {
            let (recipe, name) = (Arc::clone(&self.recipe), id.clone());
            let work = tokio::task::spawn_blocking(move || recipe.root.remove(&name));
            let result = work.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
            let mut table = self.lock();
            if table.get(id).is_some_and(|known| Arc::ptr_eq(known, &sandbox)) {
                table.remove(id);
            }
            result
        };
        match sandbox.remove(remove).await {
            Ok(Ok(())) => {
                self.remove_groups().await;
                tracing::info!(sandbox = %id, "destroyed");
                Ok(())
            }
            Ok(Err(error)) => Err(Refused::failed(format!("the files of {id} cannot be removed: {error}"))),
            Err(Removed) => Ok(()),
        }
    }

    /// Removes the control groups of what has ended. The kernel lets go of one a moment after its last process was waited
    /// for; one that it does not let go of is removed with a later one.
    async fn remove_groups(&self) {
        for _ in 0..GROUP_LOOKS {
            if self.recipe.host.machine.remove_leftover() {
                break;
            }
            tokio::time::sleep(GROUP_LOOK).await;
        }
    }

    /// What is known of a sandbox.
    pub(crate) async fn info(&self, id: &Id) -> Value {
        let running = self.known(id).and_then(|sandbox| sandbox.running());
        let exists = running.is_some() || self.recipe.root.of(id).exist();
        let state = match (&running, exists) {
            (Some(_), _) => "running",
            (None, true) => "asleep",
            (None, false) => "absent",
        };
        let mut info = json!({
            "id": id.as_str(),
            "state": state,
            "isolation": self.recipe.kept.name(),
            "limits": { "memory": self.recipe.limits.memory_bytes, "pids": self.recipe.limits.pids },
        });
        if let Some(running) = running {
            info["started_ms"] = running.started_ms.into();
            if let Ok(activity) = activity::ask(&running).await {
                let idle = u64::try_from(activity.idle.as_millis()).unwrap_or(u64::MAX);
                info["last_active_ms"] = now_ms().saturating_sub(idle).into();
                info["busy"] = activity.busy.into();
            }
        }
        info
    }

    /// All sandboxes that keep something.
    ///
    /// # Errors
    /// 500, when the root cannot be read.
    pub(crate) async fn list(&self) -> Result<Value, Refused> {
        let ids = self.recipe.root.ids().map_err(|error| Refused::failed(error.to_string()))?;
        // Each that runs is asked, and one that is slow holds nobody up.
        let infos = join_all(ids.iter().map(|id| self.info(id))).await;
        Ok(json!({ "sandboxes": infos }))
    }

    /// Stops all, at once, and starts none any more.
    pub(crate) async fn drain(&self) {
        self.places.close();
        let all = self.all();
        tracing::info!(running = all.iter().filter(|sandbox| sandbox.running().is_some()).count(), "draining");
        join_all(all.iter().map(|sandbox| sandbox.stop(How::Gently, None))).await;
    }

    /// Kills all.
    pub(crate) async fn kill(&self) {
        self.places.close();
        let running: Vec<_> = self.all().iter().filter_map(|sandbox| sandbox.running()).collect();
        join_all(running.iter().map(|running| running.kill())).await;
    }

    /// Puts a sandbox to sleep once it has idled long enough.
    fn sleep_when_idle(
        self: &Arc<Self>,
        sandbox: Arc<Sandbox>,
        running: Arc<Running>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let sleep_after = self.sleep_after;
        async move {
            let mut pause = sleep_after;
            loop {
                tokio::select! {
                    () = running.over.cancelled() => return,
                    () = tokio::time::sleep(pause.max(ASK_LEAST)) => {}
                }
                pause = match activity::ask(&running).await {
                    Ok(activity) if activity.busy => sleep_after,
                    Ok(activity) => match sleep_after.checked_sub(activity.idle).filter(|left| !left.is_zero()) {
                        Some(left) => left,
                        None => break,
                    },
                    Err(error) => {
                        tracing::debug!(sandbox = %sandbox.id, %error, "its activity is not known");
                        ASK_AGAIN.min(sleep_after)
                    }
                };
            }
            tracing::info!(sandbox = %sandbox.id, "it has idled: put to sleep");
            sandbox.stop(How::Gently, Some(&running)).await;
        }
    }

    fn known(&self, id: &Id) -> Option<Arc<Sandbox>> {
        self.lock().get(id).cloned()
    }

    fn all(&self) -> Vec<Arc<Sandbox>> {
        self.lock().values().cloned().collect()
    }

    /// The sandbox of that name. When too many are remembered, one goes that nobody has in hand.
    fn sandbox(&self, id: &Id) -> Arc<Sandbox> {
        let mut table = self.lock();
        if let Some(known) = table.get(id) {
            return Arc::clone(known);
        }
        if table.len() >= MAX_REMEMBERED {
            let idle = table.iter().find(|(_, it)| Arc::strong_count(it) == 1 && it.running().is_none());
            if let Some(idle) = idle.map(|(id, _)| id.clone()) {
                table.remove(&idle);
            }
        }
        Arc::clone(table.entry(id.clone()).or_insert_with(|| Arc::new(Sandbox::new(id.clone()))))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Id, Arc<Sandbox>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn reap(reaper: crate::sandbox::process::reap::Reaper) {
    if let Err(error) = reaper.run().await {
        tracing::error!(%error, "orphans are not reaped any more");
    }
}
