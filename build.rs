//! Builds the init as a static executable, which the server carries inside itself: one file is all
//! that a user copies. `LARDER_BUILT_INIT` names one that is built already.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Where the stored shapes are.
const SHAPES: &str = "src/ledger/shapes";

fn main() {
    for path in ["init/src", "init/Cargo.toml", "Cargo.toml", "build.rs", SHAPES] {
        println!("cargo:rerun-if-changed={path}");
    }
    println!("cargo:rerun-if-env-changed=LARDER_BUILT_INIT");
    println!("cargo:rustc-env=LARDER_SHAPES={:016x}", shapes());
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let built = env::var_os("LARDER_BUILT_INIT").map_or_else(|| built(&out), PathBuf::from);
    fs::copy(&built, out.join("larder-init")).expect("the init was built and can be copied");
}

/// What the stored shapes are, in a number: what is stored by position can be read by the same shapes only.
fn shapes() -> u64 {
    let entries = fs::read_dir(SHAPES).expect("the shapes are there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();

    let mut hasher = DefaultHasher::new();
    for path in paths {
        fs::read(path).expect("a shape can be read").hash(&mut hasher);
    }
    hasher.finish()
}

/// Builds it, in a target folder of its own: the outer cargo holds the lock of the usual one. It is the same for all sets
/// of features of the server.
fn built(out: &Path) -> PathBuf {
    let target = static_target();
    // `OUT_DIR` is `target/PROFILE/build/PACKAGE-HASH/out`.
    let folder = out.ancestors().nth(3).expect("a profile's folder").join("init");
    build(&target, &folder);
    folder.join(&target).join(profile()).join("larder-init")
}

/// Small and slow to build for releases, the other way round for development.
fn profile() -> &'static str {
    let release = env::var_os("PROFILE").is_some_and(|profile| profile == "release");
    if release { "init" } else { "init-dev" }
}

/// musl where it is installed, else glibc, which links statically too.
fn static_target() -> String {
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets the target's architecture");
    let musl = format!("{architecture}-unknown-linux-musl");
    if has_standard_library(&musl) { musl } else { format!("{architecture}-unknown-linux-gnu") }
}

fn has_standard_library(target: &str) -> bool {
    let rustc = env::var_os("RUSTC").expect("cargo sets RUSTC");
    let printed = Command::new(rustc).args(["--print", "target-libdir", "--target", target]).output();
    printed.is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        fs::read_dir(Path::new(&folder)).is_ok_and(|mut entries| entries.next().is_some())
    })
}

fn build(target: &str, folder: &Path) {
    let cargo = env::var_os("CARGO").expect("cargo sets CARGO");
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--profile", profile(), "--package", "larder-init", "--bin", "larder-init"])
        .args(["--target", target, "--target-dir"])
        .arg(folder)
        .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .env_remove("RUSTFLAGS")
        // What an outer `cargo clippy` sets would be passed on to the init's build.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("CLIPPY_ARGS")
        .status();
    assert!(status.is_ok_and(|status| status.success()), "the init could not be built for {target}");
}
