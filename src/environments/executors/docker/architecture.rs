//! Which architectures an engine can run: its own, and those that its kernel emulates.

use std::fs;

use crate::environments::executor::ExecutorError;
use crate::environments::images::platform;
use crate::model::runtimes::Architecture;

/// Where a kernel lists the formats of programs that it starts by an interpreter, such as QEMU.
const HANDLERS: &str = "/proc/sys/fs/binfmt_misc";

/// The architectures of an engine.
#[derive(Debug, Clone)]
pub(super) struct Architectures {
    /// What it runs by itself; `None` where it is neither of Lambda's.
    own: Option<Architecture>,
    /// Whether its kernel is this machine's, so that we see what that emulates.
    local: bool,
    /// Whether functions run on its own, whatever they ask for (`LAMBDA_IGNORE_ARCHITECTURE`).
    ignored: bool,
}

impl Architectures {
    /// Of an engine that calls its own architecture `name` (`amd64`, `arm64`).
    pub(super) fn new(name: &str, local: bool, ignored: bool) -> Self {
        let both = [Architecture::X86_64, Architecture::Arm64];
        let own = both.into_iter().find(|architecture| platform(*architecture).ends_with(&format!("/{name}")));
        Self { own, local, ignored }
    }

    /// The platform to ask the engine for; `None`: its own.
    pub(super) fn platform(&self, wanted: Architecture) -> Option<&'static str> {
        (!self.ignored && self.own != Some(wanted)).then(|| platform(wanted))
    }

    /// Whether programs for `wanted` can run. A remote engine's kernel cannot be asked: there it shows at the start.
    pub(super) fn check(&self, wanted: Architecture) -> Result<(), ExecutorError> {
        if self.platform(wanted).is_none() || !self.local || is_emulated(wanted) {
            return Ok(());
        }
        let own = self.own.map_or("another architecture", Into::into);
        Err(ExecutorError::ArchitectureMissing(format!(
            "this machine runs {own} and does not emulate {wanted}: register QEMU with its kernel \
             (docker run --privileged --rm tonistiigi/binfmt --install {wanted}), or set LAMBDA_IGNORE_ARCHITECTURE=1 \
             to run such functions on {own}"
        )))
    }
}

fn is_emulated(wanted: Architecture) -> bool {
    let name = match wanted {
        Architecture::X86_64 => "x86_64",
        Architecture::Arm64 => "aarch64",
    };
    let entries = fs::read_dir(HANDLERS).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().contains(name))
        .any(|entry| fs::read_to_string(entry.path()).is_ok_and(|text| text.starts_with("enabled")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engines_own_architecture_needs_no_platform() {
        let engine = Architectures::new("amd64", true, false);
        assert_eq!(engine.platform(Architecture::X86_64), None);
        assert_eq!(engine.platform(Architecture::Arm64), Some("linux/arm64"));
        engine.check(Architecture::X86_64).expect("its own");
        let arm = Architectures::new("arm64", true, false);
        assert_eq!(arm.platform(Architecture::X86_64), Some("linux/amd64"));
    }

    #[test]
    fn what_cannot_run_is_refused_with_what_to_do() {
        // No kernel emulates the architecture of an engine that is neither.
        let engine = Architectures::new("riscv64", true, false);
        if !is_emulated(Architecture::Arm64) {
            let text = engine.check(Architecture::Arm64).expect_err("foreign").to_string();
            assert!(text.contains("arm64") && text.contains("LAMBDA_IGNORE_ARCHITECTURE=1"), "{text}");
        }

        Architectures::new("riscv64", false, false).check(Architecture::Arm64).expect("a remote engine may");
        let ignored = Architectures::new("amd64", true, true);
        assert_eq!(ignored.platform(Architecture::Arm64), None);
        ignored.check(Architecture::Arm64).expect("it is not looked at");
    }
}
