//! Shadows of functions in the upstream, by which its triggers reach functions here.

use std::str::FromStr;

use clap::{Args, ValueEnum};

use crate::upstream::Endpoint;

/// Shadows of functions.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Other services")]
pub struct ShadowOptions {
    /// Whether each function has a shadow of its name in the Lambda of --upstream, which hands on to it what triggers there
    /// bring: auto where that has a Lambda that runs functions, AWS itself excepted
    #[arg(long, env = "LARDER_SHADOWS", default_value = "auto", value_enum)]
    pub shadows: Shadows,
    /// Where shadows reach this server, if not where it listens: an upstream in a container needs an address of this
    /// machine, such as `http://host.docker.internal:4566`
    #[arg(long, env = "LARDER_SHADOW_ENDPOINT", value_name = "URL")]
    pub shadow_endpoint: Option<ShadowEndpoint>,
}

/// Whether functions have shadows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shadows {
    /// Where the upstream can have them
    Auto,
    /// None
    Off,
}

/// An address at which shadows call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowEndpoint(pub String);

impl FromStr for ShadowEndpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let endpoint: Endpoint = text.parse()?;
        if endpoint.is_emulator() {
            return Err(format!("{text} is no URL of this server; write http://HOST:PORT"));
        }
        Ok(Self(endpoint.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_a_url_without_a_path() {
        let read = |text: &str| text.parse::<ShadowEndpoint>();
        assert_eq!(read("http://172.17.0.1:4566/"), Ok(ShadowEndpoint("http://172.17.0.1:4566".to_owned())));
        for (wrong, says) in [
            ("172.17.0.1:4566", "write http://HOST:PORT"),
            ("http://larder/path", "has no path"),
            ("aws-emulator", "is no URL of this server"),
        ] {
            let error = read(wrong).expect_err(wrong);
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }
}
