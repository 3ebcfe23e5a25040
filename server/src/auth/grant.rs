//! [`Grant`]: the part of a right that somebody asks for, in HELLO or for a ticket.

use std::os::unix::ffi::OsStrExt;
use std::path::{Component, PathBuf};

use sandwire_protocol::frame::Hello;
use sandwire_protocol::{Code, Error};

/// Terminals that may be named at the most.
const MAX_TERMINALS: usize = 32;

/// Paths that may be named at the most.
const MAX_PATHS: usize = 8;

/// Bytes of all of these names together, as they are kept.
pub(crate) const MAX_NAMES: usize = 2 << 10;

/// What one name takes beside its bytes, as it is kept.
const NAME: usize = 64;

/// Memory of a grant that is kept, in bytes.
pub(crate) const MAX_GRANT: usize = MAX_NAMES + (MAX_TERMINALS + MAX_PATHS) * NAME;

/// What is asked for; what is not named is not narrowed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grant {
    /// Scopes by name.
    pub(crate) scopes: Option<Vec<String>>,
    /// Terminals by id.
    pub(crate) terminals: Option<Vec<String>>,
    /// Roots of what `file.*` may touch.
    pub(crate) paths: Option<Vec<PathBuf>>,
}

impl Grant {
    /// What a HELLO asks for.
    pub(crate) fn of(hello: &Hello) -> Self {
        let path = |path: &sandwire_protocol::ByteString| PathBuf::from(std::ffi::OsStr::from_bytes(path.as_bytes()));
        Self {
            scopes: hello.scopes.clone(),
            terminals: hello.terminals.clone(),
            paths: hello.paths.as_ref().map(|paths| paths.iter().map(path).collect()),
        }
    }

    /// Whether it can be kept, and says what it means.
    ///
    /// # Errors
    /// `VALIDATION_FAILED`.
    pub(super) fn check(&self) -> Result<(), Error> {
        let invalid = |message: String| Err(Error::new(Code::ValidationFailed, message));
        let (terminals, paths) = (self.terminals.iter().flatten(), self.paths.iter().flatten());
        if terminals.clone().count() > MAX_TERMINALS || paths.clone().count() > MAX_PATHS {
            return invalid(format!(
                "a lane or a ticket names at most {MAX_TERMINALS} terminals and {MAX_PATHS} paths"
            ));
        }
        check_size(terminals.map(String::len).chain(paths.clone().map(|path| path.as_os_str().len())).sum())?;
        // `..` would be compared as a name, and be followed as something else.
        let plain = |path: &&PathBuf| path.is_absolute() && path.components().all(|part| part != Component::ParentDir);
        match paths.clone().find(|path| !plain(path)) {
            Some(path) => invalid(format!("the path {} is not absolute, or has `..` in it", path.display())),
            None => Ok(()),
        }
    }
}

/// Whether names of so many bytes can be kept.
///
/// # Errors
/// `VALIDATION_FAILED`.
pub(super) fn check_size(bytes: usize) -> Result<(), Error> {
    if bytes <= MAX_NAMES {
        return Ok(());
    }
    let message = format!("terminals and paths of a lane or a ticket have at most {MAX_NAMES} bytes together");
    Err(Error::new(Code::ValidationFailed, message).with("limit", MAX_NAMES))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::symlink;

    use sandwire_protocol::kind::Scope;

    use super::super::ticket::{TicketRequest, Tickets};
    use super::*;
    use crate::auth::Access;

    fn terminals(of: &Access, ids: &[&str]) -> Result<Access, Error> {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        of.narrow(&Grant { terminals: Some(ids), ..Grant::default() })
    }

    fn paths(of: &Access, paths: &[&std::path::Path]) -> Result<Access, Error> {
        let paths = paths.iter().map(PathBuf::from).collect();
        of.narrow(&Grant { paths: Some(paths), ..Grant::default() })
    }

    #[test]
    fn terminals_are_narrowed_never_widened() {
        let full = Access::full("t");
        let two = terminals(&full, &["a", "b"]).unwrap();
        let one = terminals(&two, &["a"]).unwrap();
        assert!(one.sees_terminal("a") && !one.sees_terminal("b") && !one.sees_terminal(""));
        let error = terminals(&one, &["a", "b"]).unwrap_err();
        assert_eq!((error.code, &error.details["terminal"]), (Code::PermissionDenied, &"b".into()));
        assert!(!terminals(&two, &[]).unwrap().sees_terminal("a"), "none is none");
        assert_eq!(one.narrow(&Grant::default()).unwrap(), one);
        for (wide, narrow) in [(&full, &two), (&two, &one)] {
            assert!(wide.covers(narrow) && !narrow.covers(wide));
        }
    }

    #[test]
    fn paths_are_narrowed_by_where_they_really_are() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let [inside, outside] = ["in", "out"].map(|name| root.join(name));
        std::fs::create_dir_all(inside.join("sub")).unwrap();
        std::fs::create_dir_all(outside.join("sub")).unwrap();
        symlink(&outside, inside.join("away")).unwrap();
        symlink(inside.join("sub"), outside.join("back")).unwrap();
        symlink(outside.join("none"), inside.join("dangling")).unwrap();
        let token = Access::new("t", Scope::ALL.iter().copied(), Some(vec![inside.clone()]));
        let sub = paths(&token, &[&inside.join("sub")]).unwrap();
        assert_eq!(sub.paths().unwrap(), [inside.join("sub")]);
        assert!(token.covers(&sub) && !sub.covers(&token));
        for there in [inside.clone(), inside.join("not/yet"), outside.join("back"), inside.join("./sub//")] {
            assert!(paths(&token, &[&there]).is_ok(), "{}", there.display());
        }
        for (path, code) in [
            (outside.clone(), Code::PermissionDenied),
            (root.clone(), Code::PermissionDenied),
            (inside.join("away"), Code::PermissionDenied),
            (inside.join("away/sub"), Code::PermissionDenied),
            (inside.join("away/not/yet"), Code::PermissionDenied),
            (root.join("in2"), Code::PermissionDenied),
            (inside.join("../out"), Code::ValidationFailed),
            (inside.join("not/yet/../../../out"), Code::ValidationFailed),
            (PathBuf::from("in"), Code::ValidationFailed),
            (PathBuf::new(), Code::ValidationFailed),
        ] {
            assert_eq!(paths(&token, &[&inside, &path]).unwrap_err().code, code, "{}", path.display());
        }
        // A link to what does not exist is a name: what is made where it leads is elsewhere.
        let dangling = paths(&token, &[&inside.join("dangling")]).unwrap();
        assert_eq!(dangling.paths().unwrap(), [inside.join("dangling")]);
        assert!(!sub.covers(&dangling));
    }

    /// Who has a ticket for a directory, or may write around it, puts a link there before the ticket is used.
    #[test]
    fn a_ticket_does_not_follow_links_that_came_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let [inside, outside] = ["in", "out"].map(|name| root.join(name));
        std::fs::create_dir(&inside).unwrap();
        std::fs::create_dir(&outside).unwrap();
        let token = Access::new("t", Scope::ALL.iter().copied(), Some(vec![inside.clone()]));
        let tickets = Tickets::new().unwrap();
        let request = TicketRequest {
            paths: Some(vec![inside.join("later")]),
            terminals: Some(vec!["a".to_owned()]),
            ..TicketRequest::default()
        };
        let (ticket, _) = tickets.mint(&token, &request).unwrap();
        symlink(&outside, inside.join("later")).unwrap();
        let used = tickets.access(&ticket).unwrap();
        assert_eq!(used.paths().unwrap(), [inside.join("later")]);
        assert!(token.covers(&used) && used.sees_terminal("a") && !used.sees_terminal("b"));
        assert_eq!(paths(&used, &[&inside.join("later")]).unwrap_err().code, Code::PermissionDenied);
        let outside = TicketRequest { paths: Some(vec![outside]), ..TicketRequest::default() };
        assert_eq!(tickets.mint(&token, &outside).unwrap_err().code, Code::PermissionDenied);
    }

    #[test]
    fn what_is_asked_for_has_a_bound() {
        let full = Access::full("t");
        let many: Vec<String> = (0..33).map(|number| number.to_string()).collect();
        let long = "x".repeat(MAX_NAMES + 1);
        for ids in [many.iter().map(String::as_str).collect::<Vec<_>>(), vec![&long]] {
            assert_eq!(terminals(&full, &ids).unwrap_err().code, Code::ValidationFailed);
        }
        let root = std::path::Path::new("/");
        assert_eq!(paths(&full, &[root; 9]).unwrap_err().code, Code::ValidationFailed);
        assert!(paths(&full, &[root; 8]).is_ok());
        // Short names may stand for long ones.
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(200)).join("e".repeat(200));
        std::fs::create_dir_all(&deep).unwrap();
        let link = dir.path().join("s");
        symlink(&deep, &link).unwrap();
        assert_eq!(paths(&full, &[link.as_path(); 8]).unwrap_err().details["limit"], MAX_NAMES.into());
    }
}
