//! Who logs in where: from the options, the environment and the URL.

use std::path::Path;

use crate::error::Error;
use crate::rtsp::url::{Credentials, RtspUrl, UrlError};

/// Where the password is looked for when no file is named.
const PASSWORD_VARIABLE: &str = "RTSP_REC_PASSWORD";

/// The password from outside the URL.
pub(super) fn password(file: Option<&Path>) -> Result<Option<String>, Error> {
    let Some(path) = file else { return Ok(std::env::var(PASSWORD_VARIABLE).ok()) };
    let text = std::fs::read_to_string(path).map_err(|source| Error::File {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
}

/// A URL that can be connected to, and who logs in there. `name` is what the URL is called in an error: it may hold a
/// password, so it is not repeated.
pub(super) fn target(
    name: &str,
    url: &str,
    user: Option<&str>,
    password: Option<&str>,
) -> Result<(RtspUrl, Option<Credentials>), Error> {
    let wrong = |why: String| Error::Usage(format!("{name}: {why}"));
    let url: RtspUrl = url.parse().map_err(|error: UrlError| wrong(error.to_string()))?;
    let credentials = credentials(user, password, url.credentials());
    Ok((url, credentials))
}

/// The user given wins over the URL's; a URL that has both keeps its password, one with a user alone gets the given
/// one. A user without any password has an empty one: cameras are sold like that.
fn credentials(user: Option<&str>, password: Option<&str>, url: Option<&Credentials>) -> Option<Credentials> {
    let from_url = url.filter(|url| user.is_none_or(|user| user == url.user));
    let own = from_url.map(|url| url.password.as_str()).filter(|password| !password.is_empty() && user.is_none());
    let user = user.or(from_url.map(|url| url.user.as_str()))?.to_owned();
    let password = own.or(password).or(from_url.map(|url| url.password.as_str())).unwrap_or_default().to_owned();
    Some(Credentials { user, password })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_logs_in() {
        let url = |user: &str, password: &str| Credentials { user: user.to_owned(), password: password.to_owned() };
        for (user, password, in_url, expected) in [
            (None, None, None, None),
            (None, Some("p"), None, None),
            (Some("a"), None, None, Some(("a", ""))),
            (Some("a"), Some("p"), None, Some(("a", "p"))),
            (None, None, Some(url("u", "w")), Some(("u", "w"))),
            (None, Some("p"), Some(url("u", "w")), Some(("u", "w"))),
            (None, Some("p"), Some(url("u", "")), Some(("u", "p"))),
            (Some("u"), Some("p"), Some(url("u", "w")), Some(("u", "p"))),
            (Some("u"), None, Some(url("u", "w")), Some(("u", "w"))),
            (Some("a"), None, Some(url("u", "w")), Some(("a", ""))),
        ] {
            let found = credentials(user, password, in_url.as_ref());
            assert_eq!(found, expected.map(|(user, password)| url(user, password)), "{user:?} {password:?} {in_url:?}");
        }
    }
}
