// SPDX-License-Identifier: Apache-2.0
//! Pages in a real browser, driven by its debugging protocol through a pipe: light and dark, on a phone, printed. Needs Chromium:
//! `make report-look` installs it, sets SYSTOLE_BROWSER to its command, and leaves pictures in build/report.

use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A browser with one page.
struct Browser {
    child: Child,
    to: File,
    from: BufReader<File>,
    number: u64,
    session: Option<String>,
    /// What was requested, and what the console said.
    requests: Vec<String>,
    console: Vec<String>,
    loaded: bool,
    _folder: tempfile::TempDir,
}

impl Browser {
    /// Starts `command` without a window.
    fn start(command: &str) -> Browser {
        let folder = tempfile::tempdir().unwrap();
        let [to, from] = ["to", "from"].map(|n| folder.path().join(n));
        assert!(Command::new("mkfifo").args([&to, &from]).status().unwrap().success());
        // Descriptors 3 and 4 are the pipe; the shell opens them in the order in which this side does.
        let script = "exec \"$0\" --headless --no-sandbox --disable-gpu --no-first-run --disable-extensions --hide-scrollbars \
            --disable-background-networking --disable-component-update --disable-sync --user-data-dir=\"$1\" --remote-debugging-pipe 3<\"$2\" 4>\"$3\"";
        let profile = folder.path().join("profile");
        let child = Command::new("sh")
            .args(["-c", script, command])
            .args([&profile, &to, &from])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (to, from) = (File::options().write(true).open(&to).unwrap(), BufReader::new(File::open(&from).unwrap()));
        let (requests, console) = (vec![], vec![]);
        let mut b = Browser { child, to, from, number: 0, session: None, requests, console, loaded: false, _folder: folder };
        let target = b.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let session = b.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}))["sessionId"].clone();
        b.session = session.as_str().map(String::from);
        for domain in ["Page", "Network", "Runtime", "Log"] {
            b.call(&format!("{domain}.enable"), json!({}));
        }
        b
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let mut message = json!({"id": self.number, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let answer = self.next();
            if answer["id"] == self.number {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
    }

    /// The next message, of which events are noted.
    fn next(&mut self) -> Value {
        let mut bytes = vec![];
        assert!(self.from.read_until(0, &mut bytes).unwrap() > 0, "the browser went away");
        bytes.pop();
        let message: Value = serde_json::from_slice(&bytes).unwrap();
        let params = &message["params"];
        match message["method"].as_str() {
            Some("Network.requestWillBeSent") => self.requests.push(params["request"]["url"].as_str().unwrap_or("?").into()),
            Some("Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded") => {
                self.console.push(params.to_string())
            }
            Some("Page.loadEventFired") => self.loaded = true,
            _ => {}
        }
        message
    }

    fn open(&mut self, page: &Path, width: u32, look: &str) {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}),
        );
        let scheme = json!([{"name": "prefers-color-scheme", "value": if look == "dark" { "dark" } else { "light" }}]);
        let media = if look == "print" { "print" } else { "" };
        self.call("Emulation.setEmulatedMedia", json!({"media": media, "features": scheme}));
        (self.loaded, self.requests, self.console) = (false, vec![], vec![]);
        self.call("Page.navigate", json!({"url": format!("file://{}", page.display())}));
        while !self.loaded {
            self.next();
        }
    }

    /// What an expression gives, a promise's value too.
    fn value(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// A picture of the whole page, in base64.
    fn picture(&mut self) -> String {
        let result = self.call("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true}));
        result["data"].as_str().unwrap().to_string()
    }

    /// How many colours a picture has, and which share the most frequent of them takes: the browser reads it itself.
    fn colours(&mut self, picture: &str) -> (u64, f64) {
        let count = self.value(&format!(
            "(async () => {{ const b = await (await fetch('data:image/png;base64,{picture}')).blob(); const i = await createImageBitmap(b); \
             const c = new OffscreenCanvas(i.width, i.height).getContext('2d'); c.drawImage(i, 0, 0); \
             const d = new Uint32Array(c.getImageData(0, 0, i.width, i.height).data.buffer); const n = new Map(); \
             for (const p of d) n.set(p, (n.get(p) || 0) + 1); return [n.size, Math.max(...n.values()) / d.length]; }})()"
        ));
        (count[0].as_u64().unwrap(), count[1].as_f64().unwrap())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Pages of these networks, and what each must show.
const PAGES: [(&str, &[&str]); 3] = [
    ("digits", &["Network", "Cycles by layer", "Roofline", "Timetable", "On other machines", "MATMUL"]),
    ("digits-cnn", &["conv1", "conv3", "average pool", "2,048", "cycles from launch", "large"]),
    ("tales", &["Cycles by position", "tokens a second", "layer 2, feed-forward", "kept from earlier runs"]),
];

#[test]
fn pages_look_right_in_a_browser() {
    let Some(command) = std::env::var_os("SYSTOLE_BROWSER") else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let folder = root.join("build/report");
    std::fs::create_dir_all(&folder).unwrap();
    let mut pages: Vec<(PathBuf, &[&str])> = vec![];
    for (network, texts) in PAGES {
        let page = folder.join(format!("{network}.html"));
        let done = Command::new(env!("CARGO_BIN_EXE_systole")).args(["report", network, "-o"]).arg(&page).status().unwrap();
        assert!(done.success());
        pages.push((page, texts));
    }
    // Further ones, by their files.
    let more = std::env::var("SYSTOLE_PAGES").unwrap_or_default();
    pages.extend(more.split_whitespace().map(|p| (PathBuf::from(p).canonicalize().unwrap(), &[][..])));
    let mut browser = Browser::start(command.to_str().unwrap());
    for (page, texts) in pages {
        let name = page.file_stem().unwrap().to_string_lossy().into_owned();
        let mut seen = vec![];
        for (look, width) in [("light", 1200), ("dark", 1200), ("phone", 390), ("print", 720)] {
            browser.open(&page, width, look);
            let shown = browser
                .value("document.body.innerText + ' ' + [...document.querySelectorAll('svg')].map(s => s.textContent).join(' ')");
            let shown = shown.as_str().unwrap();
            texts.iter().for_each(|t| assert!(shown.contains(t), "{name}, {look}: no '{t}'"));
            let over = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
            assert_eq!(over, 0, "{name}, {look}: wider than the window");
            // Nothing stands out of its own picture, and no text of a page is too small to read.
            let small = browser.value(
                "Math.min(...[...document.querySelectorAll('svg text')].filter(t => t.style.display !== 'none').map(t => t.getBoundingClientRect().height))",
            );
            assert!(small.as_f64().unwrap() >= 9.0, "{name}, {look}: text of {small} pixels");
            let picture = browser.picture();
            let (colours, most) = browser.colours(&picture);
            assert!(colours > 100 && most < 0.97, "{name}, {look}: {colours} colours, {most} of one");
            std::fs::write(folder.join(format!("{name}-{look}.png")), base64::decode(&picture).unwrap()).unwrap();
            let own = |r: &String| r.starts_with("file://") && r.ends_with(".html") || r.starts_with("data:");
            assert!(browser.requests.iter().all(own), "{name}, {look}: requests {:?}", browser.requests);
            assert!(browser.console.is_empty(), "{name}, {look}: {:?}", browser.console);
            seen.push(picture);
        }
        assert_ne!(seen[0], seen[1], "{name}: dark is as light");
        zooms(&mut browser, &page, &name);
        let pdf = browser.call("Page.printToPDF", json!({"printBackground": false}));
        let pdf = base64::decode(pdf["data"].as_str().unwrap()).unwrap();
        assert!(pdf.starts_with(b"%PDF") && pdf.len() > 20_000, "{name}: {} bytes of PDF", pdf.len());
        std::fs::write(folder.join(format!("{name}.pdf")), pdf).unwrap();
    }
}

/// Buttons widen bars, move them, and bring all of them back; without the script there are no buttons, and every bar.
fn zooms(browser: &mut Browser, page: &Path, name: &str) {
    browser.open(page, 1200, "light");
    let state = "[...document.querySelectorAll('.views g.bar')].map(g => [g.style.display, g.querySelector('rect').getAttribute('width')].join()).join(' ')";
    let press = |n: usize| format!("document.querySelectorAll('.views .zoom')[0].querySelectorAll('button')[{n}].click()");
    browser.value(&press(4));
    let all = browser.value(state);
    // Of bars that are wholly in sight behind it, each is twice as wide.
    let wide =
        "[...document.querySelector('.views').querySelectorAll('g.bar:not(.stays)')].map(g => [g, g.querySelector('rect')])";
    browser.value(&format!("{wide}.forEach(([g, r]) => g.before = Number(r.getAttribute('width')))"));
    browser.value(&press(0));
    let ratios = browser.value(&format!(
        "{wide}.filter(([g, r]) => g.style.display !== 'none' && g.before > 1 && Number(r.getAttribute('x')) > 0 && \
         Number(r.getAttribute('x')) + Number(r.getAttribute('width')) < Number(g.closest('svg.pane').dataset.plot)) \
         .map(([g, r]) => Number(r.getAttribute('width')) / g.before)"
    ));
    let ratios: Vec<f64> = ratios.as_array().unwrap().iter().filter_map(Value::as_f64).collect();
    assert!(!ratios.is_empty() && ratios.iter().all(|r| (r - 2.0).abs() < 0.2), "{name}: zoomed by {ratios:?}");
    browser.value(&press(3));
    browser.value(&press(4));
    assert_eq!(browser.value(state), all, "{name}");
    browser.call("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    browser.open(page, 1200, "light");
    browser.call("Emulation.setScriptExecutionDisabled", json!({"value": false}));
    assert_eq!(browser.value("document.querySelectorAll('.zoom button').length"), 0, "{name}");
    let fit =
        browser.value("[...document.querySelectorAll('.views g.bar rect')].every(r => Number(r.getAttribute('width')) > 0)");
    assert_eq!(fit, true, "{name}: a bar without width");
}
