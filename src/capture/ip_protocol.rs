//! Protocol numbers of IP, which are the next headers of IPv6 as well (IANA, "Assigned Internet Protocol Numbers").

pub(super) const HOP_BY_HOP: u8 = 0;
pub(super) const ICMP: u8 = 1;
/// IP within IP.
pub(super) const IPV4: u8 = 4;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const IPV6: u8 = 41;
pub(super) const ROUTING: u8 = 43;
pub(super) const FRAGMENT: u8 = 44;
pub(super) const GRE: u8 = 47;
pub(super) const ESP: u8 = 50;
pub(super) const AUTHENTICATION: u8 = 51;
pub(super) const ICMP_V6: u8 = 58;
pub(super) const DESTINATION: u8 = 60;
pub(super) const ETHER_IP: u8 = 97;
pub(super) const PIM: u8 = 103;
/// L2TP, version 3.
pub(super) const L2TP: u8 = 115;
pub(super) const MOBILITY: u8 = 135;
pub(super) const MPLS: u8 = 137;
pub(super) const HOST_IDENTITY: u8 = 139;
pub(super) const SHIM6: u8 = 140;
