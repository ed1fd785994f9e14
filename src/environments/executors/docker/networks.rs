//! The networks that containers get: whether the engine has them is told at the start, not by every cold call.

use bollard::query_parameters::{InspectNetworkOptions, ListNetworksOptions};

use super::DockerExecutor;
use super::container::{HOST_NETWORK, SHARED_NETWORK};
use super::engine::is_missing;
use crate::environments::executor::ExecutorError;

/// Networks that need none of the engine's.
const BUILT_IN: [&str; 4] = [HOST_NETWORK, "none", "bridge", "default"];

impl DockerExecutor {
    /// Looks whether the engine has the networks that the user names.
    ///
    /// # Errors
    /// Which one it has not, and which it has; or which cannot be together.
    pub async fn check_networks(&self) -> Result<(), ExecutorError> {
        let networks: Vec<&str> = match &self.options.networks[..] {
            [] => self.options.main_network().into_iter().collect(),
            named => named.iter().map(String::as_str).collect(),
        };
        if let (true, Some(other)) = (self.options.shares_loopback(), networks.get(1)) {
            return Err(ExecutorError::Failed(format!(
                "LAMBDA_DOCKER_NETWORK: containers in the network {} can be in no other one: leave {other} out",
                networks[0]
            )));
        }

        let known = |name: &&str| BUILT_IN.contains(name) || name.starts_with(SHARED_NETWORK);
        for name in networks.into_iter().filter(|name| !known(name)) {
            let looking = self.engine.docker.inspect_network(name, None::<InspectNetworkOptions>);
            match self.engine.quick(looking).await {
                Ok(_) => {}
                Err(error) if is_missing(&error) => return Err(self.no_network(name).await),
                Err(error) => return Err(self.engine.failed(&format!("look for the network {name}"), &error)),
            }
        }

        Ok(())
    }

    async fn no_network(&self, name: &str) -> ExecutorError {
        let listing = self.engine.docker.list_networks(None::<ListNetworksOptions>);
        let listed = self.engine.quick(listing).await.unwrap_or_default();
        let mut there: Vec<String> = listed.into_iter().filter_map(|network| network.name).collect();
        there.sort();

        ExecutorError::Failed(format!(
            "LAMBDA_DOCKER_NETWORK: the engine has no network {name}; it has {}. Make it with `docker network create \
             {name}`, or name another one",
            there.join(", ")
        ))
    }
}
