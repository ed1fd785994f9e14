//! Where to listen, as the user says it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The name that means this machine in every family of addresses, whatever a resolver says (RFC 6761, 6.3).
const LOCALHOST: &str = "localhost";

/// A host and a port: `localhost:4566`, `0.0.0.0:4566`, `[::1]:0`, `larder:80`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    host: String,
    port: u16,
}

impl ListenAddress {
    /// The name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The same at the port that was found free.
    pub fn at_port(&self, port: u16) -> Self {
        Self { host: self.host.clone(), port }
    }

    /// The socket addresses that are meant: those of both families for a name that has both.
    pub async fn resolve(&self) -> std::io::Result<Vec<SocketAddr>> {
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, self.port)]);
        }
        if self.host.eq_ignore_ascii_case(LOCALHOST) {
            let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Ok(both.map(|ip| SocketAddr::new(ip, self.port)).to_vec());
        }

        let mut found: Vec<_> = tokio::net::lookup_host((self.host.as_str(), self.port)).await?.collect();
        found.sort();
        found.dedup();
        Ok(found)
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self { host: address.ip().to_string(), port: address.port() });
        }
        // A port alone is that of this machine: who wants others to come says so.
        let alone = text.strip_prefix(':').unwrap_or(text);
        if let (true, Ok(port)) = (alone.bytes().all(|byte| byte.is_ascii_digit()), alone.parse()) {
            return Ok(Self { host: LOCALHOST.to_owned(), port });
        }
        let is_name = |host: &str| {
            let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
            !host.is_empty() && host.chars().all(fits)
        };
        let found = text.rsplit_once(':').filter(|(host, _)| is_name(host));
        let found = found.and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = found.ok_or_else(|| {
            "write HOST:PORT, such as localhost:4566, 0.0.0.0:4566 or [::1]:4566, or a port alone".to_owned()
        })?;

        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.parse() {
            Ok(ip) => SocketAddr::new(ip, self.port).fmt(f),
            Err(_) => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_and_addresses_are_read() {
        for text in ["127.0.0.1:4566", "[::1]:0", "localhost:4566", "my-host.example:80"] {
            assert_eq!(text.parse::<ListenAddress>().expect(text).to_string(), text);
        }
        for port in ["4799", ":4799"] {
            assert_eq!(port.parse::<ListenAddress>().expect(port).to_string(), "localhost:4799");
        }
        for wrong in ["", ":", "+1", "localhost", "localhost:", "localhost:70000", "http://localhost:1", "::1"] {
            assert!(wrong.parse::<ListenAddress>().is_err(), "{wrong}");
        }
        let both = "localhost:7".parse::<ListenAddress>().expect("one").resolve().await.expect("known");
        assert_eq!(both.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.1:7", "[::1]:7"]);
    }
}
