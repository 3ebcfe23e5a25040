//! Repositories: [`Checkout`], by the `git` of the sandbox.

use std::time::Duration;

pub use sandwire_protocol::kind::git::{CheckedOut, CheckoutDown, Progress};
use sandwire_protocol::kind::{GitCheckout, git};
use sandwire_protocol::{ByteString, Secret};

use super::exec::millis;
use super::stream::Feed;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// A repository to clone and check out: `https://…`, `http://…`, `ssh://…`, `git://…`, `file://…`, `user@host:path`, or an
    /// absolute path in the sandbox.
    pub fn git_checkout(&self, url: impl Into<Secret>) -> Checkout {
        let params = git::Checkout { url: url.into(), ..git::Checkout::default() };
        Checkout { client: self.clone(), params }
    }
}

/// A checkout that was not begun yet. Made by [`Client::git_checkout`].
///
/// User and password are told to the server that the URL names and to nobody else: they are in no argument, environment,
/// configuration, error or log. A checkout that fails, or is given up by dropping its future, leaves nothing behind.
///
/// ```
/// use futures_util::TryStreamExt;
/// use sandwire::Code;
/// use sandwire::kinds::git::CheckoutDown;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (server, client) = sandwire_tests::doc::served().await;
/// let script = "git init -q -b main shop && cd shop && echo tea > list && git add list \
///               && git -c user.name=Ada -c user.email=ada@example.org commit -qm first && pwd";
/// let path = client.exec(script).run().await?.text().trim().to_owned();
///
/// let done = client.git_checkout(format!("file://{path}")).directory("copy").branch("main").depth(1).run().await?;
/// assert_eq!(done.branch.as_deref(), Some("main"));
/// assert_eq!(client.exec("cat copy/list").run().await?.text(), "tea\n");
///
/// // How far it is, while it runs.
/// let mut progress = client.git_checkout(format!("file://{path}")).directory("again").start()?;
/// while let Some(CheckoutDown::Progress(progress)) = progress.try_next().await? {
///     println!("{}: {:?} %", progress.phase, progress.percent);
/// }
/// assert_eq!(progress.end().unwrap().commit, done.commit);
///
/// let error = client.git_checkout(format!("file://{path}")).branch("none").directory("x").run().await.unwrap_err();
/// assert_eq!(error.code(), Some(Code::GitBranchNotFound));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is run"]
pub struct Checkout {
    client: Client,
    params: git::Checkout,
}

impl Checkout {
    /// Where it goes: a directory that does not exist yet, or is empty. Default: the last part of the URL, without `.git`.
    pub fn directory(mut self, path: impl Into<ByteString>) -> Self {
        self.params.directory = Some(path.into());
        self
    }

    /// Where a relative directory is taken from. Default: the session's working directory, else the server's workspace.
    pub fn cwd(mut self, path: impl Into<ByteString>) -> Self {
        self.params.cwd = Some(path.into());
        self
    }

    /// Takes working directory, variables and user of this session.
    pub fn session(mut self, id: impl Into<String>) -> Self {
        self.params.session = Some(id.into());
        self
    }

    /// The branch or tag to check out. Default: the repository's own choice.
    pub fn branch(mut self, name: impl Into<String>) -> Self {
        self.params.branch = Some(name.into());
        self
    }

    /// So many commits of that branch alone. Default: all of all branches.
    pub const fn depth(mut self, commits: u32) -> Self {
        self.params.depth = Some(commits);
        self
    }

    /// Sets a variable for git.
    pub fn env(mut self, name: impl Into<ByteString>, value: impl Into<ByteString>) -> Self {
        self.params.env.insert(name.into(), Some(value.into()));
        self
    }

    /// Removes a variable for git.
    pub fn env_remove(mut self, name: impl Into<ByteString>) -> Self {
        self.params.env.insert(name.into(), None);
        self
    }

    /// Who signs in, by HTTP. Default: what the URL says.
    pub fn username(mut self, name: impl Into<Secret>) -> Self {
        self.params.username = Some(name.into());
        self
    }

    /// Password or access token, by HTTP. Default: what the URL says.
    pub fn password(mut self, password: impl Into<Secret>) -> Self {
        self.params.password = Some(password.into());
        self
    }

    /// Submodules too.
    pub const fn recurse_submodules(mut self) -> Self {
        self.params.recurse_submodules = true;
        self
    }

    /// Leaves objects out until they are needed: `blob:none`, `blob:limit=1m`, `tree:0`.
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.params.filter = Some(filter.into());
        self
    }

    /// Time after which git and what it started are ended. Default: none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.params.timeout_ms = Some(millis(timeout));
        self
    }

    /// Begins it: progress as it comes, and what it came to from [`Feed::end`] when the stream has ended.
    ///
    /// # Errors
    /// When nothing can be opened; the rest comes from the stream.
    pub fn start(&self) -> Result<Feed<GitCheckout>, Error> {
        Ok(Feed::new(self.client.open::<GitCheckout>(&self.params)?))
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// `INVALID_GIT_URL`, `GIT_REPOSITORY_NOT_FOUND`, `GIT_AUTH_FAILED`, `GIT_BRANCH_NOT_FOUND`, `GIT_NETWORK_ERROR`,
    /// `GIT_CLONE_FAILED`, `GIT_CHECKOUT_FAILED`, `GIT_NOT_INSTALLED`, `DIRECTORY_NOT_EMPTY`, `TIMEOUT`.
    pub async fn run(self) -> Result<CheckedOut, Error> {
        self.client.call::<GitCheckout>(&self.params).await
    }
}
