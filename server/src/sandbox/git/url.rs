//! Where a repository is: a URL that git may be given, without the user and password that were in it.

use std::path::Path;

use sandwire_protocol::{Code, Error};

/// Longest URL, in bytes.
const LONGEST: usize = 8 << 10;

/// A URL, taken apart.
#[derive(PartialEq, Eq)]
pub(super) struct Url {
    /// What git is given, and everybody may see.
    pub(super) shown: String,
    /// How git gets there.
    pub(super) way: Way,
    /// User and password that stood in it.
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
}

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Url").field("shown", &self.shown).field("way", &self.way).finish_non_exhaustive()
    }
}

/// How git gets to a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By HTTP; with the scheme and host that credentials are for.
    Http(String),
    /// By ssh, which has keys.
    Ssh,
    /// By git's own protocol, which knows nobody.
    Git,
    /// A path of the sandbox.
    File,
}

impl Url {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// `INVALID_GIT_URL`, without the URL: it may hold a password.
    pub(super) fn parse(text: &str) -> Result<Url, Error> {
        let text = text.trim_end_matches(' ');
        if text.is_empty() {
            return Err(invalid("`url` is empty"));
        }
        if text.len() > LONGEST {
            return Err(invalid(&format!("`url` has {} bytes; at most {LONGEST} are taken", text.len())));
        }
        if text.chars().any(char::is_control) {
            return Err(invalid("`url` holds a control character"));
        }
        if text.starts_with('-') {
            return Err(invalid("`url` begins with `-`"));
        }
        match text.split_once("://") {
            Some((scheme, rest)) => with_scheme(&scheme.to_ascii_lowercase(), rest),
            None if text.starts_with('/') => Ok(plain(text.to_owned(), Way::File)),
            None => short(text),
        }
    }

    /// Whether the repository is this directory of the sandbox.
    pub(super) fn is_at(&self, directory: &Path) -> bool {
        let path = self.shown.split_once("://").map_or(&*self.shown, |(_, path)| path);
        self.way == Way::File && Path::new(path) == directory
    }

    /// The directory that git would make for it.
    ///
    /// # Errors
    /// `INVALID_GIT_URL` when nothing of the URL is a name.
    pub(super) fn directory(&self) -> Result<String, Error> {
        let rest = self.shown.split_once("://").map_or(&*self.shown, |(_, rest)| rest);
        let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
        let rest = rest.trim_end_matches(['/', ' ']);
        let rest = rest.strip_suffix("/.git").unwrap_or(rest).trim_end_matches('/');
        let last = rest.rsplit(['/', ':']).next().unwrap_or_default();
        let name = last.strip_suffix(".git").or_else(|| last.strip_suffix(".bundle")).unwrap_or(last);
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        // A host alone has no name of a repository.
        let host_alone = self.shown.contains("://") && self.way != Way::File && !rest.contains('/');
        if name.is_empty() || name == "." || name == ".." || host_alone {
            return Err(invalid("`url` ends in no name of a repository; give `directory`"));
        }
        Ok(name)
    }
}

fn with_scheme(scheme: &str, rest: &str) -> Result<Url, Error> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if host.starts_with('-') {
        return Err(invalid("the host of `url` begins with `-`"));
    }
    if host.is_empty() && scheme != "file" {
        return Err(invalid("`url` names no host"));
    }
    // A `/` in a password ends the host before its `@`: what stands before it would be shown as a host and its port.
    let port = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
    if port.is_some_and(|(_, port)| !port.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(invalid(
            "the port of `url` is no number; a `/`, `?` or `#` in a password is written `%2F`, `%3F`, `%23`",
        ));
    }
    let (name, password) = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
        None => (None, None),
        Some((name, password)) => (
            Some(decoded(name)?).filter(|name| !name.is_empty()),
            Some(decoded(password)?).filter(|password| !password.is_empty()),
        ),
    };
    let shown = format!("{scheme}://{host}{path}");
    match scheme {
        "http" | "https" => Ok(Url { way: Way::Http(format!("{scheme}://{host}")), shown, username: name, password }),
        "ssh" | "git+ssh" | "ssh+git" => {
            let name = user.map_or("", |user| user.split_once(':').map_or(user, |(name, _)| name));
            if name.starts_with('-') {
                return Err(invalid("the user of `url` begins with `-`"));
            }
            let shown = if name.is_empty() { shown } else { format!("{scheme}://{name}@{host}{path}") };
            Ok(Url { shown, way: Way::Ssh, username: None, password })
        }
        "git" => Ok(plain(shown, Way::Git)),
        "file" if user.is_none() => Ok(plain(shown, Way::File)),
        _ => Err(invalid(&format!("git may not be given a URL of `{}`", printable(scheme)))),
    }
}

/// `host:path` and `user@host:path`, which ssh is asked for.
fn short(text: &str) -> Result<Url, Error> {
    let remote = text.split_once(':').filter(|(host, _)| !host.is_empty() && !host.contains('/'));
    match remote {
        // `ext::sh -c …` runs what it says.
        Some((_, path)) if path.starts_with(':') => Err(invalid("`url` names a helper program, which is not run")),
        Some((host, _)) if !host.starts_with('-') && !host.contains("@-") => Ok(plain(text.to_owned(), Way::Ssh)),
        Some(_) => Err(invalid("the host of `url` begins with `-`")),
        None => Err(invalid("`url` is no URL; a path of the sandbox has to be absolute")),
    }
}

fn plain(shown: String, way: Way) -> Url {
    Url { shown, way, username: None, password: None }
}

/// Percent-decoded, as a user or password in a URL is.
fn decoded(text: &str) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => bytes.push(u8::try_from(high * 16 + low).unwrap_or(0)),
            _ => return Err(invalid("user or password in `url` have a `%` without two hexadecimal digits")),
        }
    }
    String::from_utf8(bytes).map_err(|_| invalid("user or password in `url` are no UTF-8"))
}

/// A scheme as far as it may be repeated: what stands before `://` of a broken URL could be anything.
fn printable(scheme: &str) -> &str {
    let letters = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    if letters && scheme.len() <= 16 { scheme } else { "another scheme" }
}

fn invalid(what: &str) -> Error {
    let message = format!("{what}; give a URL of http, https, ssh, git or file, or an absolute path");
    Error::new(Code::InvalidGitUrl, message).with("field", "url")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn user_and_password_are_taken_out() {
        let url = Url::parse("HTTPS://ada:s%40c%2Fret@git.example:8443/a/shop.git").unwrap();
        assert_eq!(url.shown, "https://git.example:8443/a/shop.git");
        assert_eq!(url.way, Way::Http("https://git.example:8443".to_owned()));
        assert_eq!((url.username.as_deref(), url.password.as_deref()), (Some("ada"), Some("s@c/ret")));
        let token = Url::parse("https://ghp_token@git.example/a").unwrap();
        assert_eq!((token.shown.as_str(), token.username.as_deref()), ("https://git.example/a", Some("ghp_token")));
        assert_eq!(token.password, None);
        let odd = Url::parse("http://a:b@c@git.example/a@b").unwrap();
        assert_eq!((odd.shown.as_str(), odd.password.as_deref()), ("http://git.example/a@b", Some("b@c")));
        let ssh = Url::parse("ssh://git:secret@git.example:22/a").unwrap();
        assert_eq!((ssh.shown.as_str(), ssh.password.as_deref()), ("ssh://git@git.example:22/a", Some("secret")));
        assert!(!format!("{url:?} {token:?} {odd:?} {ssh:?}").contains("ret"), "{url:?}");
        assert_eq!(Url::parse("git@git.example:a/b.git").unwrap().way, Way::Ssh);
        assert_eq!(Url::parse("http://[::1]:80/a").unwrap().shown, "http://[::1]:80/a");
        assert_eq!(Url::parse("http://[::1]/a").unwrap().shown, "http://[::1]/a");
        let here = Url::parse("file:///w/x/").unwrap();
        assert!(here.is_at(Path::new("/w/x")) && !here.is_at(Path::new("/w")) && !url.is_at(Path::new("/w/x")));
        assert_eq!(Url::parse("git://ada@git.example/a").unwrap().shown, "git://git.example/a");
    }

    #[test]
    fn what_git_may_not_be_given_is_refused_without_being_repeated() {
        for url in [
            "",
            " ",
            "-u/x",
            "--upload-pack=touch /tmp/x",
            "ext::sh -c id",
            "fd::17",
            "http::http://x/y",
            "ftp://ada:secret@x/y",
            "https:///x",
            "https://ada:secret@/x",
            "ssh://-oProxyCommand=secret/x",
            "ssh://-osecret@x/y",
            "-osecret:x",
            "ada@-osecret:x",
            "https://x/y\nsecret",
            "https://a:%zz@x/secret",
            "../secret",
            "secret",
            "file://secret@x/y",
            "https://ada:secret/1@git.example/shop.git",
        ] {
            let error = Url::parse(url).unwrap_err();
            assert_eq!(error.code, Code::InvalidGitUrl, "{url}");
            assert!(!error.message.contains("secret"), "{}", error.message);
        }
    }

    #[test]
    fn a_directory_is_named_as_git_names_it() {
        let named = |url: &str| Url::parse(url).unwrap().directory().map_err(|error| error.code);
        for (url, name) in [
            ("https://git.example/a/shop.git", "shop"),
            ("https://git.example/a/shop/", "shop"),
            ("https://git.example/a/shop/.git/", "shop"),
            ("https://git.example/shop?x=1", "shop"),
            ("git@git.example:shop.git", "shop"),
            ("git@git.example:a/b c.git", "b c"),
            ("file:///srv/shop.bundle", "shop"),
            ("/srv/shop", "shop"),
            ("ssh://git@git.example:22/~ada/shop", "shop"),
        ] {
            assert_eq!(named(url).unwrap(), name, "{url}");
        }
        for url in ["https://git.example", "https://git.example:80/", "/", "/srv/..", "file:///"] {
            assert_eq!(named(url).unwrap_err(), Code::InvalidGitUrl, "{url}");
        }
    }
}
