//! Options of `completions` and `man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// Options of `completions`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  rtsp-rec completions bash > ~/.local/share/bash-completion/completions/rtsp-rec
  rtsp-rec completions zsh > ~/.zfunc/_rtsp-rec
  rtsp-rec completions fish > ~/.config/fish/completions/rtsp-rec.fish

zsh reads the folder if ~/.zshrc has: fpath=(~/.zfunc $fpath); autoload -U compinit; compinit")]
pub struct CompletionsArgs {
    /// The shell that shall complete
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Options of `man`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  rtsp-rec man | man -l -
  rtsp-rec man record | man -l -
  rtsp-rec man -o /usr/local/share/man/man1

With -o there is a page for the tool, rtsp-rec.1, and one for each command: rtsp-rec-record.1 and so on.")]
pub struct ManArgs {
    /// The command whose page to print [default: that of the tool as a whole]
    #[arg(value_name = "COMMAND", conflicts_with = "output")]
    pub command: Option<String>,

    /// Write every page into this folder instead, which is made if it is not there
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}
