//! From settings to a server that listens, until it is told to end.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::auth::{Access, Origins, Sessions, Tickets, Tokens};
use crate::config::{HostSettings, Listen, Settings};
use crate::drain;
use crate::hide;
use crate::host;
use crate::http::{self, Bound, Exporter, Http};
use crate::logging::{self, LogFormat};
use crate::sandbox::Sandbox;
use crate::sandbox::process::reap;
use crate::server::Server;
use crate::tls;

/// Threads that work which cannot be awaited may take: reading directories, files that are not in memory. Searches and
/// trees, which last as long as a slow client takes, have threads of their own.
pub(crate) const BLOCKING_THREADS: usize = 16;

/// How long a blocking thread waits for more to do. One that has ended might not be had again.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// How long the ticket is good that the server itself gives out when it starts.
const TICKET_TTL: Duration = Duration::from_secs(600);

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failed(String);

/// Serves until SIGTERM, SIGINT or SIGHUP, then lets what runs end, as the settings say.
///
/// # Errors
/// [`Failed`] when it cannot start.
pub fn run(settings: Settings) -> Result<(), Failed> {
    let format = settings.log_format.unwrap_or(LogFormat::Auto);
    logging::start(settings.log.as_deref().unwrap_or("info"), format).map_err(Failed)?;
    if settings.has_tokens() {
        hide::secrets();
    }
    in_runtime(serve(settings))
}

/// Keeps sandboxes until SIGTERM, SIGINT or SIGHUP, then stops them all.
///
/// # Errors
/// [`Failed`] when it cannot start.
pub fn run_host(settings: HostSettings) -> Result<(), Failed> {
    let format = settings.log_format.unwrap_or(LogFormat::Auto);
    logging::start(settings.log.as_deref().unwrap_or("info"), format).map_err(Failed)?;
    if settings.token.is_some() {
        hide::secrets();
    }
    in_runtime(async { host::serve(settings).await.map_err(Failed) })
}

fn in_runtime(serve: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(FOR_EVER)
        .thread_name("sandwire")
        .build()
        .map_err(|error| Failed(format!("no threads can be started: {error}")))?;
    let result = runtime.block_on(async {
        // The first of the blocking threads, which stays: commands may use up all that the system allows, and files
        // are to be reached even then.
        tokio::task::spawn_blocking(|| {}).await.map_err(|error| Failed(error.to_string()))?;
        serve.await
    });
    // A blocked thread, in a file system that hangs for example, does not hold the end.
    runtime.shutdown_background();
    result
}

async fn serve(settings: Settings) -> Result<(), Failed> {
    let mut signals = drain::Signals::new().map_err(|error| Failed(format!("signals cannot be caught: {error}")))?;
    let tls = match (&settings.tls_cert, &settings.tls_key) {
        (Some(cert), Some(key)) => Some(tls::acceptor(cert, key).map_err(Failed)?),
        (Some(_) | None, _) => None,
    };
    let sandbox = Sandbox::new(&settings)
        .map_err(|error| Failed(format!("the workspace {} cannot be used: {error}", settings.workspace().display())))?;
    let server = Arc::new(Server::new(Arc::new(sandbox), &settings));
    let sessions = Sessions::new(settings.session_ttl());
    let http = Http {
        server: Arc::clone(&server),
        tokens: Tokens::new(settings.token.as_deref(), &settings.tokens),
        tickets: Tickets::new().map_err(|error| Failed(format!("there are no random numbers: {error}")))?,
        sessions: sessions.clone(),
        origins: Origins::new(settings.origins.as_deref(), !settings.has_tokens(), tls.is_some()),
        exporter: Exporter::install(),
        handshake_timeout: settings.handshake_timeout(),
    };
    let Bound { listener, address, shown, file } = http::bind(&settings.listen(), tls).await.map_err(Failed)?;
    let mut said = format!("listening on {shown}\n");
    if let Some(address) = address {
        server.sandbox.listens.get_or_init(|| address);
        said += &invitation(&settings, &shown, address, &sessions);
    }
    let lifeline = if settings.end_with_stdin() { Some(lifeline().map_err(Failed)?) } else { None };
    // Who closed standard output does not want to know.
    std::io::stdout().write_all(said.as_bytes()).unwrap_or_default();
    let memory_bound = server.memory_bound;
    tracing::info!(address = shown, version = env!("CARGO_PKG_VERSION"), memory_bound, "listening");

    tokio::spawn(http::listen(Arc::new(http), listener, settings.max_connections()));
    tokio::select! {
        () = signals.next() => {}
        () = ended(lifeline) => {}
    }
    tokio::select! {
        () = drain::drain(&server, settings.drain_time(), settings.drain_grace()) => tracing::info!("drained"),
        () = signals.next() => {
            tracing::warn!("ended at once by a second signal");
            server.sandbox.mounts.abandon().await;
            reap::kill_all();
            // An s3fs that was still to mount cannot any more.
            server.sandbox.mounts.abandon().await;
        }
    }
    if settings.end_with_stdin()
        && let Err(error) = reap::kill_orphans().await
    {
        tracing::warn!(%error, "what commands left behind goes on");
    }
    drop(file);
    Ok(())
}

/// Standard input, whose other end whoever started the server holds for as long as it lives.
fn lifeline() -> Result<pipe::Receiver, String> {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned();
    let pipe = stdin.and_then(pipe::Receiver::from_owned_fd);
    pipe.map_err(|error| format!("--end-with-stdin needs a pipe as standard input: {error}"))
}

/// Waits for the end of it; what comes before is nobody's.
async fn ended(lifeline: Option<pipe::Receiver>) {
    let Some(mut pipe) = lifeline else { return std::future::pending().await };
    let mut ignored = [0; 64];
    while matches!(pipe.read(&mut ignored).await, Ok(1..)) {}
    tracing::info!("standard input has ended");
}

/// How to open the page. A ticket to sign in with is for the eyes of who started the server: not for a log.
fn invitation(settings: &Settings, shown: &str, address: SocketAddr, sessions: &Sessions) -> String {
    let scheme = shown.split(':').next().unwrap_or_default();
    let page = format!("{scheme}://{}/", Listen::local(address));
    if !settings.has_tokens() {
        return format!("open {page}\n");
    }
    let seen = std::io::stdout().is_terminal() && settings.log_format != Some(LogFormat::Json);
    // Who starts the server may do everything where one token may.
    let ticket = (seen && settings.token.is_some()).then(|| sessions.ticket(&Access::full("token"), TICKET_TTL));
    match ticket {
        Some(Ok(ticket)) => {
            format!("open {page}?ticket={ticket}\n(good once, for {} minutes)\n", TICKET_TTL.as_secs() / 60)
        }
        Some(Err(_)) | None => format!("open {page} and sign in with the token, or run `sandwire open`\n"),
    }
}
