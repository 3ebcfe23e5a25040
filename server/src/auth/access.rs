//! [`Access`]: what a connection or a lane may do.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use sandwire_protocol::kind::{Open, Scope, process, pty};
use sandwire_protocol::{Code, Error};

use super::grant::{Grant, check_size};
use crate::sandbox::fs::PathPolicy;

/// What a connection or a lane may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// Whose access this is, for logs.
    pub(crate) name: String,
    scopes: BTreeSet<Scope>,
    /// What `file.*` may touch, resolved once: when the token was read, or this part of it was asked for.
    policy: Arc<PathPolicy>,
    /// Terminals that `pty.*` may touch, by id; none means all.
    terminals: Option<Arc<BTreeSet<String>>>,
    /// When the token expires from which this was made; none means never.
    expires: Option<SystemTime>,
}

/// The scopes that only look.
const LOOKING: [Scope; 5] = [Scope::ProcessRead, Scope::PtyRead, Scope::FileRead, Scope::PortRead, Scope::Info];

/// The scopes that bring one that only looks along.
const IMPLIED: [(Scope, Scope); 3] =
    [(Scope::Process, Scope::ProcessRead), (Scope::Pty, Scope::PtyRead), (Scope::Port, Scope::PortRead)];

impl Access {
    /// Everything.
    pub(crate) fn full(name: &str) -> Self {
        Self::new(name, Scope::ALL.iter().copied(), None)
    }

    /// These scopes and what they imply: who may write to a process or a terminal may look at it too, and who may expose
    /// ports may see them.
    pub(crate) fn new(name: &str, scopes: impl IntoIterator<Item = Scope>, paths: Option<Vec<PathBuf>>) -> Self {
        let mut scopes: BTreeSet<Scope> = scopes.into_iter().collect();
        for (scope, implied) in IMPLIED {
            if scopes.contains(&scope) {
                scopes.insert(implied);
            }
        }
        let policy = Arc::new(PathPolicy::limited(paths.as_deref(), paths.as_deref()));
        Self { name: name.to_owned(), scopes, policy, terminals: None, expires: None }
    }

    /// What a ticket says: its paths were resolved when it was made, and links that were put there since are not followed.
    pub(crate) fn of_ticket(
        name: &str,
        scopes: Vec<Scope>,
        paths: Option<Vec<PathBuf>>,
        terminals: Option<BTreeSet<String>>,
    ) -> Self {
        let policy = Arc::new(PathPolicy::resolved(paths));
        Self { policy, terminals: terminals.map(Arc::new), ..Self::new(name, scopes, None) }
    }

    /// The same, until then.
    pub(crate) fn until(self, expires: Option<SystemTime>) -> Self {
        Self { expires, ..self }
    }

    /// The part of it that only looks.
    pub(crate) fn read_only(mut self) -> Self {
        self.scopes.retain(|scope| LOOKING.contains(scope));
        self
    }

    /// When no connection and no ticket is given for it any more; none means never.
    pub(crate) const fn expires(&self) -> Option<SystemTime> {
        self.expires
    }

    /// Whether it has expired.
    pub(crate) fn expired(&self) -> bool {
        self.expires.is_some_and(|expires| expires <= SystemTime::now())
    }

    /// Its scopes.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = Scope> + '_ {
        self.scopes.iter().copied()
    }

    /// Roots of what `file.*` may touch, as they really are; none means everything.
    pub(crate) fn paths(&self) -> Option<Vec<PathBuf>> {
        self.policy.readable().map(|roots| roots.map(PathBuf::from).collect())
    }

    /// Terminals that `pty.*` may touch, by id; none means all.
    pub(crate) fn terminals(&self) -> Option<&BTreeSet<String>> {
        self.terminals.as_deref()
    }

    /// Whether `pty.*` may touch this terminal.
    pub(crate) fn sees_terminal(&self, id: &str) -> bool {
        self.terminals.as_ref().is_none_or(|terminals| terminals.contains(id))
    }

    /// The limit on paths, as `file.*` holds it.
    pub(crate) fn policy(&self) -> Arc<PathPolicy> {
        Arc::clone(&self.policy)
    }

    /// Whether a channel may be opened. Limits on paths are held where files are opened.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` with the missing scope.
    pub(crate) fn check(&self, open: &Open) -> Result<(), Error> {
        self.require(open.scope())?;
        if let Open::PtyAttach(attach) = open
            && !attach.read_only
        {
            self.require(Scope::Pty)?;
        }
        self.check_terminal(open)?;
        // What a session knows is for those who may run commands in it.
        if let Open::ProcessStart(process::Start { session: Some(_), .. })
        | Open::PtyOpen(pty::Open { session: Some(_), .. }) = open
        {
            self.require(Scope::Exec)?;
        }
        // Asking a port of another machine is a connection to it.
        if let Open::ProcessWaitPort(wait) = open
            && wait.host.as_deref().is_some_and(|host| !is_own(host))
        {
            self.require(Scope::Tcp)?;
        }
        Ok(())
    }

    /// Whether it has a scope.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` with the missing scope.
    pub(crate) fn require(&self, scope: Scope) -> Result<(), Error> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        let message = format!("this needs the scope `{}`, which the token does not have", scope.name());
        Err(Error::new(Code::PermissionDenied, message).with("scope", scope.name()))
    }

    /// Whether a channel touches a terminal that it may. `pty.list` shows only those.
    fn check_terminal(&self, open: &Open) -> Result<(), Error> {
        if self.terminals.is_none() || !matches!(open.scope(), Scope::Pty | Scope::PtyRead) {
            return Ok(());
        }
        let id = if let Open::PtyList(_) = open {
            return Ok(());
        } else if let Open::PtyOpen(open) = open {
            open.id.as_deref()
        } else if let Open::PtyAttach(pty::Attach { id, .. })
        | Open::PtySnapshot(pty::Snapshot { id, .. })
        | Open::PtyResize(pty::ResizeParams { id, .. })
        | Open::PtyClose(pty::Close { id, .. }) = open
        {
            Some(id.as_str())
        } else {
            // Whatever else there may be of terminals one day: not without a look at it here.
            None
        };
        match id {
            Some(id) if self.sees_terminal(id) => Ok(()),
            Some(id) => {
                let message = format!("this connection or lane is for certain terminals, and {id:?} is none of them");
                Err(Error::new(Code::PermissionDenied, message).with("terminal", id))
            }
            None => {
                let message = "this connection or lane is for certain terminals: name one of them as `id`";
                Err(Error::new(Code::PermissionDenied, message).with("terminal", ""))
            }
        }
    }

    /// The part of it that is asked for; what is not named is as it is.
    ///
    /// # Errors
    /// `VALIDATION_FAILED` for a name that is no scope, a path that is not absolute, or too many of them;
    /// `PERMISSION_DENIED` for what it does not have.
    pub(crate) fn narrow(&self, grant: &Grant) -> Result<Access, Error> {
        grant.check()?;
        let scopes = match &grant.scopes {
            Some(names) => self.narrow_scopes(names)?,
            None => self.scopes.clone(),
        };
        let terminals = match &grant.terminals {
            Some(ids) => {
                if let Some(id) = ids.iter().find(|id| !self.sees_terminal(id)) {
                    let message = format!("the terminal {id:?} is not one that the token or ticket allows");
                    return Err(Error::new(Code::PermissionDenied, message).with("terminal", id.as_str()));
                }
                Some(Arc::new(ids.iter().cloned().collect()))
            }
            None => self.terminals.clone(),
        };
        let policy = match &grant.paths {
            Some(paths) => {
                let policy = self.policy.narrowed(paths).map_err(|path| {
                    let path = path.display().to_string();
                    let message = format!("the path {path} is not below one that the token or ticket allows");
                    Error::new(Code::PermissionDenied, message).with("path", path)
                })?;
                check_size(policy.readable().into_iter().flatten().map(|path| path.as_os_str().len()).sum())?;
                Arc::new(policy)
            }
            None => Arc::clone(&self.policy),
        };
        Ok(Access { scopes, terminals, policy, ..self.clone() })
    }

    fn narrow_scopes(&self, names: &[String]) -> Result<BTreeSet<Scope>, Error> {
        let mut scopes = BTreeSet::new();
        for name in names {
            let scope = Scope::ALL.iter().copied().find(|scope| scope.name() == name).ok_or_else(|| {
                Error::new(Code::ValidationFailed, format!("{name:?} is no scope")).with("scope", name.as_str())
            })?;
            self.require(scope)?;
            scopes.insert(scope);
        }
        Ok(Access::new(&self.name, scopes, None).scopes)
    }

    /// Whether it may do all that the other may.
    pub(crate) fn covers(&self, other: &Access) -> bool {
        let terminals = match (&self.terminals, &other.terminals) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => theirs.is_subset(mine),
        };
        terminals && self.policy.covers(&other.policy) && other.scopes.is_subset(&self.scopes)
    }
}

/// Whether a host is this machine without any doubt.
fn is_own(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use sandwire_protocol::kind;

    use super::*;

    fn open<K: kind::Kind>(params: &K::Params) -> Open {
        Open::decode(K::NAME, &kind::encode(params).unwrap()).unwrap()
    }

    #[test]
    fn every_kind_needs_its_scope_and_no_other() {
        for row in kind::TABLE {
            let with = Access::new("t", [row.scope], None);
            let without = Access::new("t", Scope::ALL.iter().copied().filter(|scope| *scope != row.scope), None);
            assert!(with.require(row.scope).is_ok());
            let implied = IMPLIED.iter().any(|(_, implied)| *implied == row.scope);
            assert_eq!(without.require(row.scope).is_ok(), implied, "{}", row.name);
        }
    }

    /// The vectors hold parameters of every kind, so that a kind that is forgotten here cannot be.
    #[test]
    fn each_kind_is_refused_without_its_scope_and_let_in_with_it() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol/vectors/kinds");
        for row in kind::TABLE {
            let text = std::fs::read_to_string(format!("{folder}/{}.json", row.name)).unwrap();
            let vectors: serde_json::Value = serde_json::from_str(&text).unwrap();
            let all = vectors["params"].as_array().unwrap();
            assert!(!all.is_empty(), "{}", row.name);
            for params in all {
                let hex = params["hex"].as_str().unwrap();
                let bytes: Vec<u8> =
                    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
                let open = Open::decode(row.name, &bytes).unwrap();
                let without: Vec<Scope> = Scope::ALL
                    .iter()
                    .copied()
                    .filter(|scope| *scope != row.scope)
                    .filter(|scope| !IMPLIED.contains(&(*scope, row.scope)))
                    .collect();
                let error = Access::new("t", without, None).check(&open).unwrap_err();
                assert_eq!(error.code, Code::PermissionDenied, "{}", row.name);
                assert_eq!(error.details["scope"], row.scope.name().into());
                let typing = matches!(&open, Open::PtyAttach(attach) if !attach.read_only);
                let away = matches!(&open, Open::ProcessWaitPort(wait)
                    if wait.host.as_deref().is_some_and(|host| !is_own(host)));
                let inherits = matches!(
                    &open,
                    Open::ProcessStart(process::Start { session: Some(_), .. })
                        | Open::PtyOpen(pty::Open { session: Some(_), .. })
                );
                let more =
                    typing.then_some(Scope::Pty).or(away.then_some(Scope::Tcp)).or(inherits.then_some(Scope::Exec));
                let with = Access::new("t", [row.scope].into_iter().chain(more), None);
                assert_eq!(with.check(&open), Ok(()), "{}", row.name);
            }
        }
    }

    #[test]
    fn a_viewer_may_look_at_a_terminal_and_not_type() {
        let viewer = Access::new("viewer", [Scope::PtyRead], None);
        let look = kind::pty::Attach { id: "a".into(), read_only: true, ..Default::default() };
        assert!(viewer.check(&open::<kind::PtyAttach>(&look)).is_ok());
        let typing = kind::pty::Attach { read_only: false, ..look };
        let error = viewer.check(&open::<kind::PtyAttach>(&typing)).unwrap_err();
        assert_eq!(error.code, Code::PermissionDenied);
        assert_eq!(error.details["scope"], "pty".into());
    }

    #[test]
    fn what_a_session_has_is_for_who_may_run_commands_in_it() {
        let starts = Access::new("t", [Scope::Process, Scope::Pty], None);
        let start = kind::process::Start { session: Some("s".into()), ..Default::default() };
        assert_eq!(starts.check(&open::<kind::ProcessStart>(&start)).unwrap_err().details["scope"], "exec".into());
        let terminal = kind::pty::Open { session: Some("s".into()), ..Default::default() };
        assert_eq!(starts.check(&open::<kind::PtyOpen>(&terminal)).unwrap_err().details["scope"], "exec".into());
    }

    #[test]
    fn waiting_for_a_port_of_another_machine_is_a_connection_to_it() {
        let viewer = Access::new("viewer", [Scope::ProcessRead], None);
        let wait = |host: Option<&str>| {
            open::<kind::ProcessWaitPort>(&kind::process::WaitPort {
                port: 80,
                host: host.map(str::to_owned),
                ..Default::default()
            })
        };
        for own in [None, Some("localhost"), Some("127.0.0.1"), Some("::1")] {
            assert!(viewer.check(&wait(own)).is_ok(), "{own:?}");
        }
        for other in ["169.254.169.254", "db.internal", "127.0.0.1.evil.test"] {
            assert_eq!(viewer.check(&wait(Some(other))).unwrap_err().details["scope"], "tcp".into(), "{other}");
        }
    }

    #[test]
    fn a_lane_is_narrowed_never_widened() {
        let access = Access::new("t", [Scope::Exec, Scope::Process], None);
        let names = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
        let scopes = |of: &[&str]| access.narrow(&Grant { scopes: Some(names(of)), ..Grant::default() });
        let lane = scopes(&["process-read"]).unwrap();
        assert_eq!(lane.scopes().collect::<Vec<_>>(), [Scope::ProcessRead]);
        assert_eq!(scopes(&["file-read"]).unwrap_err().code, Code::PermissionDenied);
        assert_eq!(scopes(&["root"]).unwrap_err().code, Code::ValidationFailed);
        assert!(access.covers(&lane));
        assert!(!lane.covers(&access));
    }

    #[test]
    fn a_limit_on_paths_is_covered_only_by_a_wider_one() {
        let access = |paths: Option<&[&str]>| {
            Access::new("t", [Scope::FileRead], paths.map(|paths| paths.iter().map(PathBuf::from).collect()))
        };
        assert!(access(None).covers(&access(Some(&["/a"]))));
        assert!(!access(Some(&["/a"])).covers(&access(None)));
        assert!(access(Some(&["/a"])).covers(&access(Some(&["/a/b"]))));
        assert!(!access(Some(&["/a/b"])).covers(&access(Some(&["/a"]))));
    }
}
