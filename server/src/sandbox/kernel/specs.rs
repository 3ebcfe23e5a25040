//! Which kernels are installed: kernelspecs, where Jupyter looks for them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use sandwire_protocol::kind::kernel::Spec;
use sandwire_protocol::{ByteString, Code, Error};
use serde::Deserialize;

use super::language;

/// Most kernels that are looked at.
const MOST: usize = 128;

/// Largest kernelspec, in bytes.
const LARGEST: u64 = 64 << 10;

/// Longest name for people, in characters.
const LONGEST_NAME: usize = 200;

/// A kernel that is installed.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(super) name: String,
    pub(super) display_name: String,
    /// As the kernel calls it, in lower case.
    pub(super) language: String,
    /// Its program and arguments.
    pub(super) argv: Vec<String>,
    /// Variables that it wants.
    pub(super) env: BTreeMap<String, String>,
    /// Whether it is interrupted by a message, not by SIGINT.
    pub(super) interrupt_by_message: bool,
    /// Where it is described.
    pub(super) folder: PathBuf,
}

/// `kernel.json`, as far as it matters.
#[derive(Deserialize)]
struct Written {
    argv: Vec<String>,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    language: String,
    #[serde(default)]
    interrupt_mode: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// The value of a variable, as a kernel would see it.
pub(super) type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The kernels that are installed, the first of each name, by name.
pub(super) fn all(variable: Variable<'_>) -> Vec<Found> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    for folder in folders(variable) {
        for entry in fs::read_dir(folder.join("kernels")).into_iter().flatten().flatten().take(MOST) {
            let Some(name) = entry.file_name().to_str().map(str::to_lowercase) else { continue };
            if found.len() < MOST
                && !found.contains_key(&name)
                && let Some(spec) = read(&name, &entry.path())
            {
                found.insert(name, spec);
            }
        }
    }
    // Deno is its own kernel, also where nobody has told Jupyter so.
    if let (false, Some(program)) = (found.contains_key("deno"), program("deno", variable)) {
        found.insert("deno".to_owned(), deno(&program));
    }
    found.into_values().collect()
}

/// Finds a kernel by its name, or for a language.
///
/// # Errors
/// `KERNEL_SPEC_NOT_FOUND`, which says how to get one.
pub(super) fn find(name: Option<&str>, wanted: &str, variable: Variable<'_>) -> Result<Found, Error> {
    let mut all = all(variable);
    if let Some(name) = name {
        let lower = name.to_lowercase();
        if let Some(at) = all.iter().position(|found| found.name == lower) {
            return Ok(all.swap_remove(at));
        }
        let text = format!("no kernel {name:?} is installed; `kernel.specs` lists what is");
        return Err(Error::new(Code::KernelSpecNotFound, text).with("spec", name));
    }
    let (usual, languages) = language::kernels_of(wanted);
    let fits = |found: &&Found| languages.contains(&found.language.as_str());
    let best = all.iter().filter(fits).find(|found| found.name == usual);
    let of_language = || languages.iter().find_map(|language| all.iter().find(|found| found.language == *language));
    best.or_else(of_language).cloned().ok_or_else(|| {
        let text = format!("no kernel for {wanted} is installed; {}", language::remedy(wanted));
        Error::new(Code::KernelSpecNotFound, text).with("language", wanted)
    })
}

/// Where kernelspecs may be, the first of which counts: as `jupyter --paths` has it.
fn folders(variable: Variable<'_>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    let mut add = |folder: PathBuf| {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    };
    for folder in variable("JUPYTER_PATH").iter().flat_map(std::env::split_paths).filter(|path| path.is_absolute()) {
        add(folder);
    }
    match (variable("JUPYTER_DATA_DIR"), variable("HOME")) {
        (Some(data), _) => add(data.into()),
        (None, Some(home)) => {
            let data = variable("XDG_DATA_HOME").map_or_else(|| Path::new(&home).join(".local/share"), PathBuf::from);
            add(data.join("jupyter"));
        }
        (None, None) => {}
    }
    // Python's own prefix is where its program is: a virtual environment's, too.
    for bin in variable("PATH").iter().flat_map(std::env::split_paths) {
        if ["python3", "python", "jupyter"].iter().any(|program| bin.join(program).exists())
            && let Some(prefix) = bin.parent()
        {
            add(prefix.join("share/jupyter"));
        }
    }
    add("/usr/local/share/jupyter".into());
    add("/usr/share/jupyter".into());
    folders
}

fn read(name: &str, folder: &Path) -> Option<Found> {
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return None;
    }
    // A pipe, say, is neither waited for nor read.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(folder.join("kernel.json"), flags, Mode::empty()).ok()?);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).ok()?;
    let written: Written = serde_json::from_str(&text).ok()?;
    let prefix = folder.ancestors().nth(4).unwrap_or(Path::new("/usr"));
    let filled = |argument: &String| {
        argument.replace("{resource_dir}", &folder.to_string_lossy()).replace("{prefix}", &prefix.to_string_lossy())
    };
    let mut argv: Vec<String> = written.argv.iter().map(filled).collect();
    let program = argv.first_mut()?;
    // Beside its own kernelspec, not any Python that happens to come first.
    if matches!(program.as_str(), "python" | "python3") && prefix.join("bin").join(&*program).exists() {
        *program = prefix.join("bin").join(&*program).to_string_lossy().into_owned();
    }
    let shown = if written.display_name.is_empty() { name } else { &written.display_name };
    Some(Found {
        name: name.to_owned(),
        display_name: shown.chars().take(LONGEST_NAME).collect(),
        language: written.language.chars().take(LONGEST_NAME).collect::<String>().to_lowercase(),
        argv,
        env: written.env,
        interrupt_by_message: written.interrupt_mode == "message",
        folder: folder.to_owned(),
    })
}

fn program(name: &str, variable: Variable<'_>) -> Option<PathBuf> {
    let path = variable("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

fn deno(program: &Path) -> Found {
    let arguments = ["jupyter", "--kernel", "--conn", "{connection_file}"].map(str::to_owned);
    Found {
        name: "deno".to_owned(),
        display_name: "Deno".to_owned(),
        language: "typescript".to_owned(),
        argv: [program.to_string_lossy().into_owned()].into_iter().chain(arguments).collect(),
        env: BTreeMap::new(),
        interrupt_by_message: false,
        folder: PathBuf::new(),
    }
}

impl Found {
    /// As it is listed.
    pub(super) fn listed(&self) -> Spec {
        Spec { name: self.name.clone(), display_name: self.display_name.clone(), language: self.language.clone() }
    }

    /// Whether it is IPython's own kernel.
    pub(super) fn is_ipython(&self) -> bool {
        self.argv.iter().any(|argument| argument == "ipykernel_launcher" || argument == "ipykernel")
    }

    /// Whether it is Deno, which knows no sockets in the file system.
    pub(super) fn is_deno(&self) -> bool {
        self.argv.first().is_some_and(|program| Path::new(program).file_name().is_some_and(|name| name == "deno"))
    }

    /// Its variables, with what was asked for over them.
    pub(super) fn variables(
        &self,
        asked: &BTreeMap<ByteString, Option<ByteString>>,
    ) -> BTreeMap<ByteString, Option<ByteString>> {
        let own = self.env.iter().map(|(name, value)| (name.into(), Some(value.into())));
        own.chain(asked.iter().map(|(name, value)| (name.clone(), value.clone()))).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn install(data: &Path, name: &str, kernel: &str) {
        let folder = data.join("kernels").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("kernel.json"), kernel).unwrap();
    }

    #[test]
    fn kernels_are_found_where_jupyter_looks_for_them() {
        let root = tempfile::tempdir().unwrap();
        let (first, venv, home) = (root.path().join("first"), root.path().join("venv"), root.path().join("home"));
        fs::create_dir_all(venv.join("bin")).unwrap();
        fs::write(venv.join("bin/python"), "").unwrap();
        fs::write(venv.join("bin/deno"), "").unwrap();
        let python = r#"{"argv":["python","-m","ipykernel_launcher","-f","{connection_file}","{resource_dir}"],
            "language":"Python","env":{"A":"1","B":"2"}}"#;
        install(&first, "R", r#"{"argv":["R"],"language":"R","display_name":"R","interrupt_mode":"message"}"#);
        install(&home.join(".local/share/jupyter"), "other", python);
        install(&venv.join("share/jupyter"), "python3", python);
        install(&venv.join("share/jupyter"), "r", r#"{"argv":["no"],"language":"R"}"#);
        for broken in ["{}", "", r#"{"argv":[],"language":"x"}"#, "\u{0}"] {
            install(&first, &format!("broken-{}", broken.len()), broken);
        }
        let variable = |name: &str| match name {
            "JUPYTER_PATH" => Some(first.clone().into_os_string()),
            "PATH" => Some(venv.join("bin").into_os_string()),
            "HOME" => Some(home.clone().into_os_string()),
            _ => None,
        };
        let names: Vec<_> = all(&variable)
            .iter()
            .filter(|found| found.folder.starts_with(root.path()) || found.is_deno())
            .map(|found| format!("{} {}", found.name, found.display_name))
            .collect();
        assert_eq!(names, ["deno Deno", "other other", "python3 python3", "r R"]);
        let found = find(None, "python", &variable).unwrap();
        assert_eq!((found.name.as_str(), found.is_ipython()), ("python3", true));
        assert_eq!(found.argv[0], venv.join("bin/python").to_string_lossy());
        assert_eq!(found.argv[5], venv.join("share/jupyter/kernels/python3").to_string_lossy());
        let asked = [("B".into(), None), ("C".into(), Some("3".into()))].into();
        let expected = [("A".into(), Some("1".into())), ("B".into(), None), ("C".into(), Some("3".into()))].into();
        assert_eq!(found.variables(&asked), expected);
        assert!(find(Some("R"), "", &variable).unwrap().interrupt_by_message);
        assert_eq!(find(None, "javascript", &variable).unwrap().name, "deno");
        for (name, language, says) in
            [(Some("none"), "", "kernel.specs"), (None, "julia", "julia"), (None, "brainfuck", "jupyter kernelspec")]
        {
            let error = find(name, language, &variable).unwrap_err();
            assert_eq!(error.code, Code::KernelSpecNotFound);
            assert!(error.message.contains(says), "{error}");
        }
        let nothing = |_: &str| None;
        if !all(&nothing).iter().any(|found| found.language == "python") {
            assert!(find(None, "python", &nothing).unwrap_err().message.contains("pip install ipykernel"));
        }
    }
}
