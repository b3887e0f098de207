//! The power goes off again and again while rights change and subscribers misbehave: nothing is
//! lost, no number is left out, nothing comes out of order, and what comes again is the same
//! message.
//!
//! `conformance/subscriptions/run` kills the program at random. Here the same is made to happen at
//! places that chance hits rarely: on either side of the commit of each step (`power`), at the
//! arrival of a message, between its acknowledgement and the cursor.

mod batches;
mod chance;
mod clients;
pub(crate) mod power;
mod story;
mod subscribers;
mod three_accounts;

use std::sync::Arc;

use chance::Chance;
use power::{Commit, Side};
use story::{Point, SUBSCRIPTIONS, Story};

/// Returns every place at which the power goes off.
fn points() -> Vec<Point> {
    let sides = [Side::Before, Side::After];
    let on_both_sides = |make: fn(Side) -> Point| sides.map(make).into_iter();
    let mut points = vec![
        Point::Message { is_answered: false },
        Point::Message { is_answered: true },
        Point::Handshake { is_answered: false },
        Point::Handshake { is_answered: true },
        Point::BetweenDeletionAndCreation,
        Point::Stop,
    ];
    points.extend(on_both_sides(Point::Write));
    points.extend(on_both_sides(Point::Transaction));
    points.extend(on_both_sides(Point::Batch));
    points.extend(on_both_sides(Point::Calendar));
    points.extend(on_both_sides(Point::DaysMissed));
    points.extend(on_both_sides(Point::Activation));
    points.extend(on_both_sides(Point::Failure));
    points.extend(on_both_sides(Point::Filter));
    points.extend(on_both_sides(Point::Endpoint));
    points.extend(on_both_sides(Point::Deletion));
    points.extend(on_both_sides(Point::Creation));
    points.extend(on_both_sides(Point::Cursor));
    points
}

/// Tells a story in which the power goes off at each of the points, in an order by chance, and then
/// all subscribers behave.
fn nothing_is_missed(seed: u64) {
    let mut chance = Chance::new(seed);
    let mut points = points();
    chance.shuffle(&mut points);
    let mut story = Story::begin(chance);
    for point in &points {
        story.chapter(point);
    }
    let events = story.end();
    assert!(
        events > SUBSCRIPTIONS.len() * 10,
        "too little happened: {events} events"
    );
}

#[test]
fn nothing_is_missed_when_the_power_goes_off_first() {
    nothing_is_missed(1);
}

#[test]
fn nothing_is_missed_when_the_power_goes_off_second() {
    nothing_is_missed(2);
}

#[test]
fn a_message_of_several_events_is_the_same_after_the_power_went_off() {
    use batches::Moment;
    for moment in [
        Moment::Commit(Commit::Batch, Side::Before),
        Moment::Commit(Commit::Batch, Side::After),
        Moment::Message { is_answered: false },
        Moment::Message { is_answered: true },
        Moment::Commit(Commit::Cursor, Side::Before),
        Moment::Commit(Commit::Cursor, Side::After),
    ] {
        batches::the_power_goes_off(&Arc::default(), moment);
    }
}
