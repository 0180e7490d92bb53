//! What the program says of itself: `--help`, completions for shells, manual pages.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code")]

mod command;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use command::{rtsp_rec, run};

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

#[track_caller]
fn stdout(arguments: &[&str]) -> String {
    String::from_utf8(run(0, arguments).stdout).unwrap()
}

/// The commands that `--help` lists.
fn commands() -> Vec<String> {
    let help = stdout(&["--help"]);
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = list.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !matches!(*name, "" | "help")).map(str::to_owned).collect()
}

#[test]
fn every_command_explains_itself() {
    insta::assert_snapshot!("help", stdout(&["--help"]));
    for command in commands() {
        let help = stdout(&[&command, "--help"]);
        assert!(help.contains(&format!("\nExamples:\n  rtsp-rec {command}")), "{help}");
        insta::assert_snapshot!(format!("help_{command}"), help.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    }
}

#[test]
fn every_shell_completes_every_command() {
    for shell in SHELLS {
        let script = stdout(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{command} for {shell}");
        }
    }
    let listed = String::from_utf8(run(2, &["completions", "csh"]).stderr).unwrap();
    assert!(listed.contains(&SHELLS.join(", ")), "{listed}");
}

/// Reads and runs the script, then asks for what it completes.
#[test]
fn bash_completes_options_and_values() {
    let asks = "
        set -u
        COMP_WORDS=(rtsp-rec analyze --tab) COMP_CWORD=2
        _rtsp__rec rtsp-rec --tab analyze
        echo \"${COMPREPLY[*]}\"
        COMP_WORDS=(rtsp-rec analyze --table '') COMP_CWORD=3
        _rtsp__rec rtsp-rec '' --table
        echo \"${COMPREPLY[*]}\"";
    let mut bash = Command::new("bash");
    let mut bash = bash.arg("--norc").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let bash = bash.as_mut().expect("bash can be run");
    let script = stdout(&["completions", "bash"]) + asks;
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let answers: Vec<String> = BufReader::new(bash.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    let complaints = std::io::read_to_string(bash.stderr.take().unwrap()).unwrap();
    assert!(bash.wait().unwrap().success());
    assert_eq!(complaints, "");
    assert_eq!(
        answers,
        ["--table", "streams packets frames sender_reports report_blocks messages findings verdicts tcp"]
    );
}

#[test]
fn pages_look_like_this() {
    insta::assert_snapshot!("man_demo", stdout(&["man", "demo"]).replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    let text = String::from_utf8(run(2, &["man", "recrd"]).stderr).unwrap();
    assert!(text.starts_with("rtsp-rec: there is no command 'recrd'; there are record, "), "{text}");
}

#[test]
fn a_folder_holds_a_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("man1");
    assert_eq!(stdout(&["man", "-o", inside.to_str().unwrap()]), "");
    let tool = fs::read_to_string(inside.join("rtsp-rec.1")).unwrap();
    assert_eq!(tool, stdout(&["man"]));
    for command in commands() {
        let page = fs::read_to_string(inside.join(format!("rtsp-rec-{command}.1"))).unwrap();
        assert_eq!(page, stdout(&["man", &command]));
        assert!(tool.contains(&format!("rtsp\\-rec\\-{command}(1)")), "{tool}");
        for option in stdout(&[&command, "--help"]).split_whitespace().filter(|word| word.starts_with("--")) {
            let option = option.trim_end_matches(|char: char| !char.is_ascii_lowercase()).replace('-', "\\-");
            assert!(page.contains(&option), "{option} in {page}");
        }
    }
    assert_eq!(fs::read_dir(inside).unwrap().count(), commands().len() + 1);
}

#[test]
fn a_closed_pipe_is_a_normal_end() {
    for arguments in [["completions", "bash"], ["man", "record"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = rtsp_rec(&arguments).stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output();
        let output = output.unwrap();
        assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
    }
}
