//! What is to be recorded, and into which files.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::cli::RecordArgs;
use crate::commands::login;
use crate::commands::output::{clean, is_stdout};
use crate::commands::record::descriptors::room_for;
use crate::error::Error;
use crate::session::ClientConfig;
use crate::session::client::{Limits, Timeouts};
use crate::time::Timestamp;

/// The file of URLs, and of targets, without a template.
const OF_URLS: &str = "{host}_{start}.pcapng";
const NAMED: &str = "{name}_{start}.pcapng";
const NAMELESS: &str = "{host}_{number}_{start}.pcapng";

/// All sessions, and all files.
pub(super) struct Plan {
    pub(super) targets: Vec<Target>,
    pub(super) files: Vec<PathBuf>,
    /// How many file descriptors there may be, and for how many of the targets they do; the first ones are recorded.
    limit: u64,
    room: usize,
}

/// A session.
pub(super) struct Target {
    pub(super) config: ClientConfig,
    /// The place of its file.
    pub(super) file: usize,
}

/// A line of `--targets`.
struct Line<'a> {
    number: usize,
    url: &'a str,
    name: Option<&'a str>,
    template: Option<&'a str>,
}

impl Plan {
    /// As the command line says.
    pub(super) fn make(args: &RecordArgs, now: Timestamp) -> Result<Self, Error> {
        let rotates = args.rotate_size.is_some() || args.rotate_time.is_some();
        if args.keep.is_some() && !rotates {
            return Err(Error::Usage("--keep needs --rotate-size or --rotate-time".to_owned()));
        }
        let password = login::password(args.login.password_file.as_deref())?;
        let start = start(now);
        let plan = match &args.targets {
            Some(path) => Self::from_list(args, path, &start, password.as_deref())?,
            None => Self::from_urls(args, &start, password.as_deref())?,
        };
        match plan.files.iter().find(|file| is_stdout(file)) {
            Some(_) if rotates => Err(Error::Usage("standard output can't be rotated; name a file".to_owned())),
            Some(_) if plan.files.len() > 1 => {
                Err(Error::Usage("several targets can't share standard output; name files".to_owned()))
            }
            _ => Ok(plan),
        }
    }

    /// Leaves out what has no room among so many file descriptors.
    pub(super) fn fit(&mut self, limit: u64) {
        let transports = self.targets.first().map_or(&[][..], |target| &target.config.transports);
        self.limit = limit;
        self.room = room_for(limit, transports, self.files.len() > 1);
    }

    /// Why a target is not recorded, if it has no room.
    pub(super) fn shortage(&self, target: usize) -> Option<Error> {
        let (limit, room, targets) = (self.limit, self.room, self.targets.len());
        (target >= room).then_some(Error::Descriptors { limit, room, targets })
    }

    /// The same of those that have none, for a start.
    pub(super) fn shortages(&self) -> Option<String> {
        let left_out = self.targets.len().saturating_sub(self.room);
        let error = self.shortage(self.room).filter(|_| left_out > 0)?;
        let (one, them) = if left_out == 1 { ("target is", "the last one") } else { ("targets are", "the last ones") };
        Some(format!("{left_out} {one} not recorded, {them} of the list: {error}"))
    }

    /// All sessions into one file.
    fn from_urls(args: &RecordArgs, start: &str, password: Option<&str>) -> Result<Self, Error> {
        let target = |(number, url): (usize, &String)| {
            let config = config(args, &format!("URL {number}"), url, password)?;
            Ok(Target { config, file: 0 })
        };
        let targets: Vec<Target> = (1..).zip(&args.urls).map(target).collect::<Result<_, Error>>()?;
        let host = targets.first().map_or("", |target| target.config.url.host());
        let template = args.output.as_deref().unwrap_or(Path::new(OF_URLS));
        let file = fill_in(template, &words(None, host, 1, start)).map_err(|why| Error::Usage(format!("-o: {why}")))?;
        Ok(Self { targets, files: vec![file], limit: u64::MAX, room: usize::MAX })
    }

    /// Each session into a file of its own.
    fn from_list(args: &RecordArgs, path: &Path, start: &str, password: Option<&str>) -> Result<Self, Error> {
        let shown = if is_stdout(path) { "standard input".to_owned() } else { path.display().to_string() };
        let mut plan = Self { targets: Vec::new(), files: Vec::new(), limit: u64::MAX, room: usize::MAX };
        let mut used = HashSet::new();
        for line in lines(&read(path)?) {
            let place = format!("{shown}, line {}", line.number);
            let config = config(args, &place, line.url, password)?;
            let template = line.template.map(PathBuf::from).or_else(|| args.output.clone());
            let template = template.unwrap_or_else(|| line.name.map_or(NAMELESS, |_| NAMED).into());
            let words = words(line.name, config.url.host(), plan.files.len() + 1, start);
            let file = fill_in(&template, &words).map_err(|why| Error::Usage(format!("{place}: {why}")))?;
            if !used.insert(file.clone()) {
                let file = file.display();
                return Err(Error::Usage(format!(
                    "{place}: another target goes into {file} too; {{number}} makes names differ"
                )));
            }
            plan.targets.push(Target { config, file: plan.files.len() });
            plan.files.push(file);
        }
        if plan.files.is_empty() { Err(Error::Usage(format!("{shown} names no target"))) } else { Ok(plan) }
    }
}

fn read(path: &Path) -> Result<String, Error> {
    let mut text = String::new();
    let read = if is_stdout(path) {
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    read.map_err(|source| Error::File { action: "read", path: path.to_owned(), source })
}

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    (1..).zip(text.lines()).filter_map(|(number, line)| {
        // A # within a word is part of it: URLs may have one.
        let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        Some(Line { number, url: words.next()?, name: words.next(), template: words.next() })
    })
}

/// `2026-11-22T09-30-00Z`
fn start(now: Timestamp) -> String {
    let start = now.to_string();
    clean(&format!("{}Z", start.split('.').next().unwrap_or(&start)))
}

/// What templates know of a target.
fn words(name: Option<&str>, host: &str, number: usize, start: &str) -> [(&'static str, String); 4] {
    let number = number.to_string();
    let name = clean(name.unwrap_or(&number));
    [("name", name), ("host", clean(host)), ("number", number), ("start", start.to_owned())]
}

/// The template with its words in place; or what is wrong with it.
fn fill_in(template: &Path, words: &[(&str, String)]) -> Result<PathBuf, String> {
    let Some(mut rest) = template.to_str() else { return Ok(template.to_owned()) };
    let mut filled = String::new();
    while let Some((before, behind)) = rest.split_once('{') {
        let (word, after) = behind.split_once('}').ok_or_else(|| format!("{{ without }} in {}", template.display()))?;
        let value = words.iter().find(|(name, _)| *name == word);
        let (_, value) =
            value.ok_or_else(|| format!("{{{word}}} is none of {{name}}, {{host}}, {{number}}, {{start}}"))?;
        filled.extend([before, value]);
        rest = after;
    }
    Ok(PathBuf::from(filled + rest))
}

/// What the client is told. `name` is what errors call the URL.
fn config(args: &RecordArgs, name: &str, url: &str, password: Option<&str>) -> Result<ClientConfig, Error> {
    let (url, credentials) = login::target(name, url, args.login.user.as_deref(), password)?;
    Ok(ClientConfig {
        credentials,
        url,
        user_agent: args.user_agent.clone(),
        media: args.media.clone(),
        transports: args.transport.transport.iter().map(|name| (*name).into()).collect(),
        seed: fastrand::u64(..),
        limits: Limits {
            duration: args.duration,
            packets: args.max_packets,
            bytes: args.max_bytes.map(|size| size.as_u64()),
        },
        timeouts: Timeouts {
            connect: args.connect_timeout,
            response: args.response_timeout,
            idle: args.idle_timeout,
            ..Timeouts::default()
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn plan(list: &str, options: &[&str]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, list).unwrap();
        let words = ["rtsp-rec", "record", "--targets", path.to_str().unwrap()];
        let Command::Record(args) = Cli::try_parse_from(words.iter().chain(options)).unwrap().command else { panic!() };
        let at = Timestamp::from_nanos(1_700_000_000_000_000_000);
        match Plan::make(&args, at) {
            Ok(plan) => Ok(plan.files.iter().map(|file| file.to_str().unwrap().to_owned()).collect()),
            Err(error) => Err(error.to_string().replace(&format!("{}/", folder.path().display()), "")),
        }
    }

    #[test]
    fn each_target_has_its_file() {
        let list =
            "# cameras\n\nrtsp://a/1 door\nrtsp://b/2  # no name\n rtsp://c/x#y gate out/{host}-{number}.pcapng.zst\n";
        let default = ["door_2023-11-14T22-13-20Z.pcapng", "b_2_2023-11-14T22-13-20Z.pcapng", "out/c-3.pcapng.zst"];
        assert_eq!(plan(list, &[]).unwrap(), default);
        let given = ["d/door_1", "d/2_2", "out/c-3.pcapng.zst"];
        assert_eq!(plan(list, &["-o", "d/{name}_{number}"]).unwrap(), given);
        assert_eq!(plan("rtsp://a/ ../../x/y", &["-o", "{name}.pcapng"]).unwrap(), ["..-..-x-y.pcapng"]);
    }

    #[test]
    fn urls_have_one_file_with_the_same_words() {
        let plan = |options: &[&str]| {
            let words = ["rtsp-rec", "record", "rtsp://a:8554/1", "rtsp://b/2"];
            let Command::Record(args) = Cli::try_parse_from(words.iter().chain(options)).unwrap().command else {
                panic!()
            };
            Plan::make(&args, Timestamp::from_nanos(1_700_000_000_000_000_000)).map(|plan| plan.files)
        };
        for (options, file) in [
            (&[][..], "a_2023-11-14T22-13-20Z.pcapng"),
            (&["-o", "d/cam_{start}.pcapng.zst"], "d/cam_2023-11-14T22-13-20Z.pcapng.zst"),
            (&["-o", "{host}-{name}-{number}"], "a-1-1"),
            (&["-o", "-"], "-"),
        ] {
            assert_eq!(plan(options).unwrap(), [Path::new(file)]);
        }
        assert!(plan(&["-o", "{x}"]).unwrap_err().to_string().starts_with("-o: {x} is none of "));
    }

    #[test]
    fn what_can_t_be_is_told_with_its_line() {
        for (list, options, why) in [
            (
                "rtsp://a\nrtsp://b",
                vec!["-o", "x.pcapng"],
                "list, line 2: another target goes into x.pcapng too; {number} makes names differ",
            ),
            ("\nrtsp://a", vec!["-o", "{x}"], "list, line 2: {x} is none of {name}, {host}, {number}, {start}"),
            ("rtsp://a", vec!["-o", "{number"], "list, line 1: { without } in {number"),
            ("# none", vec![], "list names no target"),
            ("rtsp://a\nrtsp://b x -", vec![], "several targets can't share standard output; name files"),
            ("rtsp://a", vec!["--keep", "2"], "--keep needs --rotate-size or --rotate-time"),
            ("rtsp://a", vec!["-o", "-", "--rotate-time", "1m"], "standard output can't be rotated; name a file"),
        ] {
            assert_eq!(plan(list, &options).unwrap_err(), why);
        }
        assert!(plan("\n\nhttp://a", &[]).unwrap_err().starts_with("list, line 3: "));
    }
}
