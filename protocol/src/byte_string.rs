//! [`ByteString`]: a path, an argument, a variable as the operating system has it.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A string of the operating system: any bytes. On the wire a MessagePack `str` when it is valid UTF-8, else a `bin`,
/// so that a file name which is no UTF-8 survives a list and the read that follows it.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteString(Vec<u8>);

impl ByteString {
    /// Takes any bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, owned.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The text, when it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for ByteString {
    fn from(value: &str) -> Self {
        Self(value.as_bytes().to_vec())
    }
}

impl From<String> for ByteString {
    fn from(value: String) -> Self {
        Self(value.into_bytes())
    }
}

impl From<&String> for ByteString {
    fn from(value: &String) -> Self {
        Self::from(value.as_str())
    }
}

impl From<Vec<u8>> for ByteString {
    fn from(value: Vec<u8>) -> Self {
        Self(value)
    }
}

impl From<&[u8]> for ByteString {
    fn from(value: &[u8]) -> Self {
        Self(value.to_vec())
    }
}

#[cfg(unix)]
impl From<&std::path::Path> for ByteString {
    fn from(value: &std::path::Path) -> Self {
        use std::os::unix::ffi::OsStrExt;
        Self(value.as_os_str().as_bytes().to_vec())
    }
}

#[cfg(unix)]
impl From<&std::path::PathBuf> for ByteString {
    fn from(value: &std::path::PathBuf) -> Self {
        Self::from(value.as_path())
    }
}

#[cfg(unix)]
impl From<std::path::PathBuf> for ByteString {
    fn from(value: std::path::PathBuf) -> Self {
        Self::from(value.into_os_string())
    }
}

#[cfg(unix)]
impl From<std::ffi::OsString> for ByteString {
    fn from(value: std::ffi::OsString) -> Self {
        use std::os::unix::ffi::OsStringExt;
        Self(value.into_vec())
    }
}

#[cfg(unix)]
impl From<&std::ffi::OsStr> for ByteString {
    fn from(value: &std::ffi::OsStr) -> Self {
        use std::os::unix::ffi::OsStrExt;
        Self(value.as_bytes().to_vec())
    }
}

#[cfg(unix)]
impl AsRef<std::path::Path> for ByteString {
    fn as_ref(&self) -> &std::path::Path {
        use std::os::unix::ffi::OsStrExt;
        std::path::Path::new(std::ffi::OsStr::from_bytes(&self.0))
    }
}

#[cfg(unix)]
impl AsRef<std::ffi::OsStr> for ByteString {
    fn as_ref(&self) -> &std::ffi::OsStr {
        use std::os::unix::ffi::OsStrExt;
        std::ffi::OsStr::from_bytes(&self.0)
    }
}

/// Invalid UTF-8 is shown with replacement characters; the value itself is not changed.
impl fmt::Display for ByteString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for ByteString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

impl Serialize for ByteString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_str() {
            Some(text) => serializer.serialize_str(text),
            None => serializer.serialize_bytes(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for ByteString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = ByteString;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or bytes")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<ByteString, E> {
                Ok(ByteString(value.as_bytes().to_vec()))
            }

            fn visit_bytes<E: de::Error>(self, value: &[u8]) -> Result<ByteString, E> {
                Ok(ByteString(value.to_vec()))
            }
        }
        deserializer.deserialize_any(Bytes)
    }
}

/// `#[serde(with = "bin")]`: a byte vector as MessagePack `bin`.
pub(crate) mod bin {
    use super::{ByteString, Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        ByteString::deserialize(deserializer).map(ByteString::into_bytes)
    }
}
