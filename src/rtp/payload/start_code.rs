//! NAL units behind start codes, as in a byte stream (ITU-T H.264 and H.265, Annex B): some cameras put a whole access
//! unit into what should be one NAL unit (V380, others of Macro-video).

use memchr::memmem;

use super::nal_unit::{H264Unit, H265Unit};
use super::part::{Unit, UnitPart};

const START_CODE: [u8; 3] = [0, 0, 1];

/// Where a payload goes on that begins with a start code.
pub(super) fn behind(payload: &[u8]) -> Option<usize> {
    [3, 4].into_iter().find(|len| {
        let (zeros, one) = payload.split_at_checked(len - 1).unwrap_or_default();
        zeros.len() == len - 1 && zeros.iter().all(|byte| *byte == 0) && one.first() == Some(&1)
    })
}

/// The unit of this kind whose header stands at `at`, up to `end`.
pub(super) fn unit(like: Unit, payload: &[u8], at: usize, end: usize) -> Option<UnitPart> {
    let bytes = payload.get(at..end)?;
    let (unit, header) = match like {
        Unit::H264(_) => (Unit::H264(H264Unit(*bytes.first()?)), 1),
        Unit::H265(_) => (Unit::H265(H265Unit(*bytes.first_chunk()?)), 2),
        _ => return None,
    };
    Some(UnitPart { unit, starts: true, ends: true, body: at + header..end })
}

/// What follows a start code whose zeros were taken for the header of a unit, wherever that stands: alone, among others, in
/// fragments. No unit of H.265 has such a header, as its temporal id can't be 0, and none of H.264 (type 0).
#[inline]
pub(super) fn behind_header(part: &UnitPart, payload: &[u8]) -> Option<UnitPart> {
    let header = match part.unit {
        Unit::H264(unit) if unit.kind() == 0 => 1,
        Unit::H265(H265Unit([0, 0])) => 2,
        _ => return None,
    };
    if part.starts { skip(part, payload, header) } else { None }
}

#[cold]
fn skip(part: &UnitPart, payload: &[u8], header: usize) -> Option<UnitPart> {
    let body = payload.get(part.body.clone())?;
    let zeros = body.iter().take_while(|byte| **byte == 0).count();
    if !(2..=3).contains(&(header + zeros)) || body.get(zeros) != Some(&1) {
        return None;
    }
    let next = unit(part.unit, payload, part.body.start + zeros + 1, part.body.end)?;
    Some(UnitPart { ends: part.ends, ..next })
}

/// A unit that holds others behind start codes: the unit itself, and what follows the first start code. Slices are not
/// searched: parameter sets stand before them, and another slice behind one adds nothing to what is told of the picture.
#[inline]
pub(super) fn split(part: &UnitPart, payload: &[u8]) -> Option<(UnitPart, UnitPart)> {
    let is_other = match part.unit {
        Unit::H264(unit) => !unit.is_slice(),
        Unit::H265(unit) => !unit.is_slice(),
        _ => false,
    };
    if is_other { search(part, payload) } else { None }
}

#[cold]
fn search(part: &UnitPart, payload: &[u8]) -> Option<(UnitPart, UnitPart)> {
    // Within a unit these three bytes can't be (ITU-T H.264, section 7.4.1). A fourth one, a zero before them, stays with
    // the unit before, as zeros may stand behind any.
    let at = part.body.start + memmem::find(payload.get(part.body.clone())?, &START_CODE)?;
    let next = unit(part.unit, payload, at + START_CODE.len(), part.body.end)?;
    Some((UnitPart { ends: true, body: part.body.start..at, ..part.clone() }, UnitPart { ends: part.ends, ..next }))
}
