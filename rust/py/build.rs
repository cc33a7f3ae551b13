//! Tells the crate what it was built from; `build_info()` hands it on to Python.

use std::path::Path;
use std::process::Command;

/// What the extension is made of, seen from this crate; anything else in the repository may change freely.
const SOURCES: [&str; 4] = ["../core", "../py", "../../Cargo.toml", "../../Cargo.lock"];

fn main() {
    let rustc = std::env::var("RUSTC")
        .ok()
        .and_then(|rustc| output(&rustc, &["--version"]));
    let target = std::env::var("TARGET").ok();
    tell("RUSTC_VERSION", rustc);
    tell("TARGET", target);
    tell("GIT_COMMIT", commit());

    // The log of HEAD grows with every commit and checkout. A path that does not exist would make
    // cargo run this script every time.
    let log = output("git", &["rev-parse", "--git-path", "logs/HEAD"]).unwrap_or_default();
    for path in SOURCES.iter().copied().chain([log.as_str()]) {
        if Path::new(path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

/// The commit of the sources, marked `-dirty` if they differ from it; none outside of their own repository
/// (an unpacked source distribution may lie inside somebody else's).
fn commit() -> Option<String> {
    output("git", &["ls-files", "--error-unmatch", "build.rs"])?;
    let commit = output("git", &["rev-parse", "HEAD"])?;
    let mut status = vec!["status", "--porcelain", "--"];
    status.extend(SOURCES);
    let clean = output("git", &status)?.is_empty();
    Some(if clean { commit } else { format!("{commit}-dirty") })
}

fn tell(name: &str, value: Option<String>) {
    if let Some(value) = value {
        println!("cargo::rustc-env=GRUEMARKET_{name}={value}");
    }
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
