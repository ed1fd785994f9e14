//! Which executors this machine has.

use crate::skipped::skipped;
use std::sync::OnceLock;

use super::server::{Options, Server};

/// What runs functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executor {
    /// Containers.
    Docker,
    /// Namespaces.
    Sandbox,
}

impl Executor {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Sandbox => "sandbox",
        }
    }

    /// Whether tests run with it. Those that `LARDER_TEST_EXECUTORS` (`docker,sandbox`) names are taken to be here:
    /// scripts/test has looked, once for all tests. Without it, those that can be used.
    ///
    /// # Panics
    /// It cannot be used, but `CI` is `true`, or it is Docker and `LARDER_REQUIRE_DOCKER` is `1`.
    pub fn is_here(self) -> bool {
        if let Some(chosen) = std::env::var("LARDER_TEST_EXECUTORS").ok().filter(|chosen| !chosen.is_empty()) {
            let is_chosen = chosen.split(',').any(|name| name.trim() == self.name());
            if !is_chosen {
                skipped(&format!("LARDER_TEST_EXECUTORS leaves {} out", self.name()));
            }
            return is_chosen;
        }

        let Err(reason) = self.probe() else { return true };
        let set = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
        let required = set("CI", "true") || (self == Self::Docker && set("LARDER_REQUIRE_DOCKER", "1"));
        assert!(!required, "the {} executor is required and cannot be used: {reason}", self.name());
        skipped(&format!("the {} executor cannot be used here: {reason}", self.name()));
        false
    }

    /// Whether a server starts with it; asked once.
    fn probe(self) -> &'static Result<(), String> {
        static DOCKER: OnceLock<Result<(), String>> = OnceLock::new();
        static SANDBOX: OnceLock<Result<(), String>> = OnceLock::new();
        let probed = match self {
            Self::Docker => &DOCKER,
            Self::Sandbox => &SANDBOX,
        };
        probed.get_or_init(|| {
            let server = Server::try_start(Options::new(self))?;
            let health = server.health();
            let name = health["executor"]["name"].as_str().unwrap_or_default();
            if name == self.name() { Ok(()) } else { Err(format!("the server took {name}")) }
        })
    }
}

/// Declares tests that run once for each executor, as `<test>::docker` and `<test>::sandbox`. The
/// body gets the executor.
#[macro_export]
macro_rules! on_each_executor {
    ($($(#[$meta:meta])* async fn $name:ident($executor:ident) $body:block)*) => {
        $(
            $(#[$meta])*
            mod $name {
                #[allow(unused_imports)]
                use super::*;

                async fn body($executor: $crate::support::Executor) $body

                #[tokio::test(flavor = "multi_thread")]
                async fn docker() {
                    if $crate::support::Executor::Docker.is_here() {
                        body($crate::support::Executor::Docker).await;
                    }
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn sandbox() {
                    if $crate::support::Executor::Sandbox.is_here() {
                        body($crate::support::Executor::Sandbox).await;
                    }
                }
            }
        )*
    };
}
