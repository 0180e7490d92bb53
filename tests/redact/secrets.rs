//! Sessions that tell much of who had them.

use rtsp_rec::trace::Direction::{ClientToServer, ServerToClient};

use crate::files::Packet;
use crate::wire::Said;

/// What must not be found in a redacted capture.
pub(crate) const SECRETS: &[&[u8]] = &[
    b"geheim",
    b"garage",
    b"Garage",
    b"hinterhof",
    b"Z2VoZWlt",
    b"192.168.7.20",
    b"10.0.0.1",
    b"10.0.0.2",
    b"239.7.7.7",
    &[10, 0, 0, 1],
    &[10, 0, 0, 2],
    &[239, 7, 7, 7],
    b"SN-4711",
    b"Max",
    b"4F2C",
    b"Z0LAHtkA",
    b"SECRETHOST",
    b"SecretHost",
    b"192.168.7.99",
    b"fe80::7:99",
    b"SECRETFMTP",
];

fn request(cseq: u32, method: &str, url: &str, more: &str) -> Said {
    let login = "Authorization: Digest username=\"geheim\", realm=\"Garage\", nonce=\"4F2C\", uri=\"rtsp://10.0.0.2/garage\", response=\"4F2C\"\r\n";
    (ClientToServer, format!("{method} {url} RTSP/1.0\r\nCSeq: {cseq}\r\n{login}{more}\r\n").into_bytes())
}

fn response(cseq: u32, more: &str, body: &str) -> Said {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nServer: Garage/1.0\r\nX-Serial: SN-4711\r\n");
    (ServerToClient, format!("{head}{more}{length}\r\n{body}").replace("Garage/1.0", "Product/1.0").into_bytes())
}

pub(crate) fn packet(sequence: u8) -> Vec<u8> {
    let mut state = u32::from(sequence) + 1;
    let media: Vec<u8> = (0..60)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect();
    [&[0x80, 96, 0, sequence, 0, 0, sequence, 0, 0, 0, 0, 9, 0x65][..], &media].concat()
}

pub(crate) fn report() -> Vec<u8> {
    let items = [&[1, 13][..], b"geheim@garage", &[8, 7], b"\x03netMax", &[0; 4]].concat();
    let mut report = [&[0x80, 200, 0, 6, 0, 0, 0, 9][..], &[0x83; 20], &[0x81, 202, 0, 8, 0, 0, 0, 9], &items].concat();
    report.resize(28 + 36, 0);
    [&report[..], &[0x80, 204, 0, 4, 0, 0, 0, 9], b"appSgeheim12"].concat()
}

pub(crate) fn frame(channel: u8, packet: &[u8]) -> Vec<u8> {
    let len = u16::try_from(packet.len()).unwrap().to_be_bytes();
    [&[b'$', channel], &len[..], packet].concat()
}

const SDP: &str = "v=0\r\no=Max 1 1 IN IP4 192.168.7.20\r\ns=Garage\r\ni=SN-4711\r\nc=IN IP4 239.7.7.7/16\r\nt=0 0\r\n\
    a=control:rtsp://192.168.7.20/garage/hinterhof/\r\na=tool:geheim on SECRETHOST at 192.168.7.99\r\na=range:npt=SECRETHOST\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 packetization-mode=1;secret=SECRETFMTP;SECRETFMTP;mode=SECRETFMTP;sprop-parameter-sets=Z0LAHtkA2D3n,aMuMsg==\r\na=control:hinterhof/trackID=1\r\n";

/// A session; media passes only over TCP.
pub(crate) fn dialogue(transport: &str) -> Vec<Said> {
    let url = "rtsp://geheim:hinterhof@10.0.0.2/garage/hinterhof?user=Max&pwd=geheim";
    let base = "Content-Type: application/sdp\r\nContent-Base: rtsp://192.168.7.20/garage/\r\n";
    let track = "rtsp://192.168.7.20/garage/hinterhof/trackID=1";
    let transport = format!("Transport: {transport}\r\n");
    let challenge =
        "WWW-Authenticate: Digest realm=\"Garage\", nonce=\"4F2C\"\r\nWWW-Authenticate: Basic realm=\"Max\"\r\n";
    let info = format!("RTP-Info: url={track};seq=1;rtptime=256\r\nSession: 1234;timeout=60\r\n");
    let texts =
        "User-Agent: VLC/3 (SecretHost; geheim)\r\nRange: npt=0-;from=SECRETHOST\r\nAccept: SECRETHOST, fe80::7:99\r\n";
    let answers = "Server: SECRETHOST 192.168.7.99\r\nRange: SECRETHOST\r\nDate: SECRETHOST, 22 Nov 2026 10:33:59 GMT\r\nSession: SECRETHOST;timeout=60\r\n";
    let mut said = vec![
        request(0, "OPTIONS", "rtsp://SECRETHOST/garage", texts),
        (
            ServerToClient,
            format!("RTSP/1.0 404 SECRETHOST (192.168.7.99) has none\r\nCSeq: 0\r\n{answers}\r\n").into_bytes(),
        ),
        request(1, "OPTIONS", url, "Proxy-Authorization: Basic Z2VoZWlt\r\n"),
        response(1, "Public: OPTIONS, DESCRIBE\r\nVia: garage\r\n", ""),
        request(2, "DESCRIBE", url, "Cookie: geheim\r\nHost: garage.lan\r\n"),
        (ServerToClient, format!("RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\n{challenge}\r\n").into_bytes()),
        request(3, "DESCRIBE", url, ""),
        response(3, base, SDP),
        request(4, "SETUP", track, &transport),
        response(4, &format!("Session: 1234;timeout=60\r\n{transport}"), ""),
        request(5, "PLAY", "rtsp://192.168.7.20/garage/", "Session: 1234\r\n"),
        response(5, &info, ""),
    ];
    if transport.contains("interleaved") {
        for sequence in 1..12 {
            said.push((ServerToClient, frame(0, &packet(sequence))));
        }
        said.push((ServerToClient, frame(1, &report())));
        said.push((ServerToClient, b"geheimer junk of the Garage".to_vec()));
        said.push((ServerToClient, [frame(0, &packet(12)), frame(0, &packet(13)), frame(0, &packet(14))].concat()));
    }
    said.push(request(6, "TEARDOWN", "rtsp://192.168.7.20/garage/", "Session: 1234\r\nContent-Length: 6\r\n"));
    said.last_mut().unwrap().1.extend(b"geheim");
    said.push(response(6, "", "<html>geheim in der Garage</html>"));
    said
}

fn ip(from_server: bool, to: [u8; 4], protocol: u8, ports: [u16; 2], rest: &[u8]) -> Vec<u8> {
    let from = if from_server { [10, 0, 0, 2] } else { [10, 0, 0, 1] };
    let length = u16::try_from(24 + rest.len()).unwrap().to_be_bytes();
    let head = [&[2; 12][..], &[8, 0, 0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, protocol, 0, 0]].concat();
    [head, from.to_vec(), to.to_vec(), ports.map(u16::to_be_bytes).concat(), rest.to_vec()].concat()
}

/// The same with media over UDP, a name server, and a web server.
pub(crate) fn udp_session(multicast: bool) -> Vec<Packet> {
    let (transport, to, ports) = if multicast {
        ("RTP/AVP;multicast;destination=239.7.7.7;port=7000-7001;ttl=1", [239, 7, 7, 7], [7000, 7000])
    } else {
        ("RTP/AVP;unicast;client_port=6000-6001;server_port=7000-7001;source=10.0.0.2", [10, 0, 0, 1], [7000, 6000])
    };
    let (mut packets, mut sequence) = (Vec::new(), [1_u32; 2]);
    for (direction, bytes) in dialogue(transport) {
        let from_server = direction == ServerToClient;
        let ports = if from_server { [554, 40_000] } else { [40_000, 554] };
        let [own, other] = [usize::from(from_server), usize::from(!from_server)].map(|side| sequence[side]);
        let head = [own.to_be_bytes(), other.to_be_bytes(), [0x50, 0x18, 9, 9], [0; 4]].concat();
        let to = if from_server { [10, 0, 0, 1] } else { [10, 0, 0, 2] };
        packets.push(ip(from_server, to, 6, ports, &[&head, bytes.as_slice()].concat()));
        sequence[usize::from(from_server)] += u32::try_from(bytes.len()).unwrap();
    }
    let udp =
        |payload: &[u8]| [&u16::try_from(payload.len() + 8).unwrap().to_be_bytes()[..], &[0, 0], payload].concat();
    for number in 1..30_u8 {
        packets.push(ip(true, to, 17, ports, &udp(&packet(number))));
    }
    packets.push(ip(true, to, 17, ports.map(|port| port + 1), &udp(&report())));
    packets.push(ip(false, [10, 0, 0, 2], 17, [5353, 53], &udp(b"geheim.garage.example")));
    packets.push(ip(false, [10, 0, 0, 2], 1, [0x0303, 0], &packets[14][14..40]));
    packets.push(ip(false, [10, 0, 0, 2], 1, [0x0303, 0], &[&[0; 4], &packets[20][14..]].concat()));
    packets.push(
        [&[2; 12][..], &[8, 6], b"\0\x01\x08\0\x06\x04\0\x01", &[2; 6], &[10, 0, 0, 1], &[0; 6], &[10, 0, 0, 2]]
            .concat(),
    );
    (1..).map(|at: i64| at * 20_000_000).zip(packets).collect()
}
