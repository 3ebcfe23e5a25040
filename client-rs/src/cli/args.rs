//! Values in arguments: durations, sizes, signals, and paths that may be in the sandbox.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use sandwire::protocol::ByteString;

/// A duration: `1m30s`, `200ms`, or seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string());
    }
    humantime::parse_duration(text).map_err(|error| format!("{error}; write it as 90, 1m30s or 200ms"))
}

/// A number of bytes: `4096`, `64K`, `1.5G` (powers of 1024), with or without `B` or `iB`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let lower = text.trim().to_ascii_lowercase();
    let lower = lower.strip_suffix("ib").or_else(|| lower.strip_suffix('b')).unwrap_or(&lower);
    let (number, unit) = match lower.chars().last() {
        Some(letter) if letter.is_ascii_alphabetic() => lower.split_at(lower.len() - 1),
        Some(_) | None => (lower, ""),
    };
    let shift = match unit {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(format!("{unit:?} is no unit of size; use K, M, G or T")),
    };
    let wrong = || format!("{text:?} is no size; write it as 4096, 64K or 1.5G");
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(1 << shift).ok_or_else(wrong);
    }
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let bytes = number * (1_u64 << shift) as f64;
    if bytes.is_finite() && (0.0..9e18).contains(&bytes) { Ok(bytes as u64) } else { Err(wrong()) }
}

/// Permission bits in octal.
pub(crate) fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).map_err(|_| "it is not octal; write it as 644 or 0755".to_owned())?;
    if mode > 0o7777 { Err("permissions go up to 7777".to_owned()) } else { Ok(mode) }
}

/// `BEGIN-END`, `BEGIN-`, `-LAST`, in bytes, END included as in HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// From an offset, so many bytes, or to the end.
    From(u64, Option<u64>),
    /// The last bytes.
    Last(u64),
}

/// Reads a [`Range`].
pub(crate) fn range(text: &str) -> Result<Range, String> {
    let wrong = || format!("{text:?} is no range; write it as 0-99, 100- or -100");
    let (begin, end) = text.split_once('-').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    match (begin, end) {
        ("", last) => Ok(Range::Last(number(last)?)),
        (begin, "") => Ok(Range::From(number(begin)?, None)),
        (begin, end) => {
            let (begin, end) = (number(begin)?, number(end)?);
            let length = end.checked_sub(begin).ok_or_else(wrong)?.saturating_add(1);
            Ok(Range::From(begin, Some(length)))
        }
    }
}

/// One end of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `:path`.
    Sandbox(ByteString),
    /// Any other path.
    Local(PathBuf),
    /// `-`.
    Stdio,
}

impl Place {
    /// Reads what was given. A local path that begins with a colon is written as `./:path`.
    pub(crate) fn parse(text: &OsStr) -> Self {
        let bytes = text.as_bytes();
        if bytes == b"-" {
            Place::Stdio
        } else if let Some(path) = bytes.strip_prefix(b":") {
            Place::Sandbox(if path.is_empty() { ByteString::from(".") } else { ByteString::from(path) })
        } else {
            Place::Local(PathBuf::from(text))
        }
    }
}

/// A path that is always in the sandbox: the colon may be there or not.
pub(crate) fn remote(path: &OsString) -> ByteString {
    match Place::parse(path) {
        Place::Sandbox(path) => path,
        Place::Local(_) | Place::Stdio => ByteString::from(path.as_os_str()),
    }
}

/// The last name of a path; empty when it has none, as in `/`, `.` and `..`.
pub(crate) fn last_name(path: &ByteString) -> ByteString {
    let path: &std::path::Path = path.as_ref();
    path.file_name().map(ByteString::from).unwrap_or_default()
}

/// `directory/name`.
pub(crate) fn join(directory: &ByteString, name: &ByteString) -> ByteString {
    let directory: &std::path::Path = directory.as_ref();
    let name: &std::path::Path = name.as_ref();
    ByteString::from(directory.join(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn durations_are_seconds_or_have_units() {
        assert_eq!(duration("1.5").unwrap(), Duration::from_millis(1500));
        assert_eq!(duration("1m30s").unwrap(), Duration::from_secs(90));
        assert!(duration("-1").is_err() && duration("soon").is_err());
    }

    #[test]
    fn sizes_have_units_of_1024() {
        for (text, bytes) in
            [("0", 0), ("4096", 4096), ("64K", 65536), ("64kb", 65536), ("1.5GiB", 3 << 29), ("2T", 2 << 40)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "K", "1X", "-1", "99999999999T", "inf"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ranges_are_those_of_http() {
        assert_eq!(range("0-99"), Ok(Range::From(0, Some(100))));
        assert_eq!(range("5-"), Ok(Range::From(5, None)));
        assert_eq!(range("-7"), Ok(Range::Last(7)));
        assert!(range("9-5").is_err() && range("x").is_err() && range("-").is_err());
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!(mode("0755"), Ok(0o755));
        assert!(mode("8").is_err() && mode("10000").is_err());
    }

    #[test]
    fn a_colon_marks_the_sandbox() {
        assert_eq!(Place::parse(OsStr::new(":/a")), Place::Sandbox("/a".into()));
        assert_eq!(Place::parse(OsStr::new(":")), Place::Sandbox(".".into()));
        assert_eq!(Place::parse(OsStr::new("./:a")), Place::Local("./:a".into()));
        assert_eq!(Place::parse(OsStr::new("-")), Place::Stdio);
        assert_eq!(last_name(&"/a/b/".into()), "b".into());
        assert!(last_name(&"/".into()).is_empty());
    }
}
