//! Sizes, times and tables for people.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::stdio;

/// `812`, `1.2K`, `34M`: at most five characters.
pub(crate) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "";
    for next in ["K", "M", "G", "T", "P"] {
        if value < 999.5 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit.is_empty() || value >= 9.95 { format!("{value:.0}{unit}") } else { format!("{value:.1}{unit}") }
}

/// A length of time in at most two units: `3m 12s`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (large, small) = match seconds {
        0 => return format!("{} ms", time.as_millis()),
        1..60 => return format!("{seconds}s"),
        60..3600 => ((seconds / 60, "m"), (seconds % 60, "s")),
        3600..86400 => ((seconds / 3600, "h"), (seconds % 3600 / 60, "m")),
        86400.. => ((seconds / 86400, "d"), (seconds % 86400 / 3600, "h")),
    };
    if small.0 == 0 {
        format!("{}{}", large.0, large.1)
    } else {
        format!("{}{} {}{}", large.0, large.1, small.0, small.1)
    }
}

/// How long ago a time was, in milliseconds since 1970.
pub(crate) fn since(ms: u64) -> String {
    duration(now().saturating_sub(Duration::from_millis(ms)))
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A point in time, in milliseconds since 1970, in UTC: `2026-01-31T12:00:00.000Z`.
pub(crate) fn time(ms: u64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(ms)).to_string()
}

/// `drwxr-xr-x`.
pub(crate) fn mode(kind: char, mode: u32) -> String {
    let mut text = String::with_capacity(10);
    text.push(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 == 0 { '-' } else { 'r' });
        text.push(if bits & 2 == 0 { '-' } else { 'w' });
        text.push(match (bits & 1 != 0, mode & special != 0) {
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// Text with nothing in it that would move a terminal's cursor.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Writes rows in columns as wide as they must be. The last column is not padded.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> io::Result<()> {
    let mut widths = head.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + 2));
        }
        text.truncate(text.trim_end().len());
        text
    };
    stdio::line(line(&head.map(str::to_owned)))?;
    rows.iter().try_for_each(|row| stdio::line(line(row)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in
            [(0, "0"), (999, "999"), (1000, "1.0K"), (1536, "1.5K"), (10 << 20, "10M"), (3 << 40, "3.0T")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn durations_have_two_units() {
        for (seconds, text) in [(5, "5s"), (60, "1m"), (192, "3m 12s"), (3600, "1h"), (90000, "1d 1h")] {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
        assert_eq!(duration(Duration::from_millis(12)), "12 ms");
    }

    #[test]
    fn modes_are_as_in_ls() {
        assert_eq!(mode('-', 0o644), "-rw-r--r--");
        assert_eq!(mode('d', 0o1777), "drwxrwxrwt");
        assert_eq!(mode('-', 0o4654), "-rwSr-xr--");
    }
}
