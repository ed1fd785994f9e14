//! Names inside environments, most under the names the field uses.

use std::net::{IpAddr, SocketAddr};

use clap::{Args, ValueEnum};
use larder_init::names;

/// The port at which resolvers answer.
const PORT: u16 = 53;

/// The field's word for no resolver.
const OFF: &str = "0";

/// Which names lead to this server inside environments.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Names (inside environments)")]
pub struct NameOptions {
    /// Whether AWS's names and those of this machine lead to this server inside environments, over HTTPS too: where an
    /// environment has a network of its own (auto), or the server does not start (on); or never (off)
    #[arg(long, env = "LARDER_DNS", default_value = "auto", value_enum)]
    dns: Dns,
    /// Taken for compatibility: 0 is --dns off; another address has no effect, as names are answered inside environments
    #[arg(long, env = "DNS_ADDRESS", value_name = "ADDRESS")]
    dns_address: Option<String>,
    /// What names begin with that are looked up as without this, as regular expressions; repeated, or a list with commas
    #[arg(long, env = "DNS_NAME_PATTERNS_TO_RESOLVE_UPSTREAM", value_delimiter = ',', value_name = "PATTERN", value_parser = pattern)]
    dns_upstream_pattern: Vec<String>,
    /// Resolvers that are asked for all other names, in place of those that an environment has: addresses, with a port
    /// where it is not 53; repeated, or a list with commas
    #[arg(long, env = "DNS_SERVER", value_delimiter = ',', value_name = "ADDRESS", value_parser = checked_server)]
    dns_server: Vec<String>,
}

/// Whether names lead here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dns {
    /// Where they can
    Auto,
    /// Yes, or the server does not start
    On,
    /// No
    Off,
}

impl NameOptions {
    /// Whether names lead here, by all that is said of it.
    pub fn choice(&self) -> Dns {
        if self.dns == Dns::Auto && self.address() == Some(OFF) { Dns::Off } else { self.dns }
    }

    /// An address that was given, and has no effect.
    pub fn useless_address(&self) -> Option<&str> {
        self.address().filter(|address| !address.is_empty() && *address != OFF)
    }

    fn address(&self) -> Option<&str> {
        self.dns_address.as_deref().map(str::trim)
    }

    /// The patterns of names that do not; an empty value names none.
    pub fn upstream_patterns(&self) -> Vec<String> {
        let patterns = self.dns_upstream_pattern.iter().map(|text| text.trim());
        patterns.filter(|text| !text.is_empty()).map(str::to_owned).collect()
    }

    /// The resolvers for all others; an empty value names none.
    pub fn servers(&self) -> Vec<SocketAddr> {
        self.dns_server.iter().filter_map(|text| server(text)).collect()
    }
}

fn pattern(text: &str) -> Result<String, String> {
    names::pattern(text.trim()).map(|_| text.to_owned())
}

fn checked_server(text: &str) -> Result<String, String> {
    let is_usable = text.trim().is_empty() || server(text).is_some();
    is_usable.then(|| text.to_owned()).ok_or_else(|| "write an address, such as 10.0.0.2 or 10.0.0.2:5353".to_owned())
}

fn server(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let with_port = || text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, PORT));
    text.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        names: NameOptions,
    }

    fn read(arguments: &[&str]) -> Result<NameOptions, String> {
        let arguments = ["serve"].iter().chain(arguments);
        Line::try_parse_from(arguments).map(|line| line.names).map_err(|error| error.to_string())
    }

    #[test]
    fn the_fields_switch_is_taken() {
        let choice = |arguments: &[&str]| read(arguments).expect("options").choice();
        assert_eq!(choice(&[]), Dns::Auto);
        assert_eq!(choice(&["--dns-address", "0"]), Dns::Off);
        assert_eq!(choice(&["--dns-address", "0.0.0.0"]), Dns::Auto);
        assert_eq!(choice(&["--dns-address", "0", "--dns", "on"]), Dns::On, "Larder's own says it louder");
        let useless =
            |address| read(&["--dns-address", address]).expect("options").useless_address().map(str::to_owned);
        assert_eq!((useless("0"), useless(""), useless("0.0.0.0").as_deref()), (None, None, Some("0.0.0.0")));
    }

    #[test]
    fn patterns_and_resolvers_are_read_or_refused() {
        let options = read(&["--dns-upstream-pattern", "s3.*, ,.*ecr", "--dns-server", "10.0.0.2,::1, 10.0.0.3:5353"]);
        let options = options.expect("options");
        assert_eq!(options.upstream_patterns(), ["s3.*", ".*ecr"]);
        let servers: Vec<_> = options.servers().iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["10.0.0.2:53", "[::1]:53", "10.0.0.3:5353"]);
        assert!(read(&["--dns-upstream-pattern", ""]).expect("options").upstream_patterns().is_empty());
        assert!(read(&["--dns-server", ""]).expect("options").servers().is_empty());

        assert!(read(&["--dns-upstream-pattern", "*.amazonaws.com"]).is_err());
        assert!(read(&["--dns-server", "resolver.example"]).is_err_and(|error| error.contains("10.0.0.2:5353")));
    }
}
