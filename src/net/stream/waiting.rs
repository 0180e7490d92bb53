//! How long what lies in a socket has waited there, and how much it is. Linux tells; others don't.

use std::time::{Duration, SystemTime};

use mio::net::TcpStream;

/// From now on the system notes when segments come.
pub(super) fn note_arrivals(socket: &TcpStream) {
    #[cfg(target_os = "linux")]
    {
        // Where that can't be had, nothing is known of their waiting.
        let _ = nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::ReceiveTimestampns, &true);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

/// How long the first unread byte has waited. It may be longer: the system joins segments that wait, and then knows
/// when the last of them came.
pub(super) fn oldest(socket: &TcpStream) -> Option<Duration> {
    let arrived = SystemTime::UNIX_EPOCH + arrival_of_next(socket)?;
    // A clock that was set meanwhile tells nothing.
    SystemTime::now().duration_since(arrived).ok()
}

/// When the first unread byte came, by the system's clock. It stays unread.
#[cfg(target_os = "linux")]
fn arrival_of_next(socket: &TcpStream) -> Option<Duration> {
    use std::io::IoSliceMut;
    use std::os::fd::AsRawFd;

    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
    use nix::sys::time::TimeSpec;

    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let mut control = nix::cmsg_space!(TimeSpec);
    let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut bytes, Some(&mut control), flags).ok()?;
    message.cmsgs().ok()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(time) => Some(Duration::from(time)),
        _ => None,
    })
}

#[cfg(not(target_os = "linux"))]
fn arrival_of_next(_: &TcpStream) -> Option<Duration> {
    None
}

/// Bytes that lie unread in the socket.
pub(super) fn unread(socket: &TcpStream) -> u64 {
    rustix::io::ioctl_fionread(socket).unwrap_or(0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_waits_is_known() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut reader = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut writer, _) = listener.accept().unwrap();
        let socket = TcpStream::from_std(reader.try_clone().unwrap());
        note_arrivals(&socket);
        assert_eq!((oldest(&socket), unread(&socket)), (None, 0), "nothing has come");
        // The system begins to note times a moment after it was told to.
        let first = (0..1000).find_map(|_| {
            writer.write_all(b"four").unwrap();
            reader.peek(&mut [0; 4]).unwrap();
            oldest(&socket).or_else(|| {
                reader.read_exact(&mut [0; 4]).unwrap();
                std::thread::sleep(Duration::from_millis(1));
                None
            })
        });
        let first = first.unwrap();
        let second = oldest(&socket).unwrap();
        assert!(first < second, "{first:?} {second:?}: it goes on waiting");
        assert_eq!(unread(&socket), 4);
        reader.read_exact(&mut [0; 4]).unwrap();
        assert_eq!((oldest(&socket), unread(&socket)), (None, 0), "it was read");
    }
}
