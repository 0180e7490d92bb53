//! Two session descriptions by what they mean: the order of attributes, of parameters, and letter case where it does not
//! count, make no difference.

use crate::analysis::comparison::LineChange;
use crate::analysis::comparison::description::{lines, neutral};
use crate::analysis::comparison::headers::Presentation;
use crate::rtsp::mask::masked_text;

/// A line as it is shown, and what it means.
type Line = (String, String);

/// The lines that mean something else, section by section: the session's, then each media section's.
pub(super) fn changes(bodies: [&[u8]; 2], presentations: &[Presentation; 2]) -> Vec<LineChange> {
    let [a_at, b_at] = presentations;
    let [a_body, b_body] = bodies;
    let (a, b) = (sections(a_body, a_at), sections(b_body, b_at));
    let mut changes = Vec::new();
    for place in 0..a.len().max(b.len()) {
        let [a, b] = [&a, &b].map(|sections| sections.get(place).map_or(&[][..], Vec::as_slice));
        changes.extend(without(a, b).map(|line| LineChange::Then(masked_text(line))));
        changes.extend(without(b, a).map(|line| LineChange::Now(masked_text(line))));
    }
    changes
}

/// The lines of one section that the other has not, or not so often.
fn without<'a>(lines: &'a [Line], others: &[Line]) -> impl Iterator<Item = &'a str> {
    let mut left: Vec<&str> = others.iter().map(|(_, meaning)| meaning.as_str()).collect();
    lines.iter().filter_map(move |(line, meaning)| match left.iter().position(|other| other == meaning) {
        Some(place) => {
            left.swap_remove(place);
            None
        }
        None => Some(line.as_str()),
    })
}

fn sections(body: &[u8], presentation: &Presentation) -> Vec<Vec<Line>> {
    let mut sections = vec![Vec::new()];
    for line in lines(body).into_iter().filter(|line| !line.trim().is_empty()) {
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        let meaning = meaning(&neutral(&line, presentation));
        if let Some(section) = sections.last_mut() {
            section.push((line, meaning));
        }
    }
    sections
}

/// What a line means (RFC 4566, sections 5.13 and 6).
fn meaning(line: &str) -> String {
    match line.split_once(':') {
        Some(("a=rtpmap", value)) => format!("a=rtpmap:{}", value.trim().to_ascii_uppercase()),
        Some(("a=fmtp", value)) => {
            let (format, parameters) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
            let mut parameters: Vec<String> = parameters.split(';').map(parameter).collect();
            parameters.retain(|parameter| !parameter.is_empty());
            parameters.sort_unstable();
            format!("a=fmtp:{format} {}", parameters.join(";"))
        }
        _ => line.split_ascii_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// A parameter of a format. Its name has no letter case; its value may.
fn parameter(text: &str) -> String {
    match text.trim().split_once('=') {
        Some((name, value)) => format!("{}={}", name.trim().to_ascii_lowercase(), value.trim()),
        None => text.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(a: &str, b: &str) -> Vec<LineChange> {
        let presentations = ["rtsp://camera/live", "rtsp://10.0.0.1/live"].map(Presentation::new);
        changes([a.as_bytes(), b.as_bytes()], &presentations)
    }

    const A: &str = "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
        a=fmtp:96 packetization-mode=1; Profile-Level-Id=64001F\r\na=control:rtsp://camera/live/1\r\n\
        m=audio 0 RTP/AVP 0\r\na=recvonly\r\n";

    #[test]
    fn order_and_case_mean_nothing() {
        let b = "v=0\no=- 7 7 IN IP4 2.2.2.2\nm=video 0 RTP/AVP 96\na=control:rtsp://10.0.0.1/live/1\n\
            a=fmtp:96 profile-level-id=64001F;packetization-mode=1;\na=rtpmap:96 h264/90000\n\nm=audio 0 RTP/AVP  0\n\
            a=recvonly\n";
        assert_eq!(changed(A, b), []);
    }

    #[test]
    fn a_line_counts_in_its_section() {
        let b = A.replace("a=recvonly\r\n", "").replace("64001F", "64001f").replace("v=0", "v=0\r\na=recvonly");
        let then = |line: &str| LineChange::Then(line.to_owned());
        let now = |line: &str| LineChange::Now(line.to_owned());
        assert_eq!(
            changed(A, &b),
            [
                now("a=recvonly"),
                then("a=fmtp:96 packetization-mode=1; Profile-Level-Id=64001F"),
                now("a=fmtp:96 packetization-mode=1; Profile-Level-Id=64001f"),
                then("a=recvonly"),
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn a_description_means_what_it_says(body in "([a-z]=[ -~]{0,20}\r?\n){0,20}") {
            proptest::prop_assert_eq!(changed(&body, &body), []);
        }
    }
}
