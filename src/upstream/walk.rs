//! Walking through what a server has: the pages of a search for what changed, and of a history.
//!
//! A search is walked by instants, not by pages alone: while it is read, what changes there moves to
//! its end, and a server that counts places would pass over one. So as soon as a page holds two
//! seconds, the next question is for what changed since the later one. Where many changed within one
//! second its pages are followed, and read again until they bring nothing new.

use std::collections::HashMap;

use jiff::{Timestamp, Unit};

use super::answers::Tidings;
use super::fhir_client::Setback;
use super::place::Place;
use super::round::{ChangeSearch, Pages, Round};
use crate::fhir::{ResourceKey, ResourceType};

/// The most times that the same pages are read again since they brought something new.
const REPEATS_MAX: usize = 3;

/// A stretch of a search: pages that lead to each other.
struct Stretch {
    /// The instant from which the next one is asked for; none at the end.
    on: Option<Timestamp>,
    /// The latest instant in it.
    newest: Option<Timestamp>,
    /// The instant at which it was answered, by that server.
    answered: Option<Timestamp>,
    /// True if something of several pages was written: another time they may hold more.
    is_to_repeat: bool,
}

impl Round<'_> {
    pub(super) async fn search(
        &self,
        searched: &ChangeSearch<'_>,
        place: &mut Place,
    ) -> Result<(), Setback> {
        let mut from = self.reads_from(place);
        let (mut newest, mut answered, mut repeats) = (None, None, 0);
        loop {
            let asked = (self.now)().now;
            let stretch = self.stretch(searched, from, place).await?;
            newest = newest.max(stretch.newest);
            answered = answered.or(stretch.answered);
            if stretch.is_to_repeat && repeats < REPEATS_MAX {
                repeats += 1;
                continue;
            }
            repeats = 0;
            let Some(on) = stretch.on else {
                // A server whose resources say nothing of their time says when it answered.
                place.move_to(newest.or(answered), bound(answered, asked));
                return Ok(());
            };
            place.move_to(Some(on), bound(stretch.answered, asked));
            self.keep(searched.bookmark, place, searched.reading)
                .await?;
            from = Some(on);
        }
    }

    /// Reads pages until they come to another second, or end.
    async fn stretch(
        &self,
        searched: &ChangeSearch<'_>,
        from: Option<Timestamp>,
        place: &mut Place,
    ) -> Result<Stretch, Setback> {
        let asked = (self.now)().now;
        let mut next = Some(self.client.below(&self.question(searched, from))?);
        let mut pages = Pages::default();
        let (mut is_rising, mut has_written) = (true, false);
        let mut stretch = Stretch {
            on: None,
            newest: None,
            answered: None,
            is_to_repeat: false,
        };
        while let Some(address) = next {
            let found = self.page(&address, &mut pages).await?;
            stretch.answered = stretch.answered.or(found.at);
            // Further pages are of the same search, whatever their own links say.
            is_rising &= found.is_sorted || pages.turned.len() > 1;
            let mut first = None;
            for one in &found.entries {
                let is_asked = |key: &ResourceKey| key.resource_type == searched.resource_type;
                if one.key.as_ref().is_some_and(is_asked) {
                    is_rising &= one.at.is_some() && one.at >= stretch.newest;
                    stretch.newest = stretch.newest.max(one.at);
                    first = first.or(one.at);
                }
            }
            next = self.next(&found)?;
            has_written |= self.take(found.entries).await?;
            let newest = stretch.newest.map(second);
            if is_rising && next.is_some() {
                // A server that does not look at the instant brings nothing later, and ends so.
                if newest > first.map(second) && newest > from {
                    stretch.on = newest;
                    break;
                }
                // What is read again begins at the second, and so do further pages of it.
                let bound = bound(stretch.answered, asked);
                if stretch.newest.min(Some(bound)) > place.since {
                    place.move_to(stretch.newest, bound);
                    self.keep(searched.bookmark, place, searched.reading)
                        .await?;
                }
            }
        }
        stretch.is_to_repeat = has_written && pages.turned.len() > 1;
        Ok(stretch)
    }

    fn question(&self, searched: &ChangeSearch<'_>, from: Option<Timestamp>) -> String {
        let mut query = searched.criteria.to_owned();
        let mut add = |pair: String| {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(&pair);
        };
        if let Some(since) = from {
            add(format!("_lastUpdated=ge{since}"));
        }
        add("_sort=_lastUpdated".to_owned());
        add(format!("_count={}", self.upstream.page));
        format!("{}?{query}", searched.resource_type)
    }

    pub(super) async fn history(
        &self,
        of: Option<ResourceType>,
        place: &mut Place,
    ) -> Result<(), Setback> {
        let path = of.map_or_else(
            || "_history".to_owned(),
            |resource_type| format!("{resource_type}/_history"),
        );
        let mut query = format!("_count={}", self.upstream.page);
        if let Some(since) = self.reads_from(place) {
            query.push_str(&format!("&_since={since}"));
        }
        let asked = (self.now)().now;
        let mut pages = Pages::default();
        let mut next = Some(self.client.below(&format!("{path}?{query}"))?);
        let mut said = Said::default();
        // What is deleted there is deleted at the end, so that nothing refers to it any more.
        let mut deleted = Vec::new();
        let (mut newest, mut answered) = (None, None);
        while let Some(address) = next {
            let found = self.page(&address, &mut pages).await?;
            next = self.next(&found)?;
            answered = answered.or(found.at);
            let mut new = Vec::new();
            for one in found.entries {
                newest = newest.max(one.at);
                if said.is_news(&one) {
                    match one.content {
                        Some(_) => new.push(one),
                        None => deleted.push(one),
                    }
                }
            }
            self.take(new).await?;
        }
        deleted.retain(|one| !said.is_older(one));
        self.take(deleted).await?;
        // A server whose resources say nothing of their time says when it answered.
        place.move_to(newest.or(answered), bound(answered, asked));
        Ok(())
    }
}

/// The latest word of a history on each resource: the last counts, and a history begins with the last.
#[derive(Default)]
struct Said(HashMap<ResourceKey, Option<Timestamp>>);

impl Said {
    /// Tells whether something is later than all that was said of the resource, and remembers it.
    fn is_news(&mut self, one: &Tidings) -> bool {
        let Some(key) = &one.key else {
            return true;
        };
        let is_news = match self.0.get(key) {
            None => true,
            // Without an instant the place in the history tells.
            Some(None) => false,
            Some(said) => one.at.is_some() && one.at > *said,
        };
        if is_news {
            self.0.insert(key.clone(), one.at);
        }
        is_news
    }

    /// Tells whether something later was said of the resource after this.
    fn is_older(&self, one: &Tidings) -> bool {
        let said = one.key.as_ref().and_then(|key| self.0.get(key));
        said.is_some_and(|said| *said > one.at)
    }
}

/// Returns the instant beyond which an answer says nothing: when it was made, by that server's clock
/// and by this one's.
pub(super) fn bound(answered: Option<Timestamp>, asked: Timestamp) -> Timestamp {
    answered.map_or(asked, |answered| answered.min(asked))
}

/// Returns the second of an instant: not every server knows smaller ones.
fn second(instant: Timestamp) -> Timestamp {
    let whole = jiff::TimestampRound::new()
        .smallest(Unit::Second)
        .mode(jiff::RoundMode::Trunc);
    instant.round(whole).unwrap_or(instant)
}
