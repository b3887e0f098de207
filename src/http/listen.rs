//! The accept loop: bounds on connections and on how long a client may be silent, and a graceful stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// How many connections may be open at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 4_096;
/// How long a connection may take to send a request's head, the first one included, and stay silent between requests.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// The greatest head of a request.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How many requests one HTTP/2 connection may have open.
const STREAMS_MAX: u32 = 128;
/// How long no connection is accepted after one could not be: without file descriptors, the next one could not be either.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a stop waits for requests that are being answered.
const STOP_TIME_MAX: Duration = Duration::from_secs(20);

/// Serves until `stop` is done; then takes no new connection and lets what was begun come to its end.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    serve_within(SILENCE_MAX, listener, router, stop).await;
}

async fn serve_within(silence_max: Duration, listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let builder = bounded(silence_max);
    tokio::pin!(stop);
    loop {
        let accepted = async {
            let permit = Arc::clone(&connections).acquire_owned().await;
            (accept(&listener).await, permit)
        };
        let (stream, permit) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        let _ = stream.set_nodelay(true);
        let has_asked = Arc::new(AtomicBool::new(false));
        let routes = TowerToHyperService::new(router.clone());
        let service = service_fn({
            let has_asked = Arc::clone(&has_asked);
            move |request| {
                has_asked.store(true, Ordering::Relaxed);
                routes.call(request)
            }
        });
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned());
        tokio::spawn(async move {
            let _permit = permit;
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!("a connection ended: {error}");
                },
                () = silent(silence_max, &has_asked) => tracing::debug!("a connection was closed: no request came"),
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(STOP_TIME_MAX, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were not answered before the stop");
    }
}

fn bounded(silence_max: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(silence_max).max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(silence_max)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX));
    builder
}

/// The next connection.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                // Out of file descriptors, or the client went away: neither is a reason to stop.
                tracing::warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Done when a connection had its time for a first request and asked for nothing. Until the first bytes have told HTTP/1 from HTTP/2,
/// no timer of either runs: a connection that never sends them would stay open for ever.
async fn silent(silence_max: Duration, has_asked: &AtomicBool) {
    tokio::time::sleep(silence_max).await;
    if has_asked.load(Ordering::Relaxed) {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{Read, Write};

    use super::*;

    /// What a client reads that sends this and waits until the server closes the connection.
    fn sent(address: std::net::SocketAddr, bytes: &[u8]) -> std::io::Result<String> {
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.write_all(bytes)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    }

    #[test]
    fn a_connection_that_does_not_ask_is_closed() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", axum::routing::get(|| async { "well" }));
        runtime.spawn(serve_within(Duration::from_millis(50), listener, router, std::future::pending()));
        for unfinished in ["", "P", "PRI * HTTP/2.0\r\n", "G", "GET / HTTP/1.1\r\nHost: x\r\n"] {
            let answer = sent(address, unfinished.as_bytes()).unwrap_or_else(|error| panic!("{unfinished:?} is still open: {error}"));
            assert!(!answer.contains("well"), "{unfinished:?}: {answer}");
        }
        assert!(sent(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap().ends_with("well"));
    }
}
