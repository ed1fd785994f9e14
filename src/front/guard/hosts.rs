//! Names under which the server answers. A web page can lead a browser here under any name that its maker controls
//! (DNS rebinding), and may then read what it is answered; under an address, or a name that nobody can point
//! elsewhere, it cannot.

use std::net::{IpAddr, SocketAddr};

use axum::http::uri::Authority;

/// Names of this machine: those that every resolver has for the loopback; that of the field's tools, whose DNS says
/// 127.0.0.1 for it and all below it; and those by which containers know their host, under a domain that is reserved.
pub const OURS: [&str; 5] = [
    "localhost",
    "localhost.localstack.cloud",
    "host.docker.internal",
    "gateway.docker.internal",
    "host.containers.internal",
];

/// AWS's own domains.
pub const AWS: [&str; 5] = ["amazonaws.com", "amazonaws.com.cn", "api.aws", "on.aws", "api.amazonwebservices.com.cn"];

/// Labels under which AWS gives names to machines of its customers, whose addresses those choose.
pub const OF_CUSTOMERS: [&str; 7] = ["compute", "compute-1", "elb", "rds", "cache", "es", "vpce"];

/// Whose a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// This server's.
    Ours,
    /// AWS's: what SDKs without an endpoint ask for, led here by a proxy. No browser has business here under it.
    Aws,
    /// Somebody's.
    Foreign,
}

/// Names and addresses under which the server answers.
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    names: Vec<String>,
    addresses: Vec<IpAddr>,
    /// Whether it listens on all addresses of the machine: then any address is one of its own, as an address cannot
    /// be pointed elsewhere.
    any_address: bool,
}

impl Hosts {
    /// Those of a server that listens at `addresses`, and has been given `names`, with or without ports.
    pub fn new(addresses: &[SocketAddr], names: impl IntoIterator<Item = String>) -> Self {
        let mut hosts = Self::default();
        for address in addresses {
            hosts.any_address |= address.ip().is_unspecified();
            hosts.addresses.push(address.ip());
        }

        for name in names {
            match parse(&name) {
                Some(Host::Name(name)) => hosts.names.push(name),
                Some(Host::Address(address)) => hosts.addresses.push(address),
                None => {}
            }
        }

        hosts
    }

    /// Whose the host of a request is: `NAME`, `NAME:PORT`, or an address.
    pub fn owner(&self, host: &str) -> Owner {
        match parse(host) {
            Some(Host::Address(address)) if self.has_address(address) => Owner::Ours,
            Some(Host::Name(name)) if self.has_name(&name) => Owner::Ours,
            Some(Host::Name(name)) if is_of_aws(&name) => Owner::Aws,
            _ => Owner::Foreign,
        }
    }

    fn has_address(&self, address: IpAddr) -> bool {
        address.to_canonical().is_loopback() || self.any_address || self.addresses.contains(&address)
    }

    fn has_name(&self, name: &str) -> bool {
        let given = self.names.iter().map(String::as_str);
        OURS.into_iter().chain(given).any(|ours| is_within(name, ours))
    }
}

enum Host {
    Name(String),
    Address(IpAddr),
}

/// Takes a host apart; `None` for what is none.
fn parse(host: &str) -> Option<Host> {
    let authority: Authority = host.parse().ok()?;
    if authority.as_str().contains('@') {
        return None;
    }
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse() {
        return Some(Host::Address(address));
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();

    (!name.is_empty() && !name.contains('[')).then_some(Host::Name(name))
}

/// Whether a name is `domain` or below it.
fn is_within(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn is_of_aws(name: &str) -> bool {
    AWS.into_iter().any(|domain| is_within(name, domain)) && !name.split('.').any(|label| OF_CUSTOMERS.contains(&label))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(listen: &str, given: &[&str], host: &str) -> Owner {
        let hosts = Hosts::new(&[listen.parse().expect(listen)], given.iter().map(|name| (*name).to_owned()));
        hosts.owner(host)
    }

    #[test]
    fn names_of_this_machine_are_ours() {
        for host in [
            "localhost",
            "LocalHost:4566",
            "localhost.",
            "f.lambda-url.us-east-1.localhost:4566",
            "127.0.0.1:4566",
            "127.1.2.3",
            "[::1]:4566",
            "[::ffff:127.0.0.1]:1",
            "localhost.localstack.cloud:4566",
            "s3.localhost.localstack.cloud",
            "host.docker.internal:4566",
        ] {
            assert_eq!(owner("127.0.0.1:4566", &[], host), Owner::Ours, "{host}");
        }
    }

    #[test]
    fn others_are_foreign() {
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "evillocalhost",
            "127.0.0.1.evil.example",
            "evil@localhost",
            "localhost@evil.example",
            "10.0.0.7",
            "0.0.0.0:4566",
            "[::2]",
            "larder",
            "localhost:4566/",
            "amazonaws.com.evil.example",
            "evilamazonaws.com",
            "ec2-1-2-3-4.compute-1.amazonaws.com",
            "x-1.us-east-1.elb.amazonaws.com",
        ] {
            assert_eq!(owner("127.0.0.1:4566", &[], host), Owner::Foreign, "{host}");
        }
    }

    #[test]
    fn what_is_given_is_ours_with_all_below_it() {
        let given = ["larder", "Lambda.Example:80", "10.1.1.1"];
        for host in ["larder:4566", "lambda.example", "f.lambda-url.us-east-1.lambda.example", "10.1.1.1:4566"] {
            assert_eq!(owner("127.0.0.1:4566", &given, host), Owner::Ours, "{host}");
        }
        assert_eq!(owner("10.0.0.7:4566", &[], "10.0.0.7:4566"), Owner::Ours);
        assert_eq!(owner("0.0.0.0:4566", &[], "10.0.0.7:4566"), Owner::Ours, "an address cannot be pointed elsewhere");
        assert_eq!(owner("0.0.0.0:4566", &[], "evil.example"), Owner::Foreign);
    }

    #[test]
    fn names_of_aws_are_known() {
        for host in ["lambda.us-east-1.amazonaws.com", "b.s3.eu-west-1.amazonaws.com:443", "lambda.us-east-1.api.aws"] {
            assert_eq!(owner("127.0.0.1:4566", &[], host), Owner::Aws, "{host}");
        }
    }
}
