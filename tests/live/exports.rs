//! What `export` makes of captures: tshark has to see in a view what `analyze` computes, ffmpeg to decode the pictures and
//! the sound that were served.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::judges::Capture;
use crate::peers::{Peer, prepared};
use crate::process::{Outcome, run};
use crate::recorder::{Place, Row, TOOL_LIMIT, number, record, rtsp_rec, table};
use crate::streams::unhex;
use crate::wireshark::{Line, streams};

/// Runs `export` and expects it to succeed.
fn export(capture: &Path, form: &[&str], output: &Path) -> Outcome {
    let outcome = run(rtsp_rec().arg("export").arg(capture).args(form).args(["-f", "-o"]).arg(output), TOOL_LIMIT);
    outcome.expect_code(0);
    outcome
}

/// Panics unless tshark sees a capture's view as `analyze` sees the capture, dissects its H.264, and finds nothing malformed.
pub(crate) fn assert_view(place: &Place, capture: &Path) {
    let (view, rows) = assert_streams(place, capture);
    let strange = view.rows("!rtp && !rtcp && !sap", &["frame.number", "_ws.col.Info"]);
    assert!(strange.is_empty(), "{strange:?}");
    let complaints = view.complaints();
    assert!(!complaints.iter().any(|complaint| complaint.starts_with("Malformed")), "{complaints:?}");
    let pictures: usize = rows.iter().filter(|row| row["encoding"] == "H264").map(|row| number(row, "packets")).sum();
    let dissected = view.count("h264.nal_unit_type || h264.nal_unit_hdr");
    assert_eq!(dissected, pictures, "packets dissected as H.264");
}

/// Panics unless tshark sees the streams of a capture's view as `analyze` sees those of the capture: payload names, packets
/// and jitter. Gives the view, and the rows of `analyze`.
fn assert_streams(place: &Place, capture: &Path) -> (Capture, Vec<Row>) {
    let view = Capture { file: place.dir().join("view.pcapng"), port: 1 };
    export(capture, &["--view", "udp"], &view.file);
    let mut seen = streams(&view.file);
    let packets = table(capture, "packets");
    let rows: Vec<Row> = table(capture, "streams").into_iter().filter(|row| row["packets"] != "0").collect();
    for row in &rows {
        let jitter = shown_jitter(&packets, row);
        let same = |line: &Line| {
            // Those of RFC 3551 have names of Wireshark's own.
            let named = number(row, "payload_type") < 96 || line.payload == row["encoding"];
            let steady = jitter.is_none_or(|jitter| (line.jitter[2] - jitter).abs() < 0.0011);
            line.ssrc.eq_ignore_ascii_case(&row["ssrc"])
                && line.packets as usize == number(row, "packets")
                && named
                && steady
        };
        let place = seen.iter().position(same);
        seen.remove(place.unwrap_or_else(|| panic!("{jitter:?} ms of {row:#?} is none of {seen:?}")));
    }
    assert!(seen.is_empty(), "only tshark sees {seen:?}");
    (view, rows)
}

/// The largest jitter of a stream among the packets that Wireshark shows it of: those without marker. `None` where all have
/// it.
fn shown_jitter(packets: &[Row], stream: &Row) -> Option<f64> {
    let of_stream =
        |row: &&Row| ["session", "track", "ssrc", "direction"].iter().all(|column| row[*column] == stream[*column]);
    let shown = packets.iter().filter(of_stream).filter(|row| row["marker"] == "0");
    let jitters = shown.filter_map(|row| row["jitter_ms"].parse::<f64>().ok());
    jitters.max_by(f64::total_cmp)
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn a_view_is_right_where_the_capture_misleads() {
    let place = Place::new();
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/wireshark");
    for name in ["dynamic_payload_type", "marker", "shared_ssrc", "many_frames_in_a_segment"] {
        assert_streams(&place, &captures.join(name).with_extension("pcap"));
    }
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn a_view_of_many_sessions() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let mut command = rtsp_rec();
    command.args(["record", "-q", "-d", "2s", "-o"]).arg(place.file());
    command.args(["live", "mjpeg", "short"].map(|path| server.url(path)));
    run(&mut command, TOOL_LIMIT).expect_code(0);
    assert_view(&place, &place.file());
}

/// Serves a file with these payloaders, records it, and exports the media into a folder.
struct Exported {
    place: Place,
    source: PathBuf,
}

impl Exported {
    fn new(name: &str, demux: &str, transport: &str) -> Self {
        let (source, place) = (prepared("media").join(name), Place::new());
        let pipeline = format!("( filesrc location=\"{}\" ! {demux} )", source.display());
        let server = Peer::gstreamer(&["--mount", "/file", &pipeline]);
        record(&server.url("file"), &place.file(), &["-t", transport]).expect_code(0);
        export(&place.file(), &["--media"], &place.dir().join("media"));
        Self { place, source }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.place.dir().join("media").join(name)
    }

    /// The pictures of the file, decoded, are those of the source: GStreamer's server may leave out the last.
    fn assert_pictures(&self, name: &str) {
        let [ours, served] = [&self.file(name), &self.source].map(|file| {
            let text = ffmpeg(file, &["-map", "0:v", "-f", "framemd5", "-"]);
            let text = String::from_utf8(text).expect("framemd5 is text");
            let sums = text.lines().filter(|line| !line.starts_with('#'));
            sums.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect::<Vec<_>>()
        });
        assert!(served.starts_with(&ours) && ours.len() + 2 >= served.len(), "{} of {}", ours.len(), served.len());
    }

    /// The pictures in the table `frames` are those that ffprobe finds in the file: as many, of the same types and, but for
    /// those with parameter sets, sizes.
    fn assert_frames(&self, name: &str) {
        let rows = table(&self.place.file(), "frames");
        let mut frames: Vec<&Row> =
            rows.iter().filter(|row| !row["type"].is_empty() && row["type"] != "none").collect();
        assert!(frames.iter().all(|row| row["complete"] == "1"), "{frames:#?}");
        let packets = self.ffprobe(name, "packet=size,flags");
        assert_eq!(frames.len(), packets.len());
        for (index, (row, packet)) in frames.iter().zip(&packets).enumerate() {
            let [size, flags, ..] = &packet.split(',').collect::<Vec<_>>()[..] else { panic!("{packet}") };
            assert_eq!(row["key"] == "1", flags.starts_with('K'), "{row:#?} {packet}");
            // A start code of four bytes before each unit; ffprobe gives the first one's zero to the picture before.
            if row["key"] == "0" && index + 1 < frames.len() {
                let bytes = number(row, "bytes") + 4 * number(row, "units");
                assert_eq!(bytes.to_string(), *size, "{row:#?}");
            }
        }
        frames.sort_by(|one, other| {
            let media = |row: &Row| row["media_s"].parse::<f64>().expect("a number");
            media(one).total_cmp(&media(other))
        });
        for (row, shown) in frames.iter().zip(self.ffprobe(name, "frame=pict_type")) {
            let types = match row["type"].as_str() {
                "idr" | "i" => "I",
                "p" => "P",
                "b" => "B",
                _ => "PB",
            };
            assert!(types.contains(&shown), "{row:#?} {shown}");
        }
    }

    /// What ffprobe tells of these entries of the pictures in a file, a line for each.
    fn ffprobe(&self, name: &str, entries: &str) -> Vec<String> {
        let mut command = Command::new("ffprobe");
        command.args(["-v", "error", "-select_streams", "v", "-show_entries", entries, "-of", "csv=p=0"]);
        let outcome = run(command.arg(self.file(name)), TOOL_LIMIT);
        let lines = outcome.expect_code(0).stdout.lines();
        lines.map(|line| line.trim_end_matches(',').to_owned()).filter(|line| !line.is_empty()).collect()
    }

    /// The sound of the file in this coding and format is that of the source.
    fn assert_sound(&self, name: &str, coding: &str, format: &str) {
        let options = ["-map", "0:a", "-c", coding, "-f", format, "-"];
        let [ours, served] = [&self.file(name), &self.source].map(|file| ffmpeg(file, &options));
        let found = served.windows(ours.len()).any(|window| window == ours);
        assert!(found && ours.len() * 10 >= served.len() * 9, "{} bytes of {}", ours.len(), served.len());
    }
}

/// What ffmpeg makes of a file; it must not complain.
fn ffmpeg(file: &Path, options: &[&str]) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    let output = command.args(["-nostdin", "-v", "error", "-i"]).arg(file).args(options).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{}: {said}", file.display());
    output.stdout
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn h264_and_aac() {
    let tracks = "qtdemux name=d d.video_0 ! queue ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 \
                  d.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97";
    let exported = Exported::new("short.mp4", tracks, "udp");
    exported.assert_pictures("1-0-video-H264.h264");
    exported.assert_frames("1-0-video-H264.h264");
    exported.assert_sound("1-1-audio-MPEG4-GENERIC.aac", "copy", "adts");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn aac_in_a_multiplex() {
    let track = "qtdemux name=d d.audio_0 ! queue ! aacparse ! rtpmp4apay name=pay0 pt=97";
    Exported::new("short.mp4", track, "tcp").assert_sound("1-0-audio-MP4A-LATM.aac", "copy", "adts");
}

/// The parameter sets are those of the description alone.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn h264_with_b_frames_and_pcmu() {
    let tracks = "qtdemux name=d d.video_0 ! queue ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=0 \
                  d.audio_0 ! queue ! rtppcmupay name=pay1 pt=0";
    for transport in ["tcp", "udp"] {
        let exported = Exported::new("bframes.mov", tracks, transport);
        exported.assert_pictures("1-0-video-H264.h264");
        exported.assert_frames("1-0-video-H264.h264");
        exported.assert_sound("1-1-audio-PCMU.wav", "copy", "mulaw");
    }
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn h265() {
    for interval in ["0", "-1"] {
        let track = format!("qtdemux ! h265parse ! rtph265pay name=pay0 pt=96 config-interval={interval}");
        let exported = Exported::new("h265.mov", &track, "tcp");
        exported.assert_pictures("1-0-video-H265.h265");
        exported.assert_frames("1-0-video-H265.h265");
    }
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn mjpeg_and_l16() {
    let tracks = "qtdemux name=d d.video_0 ! queue ! jpegparse ! rtpjpegpay name=pay0 pt=26 \
                  d.audio_0 ! queue ! rtpL16pay name=pay1 pt=97";
    let exported = Exported::new("mjpeg.mov", tracks, "tcp");
    exported.assert_pictures("1-0-video-JPEG.mjpeg");
    exported.assert_frames("1-0-video-JPEG.mjpeg");
    exported.assert_sound("1-1-audio-L16.wav", "pcm_s16le", "s16le");
}

/// Offset in milliseconds, whether it is RTCP, and the packet, as rtptools' `rtpdump.h` has them.
fn read_rtpdump(file: &Path) -> (f64, Vec<(u32, bool, Vec<u8>)>) {
    let bytes = std::fs::read(file).expect("it is there");
    let line = bytes.iter().position(|byte| *byte == b'\n').expect("a text line") + 1;
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let half = |at: usize| usize::from(u16::from_be_bytes(bytes[at..at + 2].try_into().unwrap()));
    assert_eq!(bytes[..line], *b"#!rtpplay1.0 127.0.0.1/36647\n");
    assert_eq!((bytes[line + 8..line + 12].to_vec(), half(line + 12)), (vec![127, 0, 0, 1], 36_647));
    let started = f64::from(word(line)) + f64::from(word(line + 4)) / 1e6;
    let (mut at, mut packets) = (line + 16, Vec::new());
    while at < bytes.len() {
        let (length, rtp_length) = (half(at), half(at + 2));
        assert!(rtp_length == 0 || rtp_length + 8 == length);
        packets.push((word(at + 4), rtp_length == 0, bytes[at + 8..at + length].to_vec()));
        at += length;
    }
    (started, packets)
}

/// tshark 4.0 reads no rtpdump: what it reads in the capture has to stand in the files.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn rtpdump_holds_what_the_server_sent() {
    let place = Place::new();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/gstreamer_h264_aac.pcapng");
    export(&sample, &["--rtpdump"], &place.dir().join("dump"));
    let capture = Capture::ours(sample);
    for (name, channels) in [("1-0-video-H264", ["0x00", "0x01"]), ("1-1-audio-MPEG4-GENERIC", ["0x02", "0x03"])] {
        let (started, packets) = read_rtpdump(&place.dir().join("dump").join(name).with_extension("rtpdump"));
        let of_server = format!("tcp.srcport == 554 && rtsp.channel in {{{}}}", channels.join(","));
        let rows = capture.rows(&of_server, &["frame.time_epoch", "rtsp.channel", "tcp.payload"]);
        assert_eq!(rows.len(), packets.len());
        for (row, (offset, rtcp, bytes)) in rows.iter().zip(&packets) {
            let late = row[0].parse::<f64>().expect("a time") - started - f64::from(*offset) / 1e3;
            assert!((-2e-6..1.002e-3).contains(&late), "{late} s");
            assert_eq!((row[1] == channels[1], &unhex(&row[2])[4..]), (*rtcp, bytes.as_slice()));
        }
    }
}

/// The preferences of docs/wireshark.md do what it says.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn preferences_of_the_document() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/wireshark.md")).expect("it is there");
    let block =
        text.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of preferences");
    let preferences: Vec<String> = block.lines().map(|line| line.replacen(": ", ":", 1)).collect();
    // tshark refuses preferences that it does not know.
    let tshark = |filter: &str, preferences: &[String]| {
        let mut command = Command::new("tshark");
        command.arg("-r").arg(root.join("samples/gstreamer_h264_aac.pcapng")).args(["-Y", filter]);
        command.args(preferences.iter().flat_map(|preference| ["-o", preference]));
        let outcome = run(&mut command, TOOL_LIMIT);
        outcome.expect_code(0).stdout.lines().count()
    };
    assert_eq!((tshark("h264", &[]), tshark("h264", &preferences)), (0, 328));
}
