//! The parameters of an `a=fmtp` line (RFC 4566, section 6), as the payload formats of video and audio write them:
//! `sizelength=13; indexlength=3`.

/// The value of a parameter of an `a=fmtp`.
pub(crate) fn parameter<'a>(fmtp: Option<&'a str>, name: &str) -> Option<&'a str> {
    let named = |parameter: &'a str| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    };
    fmtp?.split(';').find_map(named)
}

/// A parameter that is a whole number.
pub(crate) fn number(fmtp: Option<&str>, name: &str) -> Option<u32> {
    parameter(fmtp, name)?.parse().ok()
}
