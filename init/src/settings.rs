//! What the init is told through its environment variables.

use std::ffi::OsString;
use std::time::Duration;

use larder_init::link;
use larder_init::names::{self, Names};

use crate::dial::{Address, AddressError};
use crate::relay::Relay;

/// Where the server is, and who this environment is.
pub struct Settings {
    /// Where to dial.
    pub link: Address,
    /// The environment's id.
    pub environment: String,
    /// Proof of the id: a secret, which the runtime must not see.
    pub token: String,
    /// How long a lost server is waited for.
    pub grace: Duration,
    /// What passes the function's calls on to the server.
    pub relay: Option<Relay>,
    /// The names that lead to the server.
    pub names: Option<Names>,
    /// The network around it.
    pub network: Network,
}

/// The network of an environment, as far as the init has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Its own.
    Own,
    /// Its own, whose way out is being opened.
    Opens,
    /// Its loopback is that of others too.
    Shared,
}

/// Why the variables are of no use.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The server always sets it.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// Its value is not text, or not a number where one is wanted.
    #[error("{0} has no usable value")]
    Unusable(&'static str),
    /// The address cannot be read.
    #[error("{name}: {0}", name = link::LINK_VARIABLE)]
    Address(#[from] AddressError),
}

impl Settings {
    /// Reads the variables of this process.
    pub fn from_environment() -> Result<Self, SettingsError> {
        Self::read(|name| std::env::var_os(name))
    }

    /// Reads the variables through `lookup`.
    fn read(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, SettingsError> {
        let text = |name: &'static str| {
            let value = lookup(name).ok_or(SettingsError::Missing(name))?;
            value.into_string().map_err(|_| SettingsError::Unusable(name))
        };
        let grace = text(link::GRACE_VARIABLE)?;
        let grace = grace.parse().map_err(|_| SettingsError::Unusable(link::GRACE_VARIABLE))?;
        Ok(Self {
            link: text(link::LINK_VARIABLE)?.parse::<Address>()?,
            environment: text(link::ENVIRONMENT_VARIABLE)?,
            token: text(link::TOKEN_VARIABLE)?,
            grace: Duration::from_secs(grace),
            relay: match lookup(link::RELAY_VARIABLE) {
                Some(_) => {
                    let relay = text(link::RELAY_VARIABLE)?.parse();
                    Some(relay.map_err(|()| SettingsError::Unusable(link::RELAY_VARIABLE))?)
                }
                None => None,
            },
            names: match lookup(names::VARIABLE) {
                Some(_) => {
                    let read = serde_json::from_str(&text(names::VARIABLE)?);
                    Some(read.map_err(|_| SettingsError::Unusable(names::VARIABLE))?)
                }
                None => None,
            },
            network: match lookup(link::NETWORK_VARIABLE) {
                None => Network::Own,
                Some(word) if word == link::NETWORK_OPENS => Network::Opens,
                Some(word) if word == link::NETWORK_SHARED => Network::Shared,
                Some(_) => return Err(SettingsError::Unusable(link::NETWORK_VARIABLE)),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value)))
    }

    #[test]
    fn a_missing_variable_is_named() {
        let refusal = read(&[(link::GRACE_VARIABLE, "5")]).err().expect("the link is missing");
        assert_eq!(refusal.to_string(), "LARDER_LINK is not set");
    }

    #[test]
    fn a_grace_that_is_no_number_is_refused() {
        let refusal = read(&[(link::GRACE_VARIABLE, "soon")]).err().expect("not a number");
        assert_eq!(refusal.to_string(), "LARDER_GRACE_S has no usable value");
    }
}
