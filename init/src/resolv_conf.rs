//! The text of a resolv.conf.

use std::net::IpAddr;

/// The resolvers that it names; what stands behind one on its line is a comment.
pub fn nameservers(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let is_resolver = words.next() == Some("nameserver");
        words.next().filter(|_| is_resolver).map(str::to_owned)
    })
}

/// Whether a resolver is on the loopback.
pub fn is_loopback(name: &str) -> bool {
    let address = name.split('%').next().unwrap_or_default();
    address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The text with other resolvers.
pub fn with_nameservers(text: &str, resolvers: &[String]) -> String {
    let kept = text.lines().filter(|line| !line.trim().starts_with("nameserver")).map(str::to_owned);
    let named = resolvers.iter().map(|name| format!("nameserver {name}"));
    kept.chain(named).map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_take_the_place_of_the_hosts() {
        let host = "# made by hand\nsearch a.test b.test\nnameserver 127.0.0.53 # stub\noptions ndots:2\n";
        assert_eq!(nameservers(host).collect::<Vec<_>>(), ["127.0.0.53"]);
        assert!(
            is_loopback("127.0.0.53") && is_loopback("::1") && !is_loopback("10.0.0.1") && !is_loopback("fe80::1%eth0")
        );
        let inside = with_nameservers(host, &["10.0.2.3".to_owned()]);
        assert_eq!(inside, "# made by hand\nsearch a.test b.test\noptions ndots:2\nnameserver 10.0.2.3\n");
    }
}
