//! Who has joined which multicast group: what comes to a group is that of each session that joined it, until it leaves.

use std::net::SocketAddr;

use crate::capture::udp::media::{GroupPorts, PortMedia};
use crate::capture::udp::port_pairs::anybody;
use crate::capture::udp::ports::MediaPorts;
use crate::capture::udp::unclaimed::UdpEnds;
use crate::rtsp::headers::Transport;
use crate::time::{NANOS_PER_SECOND, Timestamp};
use crate::trace::{Direction, Flow};

/// So long a router goes on to forward what nobody wants any more: two queries to the last member, a second apart (RFC 2236,
/// section 8.8; RFC 3376, section 8.10). What comes later somebody else has joined for, whose RTSP the capture lacks.
const LEAVING_NS: i64 = 2 * NANOS_PER_SECOND;
/// Groups that are remembered of sessions that joined them before the capture, and pairs of ports.
const MAX_CLAIMED: usize = 1024;

impl PortMedia {
    /// Whether what comes now is not its session's any more. To a pair of ports the source that sent before may go on, as
    /// where the client has torn down another track.
    #[inline]
    pub(in crate::capture) fn is_left(&self, now: Timestamp, payload: &[u8]) -> bool {
        self.left.is_some_and(|left| match self.path.group {
            Some(_) => now.nanos_since(left) > LEAVING_NS,
            None => self.is_of_another(payload),
        })
    }
}

impl MediaPorts {
    /// To a group anybody sends: only where it goes is known. What this client sends there is its reports; on one host
    /// it can't be told from its server.
    pub(in crate::capture) fn set_up_group(&mut self, known: &PortMedia, transport: &Transport) {
        let flow = &known.flow;
        let Some(group) = GroupPorts::of(transport) else { return };
        for to in group.ends() {
            // What came before it was for somebody else.
            self.unclaimed.forget_group(to);
            self.add(known, (anybody(to), to), Direction::ServerToClient);
            if flow.client.ip() != flow.server.ip() {
                self.add(known, (SocketAddr::new(flow.client.ip(), 0), to), Direction::ClientToServer);
            }
        }
    }

    /// A session has left a group: what comes to it now is only that of others.
    pub(in crate::capture) fn leave(&mut self, flow: &Flow, group: GroupPorts, at: Timestamp) {
        let own = SocketAddr::new(flow.client.ip(), 0);
        for to in group.ends() {
            for ends in [(anybody(to), to), (own, to)] {
                let Some(members) = self.pairs.get_mut(ends) else { continue };
                match members.as_mut_slice() {
                    [last] if last.flow.id == flow.id => last.left = last.left.or(Some(at)),
                    _ => members.retain(|media| media.flow.id != flow.id),
                }
            }
        }
    }

    /// A session that joined before the capture has a flow that it did not set up there: it may be a group's.
    pub(in crate::capture) fn note_claimed(&mut self, flow: &Flow, transport: &Transport) {
        if let Some(group) = GroupPorts::of(transport)
            && self.claimed_groups.len() < MAX_CLAIMED
        {
            self.claimed_groups.push((flow.id, group));
        }
    }

    /// A session has a flow between two ports that it set up before the capture.
    pub(in crate::capture) fn note_pair(&mut self, flow: &Flow, ends: UdpEnds) {
        if self.claimed_pairs.len() < MAX_CLAIMED {
            self.claimed_pairs.push((flow.id, ends));
        }
    }

    fn leave_pair(&mut self, flow: &Flow, (from, to): UdpEnds, at: Timestamp) {
        for ends in [(from, to), (to, from)] {
            let own = self.pairs.get_mut(ends).into_iter().flatten().filter(|media| media.flow.id == flow.id);
            own.for_each(|media| media.left = media.left.or(Some(at)));
        }
    }

    /// It leaves them.
    pub(in crate::capture) fn leave_claimed(&mut self, flow: &Flow, at: Timestamp) {
        let is_own = |(id, _): &(usize, GroupPorts)| *id == flow.id;
        let left: Vec<GroupPorts> =
            self.claimed_groups.iter().filter(|known| is_own(known)).map(|(_, group)| *group).collect();
        self.claimed_groups.retain(|known| !is_own(known));
        let pairs: Vec<UdpEnds> =
            self.claimed_pairs.extract_if(.., |(id, _)| *id == flow.id).map(|(_, ends)| ends).collect();
        if !left.is_empty() || !pairs.is_empty() {
            // What comes to a group from here on is not the session's again because it is nobody else's.
            self.unclaimed.begins(flow);
        }
        // Where nobody else is there who may have set up the same ports, what comes late is its own, however late.
        if self.unclaimed.has_session_like(flow) {
            for ends in pairs {
                self.leave_pair(flow, ends, at);
            }
        }
        for group in left {
            self.leave(flow, group, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const TO: &str = "239.1.2.3:7000";

    fn transport() -> Transport {
        Transport::parse_all("RTP/AVP;multicast;destination=239.1.2.3;port=7000-7001").remove(0)
    }

    fn flow(id: usize, client: &str) -> Arc<Flow> {
        let (client, server) = (client.parse().unwrap(), "10.0.0.2:554".parse().unwrap());
        Arc::new(Flow { id, session: id, url: String::new(), client, server })
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    /// The sessions whose a datagram of the server is then.
    fn sessions(ports: &MediaPorts, now: Timestamp) -> Vec<usize> {
        let members = ports.find("10.0.0.2:7000".parse().unwrap(), TO.parse().unwrap());
        members.iter().filter(|media| !media.is_left(now, &[])).map(|media| media.flow.id).collect()
    }

    #[test]
    fn every_member_gets_what_comes_to_a_group_until_it_leaves() {
        let mut ports = MediaPorts::default();
        let all = [flow(0, "10.0.0.1:4000"), flow(1, "10.0.0.9:4000"), flow(2, "10.0.0.1:4001")];
        all.iter().chain(&all).for_each(|flow| ports.set_up(flow, &transport()));
        assert_eq!(sessions(&ports, at(0)), [0, 1, 2], "the same client twice as well");
        let group = GroupPorts::of(&transport()).unwrap();
        ports.leave(&all[1], GroupPorts { ports: (9000, 9001), ..group }, at(0));
        assert_eq!(sessions(&ports, at(0)), [0, 1, 2], "it left another group");
        ports.leave(&all[0], group, at(0));
        assert_eq!(sessions(&ports, at(0)), [1, 2]);
        ports.leave(&all[1], group, at(0));
        ports.leave(&all[2], group, at(1000));
        ports.leave(&all[2], group, at(5000));
        assert_eq!(sessions(&ports, at(3000)), [2], "what comes late is the last one's");
        assert_eq!(sessions(&ports, at(3001)), [] as [usize; 0], "somebody else asked for that");
    }

    #[test]
    fn who_joins_takes_over_from_the_last_one_that_left() {
        let mut ports = MediaPorts::default();
        let group = GroupPorts::of(&transport()).unwrap();
        let [first, second] = [flow(0, "10.0.0.1:4000"), flow(1, "10.0.0.9:4000")];
        ports.set_up(&first, &transport());
        ports.leave(&first, group, at(0));
        ports.set_up(&second, &transport());
        assert_eq!(sessions(&ports, at(100)), [1]);
        // The first one comes again.
        ports.set_up(&first, &transport());
        assert_eq!(sessions(&ports, at(9000)), [1, 0]);
    }
}
