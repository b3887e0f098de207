//! Bodies that arrive slowly, or that are too many.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;

/// A body whose parts come when a test sends them.
struct SentParts {
    parts: UnboundedReceiver<Vec<u8>>,
    declared: u64,
}

impl HttpBody for SentParts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.parts.poll_recv(context);
        part.map(|part| part.map(|part| Ok(Frame::data(part.into()))))
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.declared);
        hint
    }
}

fn body(declared: usize) -> (UnboundedSender<Vec<u8>>, Body) {
    let (sender, parts) = unbounded_channel();
    let declared = declared as u64;
    (sender, Body::new(SentParts { parts, declared }))
}

fn arrivals(memory_bytes: usize) -> Arrivals {
    Arrivals::within(&WireBounds {
        memory_bytes,
        ..WireBounds::default()
    })
}

/// Runs with a clock that stands, and goes on when everything waits for it.
fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(work)
}

const KIB: usize = 1024;
const ADDRESS: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));

#[test]
fn a_body_whose_length_is_too_great_is_refused_before_a_byte_of_it_is_read() {
    let arrivals = arrivals(256 << 20);
    let most = arrivals.bytes_max;
    // Nothing is ever sent, and the sender stays: to read would be to wait.
    let (_sender, body) = body(most + 1);
    let mut refused = std::pin::pin!(arrivals.receive(body, ADDRESS));
    let polled = refused
        .as_mut()
        .poll(&mut Context::from_waker(std::task::Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Err(Refusal::TooLarge(bytes))) if bytes == most));
}

#[test]
fn a_body_that_says_no_length_ends_at_the_bound() {
    run(async {
        let arrivals = arrivals(256 << 20);
        for (beyond, is_taken) in [(0, true), (1, false)] {
            let (sender, body) = body(0);
            sender.send(vec![b'x'; arrivals.bytes_max]).unwrap();
            sender.send(vec![b'x'; beyond]).unwrap();
            drop(sender);
            let arrived = arrivals.receive(body, ADDRESS).await;
            assert_eq!(arrived.is_ok(), is_taken);
        }
    });
}

#[test]
fn bodies_hold_the_bytes_that_came_and_no_more() {
    run(async {
        let arrivals = Arc::new(arrivals(8 << 20));
        let before = arrivals.free_bytes();
        let mut slow = Vec::new();
        for _ in 0..600 {
            let (sender, body) = body(64 * KIB);
            sender.send(vec![b'{']).unwrap();
            let arrivals = Arc::clone(&arrivals);
            let arriving = tokio::spawn(async move { arrivals.receive(body, ADDRESS).await.err() });
            slow.push((sender, arriving));
        }
        // A runtime gives each a turn, but not all in one.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(arrivals.free_bytes(), (before.0 - 600 * KIB, before.1));
        let (sender, quick) = body(2);
        sender.send(b"{}".to_vec()).unwrap();
        drop(sender);
        let quick = arrivals.receive(quick, ADDRESS).await;
        assert_eq!(quick.unwrap_or_else(|_| panic!("it waits")).bytes, "{}");
        for (_sender, arriving) in slow {
            assert!(matches!(arriving.await.unwrap(), Some(Refusal::Slow)));
        }
        assert_eq!(arrivals.free_bytes(), before);
    });
}

#[test]
fn large_bodies_that_fill_the_memory_go_on_one_after_the_other() {
    run(async {
        // Room for two bodies, of which three have come by half.
        let arrivals = Arc::new(arrivals(8 << 20));
        let mut arriving = Vec::new();
        for at in 0..3_u8 {
            let (sender, body) = body(1 << 20);
            sender.send(vec![at; 3 << 18]).unwrap();
            sender.send(vec![at; 1 << 18]).unwrap();
            drop(sender);
            let from = Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, at)));
            let arrivals = Arc::clone(&arrivals);
            arriving.push(tokio::spawn(async move {
                let arrived = arrivals.receive(body, from).await;
                arrived.map(|arrived| arrived.bytes.len()).ok()
            }));
        }
        for arriving in arriving {
            assert_eq!(arriving.await.unwrap(), Some(1 << 20));
        }
    });
}

#[test]
fn one_address_leaves_a_part_of_the_memory_to_others() {
    run(async {
        let arrivals = arrivals(8 << 20);
        let share = arrivals.large.share_bytes;
        let received = |from: IpAddr| {
            let (sender, body) = body(1 << 20);
            sender.send(vec![b'x'; 1 << 20]).unwrap();
            drop(sender);
            arrivals.receive(body, Some(from))
        };
        let greedy = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        let mut held = Vec::new();
        // One of them is let through beyond what there is.
        while let Ok(arrived) = received(greedy).await {
            held.push(arrived);
        }
        assert_eq!(held.len(), share / (1 << 20) + 1);
        assert_eq!(
            arrivals.free_bytes().1,
            (2 << 20) - share / (1 << 20) * (1 << 20)
        );
        let other = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
        assert!(received(other).await.is_ok());
    });
}

#[test]
fn a_body_must_come_at_a_rate_after_a_while() {
    for (bytes, seconds) in [
        (0, 5),
        (1, 5),
        (RATE_MIN, 6),
        (10 * RATE_MIN, 15),
        (1_000 * RATE_MIN, 30),
    ] {
        assert_eq!(time_for(bytes).as_secs(), seconds, "{bytes}");
    }
}
