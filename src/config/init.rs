//! Scripts that run when the server starts, is ready and ends.

use std::path::PathBuf;

use clap::Args;

/// Where scripts are looked for, beside what is given.
const USUAL: [&str; 2] = ["/etc/localstack/init", "/etc/larder/init"];

/// Scripts of the user's.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Init scripts")]
pub struct InitOptions {
    /// Folder with the folders `boot.d`, `start.d`, `ready.d` and `shutdown.d`, whose shell scripts and programs of Python run
    /// then, beside `/etc/localstack/init` and `/etc/larder/init`; repeated, or a list with commas
    #[arg(long, env = "LARDER_INIT_DIR", value_delimiter = ',', value_name = "DIR")]
    pub init_dir: Vec<PathBuf>,
    /// Say that the server is ready only when the scripts of `ready.d` have run
    #[arg(long, env = "LARDER_WAIT_INIT", value_parser = clap::builder::BoolishValueParser::new())]
    pub wait_init: bool,
}

impl InitOptions {
    /// All folders.
    pub fn folders(&self) -> Vec<PathBuf> {
        USUAL.into_iter().map(PathBuf::from).chain(self.init_dir.iter().cloned()).collect()
    }
}
