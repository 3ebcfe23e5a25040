//! Signals by name and number.

use sandwire_protocol::{Code, Error};

/// The names that have no number of their own in common, with Linux's numbers.
const NAMES: &[(&str, i32)] = &[
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("ILL", libc::SIGILL),
    ("TRAP", libc::SIGTRAP),
    ("ABRT", libc::SIGABRT),
    ("BUS", libc::SIGBUS),
    ("FPE", libc::SIGFPE),
    ("KILL", libc::SIGKILL),
    ("USR1", libc::SIGUSR1),
    ("SEGV", libc::SIGSEGV),
    ("USR2", libc::SIGUSR2),
    ("PIPE", libc::SIGPIPE),
    ("ALRM", libc::SIGALRM),
    ("TERM", libc::SIGTERM),
    ("STKFLT", libc::SIGSTKFLT),
    ("CHLD", libc::SIGCHLD),
    ("CONT", libc::SIGCONT),
    ("STOP", libc::SIGSTOP),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
    ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF),
    ("WINCH", libc::SIGWINCH),
    ("IO", libc::SIGIO),
    ("PWR", libc::SIGPWR),
    ("SYS", libc::SIGSYS),
];

/// A signal that can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signal(i32);

impl Signal {
    pub(crate) const KILL: Signal = Signal(libc::SIGKILL);
    pub(crate) const TERM: Signal = Signal(libc::SIGTERM);
    pub(crate) const CONT: Signal = Signal(libc::SIGCONT);
    pub(crate) const HUP: Signal = Signal(libc::SIGHUP);
    pub(crate) const INT: Signal = Signal(libc::SIGINT);

    /// Reads `SIGINT`, `INT`, `int`, `2`, `SIGRTMIN+1`, `RTMAX-1`.
    ///
    /// # Errors
    /// `VALIDATION_FAILED`.
    pub(crate) fn parse(text: &str) -> Result<Signal, Error> {
        let upper = text.trim().to_ascii_uppercase();
        let short = upper.strip_prefix("SIG").unwrap_or(&upper);
        let number = short
            .parse::<i32>()
            .ok()
            .or_else(|| NAMES.iter().find(|(name, _)| *name == short).map(|(_, number)| *number))
            .or_else(|| real_time(short));
        match number {
            Some(number) if (1..=libc::SIGRTMAX()).contains(&number) => Ok(Signal(number)),
            Some(_) | None => Err(Error::new(
                Code::ValidationFailed,
                format!("{text:?} is no signal; give a name as SIGTERM, TERM or SIGRTMIN+1, or a number from 1"),
            )
            .with("signal", text)),
        }
    }

    /// The number.
    pub(crate) const fn number(self) -> i32 {
        self.0
    }

    /// The name of a number: `SIGTERM`, `SIGRTMIN+1`, or `SIG32` for one that has none.
    pub(crate) fn name(number: i32) -> String {
        if let Some((name, _)) = NAMES.iter().find(|(_, known)| *known == number) {
            return format!("SIG{name}");
        }
        let (first, last) = (libc::SIGRTMIN(), libc::SIGRTMAX());
        match number {
            _ if number == first => "SIGRTMIN".to_owned(),
            _ if number == last => "SIGRTMAX".to_owned(),
            _ if (first..=last).contains(&number) => format!("SIGRTMIN+{}", number - first),
            _ => format!("SIG{number}"),
        }
    }
}

fn real_time(short: &str) -> Option<i32> {
    let (first, last) = (libc::SIGRTMIN(), libc::SIGRTMAX());
    let number = match short {
        "RTMIN" => first,
        "RTMAX" => last,
        _ => {
            if let Some(over) = short.strip_prefix("RTMIN+") {
                first.checked_add(over.parse().ok()?)?
            } else {
                last.checked_sub(short.strip_prefix("RTMAX-")?.parse().ok()?)?
            }
        }
    };
    (first..=last).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn every_form_of_a_name_is_read() {
        for text in ["SIGINT", "INT", "int", "2", " SigInt "] {
            assert_eq!(Signal::parse(text).unwrap().number(), 2, "{text}");
        }
        assert_eq!(Signal::parse("SIGRTMIN+1").unwrap().number(), libc::SIGRTMIN() + 1);
        assert_eq!(Signal::parse("RTMAX-1").unwrap().number(), libc::SIGRTMAX() - 1);
        for text in ["", "0", "-1", "65", "SIG", "NOPE", "RTMIN+99", "RTMAX-99", "RTMIN+x", "99999999999"] {
            assert_eq!(Signal::parse(text).unwrap_err().code, Code::ValidationFailed, "{text}");
        }
    }

    #[test]
    fn a_name_leads_back_to_its_number() {
        for number in 1..=libc::SIGRTMAX() {
            let name = Signal::name(number);
            assert!(name.starts_with("SIG"));
            if !(32..libc::SIGRTMIN()).contains(&number) {
                assert_eq!(Signal::parse(&name).unwrap().number(), number, "{name}");
            }
        }
    }
}
