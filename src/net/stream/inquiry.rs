//! What a server would have taken that refused TLS: a second connection offers what old devices know, and sees which of it
//! the server takes (RFC 5246, section 7.4.1). No secret passes; it ends there.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::CipherSuite;

/// Suites of TLS 1.2 and before that ring does not have, the best first: ECDHE with CBC, DHE, RSA key exchange, 3DES, RC4.
const SUITES: [u16; 24] = [
    0xc028, 0xc027, 0xc024, 0xc023, 0xc014, 0xc013, 0xc00a, 0xc009, 0x009f, 0x009e, 0x006b, 0x0067, 0x0039, 0x0033,
    0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f, 0xc012, 0x000a, 0x0005, 0x0004,
];
/// Supported groups: P-256, P-384, P-521; uncompressed points; signatures with RSA and ECDSA over SHA-2 and SHA-1.
const EXTENSIONS: &[u8] = &[
    0, 10, 0, 8, 0, 6, 0, 23, 0, 24, 0, 25, 0, 11, 0, 2, 1, 0, 0, 13, 0, 14, 0, 12, 4, 1, 4, 3, 5, 1, 5, 3, 2, 1, 2, 3,
];
/// Record header, handshake header, version, random bytes: what comes before the session of a `ServerHello`.
const BEFORE_SESSION: usize = 5 + 4 + 2 + 32;
/// A `ServerHello` that says what it takes is shorter.
const MAX_ANSWER: usize = 512;

/// The second connection.
#[derive(Debug)]
pub(super) struct TlsInquiry {
    socket: TcpStream,
    hello: Vec<u8>,
    sent: usize,
    answer: Vec<u8>,
    /// Why there is no TLS.
    why: String,
}

impl TlsInquiry {
    /// Begins to ask.
    pub(super) fn begin(registry: &Registry, token: Token, address: SocketAddr, why: String) -> io::Result<Self> {
        let mut socket = TcpStream::connect(address)?;
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { socket, hello: hello(), sent: 0, answer: Vec::new(), why })
    }

    pub(super) const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Goes on: the whole of what is wrong, once it is known.
    pub(super) fn progress(&mut self) -> Option<String> {
        match self.exchange() {
            Ok(None) => None,
            Ok(Some(taken)) => Some(format!("{}; the server would take {taken}", self.why)),
            // It says no more than before.
            Err(_) => Some(self.why.clone()),
        }
    }

    fn exchange(&mut self) -> io::Result<Option<String>> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        let waits = |error: &io::Error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected);
        while let Some(rest) = self.hello.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.socket.write(rest) {
                Ok(len) => self.sent += len,
                Err(error) if waits(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        let mut buffer = [0; MAX_ANSWER];
        while self.answer.len() < MAX_ANSWER {
            match self.socket.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(len) => self.answer.extend_from_slice(buffer.get(..len).unwrap_or_default()),
                Err(error) if waits(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
            if let Some(taken) = taken(&self.answer) {
                return Ok(Some(taken));
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }
}

/// A `ClientHello` with all of that.
fn hello() -> Vec<u8> {
    let with_len = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes()[..], bytes].concat();
    let random = [fastrand::u128(..).to_be_bytes(), fastrand::u128(..).to_be_bytes()].concat();
    let suites: Vec<u8> = SUITES.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let body = [&[3, 3][..], &random, &[0], &with_len(&suites), &[1, 0], &with_len(EXTENSIONS)].concat();
    let message = [&[1, 0][..], &with_len(&body)].concat();
    // The version of the record is that of the oldest that is spoken.
    [&[22, 3, 1][..], &with_len(&message)].concat()
}

/// Version and suite of a `ServerHello`, once so much of it is there.
fn taken(answer: &[u8]) -> Option<String> {
    let [22, 3, _, _, _, 2, _, _, _, 3, minor, ..] = answer else { return None };
    let session = usize::from(*answer.get(BEFORE_SESSION)?);
    let suite: &[u8; 2] = answer.get(BEFORE_SESSION + 1 + session..)?.first_chunk()?;
    let version = match minor {
        0 => "SSL 3".to_owned(),
        _ => format!("TLS 1.{}", minor.saturating_sub(1)),
    };
    let suite = u16::from_be_bytes(*suite);
    let name = CipherSuite::from(suite).as_str().map_or_else(|| format!("suite {suite:#06x}"), str::to_owned);
    Some(format!("{version} with {name}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_hello_is_what_its_lengths_say() {
        let hello = hello();
        let len = |at: usize| usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
        assert_eq!((hello[0], len(3), hello[5], len(7)), (22, hello.len() - 5, 1, hello.len() - 9));
        let extensions = hello.len() - EXTENSIONS.len() - 2;
        assert_eq!((len(BEFORE_SESSION + 1), len(extensions)), (SUITES.len() * 2, EXTENSIONS.len()));
    }

    #[test]
    fn what_servers_take() {
        let answer = |minor: u8, suite: u16| {
            let hello =
                [&[22, 3, 1, 0, 80, 2, 0, 0, 76, 3, minor][..], &[7; 32], &[4, 1, 2, 3, 4], &suite.to_be_bytes()];
            taken(&hello.concat())
        };
        assert_eq!(answer(3, 0x002f).as_deref(), Some("TLS 1.2 with TLS_RSA_WITH_AES_128_CBC_SHA"));
        assert_eq!(answer(1, 0x000a).as_deref(), Some("TLS 1.0 with TLS_RSA_WITH_3DES_EDE_CBC_SHA"));
        assert_eq!(answer(0, 0x7a7a).as_deref(), Some("SSL 3 with suite 0x7a7a"));
        assert_eq!(taken(&[21, 3, 3, 0, 2, 2, 40]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(prop_oneof![Just(22u8), Just(3), Just(2), any::<u8>()], 0..80)) {
            let _ = taken(&bytes);
        }
    }
}
