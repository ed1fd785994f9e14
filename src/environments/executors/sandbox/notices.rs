//! What a function should know that runs here otherwise than on AWS: it stands in its log, and in the server's.

use std::str::FromStr as _;

use super::languages::{Installation, Language};
use crate::environments::executor::Base;
use crate::model::runtimes::Architecture;

/// What is to be told of the environments of a base; `None` if they are as they should be.
pub fn notice(base: &Base, language: Language, installation: Option<&Installation>) -> Option<String> {
    let version = installation.filter(|found| !found.is_exact(language)).map(|found| {
        let name = if matches!(language, Language::Node(_)) { "Node.js" } else { "Python" };
        format!("{} is not on this machine; running with {name} {}", base.runtime, found.version)
    });
    let told: Vec<_> = version.into_iter().chain(foreign(base.architecture, std::env::consts::ARCH)).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// What is told of a function for another processor than this machine's, which the sandbox has no other of.
fn foreign(wanted: Architecture, machine: &str) -> Option<String> {
    // Rust calls it by its first name.
    let machine = if machine == "aarch64" { "arm64" } else { machine };
    let runs_here = Architecture::from_str(machine).is_ok_and(|machine| machine == wanted);
    (!runs_here).then(|| {
        format!("the function is for {wanted} and runs on {machine}: what is compiled in its package may not run here")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_for_another_processor_is_told_so() {
        assert_eq!(foreign(Architecture::X86_64, "x86_64"), None);
        assert_eq!(foreign(Architecture::Arm64, "aarch64"), None);
        let told = foreign(Architecture::Arm64, "x86_64").expect("is told");
        assert!(told.starts_with("the function is for arm64 and runs on x86_64"), "{told}");
    }
}
