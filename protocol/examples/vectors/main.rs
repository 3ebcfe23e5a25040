//! Writes `protocol/vectors` and the generated parts of `PROTOCOL.md`: `cargo run -p sandwire-protocol --example vectors`.
//! A test compares the committed files with what this makes.
#![allow(clippy::disallowed_methods, reason = "the machines are handed a beginning of time")]
#![allow(missing_docs, clippy::unwrap_used, reason = "a tool for developers: it fails by panicking")]

#[path = "make/all.rs"]
mod make;

fn main() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, text) in make::everything(root) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}
