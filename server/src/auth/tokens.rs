//! Tokens: who comes with which gets what.

use std::path::PathBuf;

use sandwire_protocol::kind::Scope;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::access::Access;

/// A token with its rights, as `[[tokens]]` in the configuration file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRule {
    /// Whose token this is, for logs.
    pub name: String,
    /// The token itself. Rather give `token_sha256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// SHA-256 of the token, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_sha256: Option<String>,
    /// What it allows. Default: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<Scope>>,
    /// Absolute paths below which `file.*` may work. Default: everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<PathBuf>>,
}

impl TokenRule {
    pub(crate) fn validate(&self) -> Result<(), String> {
        let name = &self.name;
        self.hash().ok_or_else(|| {
            format!(
                "{name:?} needs either `token` with at least 8 characters, or `token_sha256` with 64 hexadecimal digits"
            )
        })?;
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
            (Some(token), None) if token.len() >= 8 => Some(Sha256::digest(token).into()),
            (None, Some(digits)) => unhex(digits),
            (Some(_) | None, _) => None,
        }
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
        let narrow = rules.iter().filter_map(|rule| {
            let scopes = rule.scopes.clone().unwrap_or_else(|| Scope::ALL.to_vec());
            Some((rule.hash()?, Access::new(&rule.name, scopes, rule.paths.clone())))
        });
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
        self.0.get(usize::try_from(found).ok()?).map(|(_, access)| access.clone())
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
    fn a_rule_without_a_usable_token_or_with_a_relative_path_is_refused() {
        for bad in [
            "name = 'a'",
            "name = 'a'\ntoken = 'short'",
            "name = 'a'\ntoken_sha256 = 'zz'",
            "name = 'a'\ntoken = 'longenough'\ntoken_sha256 = '00'",
            "name = 'a'\ntoken = 'longenough'\npaths = ['w']",
        ] {
            assert!(rule(bad).validate().is_err(), "{bad}");
        }
        assert!(toml::from_str::<TokenRule>("name = 'a'\nscopes = ['everything']").is_err());
    }
}
