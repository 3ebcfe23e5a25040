//! Settings of `sandwire-server host`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use super::{ConfigError, Isolation, Listen, LogFormat, Request, Secret, Size, Time, layered, printed, settings};
use crate::auth::Origins;
use crate::host::{MAX_SANDBOXES, memory_bound};
use crate::sandbox::port::names::Names;

settings! {
    Arguments, HostSettings, "host",
    "Many sandboxes on this machine, without Docker: each is started on first use and sleeps when it idles.", AFTER_HELP;
    arguments {}
    more {}
    "General" {
        /// Address and port to listen on; port 0 takes a free one. Anything but loopback needs a token. Or `unix:PATH`, a
        /// socket that only the engine's own user, and root, can connect to [default: 127.0.0.1:7071]
        listen: Listen = Some(Listen::loopback(7071)), "SANDWIRE_LISTEN";
        /// Directory for what the sandboxes keep, each in a directory of its name. It belongs to one engine at a time
        /// [default: $XDG_STATE_HOME/sandwire, or ~/.local/state/sandwire]
        root: PathBuf = None, "SANDWIRE_ROOT";
        /// What to log, as `info` or `sandwire_server=debug` (tracing's filter) [default: info]
        log: String = Some("info".to_owned()), "SANDWIRE_LOG";
        /// How the log is written [default: auto]
        log_format: LogFormat = Some(LogFormat::Auto), "SANDWIRE_LOG_FORMAT";
    }
    "Access" {
        /// Token that allows everything, in all sandboxes. Better given as SANDWIRE_TOKEN: flags can be seen in the process
        /// list. Sandboxes share the machine's network: without a token, what runs in one can reach the engine, too
        token: Secret = None, "SANDWIRE_TOKEN";
        /// Origins whose pages may connect beside the engine's own, with commas between, as `https://app.example`
        origins: String = None, "SANDWIRE_ORIGINS";
        /// What host names of ports end in that sandboxes expose, and its port, as `preview.example` or
        /// `https://preview.example:8443` [default: localhost and the port that is listened on]
        preview_host: String = None, "SANDWIRE_PREVIEW_HOST";
    }
    "Sandboxes" {
        /// What keeps sandboxes apart [default: auto]
        isolation: Isolation = Some(Isolation::Auto), "SANDWIRE_ISOLATION";
        /// Directories beside the system's that sandboxes may read, with commas between, as `/srv/models`
        read_only: String = None, "SANDWIRE_READ_ONLY";
        /// Memory of each sandbox, where the machine has cgroups for it; 0B sets no bound [default: 2GiB]
        memory: Size = Some(Size(2 << 30)), "SANDWIRE_MEMORY";
        /// Processes and threads of each sandbox, where the machine has cgroups for it; 0 sets no bound [default: 512]
        pids: u64 = Some(512), "SANDWIRE_PIDS";
        /// Sandboxes that run at once [default: 64]
        max_sandboxes: usize = Some(64), "SANDWIRE_MAX_SANDBOXES";
        /// How long nothing may happen in a sandbox before it is put to sleep: no command, no terminal, no process that is
        /// kept alive. 0s never does [default: 10m]
        sleep_after: Time = Some(Time::secs(600)), "SANDWIRE_SLEEP_AFTER";
    }
    "Bounds" {
        /// Connections at once [default: 512]
        max_connections: usize = Some(512), "SANDWIRE_MAX_CONNECTIONS";
    }
    "Times" {
        /// Time that a sandbox has to start [default: 30s]
        start_timeout: Time = Some(Time::secs(30)), "SANDWIRE_START_TIMEOUT";
        /// Time that what runs in a sandbox has to end when it is stopped, before it is killed [default: 5s]
        drain_grace: Time = Some(Time::secs(5)), "SANDWIRE_DRAIN_GRACE";
        /// Time that a new connection has for its HTTP request [default: 10s]
        handshake_timeout: Time = Some(Time::secs(10)), "SANDWIRE_HANDSHAKE_TIMEOUT";
    }
}

const AFTER_HELP: &str = "\
Examples:
  sandwire-server host
  SANDWIRE_URL=ws://127.0.0.1:7071/sandboxes/dev/connect sandwire exec -- echo hi
  SANDWIRE_TOKEN=$(openssl rand -hex 32) sandwire-server host --listen 0.0.0.0:7071 --root /srv/sandboxes

Requests, with `Authorization: Bearer` when there is a token; errors are JSON with code and message:
  GET    /healthz
  GET    /sandboxes                      all that there are
  GET    /sandboxes/{id}                 how it fares; starts nothing
  POST   /sandboxes/{id}/start           {\"env\": {…}}; answers when it is ready
  GET    /sandboxes/{id}/connect         its WebSocket; starts it on first use
  ANY    /sandboxes/{id}/ports/{port}/…  what listens there, by HTTP or an upgrade; X-Sandwire-Host is its Host
  POST   /sandboxes/{id}/stop            {\"signal\": \"SIGTERM\"}; its files stay
  GET    /sandboxes/{id}/wait            answers when it has stopped, with its exit_code
  DELETE /sandboxes/{id}                 ends it and removes its files
Requests to the host name of a port that a sandbox exposes need no token: the name is the secret.
A name is 1 to 63 of a-z, 0-9 and hyphens, with none at either end.";

/// The time that a peer has at least for its request.
const LEAST_HANDSHAKE: Duration = Duration::from_millis(100);

/// Least memory with which a sandbox's server starts.
const LEAST_MEMORY: u64 = 32 << 20;

/// Fewest processes and threads with which a sandbox's server starts: its own threads count.
const LEAST_PIDS: u64 = 64;

/// The settings, or their text when that was asked for.
pub(super) fn read(arguments: &Arguments) -> Result<Request, ConfigError> {
    let settings: HostSettings = layered(arguments.config.as_deref(), arguments)?;
    settings.validate()?;
    if arguments.print_config {
        let mut shown = settings.clone();
        shown.token = shown.token.map(|_| Secret::shown());
        return printed(&shown, memory_bound(&settings)).map(Request::Print);
    }
    Ok(Request::Host(Box::new(settings)))
}

macro_rules! or_default {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $map:expr;)+) => {
        impl HostSettings {
            $($(#[doc = $doc])+ pub(crate) fn $name(&self) -> $type {
                let value = self.$name.clone().or_else(|| Self::default().$name);
                value.map_or_else(Default::default, $map)
            })+
        }
    };
}

or_default! {
    /// What keeps sandboxes apart.
    isolation: Isolation = |it| it;
    /// Memory of each sandbox in bytes; 0 is no bound.
    memory: u64 = |it: Size| it.0;
    /// Processes and threads of each sandbox; 0 is no bound.
    pids: u64 = |it| it;
    /// Sandboxes that run at once.
    max_sandboxes: usize = |it| it;
    /// Connections at once.
    max_connections: usize = |it| it;
    /// How long a sandbox may idle; zero is for ever.
    sleep_after: Duration = |it: Time| it.0;
    /// Time that a sandbox has to start.
    start_timeout: Duration = |it: Time| it.0;
    /// Time that what runs has to end.
    drain_grace: Duration = |it: Time| it.0;
    /// Time for the request of a new connection.
    handshake_timeout: Duration = |it: Time| it.0;
}

impl HostSettings {
    /// Where to listen.
    pub(crate) fn listen(&self) -> Listen {
        self.listen.clone().unwrap_or(Listen::loopback(7071))
    }

    /// The directory for what the sandboxes keep.
    pub(crate) fn root(&self) -> PathBuf {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = || variable("XDG_STATE_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/state")));
        self.root.clone().or_else(|| state().map(|state| state.join("sandwire"))).unwrap_or("sandboxes".into())
    }

    /// Directories beside the system's that sandboxes may read.
    pub(crate) fn read_only(&self) -> Vec<PathBuf> {
        let list = self.read_only.as_deref().unwrap_or_default().split(',').map(str::trim);
        list.filter(|path| !path.is_empty()).map(PathBuf::from).collect()
    }

    fn validate(&self) -> Result<(), ConfigError> {
        if let (Some(address), None) = (self.listen().beyond_loopback(), &self.token) {
            return Err(ConfigError::OpenDoor { program: "sandwire-server host", address });
        }
        let wrong = |name, message: String| Err(ConfigError::Setting(name, message));
        if let Some(Err(problem)) = self.token.as_ref().map(Secret::validate) {
            return wrong("token", problem);
        }
        if let Err(problem) = Origins::validate(self.origins.as_deref()) {
            return wrong("origins", problem);
        }
        if let Some(Err(problem)) = self.preview_host.as_deref().map(Names::validate_host) {
            return wrong("preview_host", problem);
        }
        if let Some(path) = self.read_only().iter().find(|path| !path.is_absolute() || **path == *Path::new("/")) {
            return wrong("read_only", format!("{} is no absolute path of a directory below /", path.display()));
        }
        if (1..LEAST_MEMORY).contains(&self.memory()) {
            return wrong("memory", format!("it is at least {}, or 0B for no bound", Size(LEAST_MEMORY)));
        }
        if (1..LEAST_PIDS).contains(&self.pids()) {
            return wrong("pids", format!("it is at least {LEAST_PIDS}, or 0 for no bound"));
        }
        if !(1..=MAX_SANDBOXES).contains(&self.max_sandboxes()) {
            return wrong("max_sandboxes", format!("it is from 1 to {MAX_SANDBOXES}"));
        }
        if !(1..=1 << 20).contains(&self.max_connections()) {
            return wrong("max_connections", format!("it is from 1 to {}", 1 << 20));
        }
        if let Some(Err(error)) = self.log.as_ref().map(EnvFilter::try_new) {
            return wrong("log", error.to_string());
        }
        if self.handshake_timeout() < LEAST_HANDSHAKE {
            return wrong("handshake_timeout", "it is at least 100ms".to_owned());
        }
        Ok(())
    }
}
