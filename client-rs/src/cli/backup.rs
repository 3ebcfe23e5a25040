//! `backup` and `restore`: a directory of the sandbox as one archive, and back.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use sandwire::Client;
use sandwire::Code;
use sandwire::kinds::backup::{Compression, Create, Created, Progress as Told, Restore};
use sandwire::protocol::ByteString;
use tokio::io::AsyncRead;

use super::args::{last_name, remote};
use super::connect::Global;
use super::cp::progress::Progress;
use super::fail::Failure;
use super::format;
use super::stdio;

/// What a shell reports of a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Pack a directory of the sandbox into one compressed archive that proves itself.
///
/// With owners, modes, times and links, as `tar` unpacks it. The local file appears whole or not at all, and only you can
/// read it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire backup /workspace                              to workspace.tar.zst here
  sandwire backup project -o monday.tar.zst --exclude node_modules --gitignore
  sandwire backup project --compression gzip -o - | ssh other 'cat > project.tar.gz'")]
pub(crate) struct BackupArgs {
    /// The directory.
    dir: OsString,
    /// The local file, `-` for standard output. Default: the directory's name, here, with .tar.zst behind it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Leave out what matches, with all that is in it.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Leave out what .gitignore leaves out.
    #[arg(long)]
    gitignore: bool,
    /// How to compress.
    #[arg(long, value_name = "HOW", default_value = "zstd")]
    compression: How,
    /// How hard: from 1, the fastest, to 6, of gzip to 9.
    #[arg(long, value_name = "N")]
    level: Option<u32>,
}

/// Put a directory back as it was in a backup, whole or not at all.
///
/// The archive is checked while it comes; nothing changes when it is damaged or cut off, when the disk is full, or when you
/// press Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sandwire restore workspace.tar.zst /workspace --replace
  sandwire restore monday.tar.zst copy                    where nothing is yet
  ssh other cat project.tar.zst | sandwire restore - project")]
pub(crate) struct RestoreArgs {
    /// The local file, `-` for standard input.
    file: PathBuf,
    /// The directory. It becomes exactly what is in the archive.
    dir: OsString,
    /// Replace what is in the directory.
    #[arg(long)]
    replace: bool,
    /// Only an archive with this SHA-256.
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
}

/// How to compress.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum How {
    Zstd,
    Gzip,
    None,
}

pub(crate) async fn backup(args: BackupArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let path = remote(&args.dir);
    let (compression, ending) = match args.compression {
        How::Zstd => (Compression::Zstd, "tar.zst"),
        How::Gzip => (Compression::Gzip, "tar.gz"),
        How::None => (Compression::None, "tar"),
    };
    let output = args.output.unwrap_or_else(|| named(&path, ending));
    let create = Create {
        path: path.clone(),
        exclude: args.exclude,
        gitignore: args.gitignore,
        compression: Some(compression),
        level: args.level,
    };
    let progress = Progress::new(!global.quiet && !global.json && stdio::stderr_is_terminal());
    progress.begin(format_args!(":{path}"), None);
    let told = |told: Told| progress.set(told.archive_bytes);
    let mut interrupt = super::interrupts()?;
    let created = tokio::select! {
        created = pack(client, &create, &output, told) => created,
        _ = interrupt.recv() => return Ok(INTERRUPTED),
    };
    progress.done();
    let created = created?;
    for path in &created.skipped {
        eprintln!("sandwire: left out: {}", format::printable(&path.to_string()));
    }
    if output == Path::new("-") {
        return Ok(0);
    }
    if global.json {
        stdio::json(&created)?;
    } else if !global.quiet {
        let (size, content) = (format::size(created.archive_bytes), format::size(created.bytes));
        let Created { entries, sha256, .. } = &created;
        stdio::line(format_args!(
            "{}: {size}, {entries} entries, {content} of content, sha256 {sha256}",
            output.display()
        ))?;
    }
    Ok(0)
}

async fn pack(client: &Client, create: &Create, output: &Path, told: impl FnMut(Told)) -> Result<Created, Failure> {
    if output == Path::new("-") {
        if std::io::stdout().is_terminal() {
            let text = "an archive is nothing for a terminal: say -o FILE, or pipe it somewhere";
            return Err(Failure::Usage(text.to_owned()));
        }
        return Ok(client.backup().create_to(create, tokio::io::stdout(), told).await?);
    }
    let directory = super::cp::parent(output);
    let temporary = tempfile::Builder::new().prefix(".sandwire-").tempfile_in(&directory);
    let temporary = temporary.map_err(|error| super::cp::local(&directory, &error))?;
    let wrong = |error: std::io::Error| super::cp::local(output, &error);
    let file = tokio::fs::File::from_std(temporary.as_file().try_clone().map_err(wrong)?);
    let created = client.backup().create_to(create, file, told).await?;
    temporary.as_file().sync_all().map_err(wrong)?;
    temporary.persist(output).map_err(|error| wrong(error.error))?;
    Ok(created)
}

pub(crate) async fn restore(args: RestoreArgs, client: &Client, global: &Global) -> Result<i32, Failure> {
    let path = remote(&args.dir);
    let (archive, size): (Box<dyn AsyncRead + Unpin>, _) = if args.file == Path::new("-") {
        (Box::new(tokio::io::stdin()), None)
    } else {
        let wrong = |error: std::io::Error| super::cp::local(&args.file, &error);
        let file = tokio::fs::File::open(&args.file).await.map_err(wrong)?;
        let size = file.metadata().await.map_err(wrong)?.len();
        (Box::new(file), Some(size))
    };
    let restore = Restore { path: path.clone(), sha256: args.sha256, replace: args.replace };
    let progress = Progress::new(!global.quiet && !global.json && stdio::stderr_is_terminal());
    progress.begin(format_args!(":{path}"), size);
    let mut interrupt = super::interrupts()?;
    let backup = client.backup();
    let restored = tokio::select! {
        restored = backup.restore_from(&restore, archive, |told: Told| progress.set(told.archive_bytes)) => restored,
        _ = interrupt.recv() => return Ok(INTERRUPTED),
    };
    progress.done();
    let restored = restored.map_err(Failure::from).map_err(|failure| match failure.is(Code::DirectoryNotEmpty) {
        true => failure.hint("here: --replace"),
        false => failure,
    })?;
    if global.json {
        stdio::json(&restored)?;
    } else if !global.quiet {
        let (entries, content) = (restored.entries, format::size(restored.bytes));
        stdio::line(format_args!(":{path}: {entries} entries, {content} of content"))?;
    }
    Ok(0)
}

/// The local file that a directory's backup has when nothing is said.
fn named(path: &ByteString, ending: &str) -> PathBuf {
    let name = last_name(path);
    let name = if name.is_empty() { ByteString::from("backup") } else { name };
    let mut file = OsString::from(AsRef::<std::ffi::OsStr>::as_ref(&name));
    file.push(".");
    file.push(ending);
    PathBuf::from(file)
}
