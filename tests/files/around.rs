//! What may be around an IP packet in a capture: link layers, tags, tunnels.

use rtsp_rec::capture::reader::LinkType;

/// Makes another packet of one on Ethernet.
type Wrap = Box<dyn Fn(&[u8]) -> Vec<u8>>;

fn u16be(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap().to_be_bytes()
}

fn ethernet(kind: u16, rest: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8][..], &kind.to_be_bytes(), rest].concat()
}

/// In IPv4, on Ethernet.
fn ip(protocol: u8, body: &[u8]) -> Vec<u8> {
    let [l0, l1] = u16be(20 + body.len());
    let head = [0x45, 0, l0, l1, 0, 1, 0, 0, 64, protocol, 0, 0, 192, 168, 9, 1, 192, 168, 9, 2];
    ethernet(0x0800, &[&head, body].concat())
}

fn ip6(protocol: u8, body: &[u8]) -> Vec<u8> {
    let [l0, l1] = u16be(body.len());
    let head = [&[0x60, 0, 0, 0, l0, l1, protocol, 64][..], &[0xfd; 16], &[0xfe; 16]].concat();
    ethernet(0x86dd, &[&head, body].concat())
}

fn udp(port: u16, head: &[u8], inner: &[u8]) -> Vec<u8> {
    let ports = [40_000, port].map(u16::to_be_bytes).concat();
    ip(17, &[&ports, &u16be(8 + head.len() + inner.len())[..], &[0, 0], head, inner].concat())
}

/// GRE with a checksum, a key and a sequence number, as the flags say.
fn gre(flags: u16, kind: u16, more: &[u8], inner: &[u8]) -> Vec<u8> {
    let fields = [0x8000, 0x2000, 0x1000].into_iter().filter(|bit| flags & bit != 0).flat_map(|_| [0; 4]);
    let head: Vec<u8> = [flags, kind].into_iter().flat_map(u16::to_be_bytes).chain(fields).collect();
    ip(47, &[&head, more, inner].concat())
}

const SNAP: [u8; 8] = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];

/// A data frame of 802.11: subtype and flags, what stands behind the addresses, and the body.
fn wifi(subtype: u8, flags: u8, more: &[u8], body: &[u8]) -> Vec<u8> {
    [&[subtype << 4 | 8, flags, 0, 0][..], &[2; 18], &[0x10, 0], more, body].concat()
}

/// The link types, tags and tunnels that are read, each as the sample's packets would be in it.
pub(crate) fn surroundings() -> Vec<(&'static str, LinkType, Wrap)> {
    const ETHERNET: LinkType = LinkType::ETHERNET;
    fn of(name: &'static str, link: u16, wrap: impl Fn(&[u8]) -> Vec<u8> + 'static) -> (&'static str, LinkType, Wrap) {
        (name, LinkType(link), Box::new(wrap))
    }
    // `f` is the frame, `p` the packet in it.
    let mut all = links();
    all.extend([
        of("VXLAN", 1, |f| udp(4789, &[8, 0, 0, 0, 0, 0, 42, 0], f)),
        of("VXLAN with a group policy", 1, |f| udp(4789, &[0x88, 0, 0, 7, 0, 0, 42, 0], f)),
        of("VXLAN of Linux", 1, |f| udp(8472, &[8, 0, 0, 0, 0, 0, 42, 0], f)),
        of("VXLAN-GPE", 1, |f| udp(4790, &[0x0c, 0, 0, 1, 0, 0, 42, 0], &f[14..])),
        of("GENEVE", 1, |f| udp(6081, &[0, 0, 0x65, 0x58, 0, 0, 42, 0], f)),
        of("GENEVE with options", 1, |f| udp(6081, &[&[2, 0x40, 8, 0, 0, 0, 42, 0][..], &[7; 8]].concat(), &f[14..])),
        of("TZSP", 1, |f| udp(37_008, &[1, 0, 0, 1, 10, 1, 0x55, 0, 1], f)),
        of("TZSP of 802.11", 1, |f| udp(37_008, &[1, 0, 0, 18, 1], &wifi(0, 2, &[], &[&SNAP[..], &f[14..]].concat()))),
        of("GTP-U", 1, |f| udp(2152, &[&[0x30, 255][..], &u16be(f.len() - 14), &[0, 0, 0, 7]].concat(), &f[14..])),
        of("GTP-U with an extension header", 1, |f| {
            let head = [&[0x34, 255][..], &u16be(f.len() - 14 + 8), &[0, 0, 0, 7, 0, 0, 0, 0x85, 1, 0, 0, 0]].concat();
            udp(2152, &head, &f[14..])
        }),
        of("Teredo", 1, |f| {
            udp(3544, &[0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6], &ip6(4, &f[14..])[14..])
        }),
        of("L2TP", 1, |f| udp(1701, &[0x48, 2, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0xff, 3, 0, 0x21], &f[14..])),
        of("L2TPv3 over UDP", 1, |f| udp(1701, &[0, 3, 0, 0, 0, 0, 0, 9], f)),
        of("L2TPv3 with a cookie", 1, |f| ip(115, &[&[0, 0, 0, 9, 1, 2, 3, 4][..], f].concat())),
        of("CAPWAP", 1, |f| udp(5247, &[0, 0x10, 2, 0, 0, 0, 0, 0], f)),
        of("LISP", 1, |f| udp(4341, &[8, 0, 0, 0, 0, 0, 1, 0], &f[14..])),
        of("MPLS over UDP", 1, |f| udp(6635, &[0, 0, 0x11, 64], &f[14..])),
        of("GRE", 1, |f| gre(0, 0x0800, &[], &f[14..])),
        of("GRE with all fields", 1, |f| gre(0xb000, 0x0800, &[], &f[14..])),
        of("NVGRE", 1, |f| gre(0x2000, 0x6558, &[], f)),
        of("MPLS in GRE", 1, |f| gre(0, 0x8847, &[0, 0, 1, 64], &f[14..])),
        of("PPTP", 1, |f| {
            let head = [&[0x30, 0x81, 0x88, 0x0b][..], &[0; 12], &[0xff, 3, 0, 0x21]].concat();
            ip(47, &[&head, &f[14..]].concat())
        }),
        of("WCCP", 1, |f| gre(0, 0x883e, &[0, 1, 2, 3], &f[14..])),
        of("ERSPAN I", 1, |f| gre(0, 0x88be, &[], f)),
        of("ERSPAN II", 1, |f| gre(0x1000, 0x88be, &[0x10, 0, 0, 1, 0, 0, 0, 0], f)),
        of("ERSPAN III", 1, |f| gre(0x1000, 0x22eb, &[0x20, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], f)),
        of("ERSPAN III with a subheader", 1, |f| {
            gre(0x1000, 0x22eb, &[&[0x20, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 8]].concat(), f)
        }),
        of("IP in IP", 1, |f| ip(4, &f[14..])),
        of("IP in IPv6", 1, |f| ip6(4, &f[14..])),
        of("EtherIP", 1, |f| ip(97, &[&[0x30, 0][..], f].concat())),
        of("MPLS in IP", 1, |f| ip(137, &[&[0, 0, 1, 64][..], &f[14..]].concat())),
        of("a PIM register", 1, |f| ip(103, &[&[0x21, 0, 0, 0, 0, 0, 0, 0][..], &f[14..]].concat())),
        of("MPLS", 1, |f| ethernet(0x8847, &[&[0, 1, 0, 64, 0, 2, 1, 64][..], &f[14..]].concat())),
        of("a pseudo-wire", 1, |f| ethernet(0x8848, &[&[0, 2, 1, 64][..], f].concat())),
        of("a pseudo-wire with a control word", 1, |f| ethernet(0x8847, &[&[0, 2, 1, 64, 0, 0, 0, 0][..], f].concat())),
        of("802.1ah", 1, |f| ethernet(0x88a8, &[&[0, 5, 0x88, 0xe7, 0, 0, 0, 9][..], f].concat())),
        of("TRILL", 1, |f| ethernet(0x22f3, &[&[0, 9, 0, 1, 0, 2][..], f].concat())),
        of("TRILL with options, to many", 1, |f| {
            ethernet(0x22f3, &[&[0x08, 0x89, 0, 1, 0, 2][..], &[0; 8], f].concat())
        }),
        of("VN-Tag", 1, |f| ethernet(0x8926, &[&[0, 1, 0, 2][..], &f[12..]].concat())),
        of("HSR", 1, |f| ethernet(0x892f, &[&[0, 1, 0, 2][..], &f[12..]].concat())),
        of("Cisco metadata", 1, |f| ethernet(0x8909, &[&[1, 1, 0, 1, 0, 0][..], &f[12..]].concat())),
        of("MACsec without encryption", 1, |f| {
            ethernet(0x88e5, &[&[0x20, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 7, 0, 1][..], &f[12..], &[9; 16]].concat())
        }),
        of("NSH", 1, |f| ethernet(0x894f, &[&[0, 2, 2, 3, 0, 0, 1, 0][..], f].concat())),
        of("SNAP", 1, |f| {
            ethernet(u16::try_from(f.len() - 6).unwrap_or(1500).min(1500), &[&SNAP[..], &f[14..]].concat())
        }),
        of("a switch's tag", 1, |f| ethernet(0x4001, &[&[0, 0][..], &f[12..]].concat())),
        of("tunnels in tunnels", 1, |f| {
            let inner = udp(4789, &[8, 0, 0, 0, 0, 0, 42, 0], &ethernet(0x8847, &[&[0, 2, 1, 64][..], f].concat()));
            ethernet(0x8100, &[&[0, 5][..], &gre(0, 0x6558, &[], &inner)[12..]].concat())
        }),
    ]);
    assert!(all.iter().any(|(_, link, _)| *link != ETHERNET));
    all
}

fn links() -> Vec<(&'static str, LinkType, Wrap)> {
    fn of(name: &'static str, link: u16, wrap: impl Fn(&[u8]) -> Vec<u8> + 'static) -> (&'static str, LinkType, Wrap) {
        (name, LinkType(link), Box::new(wrap))
    }
    fn before(head: &'static [u8], rest: &[u8]) -> Vec<u8> {
        [head, rest].concat()
    }
    vec![
        of("802.11", 105, |f| wifi(0, 2, &[], &[&SNAP[..], &f[14..]].concat())),
        of("802.11 with quality of service", 105, |f| wifi(8, 1, &[0, 0], &[&SNAP[..], &f[14..]].concat())),
        of("802.11 between access points", 105, |f| wifi(0, 3, &[2; 6], &[&SNAP[..], &f[14..]].concat())),
        of("an aggregate of 802.11", 105, |f| {
            let inner = [&SNAP[..], &f[14..]].concat();
            wifi(8, 2, &[0x80, 0], &[&[2; 12][..], &u16be(inner.len()), &inner].concat())
        }),
        of("802.11, decrypted", 105, |f| wifi(0, 0x42, &[], &[&SNAP[..], &f[14..]].concat())),
        of("radiotap", 127, |f| {
            [&[0, 0, 8, 0, 0, 0, 0, 0][..], &wifi(0, 2, &[], &[&SNAP[..], &f[14..]].concat())].concat()
        }),
        of("radiotap with padding", 127, |f| {
            let head = [0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x20];
            [&head[..], &wifi(8, 2, &[0, 0, 0, 0], &[&SNAP[..], &f[14..]].concat())].concat()
        }),
        of("Prism", 119, |f| {
            let head = [&[0x44, 0, 0, 0, 144, 0, 0, 0][..], &[0; 136]].concat();
            [head, wifi(0, 2, &[], &[&SNAP[..], &f[14..]].concat())].concat()
        }),
        of("AVS", 163, |f| {
            let head = [&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64][..], &[0; 56]].concat();
            [head, wifi(0, 2, &[], &[&SNAP[..], &f[14..]].concat())].concat()
        }),
        of("per-packet information", 192, |f| before(&[0, 0, 12, 0, 1, 0, 0, 0, 9, 9, 9, 9], f)),
        of("PKTAP", 258, |f| [&[108, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0][..], &[b'e'; 96], f].concat()),
        of("NFLOG", 239, |f| {
            let length = u16::try_from(f.len() - 10).unwrap().to_le_bytes();
            let fields = [2, 0, 0, 5, 8, 0, 1, 0, 8, 0, 0, 1, 7, 0, 10, 0, b'e', b'x', 0, 0];
            [&fields[..], &length, &[9, 0], &f[14..]].concat()
        }),
        of("Cisco HDLC", 104, |f| before(&[0x0f, 0, 8, 0], &f[14..])),
        of("Cisco HDLC as PPP", 50, |f| before(&[0x0f, 0, 8, 0], &f[14..])),
        of("Frame Relay", 107, |f| before(&[0x18, 0x41, 3, 0xcc], &f[14..])),
        of("Frame Relay with SNAP", 107, |f| before(&[0x18, 0x41, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7], f)),
        of("PPP", 9, |f| before(&[0xff, 3, 0, 0x21], &f[14..])),
        of("PPP with its direction", 204, |f| before(&[1, 0xff, 3, 0x21], &f[14..])),
        of("PPPoE", 51, |f| before(&[0x11, 0, 0, 1, 0, 9, 0, 0x21], &f[14..])),
        of("PPP of pppd", 166, |f| before(&[0, 3, 0, 0x21], &f[14..])),
        of("bridged PPP", 9, |f| before(&[0, 0x31, 0, 1], f)),
        of("LLC over ATM", 100, |f| before(&SNAP, &f[14..])),
        of("OpenBSD's encapsulation", 109, |f| before(&[2, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0], &f[14..])),
        of("OpenBSD's log", 117, |f| [&[61, 2, 0, 0][..], &[1; 60], &f[14..]].concat()),
        of("IPNET", 226, |f| [&[1, 2, 0, 0][..], &[0; 20], &f[14..]].concat()),
        of("IEEE 1394", 138, |f| [&[3; 16][..], &f[12..]].concat()),
        of("FDDI", 10, |f| [&[0x50][..], &[2; 12], &SNAP, &f[14..]].concat()),
        of("token ring", 6, |f| [&[0x10, 0x40][..], &[2; 6], &[0x82; 6], &[4, 0, 1, 2], &SNAP, &f[14..]].concat()),
        of("SLIP", 8, |f| [&[0; 16][..], &f[14..]].concat()),
        of("ERF", 197, |f| [&[0; 8][..], &[0x82, 4, 0, 0, 0, 0, 0, 0], &[0x03; 8], &[0, 0], f].concat()),
        of("a Marvell switch", 283, |f| [&f[..12], &[0x40, 0, 0, 0], &f[12..]].concat()),
        of("an Ethertype of a Marvell switch", 284, |f| {
            [&f[..12], &[0xda, 0xda, 0, 0, 0x40, 0, 0, 0], &f[12..]].concat()
        }),
        of("a Broadcom switch", 282, |f| before(&[0, 0, 0, 1], f)),
        of("netANALYZER", 240, |f| before(&[0, 0, 0, 0], f)),
        of("cooked, with VLAN", 113, |f| [&[0; 14][..], &[0x81, 0, 0, 5], &f[12..]].concat()),
    ]
}
