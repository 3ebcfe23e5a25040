//! Why git failed, read off what it said, without what nobody may see.

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sandwire_protocol::kind::command::Exit;
use sandwire_protocol::{Code, Error};

use super::asked::{Asked, Credentials};

/// What stands where a secret was.
const HIDDEN: &str = "***";

/// A user that is as long as this may be a token.
const TOKEN: usize = 8;

/// Takes secrets out of texts.
#[derive(Debug, Default)]
pub(super) struct Redact(Vec<String>);

impl Redact {
    /// These, however they are written.
    pub(super) fn new(secrets: impl IntoIterator<Item = String>) -> Redact {
        let mut all: Vec<String> = secrets.into_iter().filter(|secret| !secret.is_empty()).collect();
        all.extend(all.iter().map(|secret| encoded(secret)).collect::<Vec<_>>());
        // The longest first: one may be a part of another.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        all.dedup();
        Redact(all)
    }

    /// Password and token, and the header that they make.
    pub(super) fn of(credentials: Option<&Credentials>) -> Redact {
        let Some(Credentials { username, password }) = credentials else { return Redact::default() };
        let mut secrets = vec![password.clone(), STANDARD_NO_PAD.encode(format!("{username}:{password}"))];
        if username.len() >= TOKEN {
            secrets.push(username.clone());
        }
        Redact::new(secrets)
    }

    /// The length of the longest, in bytes.
    pub(super) fn longest(&self) -> usize {
        self.0.first().map_or(0, String::len)
    }

    /// The text without them.
    pub(super) fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), HIDDEN))
    }
}

/// Percent-encoded as in a URL.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

/// Why git failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Repository,
    Auth,
    Branch,
    Network,
    Checkout,
    Space,
    NotEmpty,
    Other,
}

impl Why {
    const fn code(self) -> Code {
        match self {
            Why::Repository => Code::GitRepositoryNotFound,
            Why::Auth => Code::GitAuthFailed,
            Why::Branch => Code::GitBranchNotFound,
            Why::Network => Code::GitNetworkError,
            Why::Checkout => Code::GitCheckoutFailed,
            Why::Space => Code::NoSpace,
            Why::NotEmpty => Code::DirectoryNotEmpty,
            Why::Other => Code::GitCloneFailed,
        }
    }
}

/// What a phrase of git or ssh means. The first that is found counts.
const MEANINGS: &[(&str, Why)] = &[
    ("No space left on device", Why::Space),
    ("Disk quota exceeded", Why::Space),
    ("already exists and is not an empty directory", Why::NotEmpty),
    ("not found in upstream", Why::Branch),
    ("Could not find remote branch", Why::Branch),
    ("Authentication failed", Why::Auth),
    ("could not read Username", Why::Auth),
    ("could not read Password", Why::Auth),
    ("returned error: 401", Why::Auth),
    ("returned error: 403", Why::Auth),
    ("returned error: 407", Why::Auth),
    ("Permission denied (", Why::Auth),
    ("Permission denied, please try again", Why::Auth),
    ("Host key verification failed", Why::Auth),
    ("Too many authentication failures", Why::Auth),
    ("access denied or repository not exported", Why::Repository),
    ("Repository not found", Why::Repository),
    ("does not appear to be a git repository", Why::Repository),
    ("Could not resolve host", Why::Network),
    ("unable to look up", Why::Network),
    ("Name or service not known", Why::Network),
    ("name resolution", Why::Network),
    ("Failed to connect", Why::Network),
    ("Couldn't connect", Why::Network),
    ("unable to connect", Why::Network),
    ("Connection refused", Why::Network),
    ("Connection reset", Why::Network),
    ("Connection closed", Why::Network),
    ("timed out", Why::Network),
    ("Network is unreachable", Why::Network),
    ("No route to host", Why::Network),
    ("Empty reply from server", Why::Network),
    ("returned error: 5", Why::Network),
    ("returned error: 429", Why::Network),
    ("RPC failed", Why::Network),
    ("early EOF", Why::Network),
    ("SSL", Why::Network),
    ("certificate", Why::Network),
    ("kex_exchange_identification", Why::Network),
    ("unable to checkout working tree", Why::Checkout),
    ("but checkout failed", Why::Checkout),
    ("the remote end hung up unexpectedly", Why::Network),
];

/// `fatal: repository 'x' not found`, `fatal: repository 'x' does not exist`
fn names_no_repository(line: &str) -> bool {
    line.starts_with("fatal: repository '") && (line.ends_with("' not found") || line.ends_with("' does not exist"))
}

/// The error of a git that ended like this and said this.
pub(super) fn explain(asked: &Asked, exit: &Exit, said: &VecDeque<String>, redact: &Redact) -> Error {
    let meant = |(phrase, why): &(&str, Why)| Some((*why, said.iter().find(|line| line.contains(phrase))?));
    let (why, telling) = match said.iter().find(|line| names_no_repository(line)) {
        Some(line) => (Why::Repository, Some(line)),
        None => MEANINGS.iter().find_map(meant).map_or((Why::Other, None), |(why, line)| (why, Some(line))),
    };
    let url = &asked.url.shown;
    let what = match why {
        Why::Repository => format!("there is no repository at {url}, or it is hidden from who asks"),
        Why::Auth if asked.credentials.is_some() => format!("{url} does not take these credentials"),
        Why::Auth => format!("{url} wants to know who asks, and there are no credentials for it"),
        Why::Branch => format!("{url} has no branch or tag {:?}", asked.branch.as_deref().unwrap_or_default()),
        Why::Network => format!("{url} could not be reached, or went away"),
        Why::Checkout => format!("{url} was fetched, and its files could not be written"),
        Why::Space => format!("there is no space for {url}"),
        Why::NotEmpty => format!("the directory for {url} is not empty"),
        Why::Other => format!("{url} could not be cloned"),
    };
    let because = said.iter().rev().find(|line| line.starts_with("fatal: ") && !is_general(line));
    // ssh says no `fatal: `.
    let because = because.or(telling).or_else(|| said.back()).map(|line| format!(": git says: {}", redact.text(line)));
    let ended = match (&exit.signal, exit.code) {
        (Some(signal), _) => format!("; it was ended by {signal}"),
        (None, _) => String::new(),
    };
    let stderr = redact.text(&said.iter().map(String::as_str).collect::<Vec<_>>().join("\n"));
    let mut error = Error::new(why.code(), format!("{what}{}{ended}", because.unwrap_or_default()))
        .with("url", url.as_str())
        .with("stderr", stderr);
    if let Some(code) = exit.code {
        error = error.with("exit_code", code);
    }
    match &asked.branch {
        Some(branch) => error.with("branch", branch.as_str()),
        None => error,
    }
}

/// What git says after every failure of its other end.
fn is_general(line: &str) -> bool {
    line.contains("Could not read from remote repository") || line.contains("the remote end hung up unexpectedly")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use sandwire_protocol::kind::git::Checkout;

    use super::*;

    fn explained(said: &[&str]) -> Error {
        let url = "https://ada:s%40cret%2F1@git.example/shop.git".into();
        let params = Checkout { url, branch: Some("main".to_owned()), ..Checkout::default() };
        let (asked, _) = Asked::new(params).unwrap();
        let redact = Redact::of(asked.credentials.as_ref());
        let said = said.iter().map(|line| (*line).to_owned()).collect();
        explain(&asked, &Exit { code: Some(128), ..Exit::default() }, &said, &redact)
    }

    #[test]
    fn what_git_says_is_understood() {
        for (line, code) in [
            ("fatal: repository 'https://git.example/shop.git/' not found", Code::GitRepositoryNotFound),
            ("fatal: '/srv/x' does not appear to be a git repository", Code::GitRepositoryNotFound),
            ("fatal: Authentication failed for 'https://git.example/shop.git/'", Code::GitAuthFailed),
            ("git@git.example: Permission denied (publickey,password).", Code::GitAuthFailed),
            ("fatal: Remote branch main not found in upstream origin", Code::GitBranchNotFound),
            ("fatal: unable to access 'https://x/': Could not resolve host: x", Code::GitNetworkError),
            ("ssh: connect to host 127.0.0.1 port 1: Connection refused", Code::GitNetworkError),
            ("fatal: unable to access 'https://x/': The requested URL returned error: 403", Code::GitAuthFailed),
            ("fatal: unable to access 'https://x/': The requested URL returned error: 502", Code::GitNetworkError),
            ("fatal: could not create leading directories of 'x': Permission denied", Code::GitCloneFailed),
            ("fatal: write error: No space left on device", Code::NoSpace),
            ("fatal: unable to checkout working tree", Code::GitCheckoutFailed),
        ] {
            let error = explained(&[line, "fatal: Could not read from remote repository."]);
            assert_eq!(error.code, code, "{line}");
            assert!(error.message.ends_with(line), "{}", error.message);
        }
        assert_eq!(explained(&[]).code, Code::GitCloneFailed);
    }

    #[test]
    fn a_server_that_repeats_the_password_does_not_get_it_into_an_error() {
        let error = explained(&["remote: s@cret/1 or s%40cret%2F1", "fatal: header Basic YWRhOnNAY3JldC8x=="]);
        assert_eq!(error.details["stderr"], "remote: *** or ***\nfatal: header Basic ***==".into());
        assert!(!format!("{error:?}").contains("cret"), "{error:?}");
        assert_eq!(Redact::of(None).text("as it is"), "as it is");
    }
}
