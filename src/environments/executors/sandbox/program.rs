//! What runs a function in the sandbox: the program, and the variables that it needs other than on AWS.

use super::languages::{Installation, Language};
use crate::environments::Ground;
use crate::environments::runtime_clients::{self, Client};
use crate::environments::variables;
use crate::model::runtimes::{self, Family};

/// Where the runtime client is inside, as on AWS.
pub(super) const RUNTIME_DIR: &str = "/var/runtime";

/// The client that speaks for a language; a provided runtime brings its own.
pub(super) fn client_of(language: Language) -> Option<&'static Client> {
    match language {
        Language::Python(_) => Some(&runtime_clients::PYTHON),
        Language::Node(_) => Some(&runtime_clients::NODE),
        Language::Provided => None,
    }
}

/// Program and arguments of the runtime; a provided one's own is the init's to find.
pub(super) fn argv(language: Language, installation: Option<&Installation>) -> Vec<String> {
    let program = installation.map_or_else(String::new, |found| found.program.display().to_string());
    match language {
        // -S: the host's packages stay out (and 5 to 20 ms). -u: a print is in the log at once.
        Language::Python(_) => {
            let script = format!("{RUNTIME_DIR}/bootstrap.py");
            vec![program, "-S".to_owned(), "-u".to_owned(), script]
        }
        // The flags of AWS's bootstrap.
        Language::Node(_) => {
            let flags = ["--expose-gc", "--max-http-header-size=81920"].map(str::to_owned);
            let script = format!("{RUNTIME_DIR}/bootstrap.cjs");
            [program].into_iter().chain(flags).chain([script]).collect()
        }
        Language::Provided => Vec::new(),
    }
}

/// AWS's variables where the host's programs need other values. `LD_LIBRARY_PATH` leaves out AWS's
/// library folders: in front of a host program's own they would only do harm.
pub(super) fn variables(runtime: &str, installation: Option<&Installation>) -> Vec<(String, String)> {
    let bin = installation.and_then(|found| found.program.parent());
    let bin = bin.map_or_else(String::new, |folder| format!("{}:", folder.display()));
    let own = [
        ("PATH", format!("{bin}/usr/local/bin:/usr/bin:/bin:/opt/bin")),
        ("LD_LIBRARY_PATH", "/var/task:/var/task/lib:/opt/lib".to_owned()),
        ("LAMBDA_RUNTIME_DIR", RUNTIME_DIR.to_owned()),
    ];
    let mut variables: Vec<_> = own.map(|(name, value)| (name.to_owned(), value)).into();
    variables.extend(variables::module_path(runtime));

    if runtimes::family(runtime) != Family::Provided {
        // What the shell leaves that starts a managed runtime on AWS.
        variables
            .extend([("PWD", "/var/task"), ("SHLVL", "0")].map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    variables
}

/// What runs it: the interpreter, and the kernel below it.
pub(super) fn ground(installation: Option<&Installation>) -> Ground {
    let system = rustix::system::uname();
    let engine = format!("{} {}", system.sysname().to_string_lossy(), system.release().to_string_lossy());
    let program = installation.map_or_else(String::new, |found| found.program.display().to_string());
    let version = installation.map_or_else(String::new, |found| found.version.clone());
    Ground { program, version, engine }
}
