//! Names of sandboxes.

use std::fmt;
use std::sync::Arc;

use super::refused::Refused;

/// Longest name: that of a label in a host name.
const LONGEST: usize = 63;

/// The name of a sandbox: also a directory, a host name, a part of a URL. So it is narrow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(Arc<str>);

impl Id {
    /// Reads a name.
    ///
    /// # Errors
    /// 400, which says what a name is.
    pub(crate) fn parse(text: &str) -> Result<Self, Refused> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let edge = text.starts_with('-') || text.ends_with('-');
        if (1..=LONGEST).contains(&text.len()) && text.bytes().all(fits) && !edge {
            return Ok(Self(text.into()));
        }
        // What comes in a URL may be long, and anything.
        let shown: String = text.chars().take(LONGEST + 1).collect();
        let why = if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            ": capitals are refused, because host names know none"
        } else {
            ""
        };
        Err(Refused::bad(format!(
            "{shown:?} is no name of a sandbox: 1 to {LONGEST} of a-z, 0-9 and hyphens, with none at either end{why}"
        )))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_narrow() {
        let longest = "a".repeat(LONGEST);
        for good in ["a", "0", "dev", "my-box-2", "a--b", longest.as_str()] {
            assert!(Id::parse(good).is_ok_and(|id| id.as_str() == good), "{good}");
        }
        let long = "a".repeat(LONGEST + 1);
        for bad in
            ["", "-", "-a", "a-", "Dev", "..", ".", ".run", "a/b", "a.b", "a_b", "a b", "%2e%2e", "ä", "a\0", &long]
        {
            assert!(Id::parse(bad).is_err(), "{bad:?}");
        }
        let capitals = format!("{:?}", Id::parse("Dev"));
        assert!(capitals.contains("capitals"), "{capitals}");
    }
}
