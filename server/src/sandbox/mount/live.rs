//! One s3fs: started, seen to serve, watched, ended.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sandwire_protocol::kind::command::{Exit, Launch};
use sandwire_protocol::{ByteString, Code, Error};
use tokio::sync::watch;

use super::asked::{Asked, Keys};
use super::point::{Point, is_mounted};
use crate::sandbox::buckets::apart_for;
use crate::sandbox::handed::Handed;
use crate::sandbox::process::run::{self, Host, Outputs, Run, Spec, Started};
use crate::sandbox::process::stop::Stop;

/// Time in which a store has to answer when it is mounted.
const READY: Duration = Duration::from_secs(30);

/// Pause between two looks at the kernel's table of mounts.
const LOOK: Duration = Duration::from_millis(10);

/// Time between TERM and KILL for an s3fs whose file system nobody sees any more.
const GRACE: Duration = Duration::from_secs(1);

/// Time for an s3fs that does not come to serve to end by itself.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Lines of s3fs that are kept, and the longest, in bytes.
const LINES: usize = 16;
const LINE: usize = 512;

/// Largest piece that is read of what s3fs says.
const PIECE: usize = 4 << 10;

/// Variables of the sandbox that s3fs gets. It gets no others: keys may be among them.
const VARIABLES: [&str; 16] = [
    "PATH",
    "TZ",
    "LANG",
    "LC_ALL",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
];

/// An s3fs that was started.
#[derive(Debug)]
pub(super) struct Live {
    stop: Arc<Stop>,
    ended: watch::Receiver<Option<Exit>>,
    said: Arc<Said>,
    handed: Option<Handed>,
}

impl Live {
    /// Starts it. It is supervised from then on, whether or not anybody waits.
    ///
    /// # Errors
    /// `S3FS_MOUNT_ERROR` when it is not installed, and those of [`run::start`].
    pub(super) fn start(host: &Host, asked: &Asked, point: &Point) -> Result<Live, Error> {
        let path = ByteString::from(point.path.as_path());
        let mut env: std::collections::BTreeMap<ByteString, Option<ByteString>> = VARIABLES
            .iter()
            .filter_map(|name| Some(((*name).into(), Some(host.variables.value(name)?.into()))))
            .collect();
        let mut handed = None;
        match &asked.keys {
            Some(Keys { id, secret, token: Some(token) }) => {
                let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
                env.extend(
                    names
                        .into_iter()
                        .zip([id, secret, token])
                        .map(|(name, value)| (ByteString::from(name), Some(ByteString::from(value.reveal())))),
                );
            }
            Some(Keys { id, secret, token: None }) => {
                let content = format!("AWSAccessKeyId={}\nAWSSecretKey={}\n", id.reveal(), secret.reveal());
                let lacking = |error| Error::new(Code::Internal, format!("the keys cannot be handed to s3fs: {error}"));
                handed = Some(Handed::new(content.as_bytes(), None).map_err(lacking)?);
            }
            None => {}
        }
        let launch = Launch { argv: asked.arguments(&path), env, clear_env: true, ..Launch::default() };
        let spec = Spec { stdin: false, merge_stderr: true, timeout: None, grace: GRACE };
        let Started { run, outputs, .. } = run::start_handing(host, &launch, &spec, handed.as_ref().map(Handed::fd))
            .map_err(|error| if error.code == Code::CommandNotFound { not_installed() } else { error })?;
        let (stop, said) = (Arc::new(Stop::new()), Arc::new(Said::default()));
        let (tell, ended) = watch::channel(None);
        tokio::spawn(supervise(run, outputs, Arc::clone(&stop), Arc::clone(&said), tell));
        Ok(Live { stop, ended, said, handed })
    }

    /// How it ended, when it has.
    pub(super) fn exit(&self) -> Option<Exit> {
        self.ended.borrow().clone()
    }

    /// Waits until it serves: the store was asked for the bucket, and has it.
    ///
    /// # Errors
    /// `S3FS_MOUNT_ERROR`, with why; `CANCELLED` when `stop` was asked for.
    pub(super) async fn ready(&self, asked: &Asked, point: &Point, stop: &Stop) -> Result<(), Error> {
        let serves = async {
            while !is_mounted(&point.path) {
                tokio::time::sleep(LOOK).await;
            }
            answers(&point.path).await
        };
        let mut ended = self.ended.clone();
        let ready = tokio::select! {
            ready = serves => ready,
            // The sender goes when it has told.
            _ = ended.wait_for(Option::is_some) => false,
            () = tokio::time::sleep(READY) => return Err(self.explain(asked, true)),
            () = stop.requested() => return Err(Error::new(Code::Cancelled, "the opener gave up")),
        };
        // Its first answer, too, can come from one that is about to end.
        if !ready || self.exit().is_some() || !is_mounted(&point.path) {
            // It ends by itself then, and says why only at its end.
            self.end(LAST_WORDS).await;
            return Err(self.explain(asked, false));
        }
        if let Some(Err(error)) = self.handed.as_ref().map(Handed::forget) {
            tracing::warn!(%error, "the keys of a mount stay in memory");
        }
        Ok(())
    }

    /// Waits for its end for so long.
    pub(super) async fn wait(&self, time: Duration) -> bool {
        let mut ended = self.ended.clone();
        tokio::time::timeout(time, ended.wait_for(Option::is_some)).await.is_ok_and(|told| told.is_ok())
    }

    /// Ends it: after `patience` by TERM, then KILL.
    pub(super) async fn end(&self, patience: Duration) {
        if self.wait(patience).await {
            return;
        }
        self.stop.request(GRACE);
        // A process that is killed and does not end is in the kernel's hands.
        self.wait(Duration::from_secs(15)).await;
    }

    /// Why it did not come to serve.
    fn explain(&self, asked: &Asked, late: bool) -> Error {
        let lines = self.said.lines();
        let said = lines.join("\n");
        let store = &asked.endpoint;
        let bucket = &asked.bucket;
        let (reason, text) = if late {
            ("timeout", format!("{store} did not answer within {} s", READY.as_secs()))
        } else if said.contains("invalid credentials") {
            ("credentials", format!("{store} does not let these keys use the bucket {bucket}"))
        } else if said.contains("not found") {
            ("bucket", format!("{store} has no bucket {bucket}"))
        } else if said.contains("unable to connect") {
            ("unreachable", format!("{store} cannot be reached"))
        } else if said.contains("bad request") {
            ("request", format!("{store} does not understand s3fs; `region` may have to be given"))
        } else if said.contains("fuse: ") || said.contains("fusermount") {
            ("fuse", "FUSE does not let s3fs mount here".to_owned())
        } else {
            ("other", format!("the bucket {bucket} of {store} could not be mounted"))
        };
        let last = lines.iter().rev().find(|line| line.contains("[CRT]") || line.contains("[ERR]")).or(lines.last());
        let last = last.map(|line| format!(": s3fs says: {line}")).unwrap_or_default();
        Error::new(Code::S3fsMount, format!("{text}{last}"))
            .with("reason", reason)
            .with("bucket", bucket.as_str())
            .with("endpoint", store.as_str())
            .with("stderr", said)
    }
}

fn not_installed() -> Error {
    let message = "there is no program `s3fs` in the sandbox; install it: apt-get install s3fs";
    Error::new(Code::S3fsMount, message).with("reason", "not_installed")
}

/// Whether the root of the file system answers, which it does once s3fs has asked the store for the bucket. Asked by a
/// thread of its own: it may wait for long, and ends with s3fs.
async fn answers(path: &Path) -> bool {
    // The root itself, not the directory that it covers.
    let root = path.join(".");
    apart_for(move || root.symlink_metadata().is_ok()).await.unwrap_or(false)
}

async fn supervise(
    run: Run,
    mut outputs: Outputs,
    stop: Arc<Stop>,
    said: Arc<Said>,
    tell: watch::Sender<Option<Exit>>,
) {
    let read = async {
        loop {
            match outputs.next(PIECE).await {
                Ok(Some((_, bytes))) => said.take(&bytes),
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "what s3fs says is not read any more");
                    break;
                }
            }
        }
    };
    let (exit, ()) = tokio::join!(run.wait_long(&stop), read);
    let exit = exit.unwrap_or_else(|error| {
        tracing::warn!(%error, "how s3fs ended is not known");
        Exit::default()
    });
    tell.send_replace(Some(exit));
}

/// The last lines of what s3fs said, which names no key.
#[derive(Debug, Default)]
struct Said(Mutex<Tail>);

#[derive(Debug, Default)]
struct Tail {
    lines: VecDeque<String>,
    line: Vec<u8>,
}

impl Said {
    fn take(&self, bytes: &[u8]) {
        let mut tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in bytes {
            match byte {
                b'\n' => tail.end(),
                _ if tail.line.len() < LINE => tail.line.push(*byte),
                _ => {}
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        let mut tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tail.end();
        tail.lines.iter().cloned().collect()
    }
}

impl Tail {
    fn end(&mut self) {
        let line = String::from_utf8_lossy(&self.line).trim_end().to_owned();
        self.line.clear();
        // The arguments, and what is no reason.
        if line.is_empty() || line.contains("[INF]") {
            return;
        }
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}
