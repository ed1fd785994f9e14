//! What an environment stands on, beside Larder: for whoever wants to run a function in the same way elsewhere.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which program runs a function's runtime, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ground {
    /// The interpreter's path, or the image's name; empty where the function brings its own program.
    pub program: String,
    /// The interpreter's version, or the image's digest.
    pub version: String,
    /// The container engine with its version, or the kernel.
    pub engine: String,
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, version, engine } = self;
        match (program.as_str(), version.as_str()) {
            ("", _) => write!(f, "{engine}"),
            (program, "") => write!(f, "{program} on {engine}"),
            (program, version) => write!(f, "{program} ({version}) on {engine}"),
        }
    }
}
