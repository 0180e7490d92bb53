//! The names before which something stands that logs in.

/// Names of users, as cameras' manuals have them.
const USERS: [&str; 5] = ["user", "username", "usr", "login", "loginuse"];
/// Short names of passwords.
const SHORT: [&str; 3] = ["loginpas", "pw", "pin"];
/// What may stand anywhere in a name: `old_password`, `X-Auth-Token`, `authkey`.
const WITHIN: [&str; 4] = ["pass", "auth", "secret", "credential"];
/// What may stand at the end of a name: `userpwd`, `access_token`, `apikey`, `X-Amz-Signature`.
const AT_THE_END: [&str; 7] = ["pwd", "psw", "token", "jwt", "key", "sig", "signature"];
/// Fields that are named like that and hold no login: challenges, and what opens a WebSocket (RFC 6455, section 4.1).
const NO_LOGIN: [&str; 5] =
    ["www-authenticate", "proxy-authenticate", "authentication-info", "proxy-authentication-info", "sec-websocket-key"];
/// Fields that log in under another name (RFC 6265).
const COOKIES: [&str; 2] = ["cookie", "set-cookie"];
/// No longer word is taken for a name.
pub(super) const MAX_NAME: usize = 64;

/// Names that stand before something that logs in: those that always do, and those that the user adds.
#[derive(Clone, Debug, Default)]
pub(super) struct SecretNames {
    added: Vec<String>,
}

impl SecretNames {
    pub(super) fn with(added: &[String]) -> Self {
        Self { added: added.iter().map(|name| name.trim().to_ascii_lowercase()).collect() }
    }

    /// Whether the value of a parameter, an attribute or a field of this name is hidden.
    pub(super) fn hides(&self, name: &[u8]) -> bool {
        let Some(name) = str::from_utf8(name).ok().filter(|name| !name.is_empty() && name.len() <= MAX_NAME) else {
            return false;
        };
        let name = name.to_ascii_lowercase();
        let is = |known: &&str| *known == name;
        if self.added.contains(&name) {
            return true;
        }
        let is_like_a_login =
            WITHIN.iter().any(|part| name.contains(part)) || AT_THE_END.iter().any(|end| name.ends_with(end));
        (is_like_a_login || USERS.iter().chain(&SHORT).any(is)) && !NO_LOGIN.iter().any(is)
    }

    /// The same, but for names of users: they are no secrets of their own.
    pub(super) fn hides_word(&self, name: &[u8]) -> bool {
        self.hides(name) && !USERS.iter().any(|user| name.eq_ignore_ascii_case(user.as_bytes()))
    }

    /// Whether the value of a header field is hidden as a whole.
    pub(super) fn hides_field(&self, name: &[u8]) -> bool {
        self.hides(name) || COOKIES.iter().any(|cookie| name.eq_ignore_ascii_case(cookie.as_bytes()))
    }
}

/// Bytes that names consist of.
pub(super) const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Whether a name, which stands before a colon, tells how long a message is or which one it answers. What follows is
/// never hidden: the capture could not be read without it.
pub(super) fn frames_messages(name: &[u8]) -> bool {
    [&b"content-length"[..], b"cseq"].iter().any(|known| name.trim_ascii().eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_by_their_parts_and_ends() {
        let names = SecretNames::with(&["Ticket ".to_owned()]);
        for name in [
            "password",
            "PassWd",
            "old_pass",
            "userPwd",
            "psw",
            "loginpas",
            "auth",
            "X-Auth-User",
            "access_token",
            "jwt",
            "apikey",
            "X-Amz-Signature",
            "sig",
            "client_secret",
            "user",
            "USR",
            "ticket",
            "pin",
        ] {
            assert!(names.hides(name.as_bytes()), "{name}");
        }
        for name in [
            "",
            "channel",
            "userdata",
            "tokens",
            "keyframe",
            "signal",
            "ticket2",
            "subtype",
            "nonce",
            "realm",
            "qop",
            "WWW-Authenticate",
            "Proxy-Authentication-Info",
            "Sec-WebSocket-Key",
            "key-mgmt",
            "sprop-parameter-sets",
        ] {
            assert!(!names.hides(name.as_bytes()), "{name}");
        }
        assert!(!SecretNames::default().hides(b"ticket"));
        assert!(names.hides_field(b"Set-Cookie") && !names.hides(b"cookie"));
        assert!(!names.hides("pass".repeat(99).as_bytes()), "no name");
    }
}
