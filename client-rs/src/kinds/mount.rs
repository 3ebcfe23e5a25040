//! Buckets of object stores that speak S3, as directories of the sandbox: [`Mounts`].

use sandwire_protocol::kind::mount::{Create, List, Remove};
pub use sandwire_protocol::kind::mount::{Info, Provider, State};
use sandwire_protocol::kind::{MountCreate, MountList, MountRemove};
use sandwire_protocol::{ByteString, Secret};

use crate::client::Client;
use crate::error::Error;

impl Client {
    /// The buckets that are mounted.
    pub fn mounts(&self) -> Mounts {
        Mounts { client: self.clone() }
    }
}

/// The buckets that are mounted in a sandbox. Made by [`Client::mounts`].
///
/// A mount is the sandbox's, not a connection's: it stays until it is removed, or the server ends.
///
/// ```
/// use sandwire::Code;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = sandwire_tests::server::Server::builder();
/// # let server = server.env("AWS_ACCESS_KEY_ID", "").env("AWS_SECRET_ACCESS_KEY", "").start();
/// # let client = sandwire::Client::connect(server.url()).await?;
/// let photos = client.mounts().create("photos", "data/photos").endpoint("https://s3.eu-central-1.amazonaws.com");
/// let photos = photos.prefix("2026/july").read_only();
///
/// // Without `keys` they are taken from the sandbox's own variables, if it has them.
/// let error = photos.open().await.unwrap_err();
/// assert_eq!(error.code(), Some(Code::MissingCredentials));
/// assert!(client.mounts().list().await?.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Mounts {
    client: Client,
}

impl Mounts {
    /// A bucket to mount on a directory, which is made when it is not there, and else must be empty.
    pub fn create(&self, bucket: impl Into<String>, path: impl Into<ByteString>) -> CreateMount {
        let params = Create { bucket: bucket.into(), path: path.into(), ..Create::default() };
        CreateMount { client: self.client.clone(), params }
    }

    /// All that there are, by path.
    ///
    /// # Errors
    /// Those of the connection and of the server.
    pub async fn list(&self) -> Result<Vec<Info>, Error> {
        Ok(self.client.call::<MountList>(&List {}).await?.mounts)
    }

    /// Ends a mount. Who still has files open there has 5 s to close them.
    ///
    /// # Errors
    /// `MOUNT_NOT_FOUND`, `BUCKET_UNMOUNT_ERROR`.
    pub async fn remove(&self, path: impl Into<ByteString>) -> Result<(), Error> {
        self.client.call::<MountRemove>(&Remove { path: path.into() }).await.map(drop)
    }
}

/// A mount that was not made yet. Made by [`Mounts::create`].
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is opened"]
pub struct CreateMount {
    client: Client,
    params: Create,
}

impl CreateMount {
    /// The store's address: `https://host` or `http://host:port`. Default: that of AWS.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.params.endpoint = Some(url.into());
        self
    }

    /// Whose store it is. Default: read off the endpoint.
    pub const fn provider(mut self, provider: Provider) -> Self {
        self.params.provider = Some(provider);
        self
    }

    /// The region that requests are signed for. Default: read off the endpoint.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.params.region = Some(region.into());
        self
    }

    /// The access key's id and the key. Default: those in the sandbox's variables.
    pub fn keys(mut self, id: impl Into<Secret>, secret: impl Into<Secret>) -> Self {
        self.params.access_key_id = Some(id.into());
        self.params.secret_access_key = Some(secret.into());
        self
    }

    /// The session's token, of keys that last for a time only.
    pub fn session_token(mut self, token: impl Into<Secret>) -> Self {
        self.params.session_token = Some(token.into());
        self
    }

    /// Nothing can be written.
    pub const fn read_only(mut self) -> Self {
        self.params.read_only = true;
        self
    }

    /// Only what is below this part of the bucket.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.params.prefix = Some(prefix.into());
        self
    }

    /// An option of s3fs, `name` or `name=value`. Those that name a file, a program or a key are refused.
    pub fn option(mut self, option: impl Into<String>) -> Self {
        self.params.options.push(option.into());
        self
    }

    /// Mounts it; answers when the store has given the bucket.
    ///
    /// # Errors
    /// `MISSING_CREDENTIALS`, `INVALID_MOUNT_CONFIG`, `S3FS_MOUNT_ERROR` with a `reason`, `BUCKET_MOUNT_ERROR`.
    pub async fn open(self) -> Result<Info, Error> {
        self.client.call::<MountCreate>(&self.params).await
    }
}
