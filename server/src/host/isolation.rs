//! What keeps sandboxes apart, as far as this machine can.

use std::path::PathBuf;
use std::process::Stdio;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::command;

/// What keeps sandboxes apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Bubblewrap, and a refusal to start where that does not work.
    #[default]
    Auto,
    /// Namespaces of processes, mounts, users, IPC and host name, by the program bwrap.
    Bubblewrap,
    /// Nothing but directories: what runs in one sandbox can do to others what any program of this user can.
    None,
}

/// What keeps them apart in fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// By this program.
    Bubblewrap(PathBuf),
    /// Not.
    Not,
}

impl Kept {
    /// Its name, as the setting has it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Bubblewrap(_) => "bubblewrap",
            Self::Not => "none",
        }
    }
}

/// Decides, by trying it.
///
/// # Errors
/// A sentence that says what is missing and what to do. Nothing is left out in silence.
pub(crate) async fn choose(wanted: Isolation) -> Result<Kept, String> {
    match wanted {
        Isolation::None => Ok(Kept::Not),
        Isolation::Auto | Isolation::Bubblewrap => {
            let program = find().ok_or_else(|| {
                refusal("the program bwrap is not installed", "install it: apt-get install bubblewrap")
            })?;
            let tried = Command::new(&program)
                .args(command::namespaces())
                .args(["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--", "/proc/self/exe", "--version"])
                .env_clear()
                .stdin(Stdio::null())
                .output()
                .await
                .map_err(|error| refusal(&format!("{} does not start: {error}", program.display()), "repair it"))?;
            if tried.status.success() {
                return Ok(Kept::Bubblewrap(program));
            }
            let said = String::from_utf8_lossy(&tried.stderr);
            let remedy = "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces, \
                          kernel.apparmor_restrict_unprivileged_userns=0; in a container: seccomp and --privileged)";
            Err(refusal(&format!("bwrap does not work here: {}", said.trim()), remedy))
        }
    }
}

fn refusal(why: &str, remedy: &str) -> String {
    format!(
        "sandboxes cannot be kept apart: {why}.\n\
         Either {remedy};\n\
         or say --isolation none: then what runs in one sandbox can read and change the others, and all that this user can"
    )
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let found = std::env::split_paths(&path).map(|folder| folder.join("bwrap"));
    found.filter(|path| path.is_absolute()).find(|path| path.is_file())
}
