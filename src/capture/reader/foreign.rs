//! Files that other tools read or unpack, known by their first bytes, so that an error can say which.

use byteorder::{BigEndian, ByteOrder, LittleEndian};

/// What a file is, and what turns it into one that is read here.
struct Foreign {
    magic: &'static [u8],
    name: &'static str,
    /// What unpacks it to its standard output; `None` where it is a capture for `editcap`.
    unpack: Option<&'static str>,
}

const fn packed(magic: &'static [u8], name: &'static str, unpack: &'static str) -> Foreign {
    Foreign { magic, name, unpack: Some(unpack) }
}

const fn capture(magic: &'static [u8], name: &'static str) -> Foreign {
    Foreign { magic, name, unpack: None }
}

/// Magic numbers as `file` and Wireshark know them.
const KNOWN: [Foreign; 33] = [
    packed(b"\xfd7zXZ\0", "compressed by xz", "xz -dc"),
    packed(b"BZh", "compressed by bzip2", "bzip2 -dc"),
    packed(b"\x04\x22\x4d\x18", "compressed by lz4", "lz4 -dc"),
    packed(b"\x02\x21\x4c\x18", "compressed by lz4", "lz4 -dc"),
    packed(b"LZIP", "compressed by lzip", "lzip -dc"),
    packed(b"\x5d\0\0", "compressed by lzma", "xz -dc"),
    packed(b"\x89LZO\0", "compressed by lzop", "lzop -dc"),
    packed(b"\x1f\x9d", "compressed by compress", "gzip -dc"),
    packed(b"PK\x03\x04", "a zip archive", "unzip -p"),
    packed(b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "7z x -so"),
    packed(b"Rar!\x1a\x07", "a RAR archive", "unrar p -inul"),
    capture(b"snoop\0\0\0", "a capture of Solaris' snoop"),
    capture(b"btsnoop\0", "a capture of Bluetooth (btsnoop)"),
    capture(b"RTSS", "a capture of Microsoft Network Monitor"),
    capture(b"GMBU", "a capture of Microsoft Network Monitor"),
    capture(b"+---------+---------------+----------+", "a text capture of Tektronix K12"),
    capture(b"\0\0\x02\0\x12\x05\0\x10", "a capture of Tektronix K12"),
    capture(b"\xaa\xaa\xaa\xaa", "a capture of Accellent 5Views"),
    capture(b"\x01\x10\x4c\0", "a capture of Novell LANalyzer"),
    capture(b"\0\x10\x4c\0", "a capture of Novell LANalyzer"),
    capture(b"TRSNIFF data    \x1a", "a capture of the Sniffer"),
    capture(b"XCP\0", "a capture of NetXRay or the Sniffer for Windows"),
    capture(b"\x05VNF", "a capture of Visual Networks"),
    capture(b"TR\0d\0", "a capture of HP-UX nettl"),
    capture(b"iptrace ", "a capture of AIX iptrace"),
    capture(b"EyeSDN", "a capture of EyeSDN"),
    capture(b"\x7fver", "a capture of OmniPeek"),
    capture(b"#Format=", "a capture of Daintree"),
    capture(b"LOGG", "a log of Vector (BLF)"),
    capture(b"#!rtpplay1.0 ", "an rtpdump"),
    // Variants of pcap whose records are others.
    capture(b"\x1c\0\x01\xac", "a capture of IXIA"),
    capture(b"\x1c\0\x01\xab", "a capture of IXIA"),
    capture(b"\xa1\xe2\xcb\x12", "a capture of Navtel"),
];

/// Bytes that are enough to know a file.
pub(super) const ENOUGH: usize = 40;
/// The years in which an Endace card may have captured: from 2000 to 2060.
const ENDACE_SECONDS: std::ops::Range<u32> = 946_684_800..2_840_140_800;

/// What a file that begins with these bytes is, and what to do with it.
pub(super) fn advice(beginning: &[u8]) -> Option<String> {
    let known = KNOWN.iter().find(|foreign| beginning.starts_with(foreign.magic));
    let (name, unpack) = match known {
        Some(Foreign { name, unpack, .. }) => (*name, *unpack),
        None if is_endace(beginning) => ("a capture of Endace (ERF)", None),
        None => return None,
    };
    Some(match unpack {
        Some(unpack) => format!("it is {name}; unpack it, or pass it on: {unpack} FILE | rtsp-rec analyze -"),
        None => format!("it is {name}; convert it: editcap -F pcapng FILE out.pcapng"),
    })
}

/// The extensible record format has no magic number: fraction and seconds, a type, flags, and the length of the record.
fn is_endace(beginning: &[u8]) -> bool {
    let Some(head) = beginning.first_chunk::<16>() else { return false };
    let (seconds, kind, flags) = (LittleEndian::read_u32(&head[4..8]), head[8], head[9]);
    let (length, wire) = (BigEndian::read_u16(&head[10..12]), BigEndian::read_u16(&head[14..16]));
    // What describes the card has no time: a type of its own, with an extension header.
    let describes = kind == 0x9b && length % 8 == 0;
    (describes || ENDACE_SECONDS.contains(&seconds))
        && (1..=48).contains(&(kind & 0x7f))
        && flags & 0xc0 == 0
        && length >= 16
        && (describes || wire > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_converts_or_unpacks() {
        for (bytes, expected) in [
            (
                &b"\xfd7zXZ\0\0\x04"[..],
                "it is compressed by xz; unpack it, or pass it on: xz -dc FILE | rtsp-rec analyze -",
            ),
            (b"BZh91AY", "it is compressed by bzip2; unpack it, or pass it on: bzip2 -dc FILE | rtsp-rec analyze -"),
            (
                b"snoop\0\0\0\0\0\0\x02",
                "it is a capture of Solaris' snoop; convert it: editcap -F pcapng FILE out.pcapng",
            ),
            (
                b"\0\0\0\0\0\0\x9b\x65\x02\x04\0\x60\0\0\0\x4e",
                "it is a capture of Endace (ERF); convert it: editcap -F pcapng FILE out.pcapng",
            ),
        ] {
            assert_eq!(advice(bytes).as_deref(), Some(expected));
        }
        for bytes in [&b""[..], b"x", b"v=0\r\no=- 0 0 IN IP4 1.2.3.4", &[0; 40], &[0xff; 40], b"not a capture\n"] {
            assert_eq!(advice(bytes), None);
        }
    }

    #[test]
    fn each_magic_number_is_known_by_one_name() {
        for (place, foreign) in KNOWN.iter().enumerate() {
            assert!(foreign.magic.len() <= ENOUGH);
            assert!(advice(foreign.magic).unwrap().contains(foreign.name), "{}", foreign.name);
            assert!(KNOWN[..place].iter().all(|other| !foreign.magic.starts_with(other.magic)), "{}", foreign.name);
        }
    }
}
