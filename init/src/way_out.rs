//! Whether the environment's own network leads anywhere yet: a program outside opens it while the init starts, and
//! no function may run before, as its first call could fail.

use std::time::Duration;

use tokio::time::Instant;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// How long a start waits at most; it takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Waits until there is a way out, and says so where there comes none: the function runs without.
pub async fn wait() {
    let start = Instant::now();
    while !is_open("self") {
        if start.elapsed() > PATIENCE {
            eprintln!("larder-init: the network has no way out after {} s", PATIENCE.as_secs());
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether the network of a process has a default route.
pub fn is_open(process: &str) -> bool {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{process}/net/{name}")).unwrap_or_default();
    has_route(&read("route"), &read("ipv6_route"))
}

/// Reads the kernel's two tables: a route to everywhere, over a device that is not the loopback's.
fn has_route(four: &str, six: &str) -> bool {
    let is_default = |line: &str| {
        let mut fields = line.split_whitespace();
        let device = fields.next();
        let to = fields.next();
        let mask = fields.nth(5);
        device.is_some_and(|device| device != "lo") && to == Some("00000000") && mask == Some("00000000")
    };
    let is_default_six = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let to_all =
            fields.first().is_some_and(|to| to.bytes().all(|byte| byte == b'0')) && fields.get(1) == Some(&"00");
        to_all && fields.last().is_some_and(|device| *device != "lo")
    };
    four.lines().skip(1).any(is_default) || six.lines().any(is_default_six)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_route_to_everywhere_is_a_way_out() {
        let head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
        let near = "tap0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        let far = "tap0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";
        assert!(!has_route("", ""));
        assert!(!has_route(&format!("{head}{near}"), ""));
        assert!(has_route(&format!("{head}{near}{far}"), ""));
        let six = |device: &str| {
            let zeros = "0".repeat(32);
            format!("{zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200       {device}\n")
        };

        assert!(!has_route(head, &six("lo")) && has_route(head, &six("eth0")));
    }
}
