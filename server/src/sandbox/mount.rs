//! Buckets as directories: an s3fs each, a supervised child, which ends before the server does.
//!
//! The server itself asks a mounted file system nothing but whether it has come up, and that by a thread of its own: a
//! store that is gone keeps those waiting who use it, and nobody else.

mod asked;
mod live;
mod options;
mod point;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sandwire_protocol::kind::command::Launch;
use sandwire_protocol::kind::mount::{Info, State};
use sandwire_protocol::{ByteString, Code, Error};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::live::Live;
use self::point::{Point, Unmounted, Way};
use super::buckets::apart_trying;
use super::fs::Files;
use super::machine::now_ms;
use super::process::run::{self, Host, Spec};
use super::process::stop::Stop;

pub(crate) use self::asked::Asked;

/// Mounts at once. Each costs the server [`MEMORY`].
pub(crate) const MAX: usize = 16;

/// What a mount takes of the server's memory, in bytes: its parameters, the last lines of s3fs, its tasks.
pub(crate) const MEMORY: usize = 64 << 10;

/// Time that whoever has files open in a mount has to close them once it is removed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time for all mounts together of a server that ends at once.
const ABANDON: Duration = Duration::from_secs(2);

/// Looks at a mount that somebody still uses before it is taken from sight, and the pause between two.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(50);

/// The mounts of a sandbox.
#[derive(Clone, Debug)]
pub(crate) struct Mounts {
    host: Host,
    table: Arc<Mutex<Table>>,
    /// Cancelled when the server ends: what is being mounted is given up.
    ends: CancellationToken,
    /// Told whenever a place is free again that was being filled.
    settled: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Table {
    /// By the directory as it really is. Nothing where one is being made.
    mounts: BTreeMap<PathBuf, Option<Arc<Mount>>>,
    draining: bool,
}

/// A bucket that is mounted.
#[derive(Debug)]
struct Mount {
    info: Info,
    live: Live,
    point: Point,
    /// The path as it was asked for, without links resolved.
    named: PathBuf,
    /// Held by who ends it.
    ending: tokio::sync::Mutex<()>,
}

/// The place of a mount that is being made.
struct Place<'a> {
    mounts: &'a Mounts,
    path: PathBuf,
    filled: bool,
}

impl Mounts {
    /// None yet.
    pub(crate) fn new(host: Host) -> Self {
        Self { host, table: Arc::default(), ends: CancellationToken::new(), settled: Arc::default() }
    }

    /// Mounts a bucket; answers when its store has answered. Nothing is left when that fails, or `stop` is asked for.
    ///
    /// # Errors
    /// `S3FS_MOUNT_ERROR`, `BUCKET_MOUNT_ERROR`, `LIMIT_EXCEEDED`, `DRAINING`, `CANCELLED`, those of [`Files::target`].
    pub(crate) async fn create(
        &self,
        asked: Asked,
        path: &ByteString,
        files: &Files,
        stop: &Stop,
    ) -> Result<Info, Error> {
        let named = point::plain(&self.host.workspace.join(path));
        // Before anything there is asked, which might not answer.
        self.table().apart(&named, true)?;
        if let Some(ended) = self.find(&named).filter(|mount| mount.live.exit().is_some()) {
            may_change(files, &ended, &named)?;
            self.end(&ended, Duration::ZERO).await?;
        }
        let real = files.target(path).await?;
        let mut place = self.place(real.clone())?;
        let point = apart_trying(move || Point::prepare(real)).await?;
        let made = self.mount(&asked, &point, stop).await;
        let live = match made {
            Ok(live) => live,
            Err(error) => {
                apart_trying(move || {
                    point.clear();
                    Ok(())
                })
                .await?;
                return Err(error);
            }
        };
        let info = Info {
            path: point.path.as_path().into(),
            bucket: asked.bucket,
            endpoint: asked.endpoint,
            provider: asked.provider,
            read_only: asked.read_only,
            prefix: asked.prefix,
            state: State::Mounted,
            created_ms: now_ms(),
            exit: None,
        };
        tracing::info!(bucket = info.bucket, path = %point.path.display(), "mounted");
        let mount = Arc::new(Mount { info: info.clone(), live, point, named, ending: tokio::sync::Mutex::default() });
        // The server may have begun to end meanwhile.
        if place.fill(&mount) {
            return Ok(info);
        }
        self.end(&mount, Duration::ZERO).await?;
        Err(draining())
    }

    async fn mount(&self, asked: &Asked, point: &Point, stop: &Stop) -> Result<Live, Error> {
        can_mount(point)?;
        if stop.is_requested() {
            return Err(Error::new(Code::Cancelled, "the opener gave up"));
        }
        if self.ends.is_cancelled() {
            return Err(draining());
        }
        let live = Live::start(&self.host, asked, point)?;
        let ready = tokio::select! {
            ready = live.ready(asked, point, stop) => ready,
            () = self.ends.cancelled() => Err(draining()),
        };
        match ready {
            Ok(()) => Ok(live),
            Err(error) => {
                // Before its end, because whoever waits for its store would keep it from ending; and behind it, because it
                // may have mounted meanwhile.
                let before = self.unmount(&point.path, Way::Lazy).await;
                live.end(Duration::ZERO).await;
                let behind = self.unmount(&point.path, Way::Lazy).await;
                for failed in [before, behind].into_iter().filter_map(Result::err) {
                    tracing::warn!(error = %failed, "what is left of a mount that did not come to serve");
                }
                Err(error)
            }
        }
    }

    /// All that the caller may change, by path.
    pub(crate) fn list(&self, files: &Files) -> Vec<Info> {
        let table = self.table();
        table
            .mounts
            .values()
            .flatten()
            .filter(|mount| files.may_change(&mount.point.path))
            .map(|it| it.info())
            .collect()
    }

    /// Ends a mount.
    ///
    /// # Errors
    /// `MOUNT_NOT_FOUND`, `BUCKET_UNMOUNT_ERROR`, `PERMISSION_DENIED`.
    pub(crate) async fn remove(&self, path: &ByteString, files: &Files) -> Result<(), Error> {
        let named = point::plain(&self.host.workspace.join(path));
        let missing = || {
            let shown = named.display().to_string();
            Error::new(Code::MountNotFound, format!("no bucket is mounted at {shown}")).with("path", shown)
        };
        let mount = self.find(&named).ok_or_else(missing)?;
        may_change(files, &mount, &named)?;
        // To its end, even if nobody waits any more.
        let mounts = self.clone();
        let ended = tokio::spawn(async move { mounts.end(&mount, PATIENCE).await }).await;
        ended.unwrap_or_else(|error| Err(Error::new(Code::Internal, format!("the mount was left: {error}"))))
    }

    /// Ends all, each within about this time and the next KILL. There are no new ones from here on.
    pub(crate) async fn shutdown(&self, grace: Duration) {
        let all = self.close();
        let ends = all.iter().map(|mount| async move {
            if let Err(error) = self.end(mount, grace).await {
                tracing::warn!(%error, "a bucket stays mounted");
            }
        });
        tokio::join!(futures_util::future::join_all(ends), self.settled());
    }

    /// Takes all from sight at once, for a server that ends without waiting: what is killed then leaves no dead mount.
    pub(crate) async fn abandon(&self) {
        let all = self.close();
        let ends = all.iter().map(|mount| async move {
            match self.unmount(&mount.point.path, Way::Lazy).await {
                Ok(_) => mount.point.clear(),
                Err(error) => tracing::warn!(%error, "a bucket stays mounted"),
            }
        });
        let ends = async { tokio::join!(futures_util::future::join_all(ends), self.settled()) };
        if tokio::time::timeout(ABANDON, ends).await.is_err() {
            tracing::warn!("buckets stay mounted");
        }
    }

    /// Lets nothing be mounted from here on, and gives those that are.
    fn close(&self) -> Vec<Arc<Mount>> {
        let mut table = self.table();
        table.draining = true;
        self.ends.cancel();
        table.mounts.values().flatten().cloned().collect()
    }

    /// Waits until nothing is being mounted any more: all that was begun is given up by then, and taken away.
    async fn settled(&self) {
        loop {
            let mut told = std::pin::pin!(self.settled.notified());
            told.as_mut().enable();
            if self.table().mounts.values().all(Option::is_some) {
                return;
            }
            told.await;
        }
    }

    async fn end(&self, mount: &Arc<Mount>, patience: Duration) -> Result<(), Error> {
        let _one = mount.ending.lock().await;
        let path = &mount.point.path;
        let mine = |table: &Table| {
            table.mounts.get(path).is_some_and(|it| it.as_ref().is_some_and(|it| Arc::ptr_eq(it, mount)))
        };
        let known = mine(&self.table());
        let mut looks = 0;
        while self.unmount(path, Way::Whole).await? == Unmounted::Busy {
            looks += 1;
            if looks == LOOKS {
                self.unmount(path, Way::Lazy).await?;
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        mount.live.end(patience).await;
        let (point, there) = (mount.point.clone(), mount.point.path.clone());
        let still = apart_trying(move || Ok(point::is_mounted(&there))).await?;
        if still {
            let shown = path.display().to_string();
            let message = format!("{shown} is still mounted; see what uses it, or call `umount -l {shown}` as root");
            return Err(Error::new(Code::BucketUnmount, message).with("path", shown));
        }
        apart_trying(move || {
            point.clear();
            Ok(())
        })
        .await?;
        if known {
            self.table().mounts.remove(path);
            self.host.buckets.remove(path);
            tracing::info!(bucket = mount.info.bucket, path = %path.display(), "unmounted");
        }
        Ok(())
    }

    /// Takes a mount away: by the kernel's call, or, where only root may do that, by fusermount.
    async fn unmount(&self, path: &Path, way: Way) -> Result<Unmounted, Error> {
        let failed = |text: String| {
            let shown = path.display().to_string();
            Error::new(Code::BucketUnmount, format!("{shown} cannot be unmounted: {text}")).with("path", shown)
        };
        let own = path.to_owned();
        let done =
            apart_trying(move || Ok(point::unmount(&own, way))).await?.map_err(|error| failed(error.to_string()))?;
        if done != Unmounted::Forbidden {
            return Ok(done);
        }
        let flags = if way == Way::Lazy { "-uz" } else { "-u" };
        let argv = ["fusermount", flags, "--"].map(ByteString::from).into_iter().chain([path.into()]).collect();
        let launch = Launch { argv, ..Launch::default() };
        let spec = Spec { stdin: false, merge_stderr: true, timeout: Some(PATIENCE), grace: Duration::ZERO };
        let run::Started { run, outputs, .. } = run::start(&self.host, &launch, &spec)?;
        drop(outputs);
        let exit = run.wait(&Stop::new()).await?;
        let own = path.to_owned();
        let still = apart_trying(move || Ok(point::is_mounted(&own))).await?;
        match (still, exit.success()) {
            (false, _) => Ok(Unmounted::Gone),
            (true, false) if way == Way::Whole => Ok(Unmounted::Busy),
            (true, _) => Err(failed("fusermount does not do it".to_owned())),
        }
    }

    fn place(&self, path: PathBuf) -> Result<Place<'_>, Error> {
        let mut table = self.table();
        if table.draining {
            return Err(draining());
        }
        table.apart(&path, false)?;
        if table.mounts.len() >= MAX {
            let message = format!("{MAX} buckets are mounted, the most that there may be; remove one first");
            return Err(Error::new(Code::LimitExceeded, message).with("limit", MAX));
        }
        table.mounts.insert(path.clone(), None);
        self.host.buckets.add(&path);
        Ok(Place { mounts: self, path, filled: false })
    }

    fn find(&self, path: &Path) -> Option<Arc<Mount>> {
        let table = self.table();
        let mut all = table.mounts.values().flatten();
        all.find(|mount| mount.named == path || mount.point.path == path).cloned()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Refuses a path in a mount, or above one: to ask what is there could take for ever. One whose s3fs has ended is in
    /// nobody's way at its own path, when it is to be replaced.
    fn apart(&self, path: &Path, replaces: bool) -> Result<(), Error> {
        let near = self.mounts.iter().find(|(other, mount)| {
            let named = mount.as_ref().map_or(other.as_path(), |mount| &mount.named);
            let ended = replaces && mount.as_ref().is_some_and(|mount| mount.live.exit().is_some());
            [other.as_path(), named]
                .into_iter()
                .any(|other| (path.starts_with(other) || other.starts_with(path)) && !(ended && path == other))
        });
        let Some((other, _)) = near else { return Ok(()) };
        let (shown, other) = (path.display(), other.display());
        let message = format!("{shown} and {other}, where a bucket is mounted, are one, or one is in the other");
        Err(Error::new(Code::BucketMount, message).with("path", shown.to_string()))
    }
}

impl Mount {
    fn info(&self) -> Info {
        let exit = self.live.exit();
        let state = if exit.is_some() { State::Ended } else { State::Mounted };
        Info { state, exit, ..self.info.clone() }
    }
}

impl Place<'_> {
    /// Puts the mount there, unless the server ends.
    fn fill(&mut self, mount: &Arc<Mount>) -> bool {
        let mut table = self.mounts.table();
        if !table.draining {
            table.mounts.insert(self.path.clone(), Some(Arc::clone(mount)));
            self.filled = true;
        }
        self.filled
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.filled {
            self.mounts.table().mounts.remove(&self.path);
            self.mounts.host.buckets.remove(&self.path);
            self.mounts.settled.notify_waiters();
        }
    }
}

/// Refuses who may not change what is there.
fn may_change(files: &Files, mount: &Mount, named: &Path) -> Result<(), Error> {
    if files.may_change(&mount.point.path) {
        return Ok(());
    }
    let shown = named.display().to_string();
    Err(Error::new(Code::PermissionDenied, format!("the token does not allow changing {shown}")).with("path", shown))
}

fn draining() -> Error {
    Error::new(Code::Draining, "the server ends; nothing is mounted any more")
}

/// Whether this machine has FUSE, and lets the server use it.
fn can_mount(point: &Point) -> Result<(), Error> {
    let opened = std::fs::File::options().read(true).write(true).open("/dev/fuse");
    opened.map(drop).map_err(|error| {
        let errno = error.raw_os_error().unwrap_or(0);
        point
            .failed(&format!(
                "cannot take a bucket: s3fs needs FUSE, and /dev/fuse cannot be opened: {error}; start the container with \
                 --device /dev/fuse --cap-add SYS_ADMIN, and install the package fuse"
            ))
            .with("errno", errno)
    })
}
