//! The same as `script` for a shell that knows what POSIX says of `sh` and no more. Pure: no shell, no file.
//!
//! Such a shell reads the code of each command from files, rather than its streams from a list. `command` keeps a failure
//! from ending it, as that of a special builtin would.

use super::home::{AFTER, CODE, END};
use super::quote::{literal, word};
use super::script::{ABORT, Setting};

/// What the shell reads when it starts.
pub(super) fn boot(home: &str, restore: bool) -> String {
    let restore = if restore { format!(". {home}/s; ") } else { String::new() };
    let trap = String::from_utf8_lossy(&literal(format!(". {home}/x").as_bytes())).into_owned();
    // After `set -n` every condition is true: `until` ends then, where `while` would run for ever.
    format!(
        "{{ exec 9<{home}/d </dev/null; {restore}trap {trap} 0; trap 'exit' {ABORT}; printf 'ready\\0' >{home}/c; \
         until ! read -r _sandwire <&9; do unset -v _sandwire; . {home}/{CODE}; . {home}/{END}; done; }}\n"
    )
}

/// What the shell reads at its end, when it was not killed: what is exported, directory, aliases, umask and options.
pub(super) fn exit(home: &str) -> String {
    format!(
        "{{ set +o; }} >|{home}/o\n\
         set +eux\n\
         . {home}/{AFTER}\n\
         {{ export -p; printf 'cd -- '; pwd -P | sed \"s/'/'\\\\\\\\''/g; s/^/'/; s/\\$/'/\"; \
         alias | sed '/^alias /!s/^/alias /'; umask -S | sed 's/^/umask /'; cat {home}/o; }} >|{home}/s 2>|/dev/null\n\
         printf 'left\\0' 1<>{home}/c\n"
    )
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
        format!("{{ {}command . {home}/t >|{stdout} 2>|{stderr} 9<&-; }} <{stdin}", opened.unwrap_or_default())
    };
    match &setting.cwd {
        Some((to, back)) => {
            extend(&mut code, [b"if cd -- ", &literal(to)[..], b" 2>|/dev/null; then ", run.as_bytes()]);
            extend(&mut code, [b"\nelse printf 'nodir ", nonce.as_bytes(), b"\\0' >", home.as_bytes(), b"/c; fi\n"]);
            extend(&mut after, [b"cd -- ", &literal(back)[..], b" 2>|/dev/null || :\n"]);
        }
        None => extend(&mut code, [run.as_bytes(), b"\n"]),
    }
    code.extend_from_slice(b"_sandwire=$?\n");
    // Nothing of it is read any more when the next command's is written.
    let end = format!(
        ". {home}/{AFTER}\n\
         {{ printf 'done %s %s\\0' {nonce} \"${{_sandwire-0}}\" >{home}/c; unset -v _sandwire; return 0; }}\n"
    );
    [(CODE, code), (AFTER, after), (END, end.into_bytes())]
}

/// Variables for one command, and how they were.
fn variables(code: &mut Vec<u8>, after: &mut Vec<u8>, home: &str, setting: &Setting) {
    let names: Vec<&str> = setting.env.iter().map(|(name, _)| name.as_str()).collect();
    code.extend_from_slice(format!(": >|{home}/v\n").as_bytes());
    for name in &names {
        // Another shell knows whether it is exported.
        let saved = format!(
            "case ${{{name}+x}} in x) {{ if /bin/sh -c ': \"${{{name}?}}\"' 2>|/dev/null; then printf 'export '; fi; \
             printf '{name}='; printf '%s\\n' \"${name}\" | sed \"s/'/'\\\\\\\\''/g; 1s/^/'/; \\$s/\\$/'/\"; }} \
             >>{home}/v 9<&- ;; esac\n"
        );
        code.extend_from_slice(saved.as_bytes());
    }
    let names = names.join(" ");
    let unset = format!("command unset -v {names} 2>|/dev/null || :\n");
    code.extend_from_slice(unset.as_bytes());
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
