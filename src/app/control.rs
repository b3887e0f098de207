//! The way from a command to the server that uses a data folder: a socket in the folder, which its
//! owner alone can reach. A request is a line, and so is its answer.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use super::backup_words;
use crate::storage::Store;

const SOCKET: &str = "control";
const BACK_UP: &str = "backup ";
const DONE: &str = "done ";

/// The socket of a running server; dropping it takes it away.
pub(super) struct ControlSocket(PathBuf);

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Listens in that data folder until the process ends. A server without it serves all the same.
pub(super) fn listen(data: &Path, store: &Arc<dyn Store>) -> Option<ControlSocket> {
    let path = data.join(SOCKET);
    // Left by a process that was killed: the folder is locked, so that no other one listens.
    let _ = std::fs::remove_file(&path);
    let bound = UnixListener::bind(&path).and_then(|listener| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    });
    let listener = match bound {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(
                "frist backup works only while no server runs: {}: {error}",
                path.display()
            );
            return None;
        }
    };
    let store = Arc::downgrade(store);
    let spawned = thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), Some(store)) = (stream, store.upgrade()) else {
                    return;
                };
                if let Err(error) = answer(&stream, &*store) {
                    tracing::warn!("a command could not be answered: {error}");
                }
            }
        });
    spawned.is_ok().then_some(ControlSocket(path))
}

fn answer(mut stream: &UnixStream, store: &dyn Store) -> std::io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let Some(to) = line.trim_end_matches('\n').strip_prefix(BACK_UP) else {
        return writeln!(stream, "expected a folder to back up to");
    };
    match store.back_up(Path::new(to), &mut |_, _| {}) {
        Ok(done) => {
            let told = backup_words::told(&done, Path::new(to));
            tracing::info!("a backup was made: {told}");
            writeln!(stream, "{DONE}{told}")
        }
        Err(error) => {
            tracing::error!("no backup was made: {error}");
            writeln!(stream, "{error}")
        }
    }
}

/// Asks the server that uses the folder for a backup; returns what it says of it.
///
/// # Errors
/// Why there is none.
pub(super) fn ask_to_back_up(data: &Path, to: &Path) -> Result<String, String> {
    let Some(to) = to.to_str().filter(|to| !to.contains('\n')) else {
        return Err("expected a folder whose name is text".to_owned());
    };
    let path = data.join(SOCKET);
    let asked = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect(&path)?;
        writeln!(stream, "{BACK_UP}{to}")?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(line)
    };
    let told = asked().map_err(|error| {
        format!("the process that uses it does not answer ({}: {error}): is it a server of this version, and are you its user?", path.display())
    })?;
    match told.trim_end().strip_prefix(DONE) {
        Some(done) => Ok(done.to_owned()),
        None => Err(told.trim_end().to_owned()),
    }
}
