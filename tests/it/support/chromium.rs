//! A real Chromium, driven over its debugging pipe: pages, what they complain of, pictures.
//!
//! The pipe needs no port and no library: messages are JSON with a zero byte behind each.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use super::LIMIT;

/// Names under which it is installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
/// Nothing of the machine's own browser, and nothing of the network.
const FLAGS: &str = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage \
    --hide-scrollbars --no-first-run --no-default-browser-check --disable-extensions \
    --disable-background-networking --disable-component-update --disable-sync --mute-audio \
    --font-render-hinting=none --force-color-profile=srgb --remote-debugging-pipe";

/// A running browser; ends with its value.
pub struct Chromium {
    child: Child,
    input: ChildStdin,
    answers: Receiver<Value>,
    events: VecDeque<Value>,
    sent: u64,
    _profile: tempfile::TempDir,
}

#[derive(Clone)]
pub struct Tab(String);

/// The program, if one is installed. Without one the tests that need it do nothing, and say
/// so, unless ZOOMD_BROWSER=required.
pub fn installed(test: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|program| program.is_file());
    if found.is_none() {
        let required = std::env::var("ZOOMD_BROWSER").is_ok_and(|word| word == "required");
        assert!(!required, "no Chromium is installed: apt-get install chromium");
        // Not the macro: what it prints is kept from readers when a test ends well.
        let _ = writeln!(
            std::io::stderr(),
            "\n*** NOT TESTED: {test} needs a Chromium (apt-get install chromium) ***\n"
        );
    }
    found
}

impl Chromium {
    pub fn start(program: &Path) -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let line = format!(
            "exec \"$0\" {FLAGS} --user-data-dir=\"$1\" 3<&0 4>&1 </dev/null >/dev/null 2>&1"
        );
        let mut command = Command::new("sh");
        command.arg("-c").arg(line).arg(program).arg(profile.path());
        command.env("HOME", profile.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let input = child.stdin.take().expect("piped");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let (send, answers) = channel();
        std::thread::spawn(move || {
            let mut text = Vec::new();
            while output.read_until(0, &mut text).is_ok_and(|read| read > 0) {
                text.pop_if(|last| *last == 0);
                let value = serde_json::from_slice(&text).unwrap_or_default();
                if send.send(value).is_err() {
                    break;
                }
                text.clear();
            }
        });
        let events = VecDeque::new();
        Self { child, input, answers, events, sent: 0, _profile: profile }
    }

    fn call(&mut self, tab: Option<&Tab>, method: &str, params: Value) -> Value {
        self.sent += 1;
        let id = self.sent;
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(Tab(session)) = tab {
            message["sessionId"] = session.as_str().into();
        }
        write!(self.input, "{message}\0").expect("it reads");
        self.input.flush().expect("it reads");
        loop {
            let answer = self.answers.recv_timeout(LIMIT).unwrap_or_else(|e| {
                panic!("{method}: {e}, {:?}", self.events);
            });
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.events.push_back(answer);
        }
    }

    pub fn tab(&mut self) -> Tab {
        let target = self.call(None, "Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = self.call(None, "Target.attachToTarget", attach);
        let tab = Tab(session["sessionId"].as_str().expect("a session").to_owned());
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            self.call(Some(&tab), domain, json!({}));
        }
        // It takes keys as a tab in front does.
        let focus = json!({"enabled": true});
        self.call(Some(&tab), "Emulation.setFocusEmulationEnabled", focus);
        let script = "window.refused = []; document.addEventListener('securitypolicyviolation', \
            (e) => refused.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));";
        let source = json!({"source": script});
        self.call(Some(&tab), "Page.addScriptToEvaluateOnNewDocument", source);
        tab
    }

    pub fn look(&mut self, tab: &Tab, (width, height): (u32, u32), dark: bool) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.call(Some(tab), "Emulation.setDeviceMetricsOverride", metrics);
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call(Some(tab), "Emulation.setEmulatedMedia", features);
    }

    /// Opens a page and waits until it is there.
    pub fn open(&mut self, tab: &Tab, address: &str) {
        let loaded = |event: &Value| {
            event["method"] == "Page.loadEventFired" && event["sessionId"] == tab.0.as_str()
        };
        self.events.retain(|event| !loaded(event));
        self.call(Some(tab), "Page.navigate", json!({"url": address}));
        while !self.events.iter().any(loaded) {
            let event = self.answers.recv_timeout(LIMIT).expect("the page comes");
            self.events.push_back(event);
        }
    }

    /// The value of an expression; promises are waited for.
    pub fn eval(&mut self, tab: &Tab, expression: &str) -> Value {
        let ask = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.call(Some(tab), "Runtime.evaluate", ask);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub fn wait(&mut self, tab: &Tab, expression: &str) {
        let limit_ms = LIMIT.as_millis();
        let ask = format!(
            "new Promise((done) => {{ const end = Date.now() + {limit_ms}; const look = () => {{ \
             let is = false; try {{ is = ({expression}); }} catch {{}} \
             if (is || Date.now() > end) done(Boolean(is)); else setTimeout(look, 30); }}; look(); }})"
        );
        // It may go to another page meanwhile, and then be asked again.
        for _ in 0..20 {
            let ask = json!({"expression": ask, "awaitPromise": true, "returnByValue": true});
            self.sent += 1;
            let id = self.sent;
            let message =
                json!({"id": id, "method": "Runtime.evaluate", "params": ask, "sessionId": tab.0});
            write!(self.input, "{message}\0").expect("it reads");
            self.input.flush().expect("it reads");
            let answer = loop {
                let patience = LIMIT + Duration::from_secs(10);
                let answer = self.answers.recv_timeout(patience).expect("an answer");
                if answer["id"] == id {
                    break answer;
                }
                self.events.push_back(answer);
            };
            if answer["error"].is_null() {
                let is = &answer["result"]["result"]["value"];
                assert!(*is == true, "never {expression}: {answer}");
                return;
            }
        }
        panic!("the page never stood still: {expression}");
    }

    /// Types into the focused field.
    pub fn types(&mut self, tab: &Tab, text: &str) {
        self.call(Some(tab), "Input.insertText", json!({"text": text}));
    }

    /// Presses Enter.
    pub fn enter(&mut self, tab: &Tab) {
        for kind in ["keyDown", "keyUp"] {
            let key = json!({"type": kind, "key": "Enter", "code": "Enter", "text": "\r", "unmodifiedText": "\r",
                "windowsVirtualKeyCode": 13});
            self.call(Some(tab), "Input.dispatchKeyEvent", key);
        }
    }

    /// A picture of what is seen.
    pub fn picture(&mut self, tab: &Tab, file: &Path) {
        let shot = self.call(Some(tab), "Page.captureScreenshot", json!({"format": "png"}));
        let data = shot["data"].as_str().expect("a picture");
        let bytes = base64::engine::general_purpose::STANDARD.decode(data).expect("base64");
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, bytes).expect("written");
    }

    /// Complaints of pages since the last call: errors of scripts, of the console, of the
    /// network, and what the policy refused.
    pub fn complaints(&mut self, tab: &Tab) -> Vec<String> {
        let refused = self.eval(tab, "window.refused || []");
        let mut found: Vec<String> =
            refused.as_array().into_iter().flatten().map(ToString::to_string).collect();
        for event in self.events.drain(..) {
            let params = &event["params"];
            let is = match event["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" => true,
                "Runtime.consoleAPICalled" => {
                    ["error", "warning", "assert"].iter().any(|kind| params["type"] == *kind)
                }
                "Log.entryAdded" => params["entry"]["level"] == "error",
                _ => false,
            };
            found.extend(is.then(|| params.to_string()));
        }
        found
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
