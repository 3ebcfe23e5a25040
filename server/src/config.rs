//! Settings: flags over environment over a TOML file over defaults.
//!
//! [`Settings`] is the one table. Each setting is a flag, the variable `SANDWIRE_…` of the same name, and a key of the
//! file, and is described where it stands.

mod error;
mod host;
mod listen;
mod memory;
mod secret;
mod table;
mod units;
mod validate;
mod values;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use error::ConfigError;
pub use host::HostSettings;
pub use listen::Listen;
pub use secret::Secret;
pub use units::{Size, Time};

pub use crate::logging::LogFormat;

pub(crate) use crate::auth::TokenRule;
pub(crate) use table::settings;

pub use crate::host::isolation::Isolation;

settings! {
    Arguments, Settings, "sandwire-server",
    "Everything in a sandbox over one WebSocket: commands, processes, terminals, files.", AFTER_HELP;
    arguments {
        #[command(subcommand)]
        #[serde(skip)]
        command: Option<Command>,
    }
    more {
        /// Tokens with narrower rights; only in the file, as `[[tokens]]`.
        #[serde(default)]
        tokens: Vec<TokenRule>;
    }
    "General" {
        /// Address and port to listen on; port 0 takes a free one. Anything but loopback needs a token. Or `unix:PATH`, a
        /// socket that only the server's own user, and root, can connect to [default: 127.0.0.1:7070]
        listen: Listen = Some(Listen::loopback(7070)), "SANDWIRE_LISTEN";
        /// Directory from which relative paths are taken [default: the current one]
        workspace: PathBuf = None, "SANDWIRE_WORKSPACE";
        /// What to log, as `info` or `sandwire_server=debug` (tracing's filter) [default: info]
        log: String = Some("info".to_owned()), "SANDWIRE_LOG";
        /// How the log is written [default: auto]
        log_format: LogFormat = Some(LogFormat::Auto), "SANDWIRE_LOG_FORMAT";
        /// Whether the end of standard input ends the server as SIGTERM does: for programs that start it, and hold the
        /// other end for as long as they live. What commands have left behind then ends with the server, too
        /// [default: false]
        end_with_stdin: bool = Some(false), "SANDWIRE_END_WITH_STDIN";
    }
    "Access" {
        /// Token that allows everything. Better given as SANDWIRE_TOKEN: flags can be seen in the process list
        token: Secret = None, "SANDWIRE_TOKEN";
        /// Origins whose pages may connect beside the server's own, with commas between, as `https://app.example`
        origins: String = None, "SANDWIRE_ORIGINS";
        /// Hosts beside localhost that `tcp.connect` and `process.wait_port` may reach, with commas between; `*` for all
        tcp_hosts: String = None, "SANDWIRE_TCP_HOSTS";
        /// What exposed ports' host names say between port and token, as `my-box` [default: from the machine's host name]
        sandbox_id: String = None, "SANDWIRE_SANDBOX_ID";
        /// What exposed ports' host names end in, and its port, as `preview.example` or `https://preview.example:8443`
        /// [default: localhost and the port that is listened on]
        preview_host: String = None, "SANDWIRE_PREVIEW_HOST";
        /// Certificate chain, PEM: serve TLS. Needs --tls-key
        tls_cert: PathBuf = None, "SANDWIRE_TLS_CERT";
        /// Private key of the certificate, PEM
        tls_key: PathBuf = None, "SANDWIRE_TLS_KEY";
    }
    "Bounds" {
        /// Connections at once [default: 256]
        max_connections: usize = Some(256), "SANDWIRE_MAX_CONNECTIONS";
        /// Connections at once to exposed ports; fewer than all, so that these never shut out who manages them
        /// [default: half of all]
        max_previews: usize = None, "SANDWIRE_MAX_PREVIEWS";
        /// Lanes at once, those included whose connection is lost [default: 224]
        max_lanes: usize = Some(224), "SANDWIRE_MAX_LANES";
        /// Lanes that one connection, a relay's, may carry [default: 224]
        max_lanes_per_connection: usize = Some(224), "SANDWIRE_MAX_LANES_PER_CONNECTION";
        /// Channels at once, of all lanes together [default: 512]
        max_channels: usize = Some(512), "SANDWIRE_MAX_CHANNELS";
        /// Channels at once in one lane [default: 256]
        max_channels_per_lane: usize = Some(256), "SANDWIRE_MAX_CHANNELS_PER_LANE";
        /// Bytes that were sent and are kept until acknowledged, of all lanes together [default: 112MiB]
        retained_bytes: Size = Some(Size(112 << 20)), "SANDWIRE_RETAINED_BYTES";
        /// The same of one lane [default: 4MiB]
        retained_bytes_per_lane: Size = Some(Size(4 << 20)), "SANDWIRE_RETAINED_BYTES_PER_LANE";
        /// Background processes at once [default: 256]
        max_processes: usize = Some(256), "SANDWIRE_MAX_PROCESSES";
        /// Ended processes that are kept with their logs [default: 64]
        keep_processes: usize = Some(64), "SANDWIRE_KEEP_PROCESSES";
        /// How long an ended process is kept [default: 1h]
        keep_processes_for: Time = Some(Time::secs(3600)), "SANDWIRE_KEEP_PROCESSES_FOR";
        /// Log of one process in memory [default: 256KiB]
        log_memory: Size = Some(Size(256 << 10)), "SANDWIRE_LOG_MEMORY";
        /// Log of one process on disk, beyond memory [default: 16MiB]
        log_spool: Size = Some(Size(16 << 20)), "SANDWIRE_LOG_SPOOL";
        /// Terminals at once [default: 256]
        max_terminals: usize = Some(256), "SANDWIRE_MAX_TERMINALS";
        /// Memory of all terminals together: screens, lines above them, and what viewers have not read [default: 108MiB]
        terminal_memory: Size = Some(Size(108 << 20)), "SANDWIRE_TERMINAL_MEMORY";
        /// Shell sessions at once, the one named `default` included [default: 64]
        max_sessions: usize = Some(64), "SANDWIRE_MAX_SESSIONS";
        /// Code contexts at once, each with a kernel [default: 16]
        max_kernels: usize = Some(16), "SANDWIRE_MAX_KERNELS";
        /// Kernels that are started before a context wants them: of the languages used last, and only once one was used.
        /// 0 starts none [default: 1]
        kernel_pool: usize = Some(1), "SANDWIRE_KERNEL_POOL";
        /// Output of one kernel that waits for a reader, on disk; a cell that has more is interrupted [default: 256MiB]
        kernel_spool: Size = Some(Size(256 << 20)), "SANDWIRE_KERNEL_SPOOL";
        /// Lines above the screen that a terminal keeps [default: 1000]
        scrollback: usize = Some(1000), "SANDWIRE_SCROLLBACK";
    }
    "Times" {
        /// How long a lane outlives its connection; 0s ends it at once [default: 2m]
        lane_ttl: Time = Some(Time::secs(120)), "SANDWIRE_LANE_TTL";
        /// Time that a new connection has for a TLS handshake, and for its HTTP request [default: 10s]
        handshake_timeout: Time = Some(Time::secs(10)), "SANDWIRE_HANDSHAKE_TIMEOUT";
        /// How long a browser stays signed in after its last request or connection [default: 12h]
        session_ttl: Time = Some(Time::secs(12 * 3600)), "SANDWIRE_SESSION_TTL";
        /// How long what runs may go on after SIGTERM [default: 30s]
        drain_time: Time = Some(Time::secs(30)), "SANDWIRE_DRAIN_TIME";
        /// Time between TERM and KILL at the end of draining [default: 2s]
        drain_grace: Time = Some(Time::secs(2)), "SANDWIRE_DRAIN_GRACE";
    }
}

const AFTER_HELP: &str = "\
Sizes are written as 64KiB or 16MiB, times as 30s, 2m or 1h. Every setting can also be given by the variable that \
its line names, or in the file of --config under the same name with underscores.

Examples:
  sandwire-server                                          on loopback, for this machine only
  SANDWIRE_TOKEN=$(openssl rand -hex 32) sandwire-server --listen 0.0.0.0:7070
  sandwire-server --config /etc/sandwire.toml --print-config
  sandwire-server host                                     many sandboxes on this machine: see host --help
  sandwire-server health                                   whether the server with these settings serves: status 0 or 1

A token with narrower rights, in the file:
  [[tokens]]
  name = \"viewer\"
  token_sha256 = \"…\"                  # printf %s \"$TOKEN\" | sha256sum
  scopes = [\"process-read\", \"pty-read\", \"file-read\"]   # default: all
  read_only = true                    # of these, only what looks and changes nothing
  paths = [\"/workspace\"]              # file.* only below these
  expires = \"2030-01-31T00:00:00Z\"
Scopes: exec, process, process-read, pty, pty-read, file-read, file-write, tcp, port, port-read, info.";

/// What the program does when it is not to be the server of one sandbox.
#[derive(Debug, Subcommand)]
enum Command {
    Host(Box<host::Arguments>),
}

/// What the program is to do.
#[derive(Debug)]
pub enum Request {
    /// Serve one sandbox: this machine, as the program sees it.
    Serve(Box<Settings>),
    /// Keep many sandboxes on this machine.
    Host(Box<HostSettings>),
    /// Print this and end.
    Print(String),
    /// Ask the server that runs with these settings whether it serves.
    Health(Box<Settings>),
    /// Be the bridge between the server that started this and a kernel.
    Bridge,
    /// Becomes a command whose directory or program is in a bucket; for the server itself.
    Enter(Vec<std::ffi::OsString>),
}

/// The first argument that asks for [`Request::Health`].
const HEALTH: &str = "health";

/// Reads all sources.
///
/// # Errors
/// [`ConfigError`] that names the setting. Wrong flags, `--help` and `--version` end the program, as clap does.
pub fn read(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Request, ConfigError> {
    let mut arguments: Vec<_> = arguments.into_iter().collect();
    if arguments.get(1).is_some_and(|first| first == crate::bridge::ARGUMENT) {
        return Ok(Request::Bridge);
    }
    if arguments.get(1).is_some_and(|first| first == crate::sandbox::process::enter::ARGUMENT) {
        return Ok(Request::Enter(arguments.split_off(2)));
    }
    let health = arguments.get(1).is_some_and(|first| first == HEALTH);
    if health {
        arguments.remove(1);
    }
    let arguments = Arguments::parse_from(arguments);
    if let Some(Command::Host(arguments)) = arguments.command {
        return host::read(&arguments);
    }
    let settings: Settings = layered(arguments.config.as_deref(), &arguments)?;
    if health {
        return Ok(Request::Health(Box::new(settings)));
    }
    settings.validate()?;
    if arguments.print_config {
        return Ok(Request::Print(settings.redacted()?));
    }
    Ok(Request::Serve(Box::new(settings)))
}

/// Flags and variables over the file over defaults.
fn layered<S>(file: Option<&Path>, arguments: &impl Serialize) -> Result<S, ConfigError>
where
    S: Default + Serialize + DeserializeOwned,
{
    let mut figment = Figment::from(Serialized::defaults(S::default()));
    if let Some(file) = file {
        syntax(file)?;
        figment = figment.merge(Toml::file_exact(file));
    }
    Ok(figment.merge(Serialized::defaults(arguments)).extract()?)
}

/// Whether a file is TOML at all. Asked first, because figment's message quotes the line, and that may hold a token.
fn syntax(file: &Path) -> Result<(), ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|error| ConfigError::File(file.to_owned(), error))?;
    toml::from_str::<toml::Table>(&text).map(drop).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        ConfigError::Syntax(file.to_owned(), before.matches('\n').count() + 1, error.message().to_owned())
    })
}

impl Settings {
    /// Where to listen.
    pub fn listen(&self) -> Listen {
        self.listen.clone().unwrap_or(Listen::loopback(7070))
    }

    /// Whether any token is known, so that one is asked for.
    pub fn has_tokens(&self) -> bool {
        self.token.is_some() || !self.tokens.is_empty()
    }

    /// The directory from which relative paths are taken.
    pub fn workspace(&self) -> &Path {
        self.workspace.as_deref().unwrap_or(Path::new("."))
    }

    /// Connections at once to exposed ports.
    pub(crate) fn max_previews(&self) -> usize {
        self.max_previews.unwrap_or(self.max_connections() / 2)
    }

    /// Hosts beside localhost that `tcp.connect` and `process.wait_port` may reach.
    pub fn tcp_hosts(&self) -> Vec<String> {
        let hosts = self.tcp_hosts.as_deref().unwrap_or_default().split(',').map(str::trim);
        hosts.filter(|host| !host.is_empty()).map(str::to_owned).collect()
    }

    fn redacted(&self) -> Result<String, ConfigError> {
        let mut shown = self.clone();
        if shown.token.is_some() {
            shown.token = Some(Secret::shown());
        }
        for rule in &mut shown.tokens {
            rule.redact();
        }
        printed(&shown, self.memory_bound())
    }
}

/// Settings as a file that can be read again.
fn printed(settings: &impl Serialize, memory_bound: u64) -> Result<String, ConfigError> {
    let text = toml::to_string(settings).map_err(|error| ConfigError::Setting("print_config", error.to_string()))?;
    let bound = memory_bound.div_ceil(1 << 20);
    Ok(format!("# With these settings the server itself takes at most {bound} MiB of memory.\n{text}"))
}

#[cfg(test)]
mod tests;
