//! Tokens: who comes with which gets what.

use std::path::PathBuf;
use std::time::SystemTime;

use sandwire_protocol::kind::Scope;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::access::Access;
use crate::config::Secret;

/// A token with its rights, as `[[tokens]]` in the configuration file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRule {
    /// Whose token this is, for logs.
    pub name: String,
    /// The token itself. Rather give `token_sha256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// SHA-256 of the token, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_sha256: Option<String>,
    /// What it allows. Default: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<Scope>>,
    /// Whether of these only what looks and changes nothing is left. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// Absolute paths below which `file.*` may work. Default: everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<PathBuf>>,
    /// From when on it is not accepted any more, as `2030-01-31T00:00:00Z` (RFC 3339). What it opened before goes on.
    /// Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

impl TokenRule {
    pub(crate) fn validate(&self) -> Result<(), String> {
        let name = &self.name;
        if let Some(token) = &self.token {
            token.validate().map_err(|problem| format!("`token` of {name:?}: {problem}"))?;
        }
        if self.hash().is_none() {
            return Err(format!("{name:?} needs either `token`, or `token_sha256` with 64 hexadecimal digits"));
        }
        self.expiry().map_err(|_| format!("`expires` of {name:?} is no time such as 2030-01-31T00:00:00Z"))?;
        match self.paths.iter().flatten().find(|path| !path.is_absolute()) {
            Some(path) => Err(format!("the path {} of {name:?} is not absolute", path.display())),
            None => Ok(()),
        }
    }

    pub(crate) fn redact(&mut self) {
        self.token_sha256 = self.hash().map(|hash| hash.iter().map(|byte| format!("{byte:02x}")).collect());
        self.token = None;
    }

    fn hash(&self) -> Option<[u8; 32]> {
        match (&self.token, &self.token_sha256) {
            (Some(token), None) => Some(Sha256::digest(&**token).into()),
            (None, Some(digits)) => unhex(digits),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }

    fn expiry(&self) -> Result<Option<SystemTime>, humantime::TimestampError> {
        self.expires.as_deref().map(humantime::parse_rfc3339).transpose()
    }

    fn access(&self) -> Access {
        let scopes = self.scopes.clone().unwrap_or_else(|| Scope::ALL.to_vec());
        let access = Access::new(&self.name, scopes, self.paths.clone());
        // Validated: a time that cannot be read has expired, whatever it was meant to be.
        let access = access.until(self.expiry().unwrap_or(Some(SystemTime::UNIX_EPOCH)));
        if self.read_only { access.read_only() } else { access }
    }
}

fn unhex(digits: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// All tokens. Only their hashes are kept.
#[derive(Debug)]
pub(crate) struct Tokens(Vec<([u8; 32], Access)>);

impl Tokens {
    /// The one that allows everything, and the narrower ones, which were validated.
    pub(crate) fn new(token: Option<&str>, rules: &[TokenRule]) -> Self {
        let full = token.map(|token| (Sha256::digest(token).into(), Access::full("token")));
        let narrow = rules.iter().filter_map(|rule| Some((rule.hash()?, rule.access())));
        Self(full.into_iter().chain(narrow).collect())
    }

    /// Whether there is none, so that none is asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a token allows. Takes the same time for each token, right or wrong: all are compared, by their hashes.
    pub(crate) fn access(&self, token: &str) -> Option<Access> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        let mut found = u64::MAX;
        for (index, (known, _)) in self.0.iter().enumerate() {
            let equal: Choice = known.ct_eq(&hash);
            found.conditional_assign(&(index as u64), equal);
        }
        let (_, access) = self.0.get(usize::try_from(found).ok()?)?;
        (!access.expired()).then(|| access.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn rule(toml: &str) -> TokenRule {
        toml::from_str(toml).unwrap()
    }

    #[test]
    fn each_token_has_its_own_access_and_a_wrong_one_none() {
        let viewer = rule("name = 'viewer'\ntoken = 'looklooklook'\nscopes = ['pty-read']");
        let sha = rule(
            "name = 'sha'\ntoken_sha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'\npaths = ['/w']",
        );
        viewer.validate().unwrap();
        sha.validate().unwrap();
        let tokens = Tokens::new(Some("everything"), &[viewer, sha]);
        assert_eq!(tokens.access("everything").unwrap(), Access::full("token"));
        assert!(tokens.access("looklooklook").unwrap().require(Scope::Exec).is_err());
        assert_eq!(tokens.access("test").unwrap().paths().unwrap(), [PathBuf::from("/w")]);
        for wrong in ["", "everythin", "everything ", "EVERYTHING"] {
            assert!(tokens.access(wrong).is_none());
        }
        assert!(Tokens::new(None, &[]).is_empty());
    }

    #[test]
    fn a_token_that_only_looks_changes_nothing() {
        let rule = rule(
            "name = 'a'\ntoken = 'looklooklook'\nscopes = ['process', 'file-write', 'tcp', 'info']\nread_only = true",
        );
        rule.validate().unwrap();
        let access = Tokens::new(None, &[rule]).access("looklooklook").unwrap();
        assert_eq!(access.scopes().collect::<Vec<_>>(), [Scope::ProcessRead, Scope::Info]);
    }

    #[test]
    fn an_expired_token_is_none() {
        let of = |expires| rule(&format!("name = 'a'\ntoken = 'looklooklook'\nexpires = '{expires}'"));
        let (past, future, bad) = (of("2020-01-01T00:00:00Z"), of("2999-01-01T00:00:00Z"), of("tomorrow"));
        assert!(past.validate().is_ok() && future.validate().is_ok());
        assert!(bad.validate().unwrap_err().contains("expires"));
        assert!(Tokens::new(None, &[past]).access("looklooklook").is_none());
        assert!(Tokens::new(None, &[bad]).access("looklooklook").is_none());
        assert!(Tokens::new(None, &[future]).access("looklooklook").is_some());
    }

    #[test]
    fn a_rule_without_a_usable_token_or_with_a_relative_path_is_refused() {
        for bad in [
            "name = 'a'",
            "name = 'a'\ntoken = 'short'",
            "name = 'a'\ntoken = 'with a space in it'",
            "name = 'a'\ntoken_sha256 = 'zz'",
            "name = 'a'\ntoken = 'longenough'\ntoken_sha256 = '00'",
            "name = 'a'\ntoken = 'longenough'\npaths = ['w']",
        ] {
            assert!(rule(bad).validate().is_err(), "{bad}");
        }
        assert!(toml::from_str::<TokenRule>("name = 'a'\nscopes = ['everything']").is_err());
    }
}
