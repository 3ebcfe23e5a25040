//! What a session's shell is told, as text. Pure: no shell, no file.
//!
//! The shell runs one compound command that it has read whole before a user's first line: a loop that takes one byte from
//! a FIFO for each command, reads the command from a file, and evaluates it in itself with its streams at named pipes.
//! Nothing that a user may define stands in its way: aliases are expanded when text is read, and the loop was read before;
//! functions are passed by with `builtin`; a function that is itself called `builtin`, and does nothing, is removed. What
//! the loop needs to keep it reads again from the file after each command. Every line of it runs with output to nowhere, so
//! that traps and `set -x` show nothing of it.

use super::posix;
use super::quote::{quoted, word};

/// The variable that bash itself has for the text of a command.
const TEXT: &str = "BASH_EXECUTION_STRING";

/// Evaluates the text.
const EVAL: &str = "\\builtin eval \"${BASH_EXECUTION_STRING[6]-}\"";

/// Its outputs; the FIFO of commands is not for what it starts.
const OUTPUTS: &str = ">|\"${BASH_EXECUTION_STRING[2]}\" 2>|\"${BASH_EXECUTION_STRING[3]}\" 19<&-";

/// Its input.
const INPUT: &str = "<\"${BASH_EXECUTION_STRING[1]}\"";

/// Builtins that the loop needs, which a user may have switched off.
const NEEDED: &str = "eval mapfile printf trap exit exec cd export declare unset";

/// Whether builtins are what they were.
const PROBE: &str = "\\builtin printf -v \"BASH_EXECUTION_STRING[8]\" ok";

/// Ends the shell, also when there is no `exit` any more: what has no value is asked for.
const GIVE_UP: &str = "${BASH_EXECUTION_STRING[9]:?}";

/// What the signal to give up does: `exit` while a user's own text runs. At no other time: what goes before a command and
/// after it is not to be left half done. Before a command that has code of its own it is `:exit`, and where there is none it is
/// empty: no builtins, which is said to nobody.
const ON_ABORT: &str = "\\builtin \"${BASH_EXECUTION_STRING[10]-${BASH_EXECUTION_STRING[4]:+:}${BASH_EXECUTION_STRING[1]:+exit}}\" || \\builtin :";

/// A user's text begins, and is over, of a command that has code of its own.
const RUNS: &str = "BASH_EXECUTION_STRING[10]=exit; ";
const IS_OVER: &str = "BASH_EXECUTION_STRING[10]=:; ";

/// What a nonce looks like.
const NONCE: &str = "n????????????????";

/// The signal that makes the shell give up the command that it runs. One that nobody else uses.
pub(super) const ABORT: i32 = 62;

/// The kind of shell, by what it understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Bash from 4.4 on.
    Bash,
    /// What POSIX says of `sh`.
    Posix,
}

/// What one command needs beside its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Setting {
    /// Said with the end of the command, so that no other report is taken for it.
    pub(super) nonce: String,
    /// Name of the pipe for standard input; none is `/dev/null`.
    pub(super) stdin: Option<String>,
    /// Names of the pipes for standard output and error.
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// Directory for this command only: to enter, and to go back to.
    pub(super) cwd: Option<(Vec<u8>, Vec<u8>)>,
    /// Variables that are to be as these from now on; `None` removes one.
    pub(super) sandbox: Vec<(String, Option<Vec<u8>>)>,
    /// Variables for this command only; `None` removes one. Names of variables of the shell.
    pub(super) env: Vec<(String, Option<Vec<u8>>)>,
    /// Whether its text may set an EXIT trap, which the session keeps for it.
    pub(super) traps: bool,
    /// Whether the session's own EXIT trap is to be set again.
    pub(super) rearm: bool,
    /// Whether it is not the text that is to be run: the environment is asked for.
    pub(super) environment: bool,
}

/// Whether the text is one after which an EXIT trap may be set.
pub(super) fn may_trap_exit(text: &[u8]) -> bool {
    let has = |word: &[u8]| memchr::memmem::find(text, word).is_some();
    has(b"trap") && (has(b"EXIT") || has(b"exit") || has(b"0"))
}

/// What the shell reads when it starts: set up, take over the state that another left if `restore`, then the loop.
pub(super) fn boot(dialect: Dialect, home: &str, restore: bool) -> String {
    let home = word(home);
    match dialect {
        Dialect::Bash => {
            let restore = if restore { format!(". {home}/s") } else { "shopt -s expand_aliases execfail".to_owned() };
            let repair = format!("POSIXLY_CORRECT=y; unset -f builtin; \\builtin enable {NEEDED}");
            let repaired = "unset -v POSIXLY_CORRECT";
            // On one line, so that what a user's first line says of itself is "line 1".
            [
                // `builtin exec` would take its redirections back.
                &format!("{{ exec 19<{home}/d </dev/null"),
                &format!("\\builtin {restore}"),
                &traps(&home),
                &format!("\\builtin printf 'ready\\0' 1<>{home}/c"),
                // At the end of the FIFO, when the server is gone, there is no first element.
                &format!("until {TEXT}=-; \\builtin mapfile -t -n 1 -u 19 {TEXT}; [[ ! ${{{TEXT}+x}} ]]; do \
                          if [[ ${TEXT} == - ]]; then {repair}; [[ -e /dev/fd/19 || {GIVE_UP} ]]; unset -v {TEXT}; {repaired}; else \
                          \\builtin mapfile -d '' {TEXT} <{home}/t"),
                &format!("if [[ ${{{TEXT}[4]-}} ]]; then \\builtin eval \"${{{TEXT}[4]}}\"; else {EVAL} {INPUT} {OUTPUTS}; fi"),
                // Whether builtins still are what they were, and what is needed still there.
                &format!("{TEXT}[7]=$?; \\builtin eval '{PROBE}'"),
                &format!("if [[ ${{{TEXT}[8]-}} != ok || ${{{TEXT}[0]-}} != {NONCE} ]]; then \
                          POSIXLY_CORRECT=${{{TEXT}[7]-1}}; unset -f builtin; \\builtin enable {NEEDED}; unset -v {TEXT}; \
                          \\builtin mapfile -d '' -n 6 {TEXT} <{home}/t; {TEXT}[8]=; \\builtin eval '{PROBE}'; \
                          [[ ${{{TEXT}[0]-}} == {NONCE} && ${{{TEXT}[8]}} == ok || {GIVE_UP} ]]; \
                          {TEXT}[7]=$POSIXLY_CORRECT; {repaired}; fi"),
                &format!("[[ ! ${{{TEXT}[5]-}} ]] || \\builtin eval \"${{{TEXT}[5]}}\""),
                &format!("{{ \\builtin trap -p EXIT; \
                          \\builtin printf 'done %s %s\\0' \"${{{TEXT}[0]}}\" \"${{{TEXT}[7]}}\"; }} 1<>{home}/c; fi; done"),
                // The session is deleted, or the server is gone: nobody else would tidy up then.
                &format!("\\builtin trap - EXIT; \\builtin . {home}/u; \\builtin command -p rm -rf -- {home}; }}\n"),
            ]
            .map(|line| line.as_str())
            .join("; ")
        }
        Dialect::Posix => posix::boot(&home, restore),
    }
}

/// Sets the session's own traps. Bash forgets all of them when `exec` has failed.
fn traps(home: &str) -> String {
    let [at_exit, at_abort] = [exit_trap(home).as_bytes(), ON_ABORT.as_bytes()].map(quoted);
    format!("\\builtin trap {at_exit} EXIT; \\builtin trap {at_abort} {ABORT}")
}

/// The code of the session's own EXIT trap; another one is a user's.
fn exit_trap(home: &str) -> String {
    format!("\\builtin . {home}/x")
}

/// Whether this is the code of the session's own EXIT trap.
pub(super) fn is_own_trap(home: &str, code: &[u8]) -> bool {
    exit_trap(&word(home)).as_bytes() == code
}

/// What the shell reads at its end, when it was not killed: it leaves its state, says so, and runs the user's EXIT trap.
pub(super) fn exit(dialect: Dialect, home: &str) -> String {
    let home = word(home);
    match dialect {
        // It is not to be given up in the midst of it; a list that cannot be changed would stop the next shell.
        // Options that end a script, or show it, must be off before anything else; they were written down before.
        Dialect::Bash => format!(
            "{TEXT}=$?\n\
             \\builtin trap '' {ABORT}\n\
             {{ \\builtin set +o; }} >|{home}/o 2>|/dev/null\n\
             \\builtin set +eux 2>|/dev/null\n\
             \\builtin mapfile -d '' -O 1 -n 6 {TEXT} <{home}/t\n\
             [[ ! ${{{TEXT}[6]-}} ]] || \\builtin eval \"${{{TEXT}[6]}}\" 2>|/dev/null\n\
             {{\n\
             \\builtin unset -v SANDWIRE_ID\n\
             \\builtin shopt -p\n\
             \\builtin declare -f\n\
             \\builtin declare -F\n\
             \\builtin printf '\\\\builtin cd -- %q\\n' \"$PWD\"\n\
             \\builtin declare -p\n\
             if [[ ${{FUNCNAME[1]-main}} == main ]] && (($#)); then \
             \\builtin printf '\\\\builtin set --'; \\builtin printf ' %q' \"$@\"; \\builtin printf '\\n'; fi\n\
             \\builtin alias -p\n\
             \\builtin trap -p\n\
             \\builtin umask -p\n\
             \\builtin printf '\\\\builtin . %s\\n' {home}/o\n\
             }} >|{home}/s 2>|/dev/null\n\
             [[ ${{{TEXT}@a}} != *r* ]] || \\builtin printf '' >|{home}/s\n\
             \\builtin printf 'left\\0' 1<>{home}/c\n\
             ( \\builtin exit \"${TEXT}\" )\n\
             \\builtin . {home}/u >|\"${{{TEXT}[3]:-/dev/null}}\" 2>|\"${{{TEXT}[4]:-/dev/null}}\"\n"
        ),
        Dialect::Posix => posix::exit(&home),
    }
}

/// What stands in the file for one command.
pub(super) fn command(dialect: Dialect, home: &str, setting: &Setting, text: &[u8]) -> Vec<u8> {
    let path = |name: &str| format!("{home}/{name}");
    let stdin = setting.stdin.as_ref().map_or_else(|| "/dev/null".to_owned(), |name| path(name));
    let (stdout, stderr) = (path(&setting.stdout), path(&setting.stderr));
    match dialect {
        Dialect::Bash => {
            let (before, after) = special(home, setting);
            let mut file = Vec::with_capacity(text.len() + before.len() + after.len() + 4 * home.len() + 64);
            for part in
                [setting.nonce.as_bytes(), stdin.as_bytes(), stdout.as_bytes(), stderr.as_bytes(), &before, &after]
            {
                file.extend_from_slice(part);
                file.push(0);
            }
            file.extend_from_slice(text);
            file
        }
        Dialect::Posix => text.to_vec(),
    }
}

/// Code before and after a command that wants more than its streams; empty for one that does not. None of it may fail: a
/// user may have said `set -e`.
fn special(home: &str, setting: &Setting) -> (Vec<u8>, Vec<u8>) {
    let plain = Setting { nonce: String::new(), stdout: String::new(), stderr: String::new(), ..setting.clone() };
    if plain == Setting::default() {
        return (Vec::new(), Vec::new());
    }
    let home = word(home);
    let (mut before, mut after) = (Vec::new(), IS_OVER.as_bytes().to_vec());
    if setting.rearm {
        before.extend_from_slice(format!("{}; ", traps(&home)).as_bytes());
    }
    for (name, value) in &setting.sandbox {
        let change = match value {
            Some(value) => export(name, value),
            None => format!("\\builtin unset -v {name} || \\builtin true; "),
        };
        before.extend_from_slice(change.as_bytes());
    }
    if setting.environment {
        before.extend_from_slice(format!("\\builtin command -p env -0 >|{home}/e 19<&-").as_bytes());
        return (before, Vec::new());
    }
    if setting.traps {
        before.extend_from_slice(trap_function(&home).as_bytes());
        after.extend_from_slice(b"\\builtin unset -f trap || \\builtin true; ");
    }
    if !setting.env.is_empty() {
        let names: Vec<&str> = setting.env.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(" ");
        before.extend_from_slice(
            format!(
                "\\builtin declare -p {names} >|{home}/v 2>|/dev/null || \\builtin true; \
                 \\builtin unset -v {names} || \\builtin true; "
            )
            .as_bytes(),
        );
        for (name, value) in &setting.env {
            if let Some(value) = value {
                before.extend_from_slice(export(name, value).as_bytes());
            }
        }
        after.extend_from_slice(
            format!("\\builtin unset -v {names} || \\builtin true; \\builtin . {home}/v || \\builtin true; ")
                .as_bytes(),
        );
    }
    let run = match &setting.stdin {
        // The pipe is open before anybody writes to it. Only then are the user's outputs there.
        Some(_) => {
            format!(
                "{RUNS}{{ \\builtin printf 'open %s\\0' \"${{{TEXT}[0]}}\" 1<>{home}/c; {EVAL} {OUTPUTS}; }} {INPUT}"
            )
        }
        None => format!("{RUNS}{EVAL} {INPUT} {OUTPUTS}"),
    };
    match &setting.cwd {
        Some((to, back)) => {
            before.extend_from_slice(format!("if \\builtin cd -- {} 2>|/dev/null; then ", quoted(to)).as_bytes());
            before.extend_from_slice(run.as_bytes());
            before.extend_from_slice(
                format!("; else \\builtin printf 'nodir %s\\0' \"${{{TEXT}[0]}}\" 1<>{home}/c; fi").as_bytes(),
            );
            after.extend_from_slice(
                format!("\\builtin cd -- {} 2>|/dev/null || \\builtin true; ", quoted(back)).as_bytes(),
            );
        }
        None => before.extend_from_slice(run.as_bytes()),
    }
    (before, after)
}

/// Sets a variable that the user has not made read-only: that would end the shell under `set -e`, whatever stands behind it.
fn export(name: &str, value: &[u8]) -> String {
    format!("[[ ${{{name}+x}} && ${{{name}@a}} == *r* ]] || \\builtin export {name}={}; ", quoted(value))
}

/// A function that keeps an EXIT trap for the session and hands the rest on. It is there only while a command runs whose
/// text speaks of one.
fn trap_function(home: &str) -> String {
    format!(
        "trap() {{ if ((BASH_SUBSHELL == 0 && $# > 1)) && [[ $1 != -[lp]* ]]; then \
         [[ $1 != -- ]] || \\builtin shift; \\builtin set -- \"$@\"; \
         if [[ \" ${{*:2}} \" == *' '@(EXIT|exit|SIGEXIT|0)' '* ]]; then \
         if [[ $1 == - ]]; then \\builtin printf '' >|{home}/u; else \\builtin printf '%s\\n' \"$1\" >|{home}/u; fi; \
         while (($# > 1)); do if [[ $2 != @(EXIT|exit|SIGEXIT|0) ]]; then \\builtin trap -- \"$1\" \"$2\"; fi; \
         \\builtin set -- \"$1\" \"${{@:3}}\"; done; \
         else \\builtin trap -- \"$@\"; fi; else \\builtin trap \"$@\"; fi; }}; "
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    fn setting() -> Setting {
        Setting { nonce: "n1".into(), stdout: "p1".into(), stderr: "p2".into(), ..Setting::default() }
    }

    /// Whether a shell reads it as whole commands.
    fn is_shell(shell: &str, text: &[u8]) {
        let mut child = Command::new(shell).arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}\n{}", String::from_utf8_lossy(text));
    }

    #[test]
    fn everything_said_is_shell() {
        for home in ["/dev/shm/x", "/tmp/it's odd; $(x)"] {
            for restore in [false, true] {
                is_shell("bash", boot(Dialect::Bash, home, restore).as_bytes());
                is_shell("sh", boot(Dialect::Posix, home, restore).as_bytes());
            }
            is_shell("bash", exit(Dialect::Bash, home).as_bytes());
            is_shell("sh", exit(Dialect::Posix, home).as_bytes());
            let full = Setting {
                stdin: Some("p3".into()),
                cwd: Some((b"/a b'".to_vec(), b"/\xff".to_vec())),
                env: vec![("A".into(), Some(b"it's; $(x)\n\xff".to_vec())), ("B".into(), None)],
                traps: true,
                rearm: true,
                ..setting()
            };
            let (before, after) = special(home, &full);
            is_shell("bash", &before);
            is_shell("bash", &after);
            for (_, file) in posix::files(home, &full) {
                is_shell("sh", &file);
            }
            is_shell("bash", &special(home, &Setting { environment: true, ..setting() }).0);
        }
    }

    #[test]
    fn a_plain_command_needs_no_code_of_its_own() {
        let file = command(Dialect::Bash, "/h", &setting(), b"echo 'a\nb'\n");
        assert_eq!(file, b"n1\0/dev/null\0/h/p1\0/h/p2\0\0\0echo 'a\nb'\n");
        assert_eq!(command(Dialect::Posix, "/h", &setting(), b"echo"), b"echo");
    }

    #[test]
    fn the_first_line_of_a_user_is_line_one() {
        assert_eq!(boot(Dialect::Bash, "/h", true).matches('\n').count(), 1);
    }

    #[test]
    fn traps_are_told() {
        assert!(may_trap_exit(b"trap 'x' EXIT") && may_trap_exit(b"trap x 0") && !may_trap_exit(b"trap x INT"));
        assert!(is_own_trap("/h", b"\\builtin . /h/x") && !is_own_trap("/h", b"\\builtin . /h/y"));
    }
}
