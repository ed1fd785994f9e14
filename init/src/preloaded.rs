//! A runtime that was started before its function is known, and its hand-over.
//!
//! It is a process of the same program, user and folder that a function of its runtime gets, whose client has loaded and
//! waits at its standard input for the function's variables. What an interpreter reads of its variables while it starts
//! has been read by then: a function that sets any of that gets a process of its own.

use std::collections::BTreeSet;
use std::io::{self, PipeWriter, Write as _};
use std::process::Stdio;

use larder_init::link::{Preload, STANDBY_VARIABLE, Start};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::program::{self, Program, SpawnError};
use crate::reaper;

/// How the names of variables begin that loaders, C libraries and interpreters read while a program starts, and those
/// of what a client reads before it has them from its input.
const READ_AT_START: [&str; 17] = [
    "DOTNET_",
    "GCONV_PATH",
    "GLIBC_",
    "ICU_",
    "JAVA_",
    "LANG",
    "LARDER_HOT_RELOAD",
    "LC_",
    "LD_",
    "LOCPATH",
    "MALLOC_",
    "NODE_",
    "OPENSSL_",
    "PYTHON",
    "SSL_",
    "TZ",
    "UV_",
];

/// A runtime that waits for its function.
pub struct Preloaded {
    preload: Preload,
    program: Program,
    /// Where it reads its variables.
    input: PipeWriter,
}

impl Preloaded {
    /// Starts one.
    pub fn start(preload: Preload) -> Result<Self, SpawnError> {
        let (reader, input) = io::pipe().map_err(SpawnError::Pipe)?;
        // One that does not read must not hold up the init.
        fcntl(&input, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(|error| SpawnError::Pipe(error.into()))?;
        let program = program::spawn(
            &preload.argv,
            &preload.variables,
            (STANDBY_VARIABLE, "1"),
            &preload.working_dir,
            preload.user,
            Stdio::from(reader),
        )?;
        Ok(Self { preload, program, input })
    }

    /// Its process, the head of a group.
    pub fn pid(&self) -> Pid {
        self.program.pid
    }

    /// Whether a process that is started for this function would be the same.
    fn fits(&self, argv: &[String], start: &Start) -> bool {
        self.preload.argv == argv
            && self.preload.user == start.user
            && self.preload.working_dir == start.working_dir
            && read_at_start(&self.preload.variables) == read_at_start(&start.variables)
    }

    /// Makes it the runtime of a function. `None` where it does not fit, or has ended: then it is gone.
    pub fn hand_over(mut self, argv: &[String], start: &Start, api: (&str, &str)) -> Option<Program> {
        let named = start.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain([api]);
        let variables: serde_json::Map<_, _> =
            named.map(|(name, value)| (name.to_owned(), serde_json::Value::from(value))).collect();
        let text = serde_json::Value::Object(variables).to_string();

        if self.fits(argv, start) && self.input.write_all(text.as_bytes()).is_ok() {
            return Some(self.program);
        }
        reaper::signal(self.program.pid, Signal::SIGKILL);
        None
    }
}

/// Those of the variables that make a difference when a program starts.
fn read_at_start(variables: &[(String, String)]) -> BTreeSet<(&str, &str)> {
    let read = variables.iter().filter(|(name, _)| READ_AT_START.iter().any(|start| name.starts_with(start)));
    read.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_an_interpreter_reads_at_its_start_is_told_from_the_rest() {
        let before = variables(&[("LANG", "en_US.UTF-8"), ("PYTHONPATH", "/var/runtime")]);
        let same = variables(&[("PYTHONPATH", "/var/runtime"), ("TABLE", "t"), ("LANG", "en_US.UTF-8")]);
        assert_eq!(read_at_start(&before), read_at_start(&same));

        let changed = [("PYTHONPATH", "/opt"), ("PYTHONHASHSEED", "0"), ("LD_PRELOAD", "x"), ("NODE_OPTIONS", "-x")];
        for (name, value) in changed {
            let mut other = before.clone();
            other.retain(|(found, _)| found != name);
            other.push((name.to_owned(), value.to_owned()));
            assert_ne!(read_at_start(&before), read_at_start(&other), "{name}");
        }
    }
}
