//! One finding, before its place is added.

use crate::analysis::findings::FindingCode;
use crate::rtsp::mask::masked_text;

/// A finding before its place is added.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct Finding {
    pub(in crate::analysis) code: FindingCode,
    pub(in crate::analysis) track: Option<usize>,
    pub(in crate::analysis) detail: String,
}

impl Finding {
    pub(in crate::analysis) fn new(code: FindingCode, track: Option<usize>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        // Some quote what was said.
        let detail = if detail.contains(['@', '=', '/']) { masked_text(&detail) } else { detail };
        Self { code, track, detail }
    }
}
