//! The order of the house, held by searches: layers, purity, bounds, the size of files. What clippy can forbid is in the
//! `clippy.toml` files.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Files have at most so many lines.
const LONGEST: usize = 500;

/// What code is written in.
const SOURCES: &[&str] = &["rs", "ts", "tsx"];

/// Folders that programs fill.
const MADE: &[&str] = &["target", "node_modules", "dist", "server/src/http/page"];

/// Those that may be longer, and why.
const LONG: &[(&str, &str)] = &[(
    "protocol/examples/vectors/make/lane/scripts.rs",
    "a list: the transcripts of the vectors, one after the other",
)];

/// What happens between fork and exec needs it, and the descriptor of a terminal; nothing else does.
const UNSAFE_HOMES: &[&str] =
    &["server/src/hide.rs", "server/src/sandbox/process/spawn.rs", "server/src/sandbox/pty/master.rs"];

/// What the pure crate must not depend on, not even through another crate.
const IMPURE_CRATES: &[&str] = &[
    "tokio",
    "mio",
    "hyper",
    "rand",
    "rand_core",
    "fastrand",
    "getrandom",
    "socket2",
    "rustix",
    "libc",
    "chrono",
    "time",
];

/// What the sources of the pure crate must not say.
const IMPURE_CODE: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "HashMap",
    "HashSet",
    "std::net",
    "std::fs",
    "std::io",
    "std::env",
    "std::thread",
    "std::process",
    "thread_local!",
    "panic!",
    "unreachable!",
    ".unwrap()",
    ".expect(",
    "unsafe ",
    "print!",
    "println!",
];

/// What nobody may say. In two parts, so that this list does not find itself.
const NOWHERE: &[[&str; 2]] =
    &[["unbounded_", "channel"], ["mpsc::unbounded", "("], ["to", "do!("], ["unimplemented", "!("], ["dbg", "!("]];

/// The same for comments.
const NO_REMARKS: &[[&str; 2]] = &[["TO", "DO"], ["FIX", "ME"], ["XX", "X:"]];

#[test]
fn the_protocol_crate_depends_on_no_runtime() {
    let arguments = ["tree", "-p", "sandwire-protocol", "-e", "normal", "--prefix", "none", "--locked"];
    let tree = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    let text = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let crates: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(crates.contains(&"sandwire-protocol") && crates.contains(&"serde"), "{text}");
    let impure: Vec<_> = crates.iter().filter(|name| IMPURE_CRATES.contains(name)).collect();
    assert!(impure.is_empty(), "sandwire-protocol depends on {impure:?}");
}

#[test]
fn the_protocol_crate_is_pure() {
    nothing_in(sources("protocol/src"), |line| IMPURE_CODE.iter().any(|word| line.contains(word)));
}

#[test]
fn the_sandbox_knows_no_wire() {
    let wire = |line: &str| {
        let modules = ["frame", "lane", "channel", "conn"].iter();
        line.contains("sandwire_link")
            || modules.into_iter().any(|module| line.contains(&format!("sandwire_protocol::{module}")))
            || (line.trim_start().starts_with("use ") || line.trim_start().starts_with("pub"))
                && ["Frame", "Lane", "Channel"].iter().any(|word| has_word(line, word))
    };
    let mut files = sources("server/src/sandbox");
    files.push(Source::read(root().join("server/src/sandbox.rs")));
    nothing_in(files, wire);
}

#[test]
fn queues_are_bounded_and_nothing_is_left_for_later() {
    let found = |words: &[[&str; 2]], line: &str| words.iter().any(|word| line.contains(&word.concat()));
    nothing_in(all(), |line| found(NOWHERE, line));
    let mut remarks = Vec::new();
    for file in everything() {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = text.lines().enumerate().filter(|(_, line)| found(NO_REMARKS, line));
        remarks.extend(lines.map(|(number, line)| format!("{}:{}: {line}", name(&file), number + 1)));
    }
    assert!(remarks.is_empty(), "\n{}", remarks.join("\n"));
}

#[test]
fn unsafe_code_stays_at_home() {
    let files = all().into_iter().filter(|file| !UNSAFE_HOMES.contains(&file.name.as_str())).collect();
    nothing_in(files, |line| {
        ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"].iter().any(|word| line.contains(word))
    });
}

#[test]
fn files_are_short_or_say_why_not() {
    let mut long = Vec::new();
    for file in everything() {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        if lines > LONGEST {
            long.push((name(&file), lines));
        }
    }
    let excused = |name: &str| LONG.iter().any(|(excused, _)| *excused == name);
    let without: Vec<_> = long.iter().filter(|(name, _)| !excused(name)).collect();
    assert!(without.is_empty(), "longer than {LONGEST} lines, and not in the list with a reason: {without:?}");
    let short: Vec<_> = LONG.iter().filter(|(name, _)| !long.iter().any(|(long, _)| long == name)).collect();
    assert!(short.is_empty(), "in the list of long files, though they are not: {short:?}");
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<_> = everything()
        .into_iter()
        .filter(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            let start = if file.extension().is_some_and(|extension| extension == "rs") { "//!" } else { "/**" };
            !text.starts_with(start)
        })
        .map(|file| name(&file))
        // A module of tests is named after what it tests.
        .filter(|name| !name.ends_with("/tests.rs") && !name.ends_with(".test.ts"))
        .collect();
    assert!(silent.is_empty(), "without a line at the top, `//!` or `/** … */`: {silent:?}");
}

#[test]
fn the_search_sees_code_and_only_code() {
    let text =
        "//! HashMap\nuse a::HashMap; // not panic!\nlet u = \"x\";\n#[cfg(test)]\nmod tests {\n    panic!()\n}\n";
    let source = Source::of("x.rs", text);
    let found =
        |word: &str| source.code.iter().filter(|(_, line)| line.contains(word)).map(|(n, _)| *n).collect::<Vec<_>>();
    assert_eq!((found("HashMap"), found("panic!")), (vec![2], vec![]));
    let wrapped = Source::of("x.rs", "use sandwire_protocol::{\n    Error,\n    Lane,\n};\nlet Lane = 1;\n");
    assert_eq!(wrapped.code[0], (1, "use sandwire_protocol::{ Error, Lane, };".to_owned()));
    assert!(has_word(&wrapped.code[0].1, "Lane") && !has_word("use x::LaneError;", "Lane"));
    assert!(everything().len() > 50 && !sources("protocol/src").is_empty());
}

/// A file's code without comments and tests: number and text of each line; a `use` that is wrapped is one line.
struct Source {
    name: String,
    code: Vec<(usize, String)>,
}

impl Source {
    fn read(path: PathBuf) -> Self {
        Self::of(&name(&path), &std::fs::read_to_string(path).unwrap())
    }

    fn of(name: &str, text: &str) -> Self {
        let mut code: Vec<(usize, String)> = Vec::new();
        let mut open_use = false;
        // Tests are last in a file.
        for (number, line) in text.lines().take_while(|line| line.trim() != "#[cfg(test)]").enumerate() {
            let line = line.split("//").next().unwrap_or_default();
            match code.last_mut() {
                Some((_, start)) if open_use => {
                    start.push(' ');
                    start.push_str(line.trim());
                }
                _ => code.push((number + 1, line.to_owned())),
            }
            let whole = code.last().map_or("", |(_, line)| line.trim_start());
            open_use = (whole.starts_with("use ") || whole.starts_with("pub") && whole.contains(" use "))
                && !whole.contains(';');
        }
        Self { name: name.to_owned(), code }
    }
}

fn nothing_in(files: Vec<Source>, wrong: impl Fn(&str) -> bool) {
    assert!(!files.is_empty());
    let found: Vec<String> = files
        .iter()
        .flat_map(|file| file.code.iter().map(move |(number, line)| (file, number, line)))
        .filter(|(_, _, line)| wrong(line))
        .map(|(file, number, line)| format!("{}:{number}: {line}", file.name))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|found| found == word)
}

/// The code of a folder, without its tests.
fn sources(folder: &str) -> Vec<Source> {
    let mut files = Vec::new();
    walk(&root().join(folder), &mut files);
    let is_test = |name: &str| name.ends_with("/tests.rs") || name.contains("/tests/");
    files.into_iter().filter(|file| !is_test(&name(file))).map(Source::read).collect()
}

/// All code but that of tests.
fn all() -> Vec<Source> {
    ["protocol/src", "protocol/link/src", "server/src", "client-rs/src", "tests/src"]
        .into_iter()
        .flat_map(sources)
        .collect()
}

/// All files of Rust and TypeScript, tests too.
fn everything() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["protocol", "server", "client-rs", "client-js", "tests"] {
        walk(&root().join(folder), &mut files);
    }
    files
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() && !MADE.iter().any(|made| entry.ends_with(made)) {
            walk(&entry, files);
        } else if entry.extension().is_some_and(|extension| SOURCES.iter().any(|source| extension == *source)) {
            files.push(entry);
        }
    }
}

/// The path from the root of the workspace.
fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}
