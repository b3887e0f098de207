//! The work of an operator with data folders, by the program as it is: the guards of a start, and the
//! commands that work while no server does.
#![allow(clippy::unwrap_used)]

mod damage;
mod folders;
mod starts;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// Returns the program, with nothing of the test's environment that it would heed.
fn frist() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frist"));
    command.env("FRIST_LOG", "warn").env_remove("FRIST_DATA");
    command
}

/// Runs a command to its end.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    told(frist().args(arguments).output().unwrap())
}

fn told(ran: Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (ran.status.code(), text(&ran.stdout), text(&ran.stderr))
}

/// A program that serves.
struct Serving {
    child: Child,
    /// The base at which it serves.
    base: String,
}

impl Serving {
    /// Starts it; panics with what it said if it ends instead.
    fn start(arguments: &[&str]) -> Self {
        Serving::try_start(arguments).unwrap_or_else(|said| panic!("it does not serve: {said}"))
    }

    /// Starts it; returns what it said if it ends instead.
    fn try_start(arguments: &[&str]) -> Result<Self, String> {
        let mut command = frist();
        command.args(arguments).args(["--listen", "127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let begin = "Frist serves FHIR R4 at ";
        let mut lines = out.lines().map_while(Result::ok);
        let Some(line) = lines.find(|line| line.starts_with(begin)) else {
            let (code, _, said) = told(child.wait_with_output().unwrap());
            assert_eq!(code, Some(1), "{said}");
            return Err(said);
        };
        // What it says further is read, so that it is never held up.
        std::thread::spawn(move || lines.count());
        let rest = &line[begin.len()..];
        let base = rest.split(' ').next().unwrap().to_owned();
        Ok(Serving { child, base })
    }

    /// Stops it as Ctrl-C does.
    fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .unwrap()
                .success()
        );
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Fills a folder with some invented persons.
fn invented(data: &Path) {
    Serving::start(&["demo", "--patients", "4", "--data", data.to_str().unwrap()]).stop();
}

/// Copies a folder and all in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for path in entries(from) {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

/// Sends a request; returns the status and the body.
fn ask(request: impl Fn(&reqwest::Client) -> reqwest::RequestBuilder) -> (u16, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let answer = request(&reqwest::Client::new()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    })
}

fn get(url: &str) -> (u16, String) {
    ask(|client| client.get(url))
}

fn put(url: &str, body: &str) -> (u16, String) {
    ask(|client| {
        let request = client
            .put(url)
            .header("Content-Type", "application/fhir+json");
        request.body(body.to_owned())
    })
}
