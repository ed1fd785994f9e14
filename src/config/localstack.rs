//! Variables by which users of `LocalStack` say the same as by ours, which go first.
//!
//! Source: <https://docs.localstack.cloud/references/configuration/>

use std::convert::Infallible;

use clap::Args;

use super::ServeOptions;
use crate::front::ListenAddress;
use crate::front::guard::cors::CorsOrigin;

/// Where a server listens that nobody told otherwise.
const USUAL: &str = "localhost:4566";

/// What `LocalStack`'s variables say.
#[derive(Debug, Clone, Args)]
pub struct LocalStackOptions {
    /// Where it listens
    #[arg(long, hide = true, env = "GATEWAY_LISTEN", value_delimiter = ',')]
    gateway_listen: Vec<ListenAddress>,
    /// Under which name, with its port, it is called
    #[arg(long, hide = true, env = "LOCALSTACK_HOST")]
    localstack_host: Option<String>,
    /// Whose pages may call
    #[arg(long, hide = true, env = "EXTRA_CORS_ALLOWED_ORIGINS", value_delimiter = ',')]
    extra_cors_allowed_origins: Vec<CorsOrigin>,
    /// Whether more is logged
    #[arg(long, hide = true, env = "DEBUG", value_parser = is_on)]
    debug: bool,
}

/// Whether a variable is switched on. Others have a `DEBUG` of their own, with values of all kinds.
#[allow(clippy::unnecessary_wraps, reason = "clap asks so")]
fn is_on(text: &str) -> Result<bool, Infallible> {
    Ok(matches!(text.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"))
}

impl ServeOptions {
    /// Takes over what `LocalStack`'s variables say where ours say nothing.
    pub fn complete(&mut self) {
        if self.listen.is_empty() {
            self.listen.clone_from(&self.localstack.gateway_listen);
        }
        if self.listen.is_empty() {
            self.listen.extend(USUAL.parse::<ListenAddress>());
        }
        let host = self.localstack.localstack_host.as_deref().and_then(|host| host.split(':').next());
        self.hostname.extend(host.filter(|host| !host.is_empty()).map(str::to_owned));
        self.cors_origins.extend(self.localstack.extra_cors_allowed_origins.iter().cloned());
    }

    /// Whether more is to be logged than usual.
    pub fn logs_more(&self) -> bool {
        self.localstack.debug
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: ServeOptions,
    }

    fn completed(arguments: &[&str]) -> ServeOptions {
        let mut options = Line::parse_from([&["larder"], arguments].concat()).options;
        options.complete();
        options
    }

    #[test]
    fn ours_go_first() {
        let listens = |arguments: &[&str]| {
            let listen = completed(arguments).listen;
            listen.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(listens(&[]), [USUAL]);
        assert_eq!(listens(&["--gateway-listen", "0.0.0.0:4566,:443"]), ["0.0.0.0:4566", "localhost:443"]);
        assert_eq!(listens(&["--gateway-listen", "0.0.0.0:4566", "--listen", "4799"]), ["localhost:4799"]);
        assert_eq!(
            ["1", "True", "0", "express:*", ""].map(is_on),
            [Ok(true), Ok(true), Ok(false), Ok(false), Ok(false)]
        );
        let options = completed(&["--localstack-host", "aws:4566", "--hostname", "larder"]);
        assert_eq!(options.hostname, ["larder", "aws"]);
    }
}
