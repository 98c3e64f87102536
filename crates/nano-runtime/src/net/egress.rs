//! Which addresses an app may reach: public ones, and what its configuration adds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an app may reach besides public addresses.
#[derive(Debug, Clone, Default)]
pub struct Egress {
    nets: Vec<(IpAddr, u8)>,
    hosts: Vec<Box<str>>,
    closed_port: Option<u16>,
}

impl Egress {
    /// Adds a range: its first address, and how many leading bits all of its addresses share.
    #[must_use]
    pub fn with_net(mut self, address: IpAddr, prefix_bits: u8) -> Self {
        self.nets.push((canonical(address), prefix_bits));
        self
    }

    /// Adds a host by name, in lower case, whatever its addresses are.
    #[must_use]
    pub fn with_host(mut self, name: &str) -> Self {
        self.hosts.push(name.into());
        self
    }

    /// Keeps the app from a port of this machine, whatever it may reach: one where whoever is on the machine is trusted.
    #[must_use]
    pub fn without_own_port(mut self, port: Option<u16>) -> Self {
        self.closed_port = port;
        self
    }

    /// Whether that is the port that is closed, by an address or a name of this machine that needs no name server. Other
    /// names stay in the request, by which the server knows that they are not its own.
    pub(crate) fn is_closed(&self, host: &str, port: u16) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = host.strip_suffix('.').unwrap_or(host);
        let is_own = match host.parse().map(canonical) {
            Ok(address) => address.is_loopback() || address.is_unspecified(),
            Err(_) => name == "localhost" || name.ends_with(".localhost"),
        };
        self.closed_port == Some(port) && is_own
    }

    pub(crate) fn allows_host(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        self.hosts.iter().any(|host| **host == *name)
    }

    pub(crate) fn allows_address(&self, address: IpAddr) -> bool {
        let address = canonical(address);
        is_public(address) || self.nets.iter().any(|(net, bits)| is_in(address, *net, *bits))
    }
}

/// An IPv4 address that is written as one of IPv6 is what it means.
fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn is_in(address: IpAddr, net: IpAddr, bits: u8) -> bool {
    fn same(a: u128, b: u128, bits: u8, width: u8) -> bool {
        let rest = u32::from(width.saturating_sub(bits));
        a.checked_shr(rest).unwrap_or(0) == b.checked_shr(rest).unwrap_or(0)
    }
    match (address, net) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), bits, 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), bits, 128),
        _ => false,
    }
}

/// Whether an address is one of the public internet, by IANA's registries of special-purpose addresses (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|(net, bits)| is_in(v4.into(), (*net).into(), *bits)),
        // Global unicast is one range; what is special in there leads elsewhere, or nowhere.
        IpAddr::V6(v6) => {
            is_in(v6.into(), Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0).into(), 3)
                && !SPECIAL_V6.iter().any(|(net, bits)| is_in(v6.into(), (*net).into(), *bits))
        }
    }
}

const SPECIAL_V4: [(Ipv4Addr, u8); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

const SPECIAL_V6: [(Ipv6Addr, u8); 4] = [
    // Protocol assignments, Teredo among them, which carries an IPv4 address.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4 carries one, too.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

#[cfg(test)]
mod tests {
    use super::Egress;

    #[test]
    fn only_public_addresses_are_reached() {
        let none = Egress::default();
        for public in ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"] {
            assert!(none.allows_address(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
        ] {
            assert!(!none.allows_address(special.parse().unwrap()), "{special}");
        }
    }

    #[test]
    fn a_closed_port_is_not_reached_by_any_way_of_writing_this_machine() {
        let closed = Egress::default().without_own_port(Some(8081));
        for host in [
            "127.0.0.1",
            "127.1.2.3",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "0.0.0.0",
            "[::]",
            "localhost",
            "localhost.",
            "a.localhost",
        ] {
            assert!(closed.is_closed(host, 8081), "{host}");
            assert!(!closed.is_closed(host, 8080), "{host}");
            assert!(!Egress::default().is_closed(host, 8081), "{host}");
        }
        assert!(!closed.is_closed("10.0.0.1", 8081) && !closed.is_closed("db.internal", 8081));
    }

    #[test]
    fn the_configuration_adds_ranges_and_hosts() {
        let some = Egress::default()
            .with_net("10.1.0.0".parse().unwrap(), 16)
            .with_net("fd00::".parse().unwrap(), 8)
            .with_net("127.0.0.1".parse().unwrap(), 32)
            .with_host("db.internal");
        for (address, allowed) in [
            ("10.1.255.1", true),
            ("10.2.0.1", false),
            ("::ffff:10.1.0.1", true),
            ("fdff::1", true),
            ("fc00::1", false),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("::1", false),
        ] {
            assert_eq!(some.allows_address(address.parse().unwrap()), allowed, "{address}");
        }
        assert!(some.allows_host("db.internal") && some.allows_host("db.internal."));
        assert!(!some.allows_host("x.db.internal"));
        assert!(
            Egress::default()
                .with_net("0.0.0.0".parse().unwrap(), 0)
                .allows_address("10.9.9.9".parse().unwrap())
        );
    }
}
