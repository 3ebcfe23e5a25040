//! From a [`Launch`] to what the kernel takes: program found, environment built, everything checked.

use std::collections::BTreeMap;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sandwire_protocol::kind::command::{Launch, Limits};
use sandwire_protocol::{ByteString, Code, Error};

use super::user::Credentials;
use crate::sandbox::buckets::Buckets;
use crate::sandbox::variables::Variables;

/// The variable by which a whole tree is found again, whatever its processes did to their parents and sessions.
pub(crate) const MARKER: &str = "SANDWIRE_ID";

/// Variables of the server that no command inherits: its token would be a door wider than asked for.
const PRIVATE: &str = "SANDWIRE_";

/// Variables that a command gets which runs as another user: home directory, name twice, login shell.
const OF_USER: [&str; 4] = ["HOME", "USER", "LOGNAME", "SHELL"];

/// PATH of a command whose environment has none, as execvp(3) has it.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the kernel looks at of a script's first line, in bytes.
const FIRST_LINE: usize = 256;

/// Longest text for people about what runs, in characters.
const SHOWN: usize = 256;

/// A launch, ready to be spawned.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// The file to execute. A relative one is taken from `cwd`.
    pub(crate) program: CString,
    pub(crate) argv: Vec<CString>,
    /// `NAME=value`, the marker included.
    pub(crate) env: Vec<CString>,
    pub(crate) cwd: CString,
    /// Whom to become; `None` stays the server's user.
    pub(crate) credentials: Option<Credentials>,
    pub(crate) limits: Limits,
    /// The value of [`MARKER`].
    pub(crate) marker: String,
    /// What runs, for people.
    pub(crate) shown: String,
    /// Whether its directory or program is in a bucket. Neither was looked at then: see [`super::enter`].
    pub(crate) in_bucket: bool,
}

impl Prepared {
    /// Checks and completes `launch`. Relative paths are taken from `workspace`.
    ///
    /// A file without `#!` that is no binary is not given to a shell that nobody asked for, as execvp(3) would: it
    /// fails with `PROCESS_SPAWN_FAILED` and ENOEXEC.
    ///
    /// # Errors
    /// `VALIDATION_FAILED`, `INVALID_PROCESS_CWD`, `COMMAND_NOT_FOUND`, `COMMAND_PERMISSION_DENIED`,
    /// `USER_NOT_FOUND`, `PERMISSION_DENIED`.
    pub(crate) fn new(
        launch: &Launch,
        workspace: &Path,
        sandbox: &Variables,
        buckets: &Buckets,
        marker: String,
    ) -> Result<Prepared, Error> {
        let argv: Vec<ByteString> = match (&launch.command, launch.argv.as_slice()) {
            (Some(_), [_, ..]) => return Err(invalid("both `argv` and `command` are given; give one")),
            (None, []) => return Err(invalid("neither `argv` nor `command` is given; give one")),
            (None, argv) => argv.to_vec(),
            (Some(command), []) => vec![shell(launch), "-c".into(), command.clone()],
        };
        let cwd = directory(launch, workspace)?;
        let mut in_bucket = buckets.lead(&cwd);
        if !in_bucket {
            exists(&cwd)?;
        }
        let credentials = credentials(launch)?;
        let env = environment(launch, credentials.as_ref(), sandbox, &marker)?;
        let path = env.get(b"PATH".as_slice()).map(Vec::as_slice);
        in_bucket = in_bucket || buckets.any() && leads(&argv[0], &cwd, path, buckets);
        let program =
            if in_bucket { c_string(argv[0].as_bytes().to_vec(), "argv")? } else { find(&argv[0], &cwd, path)? };
        let shown = match &launch.command {
            Some(command) => shorten(command.to_string()),
            None => shorten(argv.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
        };
        Ok(Prepared {
            program,
            argv: argv.into_iter().map(|argument| c_string(argument.into_bytes(), "argv")).collect::<Result<_, _>>()?,
            env: env
                .into_iter()
                .map(|(mut name, value)| {
                    name.push(b'=');
                    name.extend_from_slice(&value);
                    c_string(name, "env")
                })
                .collect::<Result<_, _>>()?,
            cwd: c_string(cwd.into_os_string().into_vec(), "cwd")?,
            credentials,
            limits: launch.limits.clone().unwrap_or_default(),
            marker,
            shown,
            in_bucket,
        })
    }
}

/// The shell for `command`.
pub(crate) fn default_shell() -> &'static str {
    if Path::new("/bin/bash").exists() { "/bin/bash" } else { "/bin/sh" }
}

fn shell(launch: &Launch) -> ByteString {
    launch.shell.clone().unwrap_or_else(|| default_shell().into())
}

/// At most [`SHOWN`] characters: a command can be as long as a frame, and a list has many.
fn shorten(text: String) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

fn invalid(message: &str) -> Error {
    Error::new(Code::ValidationFailed, message)
}

pub(super) fn c_string(bytes: Vec<u8>, what: &str) -> Result<CString, Error> {
    CString::new(bytes).map_err(|_nul| invalid(&format!("`{what}` holds a NUL byte")).with("field", what))
}

fn directory(launch: &Launch, workspace: &Path) -> Result<PathBuf, Error> {
    let path = match &launch.cwd {
        Some(cwd) => workspace.join(cwd),
        None => workspace.to_owned(),
    };
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(invalid("`cwd` holds a NUL byte").with("field", "cwd"));
    }
    Ok(path)
}

fn exists(path: &Path) -> Result<(), Error> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(bad_cwd(path, "is not a directory", libc::ENOTDIR)),
        Err(error) => Err(bad_cwd(path, &format!("cannot be used: {error}"), error.raw_os_error().unwrap_or(0))),
    }
}

/// Whether the search for a program comes to a bucket: by its own path, by one of those where it is looked for, or by that
/// of what interprets it.
fn leads(name: &ByteString, cwd: &Path, path: Option<&[u8]>, buckets: &Buckets) -> bool {
    if name.as_bytes().contains(&b'/') {
        let program = cwd.join(name);
        return buckets.lead(&program) || interpreter(&program).is_some_and(|it| buckets.lead(&cwd.join(it)));
    }
    for folder in path.unwrap_or(DEFAULT_PATH).split(|byte| *byte == b':') {
        let program = cwd.join(Path::new(std::ffi::OsStr::from_bytes(folder))).join(name);
        if buckets.lead(&program) {
            return true;
        }
        if matches!(check(&program), Found::Executable) {
            return interpreter(&program).is_some_and(|it| buckets.lead(&cwd.join(it)));
        }
    }
    false
}

/// What the first line of a script names.
fn interpreter(program: &Path) -> Option<PathBuf> {
    let file = std::fs::File::options().read(true).custom_flags(libc::O_NONBLOCK).open(program).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut head = [0_u8; FIRST_LINE];
    let read = std::os::unix::fs::FileExt::read_at(&file, &mut head, 0).ok()?;
    let line = head.get(..read)?.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let word = line.trim_ascii_start().split(|byte| matches!(byte, b' ' | b'\t')).next()?;
    Some(PathBuf::from(OsString::from_vec(word.to_vec())))
}

/// `INVALID_PROCESS_CWD` for that directory.
pub(crate) fn bad_cwd(path: &Path, why: &str, errno: i32) -> Error {
    let shown = path.display().to_string();
    Error::new(Code::InvalidProcessCwd, format!("the working directory {shown} {why}"))
        .with("cwd", shown)
        .with("errno", errno)
}

fn credentials(launch: &Launch) -> Result<Option<Credentials>, Error> {
    let Some(spec) = &launch.user else { return Ok(None) };
    let found = Credentials::find(spec)?;
    if rustix::process::geteuid().is_root() {
        return Ok(Some(found));
    }
    if found.uid == rustix::process::geteuid().as_raw() && found.gid == rustix::process::getegid().as_raw() {
        return Ok(None);
    }
    Err(Error::new(Code::PermissionDenied, format!("only root may run a command as {spec:?}; the server is not root"))
        .with("user", spec.as_str()))
}

/// Whether a command may have a variable of that name without being asked to: the server's own, or its user's.
pub(crate) fn is_inherited(name: &[u8]) -> bool {
    let users = OF_USER.iter().any(|of_user| of_user.as_bytes() == name);
    let private = name.starts_with(PRIVATE.as_bytes());
    users || (!private && std::env::var_os(std::ffi::OsStr::from_bytes(name)).is_some())
}

/// The command's variables: the server's own without its private ones, those of the user, those of the
/// sandbox, those asked for, the marker.
fn environment(
    launch: &Launch,
    credentials: Option<&Credentials>,
    sandbox: &Variables,
    marker: &str,
) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Error> {
    let mut env: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    if !launch.clear_env {
        env.extend(
            std::env::vars_os()
                .map(|(name, value): (OsString, OsString)| (name.into_vec(), value.into_vec()))
                .filter(|(name, _)| !name.starts_with(PRIVATE.as_bytes())),
        );
        if let Some(Credentials { name: Some(name), home: Some(home), shell: Some(shell), .. }) = credentials {
            for (variable, value) in OF_USER.into_iter().zip([home, name, name, shell]) {
                env.insert(variable.into(), value.clone().into_bytes());
            }
        }
        sandbox.apply(&mut env);
    }
    for (name, value) in &launch.env {
        let name = name.as_bytes();
        if name.is_empty() || name.contains(&b'=') || name.contains(&0) {
            let shown = String::from_utf8_lossy(name).into_owned();
            return Err(invalid(&format!("{shown:?} is no name of a variable: it is empty or holds `=` or NUL"))
                .with("field", "env"));
        }
        match value {
            Some(value) => env.insert(name.to_vec(), value.as_bytes().to_vec()),
            None => env.remove(name),
        };
    }
    env.insert(MARKER.into(), marker.into());
    Ok(env)
}

/// Finds the program as execvp(3) does, in the command's own PATH.
pub(super) fn find(name: &ByteString, cwd: &Path, path: Option<&[u8]>) -> Result<CString, Error> {
    let missing = |errno: i32| {
        Error::new(Code::CommandNotFound, format!("the program {name} was not found"))
            .with("program", name.to_string())
            .with("errno", errno)
    };
    if name.is_empty() {
        return Err(missing(libc::ENOENT));
    }
    if name.as_bytes().contains(&0) {
        return Err(invalid("`argv` holds a NUL byte").with("field", "argv"));
    }
    if name.as_bytes().contains(&b'/') {
        return match check(&cwd.join(name)) {
            Found::Executable => c_string(name.as_bytes().to_vec(), "argv"),
            Found::Forbidden | Found::Nothing(libc::EACCES) => Err(forbidden(name)),
            Found::Nothing(errno) => Err(missing(errno)),
        };
    }
    let mut denied = false;
    for folder in path.unwrap_or(DEFAULT_PATH).split(|byte| *byte == b':') {
        // An empty element means the working directory.
        let folder = if folder.is_empty() { b"." } else { folder };
        let candidate = Path::new(std::ffi::OsStr::from_bytes(folder)).join(name);
        match check(&cwd.join(&candidate)) {
            Found::Executable => return c_string(candidate.into_os_string().into_vec(), "env"),
            Found::Forbidden => denied = true,
            // Also a folder that may not be searched: it says nothing about the program.
            Found::Nothing(_) => {}
        }
    }
    Err(if denied { forbidden(name) } else { missing(libc::ENOENT) })
}

fn forbidden(name: &ByteString) -> Error {
    Error::new(Code::CommandPermissionDenied, format!("the program {name} may not be executed"))
        .with("program", name.to_string())
        .with("errno", libc::EACCES)
}

/// What is at a path.
enum Found {
    Executable,
    Forbidden,
    /// With the errno.
    Nothing(i32),
}

fn check(path: &Path) -> Found {
    match std::fs::metadata(path) {
        Ok(it) if it.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() => Found::Executable,
        Ok(_) => Found::Forbidden,
        Err(error) => Found::Nothing(error.raw_os_error().unwrap_or(libc::ENOENT)),
    }
}

#[cfg(test)]
mod tests;
