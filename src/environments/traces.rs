//! Traces: what functions and Lambda itself tell X-Ray, on its way to a daemon, where one is configured.

use std::net::{SocketAddr, UdpSocket};

/// The line before a segment.
///
/// Source: <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html>.
const HEADER: &str = "{\"format\":\"json\",\"version\":1}\n";

/// Where traces go.
#[derive(Debug, Default)]
pub struct Traces {
    daemon: Option<(UdpSocket, SocketAddr)>,
}

impl Traces {
    /// Sends to the daemon at an address, or nowhere.
    pub fn to(daemon: Option<SocketAddr>) -> std::io::Result<Self> {
        let Some(address) = daemon else {
            return Ok(Self::default());
        };
        let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
        let socket = UdpSocket::bind(any)?;
        socket.set_nonblocking(true)?;
        Ok(Self { daemon: Some((socket, address)) })
    }

    /// Whether anybody takes them.
    pub fn are_wanted(&self) -> bool {
        self.daemon.is_some()
    }

    /// Passes a datagram of a function on. Traces may be lost, as on AWS: nobody waits for them.
    pub fn forward(&self, datagram: &[u8]) {
        if let Some((socket, address)) = &self.daemon
            && let Err(error) = socket.send_to(datagram, address)
        {
            tracing::debug!(%error, "a trace was not taken by the X-Ray daemon");
        }
    }

    /// Sends a segment.
    pub fn send(&self, segment: &serde_json::Value) {
        if self.are_wanted() {
            self.forward(format!("{HEADER}{segment}").as_bytes());
        }
    }
}
