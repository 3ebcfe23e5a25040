//! `ls`, `cat`, `stat`, `mkdir`, `rm-file`, `mv`, `chmod`, `ln`: files of the sandbox. A colon before a path may be there or not.

use std::ffi::OsString;

use futures_util::StreamExt;
use sandwire::protocol::ByteString;
use sandwire::protocol::kind::file::{Chmod, FileType, Info, List, Mkdir, Read, Remove, Rename, Stat};
use sandwire::{Client, Code};

use super::args::{self, Range, remote};
use super::connect::Global;
use super::fail::Failure;
use super::format;
use super::stdio;

/// List a directory.
///
/// With --json each entry is a line, with its "path", "type", "size", "mode" and times.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire ls
  sandwire ls -la /var/log
  sandwire --json ls -R src | jq -r 'select(.type == \"file\") | .path'")]
pub(crate) struct LsArgs {
    /// Modes, owners, sizes and times.
    #[arg(short, long)]
    long: bool,
    /// What is in its directories too.
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Names that begin with a dot too.
    #[arg(short, long)]
    all: bool,
    /// The directory. Default: the workspace.
    #[arg(default_value = ".")]
    path: OsString,
}

pub(crate) async fn ls(args: LsArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let path = remote(&args.path);
    let files = client.files();
    let info = files.stat(path.clone()).await?;
    if info.file_type != FileType::Directory {
        entry(&info, args.long, global)?;
        return Ok(0);
    }
    let list = List { path, recursive: args.recursive, no_hidden: !args.all, ..List::default() };
    let mut entries = files.list_with(list);
    while let Some(info) = entries.next().await {
        entry(&info?, args.long, global)?;
    }
    Ok(0)
}

/// An entry on a line, as it comes: a directory may have more of them than memory should hold.
fn entry(info: &Info, long: bool, global: &Global) -> Result<(), Failure> {
    if global.json {
        return Ok(stdio::json(info)?);
    }
    let mark = if info.file_type == FileType::Directory { "/" } else { "" };
    let name = name(&info.path);
    if !long {
        return Ok(stdio::line(format_args!("{name}{mark}"))?);
    }
    let target = info.target.as_ref().map(|target| format!(" -> {}", self::name(target))).unwrap_or_default();
    let time = format::time(u64::try_from(info.modified_ms).unwrap_or(0));
    Ok(stdio::line(format_args!(
        "{} {:>5} {:>5} {:>5} {} {name}{mark}{target}",
        format::mode(letter(info.file_type), info.mode),
        info.uid,
        info.gid,
        format::size(info.size),
        time.get(..19).unwrap_or(&time),
    ))?)
}

/// A name for people: control characters are replaced. `--json` has the true one.
fn name(path: &ByteString) -> String {
    format::printable(&path.to_string())
}

const fn letter(file_type: FileType) -> char {
    match file_type {
        FileType::File => '-',
        FileType::Directory => 'd',
        FileType::Symlink => 'l',
        FileType::Other => '?',
    }
}

/// Write files to standard output.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire cat /etc/os-release
  sandwire cat --range -1000 build.log     the last thousand bytes")]
pub(crate) struct CatArgs {
    /// Only these bytes: 0-99, 100-, or -100 for the last hundred.
    #[arg(long, value_parser = args::range, allow_hyphen_values = true)]
    range: Option<Range>,
    /// The files.
    #[arg(required = true)]
    paths: Vec<OsString>,
}

pub(crate) async fn cat(args: CatArgs, client: &Client) -> Result<i32, Failure> {
    for path in &args.paths {
        let read = Read { path: remote(path), ..Read::default() };
        let read = match args.range {
            None => read,
            Some(Range::From(offset, length)) => Read { offset: Some(offset), length, ..read },
            Some(Range::Last(bytes)) => Read { tail: Some(bytes), ..read },
        };
        let mut download = client.files().read_with(&read)?;
        while let Some(chunk) = download.chunk().await? {
            stdio::stdout(&chunk)?;
        }
        download.finish().await?;
    }
    Ok(0)
}

/// Tell what paths are.
#[derive(Debug, clap::Args)]
pub(crate) struct StatArgs {
    /// Describe a link's target, not the link.
    #[arg(short = 'L', long)]
    follow: bool,
    /// The paths.
    #[arg(required = true)]
    paths: Vec<OsString>,
}

pub(crate) async fn stat(args: StatArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    for path in &args.paths {
        let stat = Stat { path: remote(path), no_follow: !args.follow };
        let info = client.call::<sandwire::protocol::kind::FileStat>(&stat).await?;
        if global.json {
            stdio::json(&info)?;
            continue;
        }
        let kind = match info.file_type {
            FileType::File => "file",
            FileType::Directory => "directory",
            FileType::Symlink => "symbolic link",
            FileType::Other => "device, FIFO or socket",
        };
        stdio::line(name(&info.path))?;
        stdio::line(format_args!("  type      {kind}"))?;
        if let Some(target) = &info.target {
            stdio::line(format_args!("  target    {}", name(target)))?;
        }
        stdio::line(format_args!("  size      {} bytes", info.size))?;
        stdio::line(format_args!("  mode      {:04o} {}", info.mode, format::mode(letter(info.file_type), info.mode)))?;
        stdio::line(format_args!("  owner     {}:{}", info.uid, info.gid))?;
        stdio::line(format_args!("  modified  {}", format::time(u64::try_from(info.modified_ms).unwrap_or(0))))?;
        if !info.etag.is_empty() {
            stdio::line(format_args!("  etag      {}", info.etag))?;
        }
    }
    Ok(0)
}

/// Make directories.
#[derive(Debug, clap::Args)]
pub(crate) struct MkdirArgs {
    /// Make missing parents, and be content when it exists.
    #[arg(short, long)]
    parents: bool,
    /// Permissions, in octal.
    #[arg(short, long, value_parser = args::mode)]
    mode: Option<u32>,
    /// The directories.
    #[arg(required = true)]
    paths: Vec<OsString>,
}

pub(crate) async fn mkdir(args: MkdirArgs, client: &Client) -> Result<i32, Failure> {
    for path in &args.paths {
        let mkdir = Mkdir { path: remote(path), parents: args.parents, mode: args.mode };
        match client.files().mkdir_with(&mkdir).await.map_err(Failure::from) {
            Err(failure) if failure.is(Code::FileNotFound) && !args.parents => {
                return Err(failure.hint("-p makes missing parents"));
            }
            made => made?,
        }
    }
    Ok(0)
}

/// Remove files and directories of the sandbox (`rm` forgets processes).
#[derive(Debug, clap::Args)]
pub(crate) struct RmArgs {
    /// Directories with all that is in them.
    #[arg(short, long)]
    recursive: bool,
    /// Be content when there is nothing.
    #[arg(short, long)]
    force: bool,
    /// What to remove.
    #[arg(required = true)]
    paths: Vec<OsString>,
}

pub(crate) async fn rm(args: RmArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    for path in &args.paths {
        let remove = Remove { path: remote(path), recursive: args.recursive, force: args.force };
        let removed = client.files().remove_with(&remove).await.map_err(Failure::from);
        let removed = match removed {
            Err(failure) if failure.is(Code::DirectoryNotEmpty) => return Err(failure.hint("-r removes what is in it")),
            removed => removed?,
        };
        if global.json {
            stdio::json(&removed)?;
        }
    }
    Ok(0)
}

/// Move a file or tree within the sandbox.
#[derive(Debug, clap::Args)]
pub(crate) struct MvArgs {
    /// Fail when there is something at the new name.
    #[arg(short, long)]
    no_clobber: bool,
    /// What.
    from: OsString,
    /// The new name itself, or a directory to put it in.
    to: OsString,
}

pub(crate) async fn mv(args: MvArgs, client: &Client) -> Result<i32, Failure> {
    let (from, to) = (remote(&args.from), remote(&args.to));
    let files = client.files();
    let directory = files.stat(to.clone()).await.is_ok_and(|info| info.file_type == FileType::Directory);
    let to = if directory { args::join(&to, &args::last_name(&from)) } else { to };
    files.move_with(&Rename { from, to, no_replace: args.no_clobber }).await?;
    Ok(0)
}

/// Change permissions.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire chmod 755 run.sh
  sandwire chmod -R 640 :/workspace/data")]
pub(crate) struct ChmodArgs {
    /// Directories with all that is in them; symbolic links are left out.
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Permissions, in octal.
    #[arg(value_parser = args::mode)]
    mode: u32,
    /// What to change.
    #[arg(required = true)]
    paths: Vec<OsString>,
}

pub(crate) async fn chmod(args: ChmodArgs, client: &Client) -> Result<i32, Failure> {
    for path in &args.paths {
        let chmod = Chmod { path: remote(path), mode: args.mode, recursive: args.recursive };
        client.files().chmod_with(&chmod).await?;
    }
    Ok(0)
}

/// Make a symbolic link.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire ln -s releases/42 current       `current` says `releases/42`, as it is given here
  sandwire ln -sf releases/43 current      in place of what is there")]
pub(crate) struct LnArgs {
    /// A symbolic link. There is no other kind, so it must be given, as to ln(1).
    #[arg(short, long, required = true)]
    symbolic: bool,
    /// Remove a file or link that is there.
    #[arg(short, long)]
    force: bool,
    /// What the link says. It need not be there; a relative one is taken from the link's directory.
    target: OsString,
    /// The link itself, or a directory to make it in.
    link: OsString,
}

pub(crate) async fn ln(args: LnArgs, client: &Client) -> Result<i32, Failure> {
    let (target, link) = (remote(&args.target), remote(&args.link));
    let files = client.files();
    // A link to a directory is what is replaced, not a place to put another link in.
    let link = match files.symlink_stat(link.clone()).await {
        Ok(info) if info.file_type == FileType::Directory => args::join(&link, &args::last_name(&target)),
        Ok(_) | Err(_) => link,
    };
    if args.force {
        files.remove_with(&Remove { path: link.clone(), recursive: false, force: true }).await?;
    }
    files.symlink(target, link).await?;
    Ok(0)
}
