//! The program `frist` with a data folder that is thrown away, on a port of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::http::{self, Answer};

/// The base of the server's own addresses: the same on every machine, so that what it says is.
const BASE: &str = "http://frist.test/fhir";

/// A server that runs until it is dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; either way nothing is left of it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts the program with `arguments` (the command first), and waits until it serves.
    pub(crate) fn start(program: &Path, arguments: &[&str]) -> Result<Self, String> {
        let fail = |error: std::io::Error| format!("{}: {error}", program.display());
        let folder = tempfile::tempdir().map_err(fail)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .args(["--listen", "127.0.0.1:0", "--base-url", BASE, "--data"])
            .arg(folder.path().join("data"));
        command
            .env("FRIST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().map_err(fail)?;
        let said = child
            .stdout
            .take()
            .map(|out| BufReader::new(out).lines().map_while(Result::ok))
            .into_iter()
            .flatten();
        let mut address = None;
        for line in said {
            // `  what to try           http://127.0.0.1:41234/`
            if let Some((_, rest)) = line
                .split_once("what to try")
                .filter(|_| line.contains("http://"))
            {
                address = rest
                    .trim()
                    .trim_start_matches("http://")
                    .trim_end_matches('/')
                    .parse()
                    .ok();
                break;
            }
        }
        match address {
            Some(address) => Ok(Server {
                child,
                address,
                _folder: folder,
            }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err(format!(
                    "{} {}: it did not say where it serves",
                    program.display(),
                    arguments.join(" ")
                ))
            }
        }
    }

    /// Returns the address at which it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a request to an address below the base, or to one that the server gave.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, String> {
        let below = path.strip_prefix(BASE).unwrap_or(path);
        http::send(
            self.address,
            method,
            &format!("/fhir{below}"),
            headers,
            body,
        )
    }

    /// Returns the pages of a search or history, from its first address on; at most `pages_max`.
    pub(crate) fn pages(&self, path: &str, pages_max: usize) -> Result<Vec<Value>, String> {
        let mut next = Some(path.to_owned());
        let mut found = Vec::new();
        while let Some(path) = next.take().filter(|_| found.len() < pages_max) {
            let answer = self.ask("GET", &path, &[], "")?;
            if answer.status != 200 {
                return Err(format!("GET {path}: {} {}", answer.status, answer.body));
            }
            let page: Value = serde_json::from_str(&answer.body)
                .map_err(|error| format!("GET {path}: {error}"))?;
            let links = page["link"].as_array().into_iter().flatten();
            next = links
                .filter(|link| link["relation"] == "next")
                .filter_map(|link| link["url"].as_str())
                .map(str::to_owned)
                .next();
            found.push(page);
        }
        Ok(found)
    }
}
