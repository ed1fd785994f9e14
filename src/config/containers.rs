//! Settings of the Docker executor, most under the names the field uses.

use std::net::SocketAddr;

use clap::Args;

use crate::environments::executors::docker::ContainerFlags;

/// The engine, and what its containers get.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Containers (docker executor)")]
pub struct ContainerSettings {
    /// Docker engine: a Unix socket, or tcp://HOST:PORT together with --link-address
    #[arg(long, env = "DOCKER_HOST", value_name = "URL")]
    pub docker_host: Option<String>,
    /// Address of this machine where containers of a remote engine reach the server, which listens there
    #[arg(long, env = "LARDER_LINK_ADDRESS", value_name = "ADDRESS")]
    pub link_address: Option<SocketAddr>,
    /// Networks of containers, the main one first
    #[arg(long, env = "LAMBDA_DOCKER_NETWORK", value_delimiter = ',', value_name = "NAME,…")]
    docker_network: Vec<String>,
    /// DNS servers of containers
    #[arg(long, env = "LAMBDA_DOCKER_DNS", value_delimiter = ',', value_name = "ADDRESS,…")]
    docker_dns: Vec<String>,
    /// Flags of `docker run` for all containers (docs/executors.md lists them)
    #[arg(long, env = "LAMBDA_DOCKER_FLAGS", default_value = "", hide_default_value = true, allow_hyphen_values = true, value_name = "FLAGS", value_parser = ContainerFlags::parse_value)]
    pub docker_flags: ContainerFlags,
    /// Whether containers are removed when they have ended: 1 or 0
    #[arg(long, env = "LAMBDA_REMOVE_CONTAINERS", default_value = "1", value_name = "0|1", action = clap::ArgAction::Set, value_parser = clap::builder::BoolishValueParser::new())]
    pub remove_containers: bool,
    /// Whether functions run on the engine's architecture, whatever they ask for: 1 or 0
    #[arg(long, env = "LAMBDA_IGNORE_ARCHITECTURE", default_value = "0", value_name = "0|1", action = clap::ArgAction::Set, value_parser = clap::builder::BoolishValueParser::new())]
    pub ignore_architecture: bool,
    /// Taken for compatibility, without effect: code is mounted, which leaves nothing to build ahead
    #[arg(long, env = "LAMBDA_PREBUILD_IMAGES", default_value = "0", value_name = "0|1", action = clap::ArgAction::Set, value_parser = clap::builder::BoolishValueParser::new())]
    pub prebuild_images: bool,
}

impl ContainerSettings {
    /// The networks; an empty value names none.
    pub fn networks(&self) -> Vec<String> {
        named(&self.docker_network)
    }

    /// The DNS servers; an empty value names none.
    pub fn dns(&self) -> Vec<String> {
        named(&self.docker_dns)
    }

    /// The user's word for where the engine is.
    pub fn engine(&self) -> Option<&str> {
        self.docker_host.as_deref().filter(|host| !host.is_empty())
    }
}

fn named(list: &[String]) -> Vec<String> {
    list.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}
