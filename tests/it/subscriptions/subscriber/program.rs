//! The subscriber of the examples and the server, as processes, and the requests of the test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Longer than anything here takes on a busy machine; a test that waits so long has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// Returns the example, built as these tests are: a run of one test alone builds none, and what was
/// built before may be old.
pub(super) fn example() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        // target/debug/deps/it-…
        let profile = std::env::current_exe()
            .unwrap()
            .ancestors()
            .nth(2)
            .unwrap()
            .to_owned();
        let mut build =
            Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
        build.args([
            "build",
            "--quiet",
            "--offline",
            "--message-format=json",
            "--example",
            "subscriber",
        ]);
        build
            .arg("--manifest-path")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        build.arg("--target-dir").arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        // What cargo tells a test of its package would make libraries be built anew that look at
        // variables of these names.
        for (name, _) in std::env::vars_os() {
            if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
                .iter()
                .any(|begin| name.to_string_lossy().starts_with(begin))
            {
                build.env_remove(name);
            }
        }
        let built = build.stderr(Stdio::inherit()).output().unwrap();
        assert!(built.status.success(), "the example cannot be built");
        let told = built
            .stdout
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        told.filter_map(|told| Some(told["executable"].as_str()?.into()))
            .next_back()
            .expect("an executable")
    })
}

/// A program that runs, with what it prints.
pub(super) struct Program {
    pub(super) child: Child,
    pub(super) lines: Receiver<String>,
}

impl Program {
    pub(super) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let outputs: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for output in outputs {
            let sender = sender.clone();
            thread::spawn(move || {
                BufReader::new(output)
                    .lines()
                    .map_while(Result::ok)
                    .try_for_each(|line| sender.send(line))
            });
        }
        Program { child, lines }
    }

    /// Returns the next line.
    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line comes")
    }

    /// Checks that the next lines begin so.
    pub(super) fn expect(&self, lines: &[&str]) {
        for expected in lines {
            let line = self.line();
            assert!(
                line.starts_with(expected),
                "expected {expected}…, found {line}"
            );
        }
    }

    /// Checks that the next lines begin so, in any order: the output and the errors are two streams.
    pub(super) fn expect_in_any_order(&self, lines: &[&str]) {
        let mut left = lines.to_vec();
        while !left.is_empty() {
            let line = self.line();
            let found = left
                .iter()
                .position(|expected| line.starts_with(expected))
                .unwrap_or_else(|| panic!("expected one of {left:?}, found {line}"));
            left.remove(found);
        }
    }

    /// Waits for a line that begins so; answers what follows in it.
    pub(super) fn until(&self, begin: &str) -> String {
        loop {
            if let Some(rest) = self.line().strip_prefix(begin) {
                return rest.to_owned();
            }
        }
    }

    /// Returns its exit code after Ctrl-C, and the lines that were not looked at.
    pub(super) fn interrupt(self) -> (Option<i32>, Vec<String>) {
        let sent = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        self.end()
    }

    /// Returns its exit code when it ends, and the lines that were not looked at.
    pub(super) fn end(mut self) -> (Option<i32>, Vec<String>) {
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => {
                    return (self.child.wait().unwrap().code(), lines);
                }
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {lines:#?}"),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Posts, gets and puts.
pub(super) struct Http {
    pub(super) client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Http {
    pub(super) fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        // Between two requests the subscriber may take longer than the server keeps a silent
        // connection: each request has one of its own.
        let client = reqwest::Client::builder().pool_max_idle_per_host(0);
        Http {
            client: client.build().unwrap(),
            runtime,
        }
    }

    pub(super) fn send(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        self.runtime.block_on(async {
            let answer = request.timeout(PATIENCE).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        })
    }
}
