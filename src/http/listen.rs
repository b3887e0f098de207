//! The accept loop: bounds on connections and on how long a client may be silent, and a graceful stop.
//!
//! Hyper's own header timer starts only once it knows which HTTP is spoken. A client that sends nothing, or no more than what HTTP/1
//! and HTTP/2 begin with alike, would keep its connection for ever: so the first request has a timer of its own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tower::ServiceExt;

/// How many connections may be open at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 4_096;
/// How long a connection may take to send a request's head, and stay silent between requests.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);
/// The greatest head of a request.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How many requests one HTTP/2 connection may have open.
const STREAMS_MAX: u32 = 128;
/// How long a stop waits for requests that are being answered.
const STOP_TIME_MAX: Duration = Duration::from_secs(20);

/// Serves until `stop` is done; then takes no new connection and lets what was begun come to its end. A connection is closed when it is
/// silent for longer than `silence_max`, which is [`SILENCE_MAX`] but for a test.
pub async fn serve(listener: TcpListener, router: Router, silence_max: Duration, stop: impl Future<Output = ()>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(silence_max).max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(silence_max)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX));
    tokio::pin!(stop);
    loop {
        let accepted = async {
            let permit = Arc::clone(&connections).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        let (stream, _) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or the client went away: neither is a reason to stop.
                tracing::warn!("a connection could not be accepted: {error}");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let first_request = Arc::new(Notify::new());
        let begun = Arc::clone(&first_request);
        let service = router.clone().map_request(move |request: Request<Incoming>| {
            begun.notify_one();
            request
        });
        let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = graceful.watch(connection.into_owned());
        tokio::spawn(async move {
            let _permit = permit;
            tokio::pin!(connection);
            let ended = tokio::select! {
                ended = &mut connection => ended,
                () = first_request.notified() => connection.await,
                () = tokio::time::sleep(silence_max) => return,
            };
            if let Err(error) = ended {
                tracing::debug!("a connection ended: {error}");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(STOP_TIME_MAX, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were not answered before the stop");
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use axum::routing::get;

    use super::*;

    /// What a client that sends `head` and then waits gets until the server closes the connection.
    fn until_closed(head: &[u8]) -> String {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads can be started");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
            let address = listener.local_addr().expect("a bound listener has an address");
            let router = Router::new().route("/", get(|| async { "here" }));
            let server = tokio::spawn(serve(listener, router, Duration::from_millis(50), std::future::pending()));
            let head = head.to_vec();
            let answer = tokio::task::spawn_blocking(move || {
                let mut stream = TcpStream::connect(address).expect("the server listens");
                stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout above zero");
                stream.write_all(&head).expect("the connection is open");
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).expect("the server closes the connection");
                String::from_utf8_lossy(&answer).into_owned()
            });
            let answer = answer.await.expect("the client does not panic");
            server.abort();
            answer
        })
    }

    #[test]
    fn a_client_that_stays_silent_is_let_go_wherever_it_stops() {
        for head in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "G", "GET / HTTP/1.1\r\nHost: x\r\n"] {
            assert!(!until_closed(head.as_bytes()).contains("200 OK"), "{head}");
        }
        assert!(until_closed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("here"));
    }
}
