//! Where functions find this server: the value of `AWS_ENDPOINT_URL`, by which AWS's SDKs call Larder, and its upstream
//! for what it does not serve, without a change of the function.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The variable that AWS's SDKs read.
pub const VARIABLE: &str = "AWS_ENDPOINT_URL";

/// Name of the socket beside the link's on which the server serves all that it serves on its port.
pub const SOCKET: &str = "api.sock";

/// How functions reach the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Endpoint {
    /// They are not told.
    #[default]
    Absent,
    /// At this port of their own loopback, where their init passes connections on to the server's socket.
    Relayed(u16),
    /// At this URL.
    At(String),
}

impl Endpoint {
    /// Where processes of this machine reach a server that listens at `address`.
    pub fn on_this_machine(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        Self::At(format!("http://{}", SocketAddr::new(ip, address.port())))
    }

    /// At the host that the user names (`HOSTNAME_FROM_LAMBDA`), with the server's port where that has none.
    pub fn at_host(host: &str, port: u16) -> Self {
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        Self::At(if has_port { format!("http://{host}") } else { format!("http://{host}:{port}") })
    }

    /// The value of [`VARIABLE`].
    pub fn url(&self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Relayed(port) => Some(format!("http://127.0.0.1:{port}")),
            Self::At(url) => Some(url.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_those_that_functions_can_reach() {
        let here = |address: &str| Endpoint::on_this_machine(address.parse().expect(address)).url();
        assert_eq!(here("0.0.0.0:4566").as_deref(), Some("http://127.0.0.1:4566"));
        assert_eq!(here("[::]:80").as_deref(), Some("http://[::1]:80"));
        assert_eq!(here("10.0.0.7:4566").as_deref(), Some("http://10.0.0.7:4566"));
        assert_eq!(Endpoint::at_host("larder", 4566).url().as_deref(), Some("http://larder:4566"));
        assert_eq!(Endpoint::at_host("larder:80", 4566).url().as_deref(), Some("http://larder:80"));
        assert_eq!(Endpoint::Relayed(4566).url().as_deref(), Some("http://127.0.0.1:4566"));
    }
}
