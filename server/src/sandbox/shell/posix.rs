//! The same as `script` for a shell that knows what POSIX says of `sh` and no more. Pure: no shell, no file.
//!
//! Such a shell reads the code of each command from files, rather than its streams from a list. `command` keeps a failure
//! from ending it, as that of a special builtin would.

use super::home::{AFTER, CODE, END};
use super::quote::{literal, word};
use super::script::{ABORT, Setting};

/// What the signal to give up does: it ends the shell while a user's own text runs, and at no other time.
const GIVE_UP: &str = "case ${_sandwire_runs-} in y) exit ;; esac";

/// What the shell reads when it starts.
pub(super) fn boot(home: &str, restore: bool) -> String {
    let restore = if restore { format!(". {home}/s; ") } else { String::new() };
    let trap = String::from_utf8_lossy(&literal(format!(". {home}/x").as_bytes())).into_owned();
    // After `set -n` every condition is true: `until` ends then, where `while` would run for ever.
    format!(
        "{{ exec 9<{home}/d </dev/null; {restore}trap {trap} 0; trap '{GIVE_UP}' {ABORT}; printf 'ready\\0' >{home}/c; \
         until ! read -r _sandwire <&9; do unset -v _sandwire; . {home}/{CODE}; . {home}/{END}; done; }}\n"
    )
}

/// What the shell reads at its end, when it was not killed: it leaves what is exported, directory, aliases and umask as it
/// says them itself, and its options. All of it by builtins: whoever ends the command ends its children.
pub(super) fn exit(home: &str) -> String {
    format!(
        "trap '' {ABORT}\n\
         {{ set +o; }} >|{home}/o\n\
         set +eux\n\
         case ${{_sandwire_runs-}} in y) . {home}/{AFTER} ;; esac\n\
         {{ export -p; printf '\\0'; pwd -P; printf '\\0'; alias; printf '\\0'; umask -S; printf '\\0'; }} >|{home}/s 2>|/dev/null\n\
         printf 'left\\0' 1<>{home}/c\n"
    )
}

/// The code that brings back what a shell has left at its end. `None` when that is not whole.
pub(super) fn state(home: &str, left: &[u8]) -> Option<Vec<u8>> {
    let mut parts = left.split(|byte| *byte == 0);
    let (exported, directory, aliases, umask) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // Behind the last NUL.
    parts.next()?;
    let mut code = exported.to_vec();
    // One that was removed cannot be entered.
    if let Some(directory) = directory.strip_suffix(b"\n") {
        extend(&mut code, [b"cd -- ", &literal(directory)[..], b"\n"]);
    }
    for alias in lines(aliases) {
        let name = if alias.starts_with(b"alias ") { &b""[..] } else { b"alias " };
        extend(&mut code, [name, alias, b"\n"]);
    }
    extend(&mut code, [b"umask ", umask, b". ", word(home).as_bytes(), b"/o\n"]);
    Some(code)
}

/// Lines of shell: a line feed that is quoted ends none.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    let (mut lines, mut begin, mut quote, mut bytes) = (Vec::new(), 0, None, text.iter().enumerate());
    while let Some((at, byte)) = bytes.next() {
        match (byte, quote) {
            (b'\\', None | Some(b'"')) => {
                bytes.next();
            }
            (b'\'' | b'"', None) => quote = Some(*byte),
            (byte, Some(open)) if *byte == open => quote = None,
            (b'\n', None) => {
                lines.extend(text.get(begin..at));
                begin = at + 1;
            }
            _ => {}
        }
    }
    lines
}

/// The files that one command is told by, beside its text.
pub(super) fn files(home: &str, setting: &Setting) -> [(&'static str, Vec<u8>); 3] {
    let nonce = &setting.nonce;
    let home = word(home);
    let path = |name: &str| format!("{home}/{name}");
    let (mut code, mut after) = (Vec::new(), Vec::new());
    for (name, value) in &setting.sandbox {
        export(&mut code, name, value.as_deref());
    }
    if !setting.env.is_empty() {
        variables(&mut code, &mut after, &home, setting);
    }
    let run = if setting.environment {
        format!("command -p env -0 >|{home}/e 9<&-")
    } else {
        let stdin = setting.stdin.as_ref().map_or_else(|| "/dev/null".to_owned(), |name| path(name));
        let opened = setting.stdin.as_ref().map(|_| format!("printf 'open {nonce}\\0' >{home}/c; "));
        let (stdout, stderr) = (path(&setting.stdout), path(&setting.stderr));
        format!(
            "_sandwire_runs=y; {{ {}command . {home}/t >|{stdout} 2>|{stderr} 9<&-; }} <{stdin}",
            opened.unwrap_or_default()
        )
    };
    match &setting.cwd {
        Some((to, back)) => {
            extend(&mut code, [b"if cd -- ", &literal(to)[..], b" 2>|/dev/null; then ", run.as_bytes()]);
            extend(&mut code, [b"\nelse printf 'nodir ", nonce.as_bytes(), b"\\0' >", home.as_bytes(), b"/c; fi\n"]);
            extend(&mut after, [b"cd -- ", &literal(back)[..], b" 2>|/dev/null || :\n"]);
        }
        None => extend(&mut code, [run.as_bytes(), b"\n"]),
    }
    code.extend_from_slice(b"_sandwire=$? _sandwire_runs=\n");
    // Nothing of it is read any more when the next command's is written.
    let end = format!(
        ". {home}/{AFTER}\n\
         {{ printf 'done %s %s\\0' {nonce} \"${{_sandwire-0}}\" >{home}/c; unset -v _sandwire _sandwire_runs; return 0; }}\n"
    );
    [(CODE, code), (AFTER, after), (END, end.into_bytes())]
}

/// Variables for one command, and how they were. Also by builtins alone.
fn variables(code: &mut Vec<u8>, after: &mut Vec<u8>, home: &str, setting: &Setting) {
    let names: Vec<&str> = setting.env.iter().map(|(name, _)| name.as_str()).collect();
    // A line of another variable's value that looks like one of these is taken for one: it is exported then.
    let exported = |name: &&str| format!("'export {name}='*|'export {name}') _sandwire_x=\"$_sandwire_x {name} \" ;; ");
    let exported = names.iter().map(exported).collect::<String>();
    let look = format!(
        "export -p >|{home}/v; _sandwire_x=\n\
         while IFS= read -r _sandwire; do case $_sandwire in {exported}esac; done <{home}/v\n\
         : >|{home}/v\n"
    );
    code.extend_from_slice(look.as_bytes());
    for name in &names {
        let save = format!(
            "case ${{{name}+x}} in x) _sandwire=${name} _sandwire_q=; while :; do case $_sandwire in \
             *\\'*) _sandwire_q=\"$_sandwire_q${{_sandwire%%\\'*}}'\\\\''\" _sandwire=${{_sandwire#*\\'}} ;; *) break ;; esac; done; \
             case $_sandwire_x in *' {name} '*) printf 'export ' ;; esac >>{home}/v; \
             printf \"{name}='%s%s'\\\\n\" \"$_sandwire_q\" \"$_sandwire\" >>{home}/v ;; esac\n"
        );
        code.extend_from_slice(save.as_bytes());
    }
    let names = names.join(" ");
    let unset = format!("command unset -v {names} 2>|/dev/null || :\n");
    extend(code, [b"unset -v _sandwire _sandwire_q _sandwire_x\n", unset.as_bytes()]);
    for (name, value) in setting.env.iter().filter(|(_, value)| value.is_some()) {
        export(code, name, value.as_deref());
    }
    after.extend_from_slice(format!("{unset}. {home}/v\n").as_bytes());
}

/// A variable from now on; one that is read-only stays as it is.
fn export(code: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    match value {
        Some(value) => extend(code, [b"command export ", name.as_bytes(), b"=", &literal(value)[..]]),
        None => extend(code, [b"command unset -v ", name.as_bytes()]),
    }
    code.extend_from_slice(b" 2>|/dev/null || :\n");
}

fn extend<const N: usize>(code: &mut Vec<u8>, parts: [&[u8]; N]) {
    code.extend(parts.concat());
}
