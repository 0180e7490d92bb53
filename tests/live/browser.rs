//! A headless Chromium, spoken to in its `DevTools` protocol over two pipes: no port, and nothing to install beside it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// For an answer; a busy machine takes its time.
const ANSWER_LIMIT: Duration = Duration::from_mins(1);
/// The browser reads what it is asked from descriptor 3 and answers on 4.
const PIPES: &str = "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";
const OPTIONS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
];

/// A browser with one page. Dropping it ends it.
pub(crate) struct Browser {
    child: Child,
    asks: ChildStdin,
    answers: Receiver<Value>,
    asked: u64,
    session: Option<String>,
    /// What happened in between.
    events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let profile = tempfile::tempdir().expect("a temporary folder can be made");
        let folder = format!("--user-data-dir={}", profile.path().display());
        let mut command = Command::new("sh");
        command.args(["-c", PIPES, "sh", "chromium"]).args(OPTIONS).arg(folder).arg("about:blank");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh can be run");
        let asks = child.stdin.take().expect("piped");
        let said = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, answers) = channel();
        thread::spawn(move || {
            for message in said.split(0).map_while(Result::ok) {
                let _ = sender.send(serde_json::from_slice(&message).expect("the protocol is JSON"));
            }
        });
        let mut browser = Self { child, asks, answers, asked: 0, session: None, events: Vec::new(), _profile: profile };
        browser.attach();
        browser
    }

    fn attach(&mut self) {
        let page = self.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attached = self.call("Target.attachToTarget", &json!({ "targetId": page["targetId"], "flatten": true }));
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), &json!({}));
        }
    }

    /// Asks for something and waits for the answer.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        let mut ask = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            ask["sessionId"] = json!(session);
        }
        self.asks.write_all(format!("{ask}\0").as_bytes()).expect("the browser listens");
        loop {
            let message = self.next(method);
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    #[track_caller]
    fn next(&self, waiting_for: &str) -> Value {
        self.answers.recv_timeout(ANSWER_LIMIT).unwrap_or_else(|error| panic!("no {waiting_for}: {error}"))
    }

    /// Shows a file in a window of this size, and waits until it is loaded.
    pub(crate) fn open(&mut self, file: &Path, (width, height): (u32, u32), dark: bool) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let scheme = json!({ "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } });
        self.call("Emulation.setEmulatedMedia", &json!({ "features": [scheme] }));
        self.events.clear();
        self.call("Page.navigate", &json!({ "url": format!("file://{}", file.display()) }));
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.next("load");
            self.events.push(event);
        }
    }

    /// The value of an expression, also of a promise.
    #[track_caller]
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.call("Runtime.evaluate", &params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Waits until what has changed is drawn.
    pub(crate) fn frame(&mut self) {
        self.evaluate(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))",
        );
    }

    /// Presses, moves or releases the mouse.
    pub(crate) fn mouse(&mut self, kind: &str, x: f64, y: f64, clicks: u32) {
        let button = if kind == "mouseMoved" && clicks == 0 { "none" } else { "left" };
        let params = json!({
            "type": kind, "x": x, "y": y, "button": button, "buttons": u8::from(clicks > 0), "clickCount": clicks
        });
        self.call("Input.dispatchMouseEvent", &params);
    }

    /// Errors of scripts and what the browser complains of, and requests for anything but files, since the page was
    /// opened.
    pub(crate) fn troubles(&mut self) -> Vec<String> {
        self.frame();
        let is_trouble = |event: &&Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown" | "Runtime.consoleAPICalled" | "Log.entryAdded") => true,
            Some("Network.requestWillBeSent") => {
                event["params"]["request"]["url"].as_str().is_none_or(|url| !url.starts_with("file://"))
            }
            _ => false,
        };
        self.events.iter().filter(is_trouble).map(Value::to_string).collect()
    }

    /// What the window shows.
    pub(crate) fn screenshot(&mut self) -> Vec<u8> {
        let png = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        STANDARD.decode(png["data"].as_str().expect("a picture")).expect("base64")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its helpers end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
