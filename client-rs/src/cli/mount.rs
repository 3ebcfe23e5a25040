//! `mount`, `mounts`, `unmount`: buckets as directories of the sandbox.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ValueEnum;
use sandwire::Client;
use sandwire::kinds::mount::{Info, Provider, State};

use super::connect::Global;
use super::end;
use super::fail::Failure;
use super::format;
use super::secret;
use super::stdio;

/// Mount a bucket of an object store that speaks S3, as a directory of the sandbox.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire mount --endpoint https://ACCOUNT.r2.cloudflarestorage.com --env-keys photos /workspace/photos
  sandwire mount --region eu-central-1 --read-only photos:/2026 /workspace/photos
  sandwire mount --endpoint http://127.0.0.1:9000 --key-id ID --key-file key photos photos -o umask=0022
  sandwire mounts
  sandwire unmount /workspace/photos

Without keys, those in the sandbox's own variables are used. The sandbox needs s3fs, and FUSE.")]
pub(crate) struct MountArgs {
    /// The store's address. Default: that of AWS.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Whose store it is. Default: read off the endpoint.
    #[arg(long)]
    provider: Option<ProviderArg>,
    /// The region that requests are signed for. Default: read off the endpoint.
    #[arg(long)]
    region: Option<String>,
    /// The access key's id.
    #[arg(long, value_name = "ID", requires = "key_file")]
    key_id: Option<String>,
    /// A file with the access key; `-` is standard input.
    #[arg(long, value_name = "FILE", requires = "key_id")]
    key_file: Option<PathBuf>,
    /// Send AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of here.
    #[arg(long, conflicts_with = "key_id")]
    env_keys: bool,
    /// Nothing can be written.
    #[arg(long)]
    read_only: bool,
    /// Only what is below this part of the bucket.
    #[arg(long)]
    prefix: Option<String>,
    /// An option of s3fs, as retries=5.
    #[arg(short, long = "option", value_name = "NAME[=VALUE]")]
    options: Vec<String>,
    /// The bucket; BUCKET:/PREFIX is a part of it.
    bucket: String,
    /// The directory, new or empty.
    #[arg(value_name = "DIR")]
    path: OsString,
}

/// Whose store it is.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProviderArg {
    R2,
    S3,
    Gcs,
    Other,
}

/// List the buckets that are mounted.
#[derive(Debug, clap::Args)]
pub(crate) struct MountsArgs {}

/// End mounts. Who has files open there has 5 seconds to close them.
#[derive(Debug, clap::Args)]
pub(crate) struct UnmountArgs {
    /// Their directories.
    #[arg(required = true, value_name = "DIR")]
    paths: Vec<OsString>,
}

pub(crate) async fn mount(args: MountArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let mut mount = client.mounts().create(args.bucket, args.path);
    if let Some(endpoint) = args.endpoint {
        mount = mount.endpoint(endpoint);
    }
    if let Some(provider) = args.provider {
        mount = mount.provider(match provider {
            ProviderArg::R2 => Provider::R2,
            ProviderArg::S3 => Provider::S3,
            ProviderArg::Gcs => Provider::Gcs,
            ProviderArg::Other => Provider::Other,
        });
    }
    if let Some(region) = args.region {
        mount = mount.region(region);
    }
    if let (Some(id), Some(file)) = (args.key_id, args.key_file) {
        mount = mount.keys(id, secret::read(&file)?);
    }
    if args.env_keys {
        let keys = secret::variable("AWS_ACCESS_KEY_ID").zip(secret::variable("AWS_SECRET_ACCESS_KEY"));
        let Some((id, key)) = keys else {
            let message = "--env-keys: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set here";
            return Err(Failure::Usage(message.to_owned()));
        };
        mount = mount.keys(id, key);
        if let Some(token) = secret::variable("AWS_SESSION_TOKEN") {
            mount = mount.session_token(token);
        }
    }
    if args.read_only {
        mount = mount.read_only();
    }
    if let Some(prefix) = args.prefix {
        mount = mount.prefix(prefix);
    }
    for option in args.options {
        mount = mount.option(option);
    }
    let mut interrupt = super::interrupts()?;
    let info = tokio::select! {
        info = mount.open() => info?,
        // The call is given up with its future, and what was begun goes.
        _ = interrupt.recv() => return Ok(130),
    };
    if global.json {
        stdio::json(&info)?;
    } else {
        stdio::line(format::printable(&info.path.to_string()))?;
    }
    Ok(0)
}

pub(crate) async fn mounts(_: &MountsArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let mounts = client.mounts().list().await?;
    if global.json {
        stdio::json(&mounts)?;
        return Ok(0);
    }
    let rows: Vec<_> = mounts.iter().map(row).collect();
    format::table(["DIRECTORY", "BUCKET", "STORE", "MODE", "STATE", "SINCE"], &rows)?;
    Ok(0)
}

fn row(info: &Info) -> [String; 6] {
    let bucket = match &info.prefix {
        Some(prefix) => format!("{}:/{prefix}", info.bucket),
        None => info.bucket.clone(),
    };
    let state = match info.state {
        State::Mounted => "mounted".to_owned(),
        State::Ended => info.exit.as_ref().map_or_else(|| "ended".to_owned(), end::describe),
    };
    [
        format::printable(&info.path.to_string()),
        format::printable(&bucket),
        format::printable(&info.endpoint),
        if info.read_only { "read-only" } else { "read-write" }.to_owned(),
        state,
        format!("{} ago", format::since(info.created_ms)),
    ]
}

pub(crate) async fn unmount(args: UnmountArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let mut code = 0;
    for path in args.paths {
        // The others are to go all the same.
        if let Err(error) = client.mounts().remove(path).await {
            code = code.max(Failure::from(error).report(global.json, false));
        }
    }
    Ok(code)
}
