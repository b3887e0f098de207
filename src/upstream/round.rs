//! One round: a thing that is read, from the place reached before to the end of what is new.
//!
//! The place moves after what it stands for was written: page by page where the server says that it
//! sorted by `_lastUpdated` and did, else at the end. So a stop at any moment costs reading again,
//! and never loses anything.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::account::Account;
use super::answers::{BundlePage, Tidings, page};
use super::fhir_client::{FhirClient, RequestKind, Setback};
use super::place::Place;
use super::settings::{Reading, TakenAs, Upstream};
use super::taking::Taker;
use crate::fhir::{ResourceKey, ResourceType};
use crate::interactions::{Context, Failure};
use crate::subscriptions::delivery::Pace;

/// The most pages of one round.
const PAGES_MAX: usize = 100_000;
/// The steps by which references are followed to parties that are not known: a role, its organization.
const STEPS_MAX: usize = 3;

/// Makes the context of what begins now.
pub(super) type Now = Arc<dyn Fn() -> Context + Send + Sync>;

/// One round of one upstream.
pub(super) struct Round<'a> {
    pub(super) upstream: &'a Upstream,
    pub(super) client: &'a FhirClient,
    pub(super) taker: &'a Arc<Taker>,
    pub(super) account: &'a Account,
    pub(super) now: &'a Now,
    pub(super) pace: Pace,
    /// The parties that the server does not give.
    pub(super) absent: Mutex<HashSet<ResourceKey>>,
}

/// The end of a reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// With all that there is.
    Whole,
    /// It goes on after this pause.
    Later(Duration),
}

impl Round<'_> {
    /// Reads what is new.
    ///
    /// # Errors
    /// If the server does not answer as it should, or the store cannot take what it has.
    pub(super) async fn read(&self, at: usize, reading: &Reading) -> Result<Ended, Setback> {
        let bookmark = Place::bookmark(self.upstream, reading);
        let name = bookmark.clone();
        let mut place = self.blocking(move |taker, _| taker.place(&name)).await?;
        let before = place.clone();
        self.shown(at, &place);
        let ended = match reading {
            Reading::Search {
                resource_type,
                criteria,
            } => {
                let kept = (bookmark.as_str(), reading);
                self.search((*resource_type, criteria), &mut place, kept)
                    .await?;
                Ended::Whole
            }
            Reading::History(of) => {
                self.history(*of, &mut place).await?;
                Ended::Whole
            }
            Reading::Export { address, types } => {
                let kept = (bookmark.as_str(), reading);
                self.export((address, types), &mut place, kept).await?
            }
        };
        if place != before {
            self.keep(&bookmark, &place, reading).await?;
        }
        self.shown(at, &place);
        Ok(ended)
    }

    /// Keeps a place.
    pub(super) async fn keep(
        &self,
        bookmark: &str,
        place: &Place,
        reading: &Reading,
    ) -> Result<(), Setback> {
        let (name, place, reading) = (bookmark.to_owned(), place.clone(), reading.clone());
        self.blocking(move |taker, context| taker.keep(context, &name, (&place, &reading)))
            .await
    }

    fn shown(&self, at: usize, place: &Place) {
        self.account.note(|outlook| {
            if let Some(reading) = outlook.readings.get_mut(at) {
                reading.1 = place.since;
            }
        });
    }

    async fn search(
        &self,
        (resource_type, criteria): (ResourceType, &str),
        place: &mut Place,
        (bookmark, reading): (&str, &Reading),
    ) -> Result<(), Setback> {
        let mut query = criteria.to_owned();
        let mut add = |pair: String| {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(&pair);
        };
        if let Some(since) = self.reads_from(place) {
            add(format!("_lastUpdated=ge{since}"));
        }
        add("_sort=_lastUpdated".to_owned());
        add(format!("_count={}", self.upstream.page));
        let mut pages = Pages::default();
        let mut next = Some(self.client.below(&format!("{resource_type}?{query}"))?);
        let (mut newest, mut is_rising) = (None::<Timestamp>, true);
        let mut answered = None;
        while let Some(address) = next {
            let found = self.page(&address, &mut pages).await?;
            answered = answered.or(found.at);
            let of_type = |one: &&Tidings| {
                let key = one.key.as_ref();
                key.is_some_and(|key| key.resource_type == resource_type)
            };
            // Further pages are of the same search, whatever their own links say.
            is_rising &= found.is_sorted || pages.turned.len() > 1;
            for one in found.entries.iter().filter(of_type) {
                is_rising &= one.at.is_some() && one.at >= newest;
                newest = newest.max(one.at);
            }
            next = self.next(&found)?;
            self.take(found.entries).await?;
            if is_rising && next.is_some() && newest > place.since {
                place.move_to(newest);
                self.keep(bookmark, place, reading).await?;
            }
        }
        // A server whose resources say nothing of their time says when it answered.
        place.move_to(newest.or(answered));
        Ok(())
    }

    async fn history(&self, of: Option<ResourceType>, place: &mut Place) -> Result<(), Setback> {
        let path = of.map_or_else(
            || "_history".to_owned(),
            |resource_type| format!("{resource_type}/_history"),
        );
        let mut query = format!("_count={}", self.upstream.page);
        if let Some(since) = self.reads_from(place) {
            query.push_str(&format!("&_since={since}"));
        }
        let mut pages = Pages::default();
        let mut next = Some(self.client.below(&format!("{path}?{query}"))?);
        // Of each resource what was said last counts; most servers say that first.
        let mut said: HashMap<ResourceKey, Option<Timestamp>> = HashMap::new();
        let (mut newest, mut answered) = (None, None);
        while let Some(address) = next {
            let found = self.page(&address, &mut pages).await?;
            next = self.next(&found)?;
            answered = answered.or(found.at);
            let mut new = Vec::new();
            for one in found.entries {
                newest = newest.max(one.at);
                let is_older = one
                    .key
                    .as_ref()
                    .is_some_and(|key| said.get(key).is_some_and(|at| *at >= one.at));
                if !is_older {
                    if let Some(key) = &one.key {
                        said.insert(key.clone(), one.at);
                    }
                    new.push(one);
                }
            }
            self.take(new).await?;
        }
        // A server whose resources say nothing of their time says when it answered.
        place.move_to(newest.or(answered));
        Ok(())
    }

    pub(super) fn reads_from(&self, place: &Place) -> Option<Timestamp> {
        place.reads_from(self.upstream.overlap, self.upstream.from)
    }

    pub(super) async fn page(
        &self,
        address: &Url,
        pages: &mut Pages,
    ) -> Result<BundlePage, Setback> {
        pages.turn(address)?;
        let context = (self.now)();
        let answer = self
            .client
            .get(address, RequestKind::Resource, &context)
            .await?;
        if answer.status != 200 {
            return Err(Setback {
                status: Some(answer.status),
                ..Setback::because(format!("it answered {} to what is read", answer.status))
            });
        }
        page(&answer.body).map_err(Setback::because)
    }

    pub(super) fn next(&self, found: &BundlePage) -> Result<Option<Url>, Setback> {
        let next = found.next.as_deref();
        next.map(|address| self.client.named(address)).transpose()
    }

    /// Takes what a page holds, and the persons and parties that it refers to.
    pub(super) async fn take(&self, mut tidings: Vec<Tidings>) -> Result<(), Setback> {
        if self.upstream.taken_as != TakenAs::None {
            return self.take_converted(tidings).await;
        }
        for _ in 0..STEPS_MAX {
            let (given, unknown) = self
                .blocking(move |taker, _| {
                    let unknown = taker.unknown(&tidings)?;
                    Ok((tidings, unknown))
                })
                .await?;
            tidings = given;
            let before = tidings.len();
            for key in unknown {
                if !self.is_absent(&key) {
                    match self.party(&key).await? {
                        Some(party) => tidings.push(party),
                        None => self.note_absent(key),
                    }
                }
            }
            if tidings.len() == before {
                break;
            }
        }
        let tally = self
            .blocking(move |taker, context| taker.take(context, tidings))
            .await?;
        self.account.add(tally);
        Ok(())
    }

    /// Asks for a person or a party; none if the server does not give it.
    pub(super) async fn party(&self, key: &ResourceKey) -> Result<Option<Tidings>, Setback> {
        let address = self.client.below(&key.to_string())?;
        let context = (self.now)();
        let answer = self
            .client
            .get(&address, RequestKind::Resource, &context)
            .await?;
        let content = (answer.status == 200)
            .then(|| crate::fhir::json::parse(&answer.body).ok())
            .flatten();
        let party = content.map(Tidings::of);
        Ok(party.filter(|party| party.key.as_ref() == Some(key)))
    }

    fn is_absent(&self, key: &ResourceKey) -> bool {
        let absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        absent.contains(key)
    }

    fn note_absent(&self, key: ResourceKey) {
        let mut absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        absent.insert(key);
    }

    /// Does what blocks on a thread for that.
    pub(super) async fn blocking<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Taker, &Context) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Setback> {
        let (taker, now) = (Arc::clone(self.taker), Arc::clone(self.now));
        match tokio::task::spawn_blocking(move || work(&taker, &now())).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(failure)) => {
                tracing::debug!("what was read could not be written: {failure:?}");
                Err(Setback::because(
                    "this server could not write what was read",
                ))
            }
            Err(_) => Err(Setback::because(
                "writing what was read panicked; where, is logged by itself",
            )),
        }
    }
}

/// The pages of a round, so that it ends.
#[derive(Default)]
pub(super) struct Pages {
    turned: HashSet<String>,
}

impl Pages {
    fn turn(&mut self, address: &Url) -> Result<(), Setback> {
        if !self.turned.insert(address.to_string()) {
            return Err(Setback::because("its pages lead back to one that was read"));
        }
        if self.turned.len() > PAGES_MAX {
            return Err(Setback::because("its pages do not end"));
        }
        Ok(())
    }
}
