//! How a command ended, as an exit code: never one that the command did not give.

use sandwire::protocol::kind::command::Exit;

use super::fail::Failure;

/// Exit code for a command whose time was over, as of timeout(1).
const TIMED_OUT: i32 = 124;

/// Linux's signals by number, from 1.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

/// First real-time signal of Linux with glibc.
const RTMIN: i32 = 34;

/// The exit code that passes a command's end on; what a code cannot say is told on standard error.
pub(crate) fn code(exit: &Exit) -> Result<i32, Failure> {
    if exit.output_dropped > 0 {
        eprintln!("sandwire: {} bytes of output beyond the limit were thrown away", exit.output_dropped);
    }
    if exit.oom_killed {
        eprintln!("sandwire: the kernel killed something of it for want of memory");
    }
    if exit.timed_out {
        eprintln!("sandwire: the time was over and the command was ended");
        return Ok(TIMED_OUT);
    }
    match (exit.code, exit.signal.as_deref()) {
        (Some(code), _) => Ok(code),
        (None, Some(signal)) => {
            let dumped = if exit.core_dumped { ", core dumped" } else { "" };
            eprintln!("sandwire: {signal} ended the command{dumped}");
            Ok(128 + signal_number(signal).unwrap_or(0))
        }
        (None, None) => Err(Failure::Error(
            sandwire::protocol::Error::new(
                sandwire::protocol::Code::Internal,
                "the server did not say how the command ended",
            )
            .into(),
        )),
    }
}

/// In words, for tables.
pub(crate) fn describe(exit: &Exit) -> String {
    let end = match (exit.code, &exit.signal) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => signal.clone(),
        (None, None) => "unknown".to_owned(),
    };
    match (exit.timed_out, exit.oom_killed) {
        (true, _) => format!("{end}, timed out"),
        (false, true) => format!("{end}, out of memory"),
        (false, false) => end,
    }
}

fn signal_number(name: &str) -> Option<i32> {
    let name = name.strip_prefix("SIG").unwrap_or(name);
    if let Some(offset) = name.strip_prefix("RTMIN") {
        return if offset.is_empty() { Some(RTMIN) } else { Some(RTMIN + offset.parse::<i32>().ok()?) };
    }
    let index = SIGNALS.iter().position(|signal| *signal == name)?;
    i32::try_from(index + 1).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn signals_have_linux_numbers() {
        for (name, number) in [("SIGHUP", 1), ("SIGKILL", 9), ("SIGTERM", 15), ("SIGSYS", 31), ("SIGRTMIN+1", 35)] {
            assert_eq!(signal_number(name), Some(number), "{name}");
        }
        assert_eq!(signal_number("SIGNONE"), None);
    }

    #[test]
    fn no_end_is_made_up() {
        assert!(code(&Exit::default()).is_err());
        assert_eq!(code(&Exit { code: Some(3), ..Exit::default() }).unwrap(), 3);
        assert_eq!(code(&Exit { signal: Some("SIGKILL".into()), ..Exit::default() }).unwrap(), 137);
        let late = Exit { signal: Some("SIGTERM".into()), timed_out: true, ..Exit::default() };
        assert_eq!(code(&late).unwrap(), 124);
    }
}
