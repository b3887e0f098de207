//! The accept loop: bounds on connections and on how long a client may be silent, and a graceful
//! stop.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Version;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use super::connections::Connections;
use super::head_clock::{HeadClock, Held, Patience, Watched};
use super::service::ForWatchers;

const PATIENCE: Patience = Patience {
    head: Duration::from_secs(10),
    rest: Duration::from_secs(75),
};
/// The greatest head of a request.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The most requests that one HTTP/2 connection may have open.
const STREAMS_MAX: u32 = 128;
/// The most bytes that an HTTP/2 connection may send before they are read.
const WINDOW_BYTES: u32 = 256 * 1024;
/// The time for which no connection is accepted after one could not be: without file descriptors,
/// the next one could not be either.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The errors of a system or a process that has as many files open as it may.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
/// The time that a stop waits for requests that are being answered.
const STOP_TIME_MAX: Duration = Duration::from_secs(20);

/// Serves until `stop` is done; then takes no new connection and lets what was begun come to its
/// end. No more connections are open at once than that.
pub async fn serve(
    listener: TcpListener,
    connections_max: usize,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    serve_within((PATIENCE, connections_max), listener, router, stop).await;
}

async fn serve_within(
    (patience, connections_max): (Patience, usize),
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    let connections = Connections::at_most(connections_max);
    let graceful = GracefulShutdown::new();
    let builder = bounded(patience);
    tokio::pin!(stop);
    loop {
        let accepted = async {
            connections.room().await;
            accept(&listener, &connections).await
        };
        let (stream, peer) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        let _ = stream.set_nodelay(true);
        let clock = HeadClock::started(patience);
        let place = connections.admit(peer.ip(), clock.clone());
        let is_watcher = place.is_watcher;
        let routes = TowerToHyperService::new(router.clone());
        let service = service_fn({
            let clock = clock.clone();
            move |mut request: hyper::Request<hyper::body::Incoming>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                if is_watcher {
                    request.extensions_mut().insert(ForWatchers);
                }
                let turn = clock.has_head(request.version() == Version::HTTP_2);
                let answer = routes.call(request);
                async move {
                    answer.await.map(|response| {
                        response.map(|body| Held {
                            body,
                            _until_ended: turn,
                        })
                    })
                }
            }
        });
        let stream = TokioIo::new(Watched {
            stream,
            clock: clock.clone(),
        });
        let connection = graceful.watch(
            builder
                .serve_connection_with_upgrades(stream, service)
                .into_owned(),
        );
        tokio::spawn(async move {
            let _place = place;
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!("a connection ended: {error}");
                },
                () = clock.too_late() => tracing::debug!("a connection was closed: it was idle, or the head of a request did not come"),
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(STOP_TIME_MAX, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests were not answered before the stop");
    }
}

fn bounded(patience: Patience) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.rest)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(patience.head)
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(WINDOW_BYTES / 2)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX));
    builder
}

/// Accepts the next connection, and says from where it comes.
async fn accept(listener: &TcpListener, connections: &Connections) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                // Out of file descriptors, or the client went away: neither is a reason to stop.
                tracing::warn!("a connection could not be accepted: {error}");
                if matches!(error.raw_os_error(), Some(ENFILE | EMFILE)) {
                    connections.make_room(None);
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{Read, Write};

    use super::*;

    /// Returns what a client reads that sends this and waits until the server closes the
    /// connection.
    fn sent(address: std::net::SocketAddr, bytes: &[u8]) -> std::io::Result<String> {
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.write_all(bytes)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    }

    fn served(patience: Patience) -> (tokio::runtime::Runtime, std::net::SocketAddr) {
        served_to(patience, 4_096)
    }

    fn served_to(
        patience: Patience,
        connections_max: usize,
    ) -> (tokio::runtime::Runtime, std::net::SocketAddr) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        // An answer that comes when a connection which says nothing has been closed: after the time
        // that a head may take.
        let slow = move || async move {
            let body =
                tokio::task::spawn_blocking(move || sent(address, b"").map(|_| "slow")).await;
            body.map_or("panicked", |sent| sent.unwrap_or("failed"))
        };
        let router = Router::new()
            .route("/", axum::routing::get(|| async { "well" }))
            .route("/slow", axum::routing::get(slow));
        runtime.spawn(serve_within(
            (patience, connections_max),
            listener,
            router,
            std::future::pending(),
        ));
        (runtime, address)
    }

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    /// Short enough to be waited for, and long enough for a request on a busy machine.
    const SHORT: Duration = Duration::from_millis(500);
    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn an_idle_connection_gives_way_to_one_more() {
        let (_runtime, address) = served_to(
            Patience {
                head: LONG,
                rest: LONG,
            },
            1,
        );
        let mut resting = std::net::TcpStream::connect(address).unwrap();
        resting
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let mut answer = Vec::new();
        resting.write_all(REQUEST).unwrap();
        while !answer.ends_with(b"well") {
            let mut part = [0; 1024];
            let length = resting.read(&mut part).unwrap();
            answer.extend_from_slice(&part[..length]);
        }
        let mut other = std::net::TcpStream::connect(address).unwrap();
        assert_eq!(resting.read_to_end(&mut Vec::new()).unwrap(), 0);
        let closing = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        other.write_all(closing).unwrap();
        let mut answer = String::new();
        other.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("well"), "{answer}");
    }

    #[test]
    fn a_connection_that_does_not_ask_is_closed() {
        let (_runtime, address) = served(Patience {
            head: SHORT,
            rest: LONG,
        });
        for unfinished in [
            "",
            "P",
            "PRI * HTTP/2.0\r\n",
            "G",
            "GET / HTTP/1.1\r\nHost: x\r\n",
        ] {
            let answer = sent(address, unfinished.as_bytes())
                .unwrap_or_else(|error| panic!("{unfinished:?} is still open: {error}"));
            assert!(!answer.contains("well"), "{unfinished:?}: {answer}");
        }
    }

    #[test]
    fn an_answer_may_take_longer_than_a_head_though_the_next_head_has_begun() {
        let (_runtime, address) = served(Patience {
            head: SHORT,
            rest: LONG,
        });
        let mut asking = std::net::TcpStream::connect(address).unwrap();
        asking
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        asking
            .write_all(&[b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n", REQUEST].concat())
            .unwrap();
        let mut answers = Vec::new();
        while !answers.ends_with(b"well") {
            let mut part = [0; 1024];
            let length = asking.read(&mut part).unwrap();
            assert!(
                length > 0,
                "the connection was closed: {}",
                String::from_utf8_lossy(&answers)
            );
            answers.extend_from_slice(&part[..length]);
        }
        assert!(String::from_utf8_lossy(&answers).contains("slow"));
    }

    #[test]
    fn a_connection_that_rests_too_long_is_closed() {
        let (_runtime, address) = served(Patience {
            head: LONG,
            rest: SHORT,
        });
        assert!(sent(address, REQUEST).unwrap().ends_with("well"));
    }

    #[test]
    fn a_connection_may_rest_longer_than_a_head_may_take() {
        let (_runtime, address) = served(Patience {
            head: SHORT,
            rest: LONG,
        });
        let mut resting = std::net::TcpStream::connect(address).unwrap();
        resting
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let mut answers = Vec::new();
        for _ in 0..2 {
            resting.write_all(REQUEST).unwrap();
            while !answers.ends_with(b"well") {
                let mut part = [0; 1024];
                let length = resting.read(&mut part).unwrap();
                assert!(length > 0, "the connection was closed");
                answers.extend_from_slice(&part[..length]);
            }
            answers.clear();
            // Another connection, made after the answer, has used up the time for a head when it is
            // closed.
            sent(address, b"").unwrap();
        }
        // A head that is begun and not ended closes it.
        resting.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        assert_eq!(resting.read_to_end(&mut answers).unwrap(), 0);
    }
}
