//! [`Access`]: what a connection or a lane may do.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use sandwire_protocol::kind::{Open, Scope, process, pty};
use sandwire_protocol::{Code, Error};

use crate::sandbox::fs::PathPolicy;

/// What a connection or a lane may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// Whose access this is, for logs.
    pub(crate) name: String,
    scopes: BTreeSet<Scope>,
    /// Roots of what `file.*` may touch; none means everything.
    paths: Option<Arc<[PathBuf]>>,
    /// The same as the file system sees them: resolved once, when the token was read.
    policy: Arc<PathPolicy>,
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
        Self { name: name.to_owned(), scopes, paths: paths.map(Arc::from), policy, expires: None }
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

    /// Roots of what `file.*` may touch; none means everything.
    pub(crate) fn paths(&self) -> Option<&[PathBuf]> {
        self.paths.as_deref()
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

    /// The part of it that these scopes name; all of it without.
    ///
    /// # Errors
    /// `VALIDATION_FAILED` for a name that is no scope, `PERMISSION_DENIED` for a scope that it does not have.
    pub(crate) fn narrow(&self, names: Option<&[String]>) -> Result<Access, Error> {
        let Some(names) = names else { return Ok(self.clone()) };
        let mut scopes = BTreeSet::new();
        for name in names {
            let scope = Scope::ALL.iter().copied().find(|scope| scope.name() == name).ok_or_else(|| {
                Error::new(Code::ValidationFailed, format!("{name:?} is no scope")).with("scope", name.as_str())
            })?;
            self.require(scope)?;
            scopes.insert(scope);
        }
        Ok(Access { scopes: Access::new(&self.name, scopes, None).scopes, ..self.clone() })
    }

    /// Whether it may do all that the other may.
    pub(crate) fn covers(&self, other: &Access) -> bool {
        let paths = match (&self.paths, &other.paths) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => theirs.iter().all(|path| mine.iter().any(|root| path.starts_with(root))),
        };
        paths && other.scopes.is_subset(&self.scopes)
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
        let lane = access.narrow(Some(&names(&["process-read"]))).unwrap();
        assert_eq!(lane.scopes().collect::<Vec<_>>(), [Scope::ProcessRead]);
        assert_eq!(access.narrow(Some(&names(&["file-read"]))).unwrap_err().code, Code::PermissionDenied);
        assert_eq!(access.narrow(Some(&names(&["root"]))).unwrap_err().code, Code::ValidationFailed);
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
