//! Options of the commands that connect to a server: login, TLS, what is hidden, times.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::session::ClientConfig;

pub(super) const USER_AGENT: &str = ClientConfig::USER_AGENT;

pub(super) const PASSWORD_HELP: &str = "File whose first line is the password [default: $RTSP_REC_PASSWORD]";

/// Who logs in.
#[derive(Clone, Debug, Args)]
pub struct LoginArgs {
    /// User name; one in the URL works too
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,

    /// File whose first line is the password
    #[arg(long, value_name = "FILE", help = PASSWORD_HELP)]
    pub password_file: Option<PathBuf>,
}

/// What is hidden.
#[derive(Clone, Debug, Args)]
pub struct MaskArgs {
    /// Hide as well what stands behind this name: a parameter of URLs, a header field, an attribute of SDP
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub mask: Vec<String>,
}

/// Whom to believe, where the URL is rtsps://.
#[derive(Clone, Debug, Args)]
pub struct TlsArgs {
    /// File with the certificates (PEM) to trust instead of the system's; the server's own will do
    #[arg(long, value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,

    /// Accept any certificate of a server, and warn
    #[arg(long)]
    pub insecure: bool,
}

/// `30s`, `5m`, `1h30m`, or a bare number of seconds.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string());
    }
    humantime::parse_duration(text).map_err(|error| format!("{error}; write it like 30s, 5m or 1h30m"))
}
