//! Which network functions have: the best of those that the user allows and that a trial sandbox gets.

use std::path::Path;

use larder_init::spawn::{Network, WayOut, WayOutKind};

/// Which network functions in sandboxes have (`--sandbox-network`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum SandboxNetwork {
    /// One of their own for each environment, with a way out, where this machine has a program for it; else the host's
    #[default]
    Auto,
    /// One of their own with a way out, or the server does not start
    Private,
    /// One of their own that leads nowhere but to this server
    None,
    /// The host's, also its loopback
    Host,
}

impl SandboxNetwork {
    /// What may be taken, the best first.
    pub(super) fn candidates(self) -> Vec<Network> {
        let ways_out = || WayOutKind::ALL.into_iter().filter_map(way_out);
        match self {
            Self::Auto => ways_out().chain([Network::Host]).collect(),
            Self::Private => ways_out().collect(),
            Self::None => vec![Network::Closed],
            Self::Host => vec![Network::Host],
        }
    }

    /// What is told of the network that was taken; `refusals` are of those that were tried before.
    pub(super) fn summary(self, network: &Network, refusals: &[String]) -> String {
        match network {
            Network::Open(way_out) => format!("network: their own, out by {}", way_out.kind.word()),
            Network::Closed => "network: their own, without a way out".to_owned(),
            Network::Host if self == Self::Host => "network: this machine's".to_owned(),
            Network::Host => format!("network: this machine's, as {}", why_none(refusals)),
        }
    }
}

/// Why there is no way out.
pub(super) fn why_none(refusals: &[String]) -> String {
    match refusals {
        [] => "neither slirp4netns nor pasta is on the PATH".to_owned(),
        refusals => refusals.join("; "),
    }
}

/// The program of a kind, where it is on the PATH.
fn way_out(kind: WayOutKind) -> Option<Network> {
    let path = std::env::var_os("PATH")?;
    let places = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    let program = places.map(|folder| folder.join(kind.word())).find(|program| is_program(program))?;
    Some(Network::Open(WayOut { kind, program }))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_is_told_with_the_reason() {
        let open = Network::Open(WayOut { kind: WayOutKind::Pasta, program: "/usr/bin/pasta".into() });
        assert_eq!(SandboxNetwork::Auto.summary(&open, &[]), "network: their own, out by pasta");
        let host = |setting: SandboxNetwork, refusals: &[String]| setting.summary(&Network::Host, refusals);
        assert_eq!(host(SandboxNetwork::Host, &[]), "network: this machine's");
        let none = "network: this machine's, as neither slirp4netns nor pasta is on the PATH";
        assert_eq!(host(SandboxNetwork::Auto, &[]), none);
        let tried = ["pasta: no".to_owned()];
        assert_eq!(host(SandboxNetwork::Auto, &tried), "network: this machine's, as pasta: no");
        assert_eq!(SandboxNetwork::Auto.candidates().last(), Some(&Network::Host));

        assert_eq!(SandboxNetwork::None.candidates(), [Network::Closed]);
    }
}
