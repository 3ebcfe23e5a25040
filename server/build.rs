//! Lays out the page: each file below `src/http/page/`, compressed where that helps, as one table in the program.

use std::error::Error;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// The page itself. It is not compressed: each answer puts a number of its own into it.
const INDEX: &str = "index.html";

/// The types that the page may have, and whether they are worth compressing.
const TYPES: &[(&str, &str, bool)] = &[
    ("css", "text/css; charset=utf-8", true),
    ("ico", "image/x-icon", true),
    ("js", "text/javascript; charset=utf-8", true),
    ("json", "application/json", true),
    ("png", "image/png", false),
    ("svg", "image/svg+xml", true),
    ("txt", "text/plain; charset=utf-8", true),
    ("wasm", "application/wasm", true),
    ("webmanifest", "application/manifest+json", true),
    ("webp", "image/webp", false),
    ("woff2", "font/woff2", false),
];

fn main() -> Result<(), Box<dyn Error>> {
    let page = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("src/http/page");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", page.display());
    println!("cargo:rerun-if-changed=build.rs");

    let mut files = Vec::new();
    collect(&page, &mut files)?;
    files.sort();
    let mut table = String::from(
        "/// The files of the page but itself, in the order of their paths.\nstatic FILES: &[File] = &[\n",
    );
    for file in &files {
        let path = file.strip_prefix(&page)?.to_str().ok_or_else(|| format!("{} is no UTF-8", file.display()))?;
        if path == INDEX {
            continue;
        }
        let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let (_, content_type, compress) = TYPES
            .iter()
            .find(|(known, ..)| *known == extension)
            .ok_or_else(|| format!("server/build.rs has no content type for {path}"))?;
        let plain = std::fs::read(file)?;
        let mut hasher = DefaultHasher::new();
        plain.hash(&mut hasher);
        let tag = format!("\"{:016x}\"", hasher.finish());
        let stored = if *compress {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&plain)?;
            let packed = out.join(format!("{:016x}.gz", hasher.finish()));
            std::fs::write(&packed, encoder.finish()?)?;
            packed
        } else {
            file.clone()
        };
        let path = format!("/{path}");
        writeln!(
            table,
            "File {{ path: {path:?}, content_type: {content_type:?}, gzip: {compress}, tag: {tag:?}, \
             body: include_bytes!({stored:?}) }},"
        )?;
    }
    let index = page.join(INDEX);
    write!(table, "];\n\n/// The page itself.\nstatic INDEX: &str = include_str!({index:?});\n")?;
    std::fs::write(out.join("page.rs"), table)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
