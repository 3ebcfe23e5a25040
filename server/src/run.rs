//! From settings to a server that listens, until it is told to end.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::auth::{Access, Origins, Sessions, Tickets, Tokens};
use crate::config::Settings;
use crate::drain;
use crate::hide;
use crate::http::{self, Exporter, Http};
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
        serve(settings).await
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
    let address = settings.listen();
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failed(format!("{address} cannot be listened on: {error}; choose another address with --listen"))
    })?;
    let address = listener.local_addr().map_err(|error| Failed(error.to_string()))?;
    server.sandbox.listens.get_or_init(|| address);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let said = format!("listening on {scheme}://{address}\n{}", invitation(&settings, scheme, address, &sessions));
    // Who closed standard output does not want to know.
    std::io::stdout().write_all(said.as_bytes()).unwrap_or_default();
    let memory_bound = server.memory_bound;
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), memory_bound, "listening");

    tokio::spawn(http::listen(Arc::new(http), listener, tls, settings.max_connections()));
    signals.next().await;
    tokio::select! {
        () = drain::drain(&server, settings.drain_time(), settings.drain_grace()) => tracing::info!("drained"),
        () = signals.next() => {
            tracing::warn!("ended at once by a second signal");
            reap::kill_all();
        }
    }
    Ok(())
}

/// How to open the page. A ticket to sign in with is for the eyes of who started the server: not for a log.
fn invitation(settings: &Settings, scheme: &str, address: SocketAddr, sessions: &Sessions) -> String {
    let page = format!("{scheme}://{}/", Settings::local(address));
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
