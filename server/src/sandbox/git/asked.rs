//! What is asked of git, checked: nothing of it can be taken for an option, and no secret is left where others see it.

use std::collections::BTreeMap;
use std::path::Path;

use sandwire_protocol::kind::command::Launch;
use sandwire_protocol::kind::git::Checkout;
use sandwire_protocol::{ByteString, Code, Error};

use super::url::{Url, Way};

/// The user when there is a password alone.
const NOBODY: &str = "git";

/// Where git's helper finds what it is to say: see [`Stdio`](crate::sandbox::process::spawn::Stdio).
const HELPER: &str = r#"!f() { test "$1" = get && cat /proc/self/fd/3; }; f"#;

/// Variables that would send git elsewhere, or let it speak what it may not.
const FORBIDDEN: [&str; 11] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_ALLOW_PROTOCOL",
    "GIT_PROTOCOL_FROM_USER",
    // Messages are read, and shown: in one language, without secrets.
    "LANGUAGE",
    "GIT_TRACE_REDACT",
];

/// A checkout, checked.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(super) url: Url,
    /// Where it goes, as it was asked for.
    pub(super) directory: ByteString,
    pub(super) branch: Option<String>,
    pub(super) depth: Option<u32>,
    pub(super) filter: Option<String>,
    pub(super) submodules: bool,
    pub(super) timeout_ms: Option<u64>,
    /// User and password.
    pub(super) credentials: Option<Credentials>,
}

/// Who signs in, by HTTP.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

impl Asked {
    /// Checks what is asked for; and what it is to be launched with: directory and variables.
    ///
    /// # Errors
    /// `INVALID_GIT_URL`, `VALIDATION_FAILED`.
    pub(crate) fn new(params: Checkout) -> Result<(Asked, Launch), Error> {
        let url = Url::parse(params.url.reveal())?;
        let directory = match params.directory {
            Some(directory) if directory.is_empty() => return Err(wrong("directory", "`directory` is empty")),
            Some(directory) => directory,
            None => url.directory()?.into(),
        };
        if let Some(branch) = &params.branch {
            check_branch(branch)?;
        }
        if params.depth == Some(0) {
            return Err(wrong("depth", "`depth` is at least 1"));
        }
        if params.filter.as_deref().is_some_and(|filter| filter.is_empty() || filter.contains(char::is_control)) {
            return Err(wrong("filter", "`filter` is empty or holds a control character"));
        }
        let given = |name, value: Option<sandwire_protocol::Secret>| match value {
            Some(value) if value.reveal().contains(['\n', '\0']) => {
                Err(wrong(name, &format!("`{name}` holds an end of line or NUL")))
            }
            value => Ok(value.map(|value| value.reveal().to_owned()).filter(|value| !value.is_empty())),
        };
        let username = given("username", params.username)?;
        let password = given("password", params.password)?;
        let credentials = credentials(&url, username, password)?;
        let asked = Asked {
            url,
            directory,
            branch: params.branch,
            depth: params.depth,
            filter: params.filter,
            submodules: params.recurse_submodules,
            timeout_ms: params.timeout_ms,
            credentials,
        };
        Ok((asked, Launch { cwd: params.cwd, env: params.env, ..Launch::default() }))
    }

    /// The arguments of `git clone`.
    pub(super) fn arguments(&self, directory: &Path) -> Vec<ByteString> {
        let mut argv: Vec<ByteString> = vec!["git".into()];
        let mut set = |value: &str| argv.extend(["-c".into(), value.into()]);
        set("protocol.allow=never");
        for scheme in ["http", "https", "ssh", "git"] {
            set(&format!("protocol.{scheme}.allow=always"));
        }
        // Not for submodules, which a repository chooses: they would bring in what is somebody's own.
        set("protocol.file.allow=user");
        // What is begun here ends with it.
        for setting in ["gc.autoDetach=false", "maintenance.autoDetach=false"] {
            set(setting);
        }
        if let (Some(_), Way::Http(host)) = (&self.credentials, &self.url.way) {
            // Nobody else is asked, and no other host is told.
            set("credential.helper=");
            set(&format!("credential.{host}.helper={HELPER}"));
            set("credential.useHttpPath=false");
        }
        argv.extend(["clone", "--progress"].map(Into::into));
        if let Some(branch) = &self.branch {
            argv.push(format!("--branch={branch}").into());
        }
        if let Some(depth) = self.depth {
            argv.push(format!("--depth={depth}").into());
        }
        if let Some(filter) = &self.filter {
            argv.push(format!("--filter={filter}").into());
        }
        if self.submodules {
            argv.push("--recurse-submodules".into());
            if self.depth.is_some() {
                argv.push("--shallow-submodules".into());
            }
        }
        if self.url.way == Way::File && (self.depth.is_some() || self.filter.is_some()) {
            argv.push("--no-local".into());
        }
        argv.extend(["--".into(), self.url.shown.as_str().into(), directory.into()]);
        argv
    }

    /// What the helper says to git.
    pub(super) fn answer(&self) -> Option<Vec<u8>> {
        let Credentials { username, password } = self.credentials.as_ref()?;
        Some(format!("username={username}\npassword={password}\n").into_bytes())
    }
}

/// Sets the variables that every git of ours needs.
pub(super) fn prepare(env: &mut BTreeMap<ByteString, Option<ByteString>>, signs_in: bool) {
    for name in FORBIDDEN {
        env.insert(name.into(), None);
    }
    for (name, value) in [("LC_ALL", "C"), ("GIT_TERMINAL_PROMPT", "0"), ("SSH_ASKPASS_REQUIRE", "never")] {
        env.insert(name.into(), Some(value.into()));
    }
    // Nobody is there to be asked, unless the sandbox has a program that answers.
    let ask = env.entry("GIT_ASKPASS".into()).or_insert_with(|| Some("".into()));
    if signs_in {
        *ask = Some("".into());
    }
}

/// Who signs in: what the fields say, else the URL.
fn credentials(url: &Url, username: Option<String>, password: Option<String>) -> Result<Option<Credentials>, Error> {
    let any = username.is_some() || password.is_some() || url.username.is_some() || url.password.is_some();
    if !any {
        return Ok(None);
    }
    if [&url.username, &url.password].into_iter().flatten().any(|it| it.contains(['\n', '\0'])) {
        return Err(wrong("url", "user or password in `url` hold an end of line or NUL"));
    }
    if !matches!(url.way, Way::Http(_)) {
        let message = "user and password are for http and https; ssh signs in with the sandbox's own keys";
        return Err(wrong("password", message));
    }
    Ok(Some(Credentials {
        username: username.or_else(|| url.username.clone()).unwrap_or_else(|| NOBODY.to_owned()),
        // A token that stands in the place of the user has none.
        password: password.or_else(|| url.password.clone()).unwrap_or_default(),
    }))
}

/// Whether it can be the name of a branch or a tag (git-check-ref-format(1)).
fn check_branch(name: &str) -> Result<(), Error> {
    let odd = |letter: char| letter.is_control() || matches!(letter, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    let bad_part = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    if name.is_empty()
        || name.len() > 1024
        || name.starts_with('-')
        || name.ends_with('.')
        || name == "@"
        || name.contains("..")
        || name.contains("@{")
        || name.contains(odd)
        || name.split('/').any(bad_part)
    {
        let message = format!("{name:?} cannot be the name of a branch or a tag");
        return Err(wrong("branch", &message).with("branch", name));
    }
    Ok(())
}

fn wrong(field: &str, message: &str) -> Error {
    Error::new(Code::ValidationFailed, message).with("field", field)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use sandwire_protocol::Secret;

    use super::*;

    fn asked(change: impl FnOnce(&mut Checkout)) -> Result<Asked, Error> {
        let mut params = Checkout { url: "https://git.example/shop.git".into(), ..Checkout::default() };
        change(&mut params);
        Asked::new(params).map(|(asked, _)| asked)
    }

    #[test]
    fn names_that_are_no_branch_are_refused() {
        for name in [
            "",
            "-b",
            "a b",
            "a..b",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.lock",
            "a.lock/b",
            "a.",
            "@",
            "a@{1}",
            "a\nb",
            "--upload-pack=x",
        ] {
            let error = asked(|it| it.branch = Some(name.to_owned())).unwrap_err();
            assert_eq!((error.code, &error.details["field"]), (Code::ValidationFailed, &"branch".into()), "{name:?}");
        }
        for name in ["main", "feature/one", "v1.0", "grün", "a-b", "@a", "1"] {
            assert!(asked(|it| it.branch = Some(name.to_owned())).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn no_argument_holds_a_secret_and_nothing_is_taken_for_an_option() {
        let asked = asked(|it| {
            it.url = "https://ada:hunter2@git.example/shop.git".into();
            it.password = Some(Secret::from("hunter3"));
            it.branch = Some("main".to_owned());
            it.depth = Some(1);
            it.filter = Some("--x".to_owned());
        });
        let asked = asked.unwrap();
        let argv: Vec<String> = asked.arguments(Path::new("/w/-x")).iter().map(ToString::to_string).collect();
        let all = format!("{argv:?} {asked:?}");
        assert!(!all.contains("hunter"), "{all}");
        assert_eq!(argv[argv.len() - 3..], ["--", "https://git.example/shop.git", "/w/-x"]);
        assert!(argv.iter().any(|argument| argument == "--filter=--x"));
        assert!(argv.iter().any(|argument| argument.starts_with("credential.https://git.example.helper=")));
        assert_eq!(asked.answer().unwrap(), b"username=ada\npassword=hunter3\n");
    }

    #[test]
    fn credentials_are_for_http_and_hold_no_line() {
        let code = |change: fn(&mut Checkout)| asked(change).unwrap_err().code;
        assert_eq!(code(|it| it.password = Some("a\nhost=b".into())), Code::ValidationFailed);
        assert_eq!(code(|it| it.url = "https://a:b%0ahost=c@git.example/x".into()), Code::ValidationFailed);
        assert_eq!(
            code(|it| {
                it.url = "git@git.example:x".into();
                it.password = Some("a".into());
            }),
            Code::ValidationFailed
        );
        assert_eq!(code(|it| it.depth = Some(0)), Code::ValidationFailed);
        assert_eq!(code(|it| it.directory = Some("".into())), Code::ValidationFailed);
        let alone = asked(|it| it.password = Some("token".into())).unwrap();
        assert_eq!(alone.answer().unwrap(), b"username=git\npassword=token\n");
        assert_eq!(asked(|_| ()).unwrap().answer(), None);
    }
}
