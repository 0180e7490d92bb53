//! What follows from a cause: who has to look for the fault, and what to do next.

use crate::analysis::verdicts::words::{Cause, FaultSide};
use crate::trace::Direction;

impl Cause {
    /// Who has to look for the fault, of media in this direction.
    pub const fn side(self, direction: Direction) -> FaultSide {
        // Who publishes is the source itself, for all that the server can tell.
        let (source, sender, receiver) = match direction {
            Direction::ServerToClient => (FaultSide::Camera, FaultSide::Server, FaultSide::Client),
            Direction::ClientToServer => (FaultSide::Client, FaultSide::Client, FaultSide::Server),
        };
        match self {
            Self::LateAtTheSource
            | Self::SourceClockJumped
            | Self::ClockRateWrong
            | Self::MediaClockDrifts
            | Self::SourceRestarted
            | Self::NothingSent => source,
            Self::LostBeforeSending
            | Self::SentTwice
            | Self::SentOutOfOrder
            | Self::ProtocolBroken
            | Self::SentElsewhere
            | Self::NoSenderReports
            // Who hands media on begins with a key frame, or asks the camera for one.
            | Self::NoKeyFrame
            | Self::LateKeyFrame => sender,
            Self::ChannelsUnclear | Self::EndedByTheServer | Self::RefusedByTheServer | Self::LoginRepeated => {
                FaultSide::Server
            }
            Self::LostOnTheWay
            | Self::LateOnTheNetwork
            | Self::RepeatedOnTheWay
            | Self::ReorderedOnTheWay
            | Self::BlockedOnTheWay => FaultSide::Network,
            Self::NobodyListens | Self::ClientDoesNotRead => receiver,
            Self::LoginNeeded => FaultSide::Client,
            Self::LostInTheRecorder | Self::RecorderLate => FaultSide::Recorder,
            Self::MissingInTheCapture => FaultSide::Capture,
            // One capture does not show which of two clocks is wrong, or which of two ends.
            Self::LostSomewhere
            | Self::UnsteadyDelivery
            | Self::ServerClockDrifts
            | Self::MediaStopped
            | Self::NoMedia
            | Self::Unexplained => FaultSide::Unknown,
        }
    }

    /// What to do next, in one sentence.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::LostBeforeSending => {
                "Look at the sender's load and bit rate at that time: it dropped packets itself."
            }
            Self::LostOnTheWay => {
                "Try -t tcp, or record at the switch as well and run compare: it tells which link loses packets."
            }
            Self::LostSomewhere => "Record at the sender as well and run compare: it tells where packets are lost.",
            Self::LostInTheRecorder => {
                "Give the recording machine more time and a larger receive buffer (net.core.rmem_max)."
            }
            Self::MissingInTheCapture => {
                "Capture again with a larger buffer (tcpdump -B) and whole packets (-s 0), or use record."
            }
            Self::LateOnTheNetwork => {
                "Look for a full or failing link, or record at the server as well and run compare."
            }
            Self::LateAtTheSource => "Look at the camera's load, exposure and encoder settings at that time.",
            Self::RecorderLate => "Take load from the recording machine; the media itself may have come in time.",
            Self::ClientDoesNotRead => {
                "Look at the client's load at that time: it did not take from its socket what had come."
            }
            Self::UnsteadyDelivery => {
                "Give players a larger buffer, or record at the server as well and run compare: it tells who is unsteady."
            }
            Self::SourceClockJumped => "Look in the camera's log for a restart or a set clock at that time.",
            Self::ClockRateWrong => {
                "Tell the maker of the source: the SDP names another clock rate than the packets have."
            }
            Self::MediaClockDrifts => {
                "Have players follow the sender reports, or reset their buffer from time to time."
            }
            Self::ServerClockDrifts => "Check NTP at the server and at the machine that captured.",
            Self::SourceRestarted => "Look in the camera's log for a restart or changed settings at that time.",
            Self::RepeatedOnTheWay => "Look for a loop, for bonded links, or for a mirror port that copies twice.",
            Self::SentTwice | Self::SentOutOfOrder => {
                "Tell the maker of the sender: TCP keeps order and repeats nothing, so it wrote the packets that way."
            }
            Self::ReorderedOnTheWay => "Look for load balancing over several links; players need a buffer that sorts.",
            Self::ProtocolBroken => {
                "Tell the maker of the sender, with the packet's number: its stream can't be read there."
            }
            Self::ChannelsUnclear => {
                "Tell the maker of the server: its answer to SETUP has to name the channels (RFC 2326, section 12.39)."
            }
            Self::EndedByTheServer => {
                "Look in the server's log at that time: a restart, a limit of sessions, a timeout of the session."
            }
            Self::MediaStopped => {
                "Look in the camera's log at that time, or record at the server as well and run compare."
            }
            Self::NoMedia => {
                "Let the media through the firewall (record --port-range), or try -t tcp; a capture at the server tells \
                 whether it sends."
            }
            Self::NothingSent => "Look whether the camera's channel is on and its encoder runs.",
            Self::NoKeyFrame | Self::LateKeyFrame => {
                "Raise the camera's key-frame rate (I-frame interval), or have the server begin with a key frame."
            }
            Self::NobodyListens => "Look whether the receiver still runs, and listens on the ports of its SETUP.",
            Self::BlockedOnTheWay => {
                "Let the ports of the SETUP through the firewall (record --port-range), or try -t tcp."
            }
            Self::SentElsewhere => "Tell the maker of the sender: media goes elsewhere than SETUP agreed.",
            Self::NoSenderReports => {
                "Tell the maker of the sender: players need its reports to keep tracks together (RFC 3550, section 6.4)."
            }
            Self::RefusedByTheServer => "Look at the status and the server's log, and try the URL with probe.",
            Self::LoginNeeded => "Give the right login: --user and --password-file.",
            Self::LoginRepeated => "Tell the maker of the server: a nonce should last longer than a request.",
            Self::Unexplained => {
                "Look at the packets around it in Wireshark, or record at the server as well and run compare."
            }
        }
    }
}
