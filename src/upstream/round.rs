//! One round: a thing that is read, from the place reached before to the end of what is new.
//!
//! The place moves after what it stands for was written: so a stop at any moment costs reading again,
//! and never loses anything.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::account::{Account, Tally};
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

/// A search for what changed.
pub(super) struct ChangeSearch<'a> {
    pub(super) resource_type: ResourceType,
    pub(super) criteria: &'a str,
    pub(super) bookmark: &'a str,
    pub(super) reading: &'a Reading,
}

/// The answer to the question for a resource.
pub(super) enum PartyGiven {
    /// It is there.
    Given(Tidings),
    /// It is not there.
    Absent,
    /// The server does not give it now, or not to Frist.
    Withheld,
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
        let began = (self.now)().now;
        place.not_beyond(began);
        let before = place.clone();
        self.shown(at, &place);
        let ended = match reading {
            Reading::Search {
                resource_type,
                criteria,
            } => {
                let searched = ChangeSearch {
                    resource_type: *resource_type,
                    criteria,
                    bookmark: &bookmark,
                    reading,
                };
                self.search(&searched, &mut place).await?;
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
        if ended == Ended::Whole {
            // An export is as old as its state.
            let known = match reading {
                Reading::Export { .. } => place.since.unwrap_or(began),
                _ => began,
            };
            place.is_whole_at(known);
            self.account.note(|outlook| outlook.is_whole(at, known));
        }
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
        let found = page(&answer.body).map_err(Setback::because)?;
        self.account.note(|outlook| {
            if found.odd > 0 {
                let count = outlook.left_out.entry("not-understood".to_owned());
                *count.or_default() += found.odd;
            }
        });
        let at = found.at.or(answer.date);
        Ok(BundlePage { at, ..found })
    }

    pub(super) fn next(&self, found: &BundlePage) -> Result<Option<Url>, Setback> {
        let next = found.next.as_deref();
        next.map(|address| self.client.named(address)).transpose()
    }

    /// Takes what a page holds, and the persons and parties that it refers to. Returns whether anything
    /// was written.
    pub(super) async fn take(&self, mut tidings: Vec<Tidings>) -> Result<bool, Setback> {
        self.taker.identities.make_room();
        if self.upstream.taken_as != TakenAs::None {
            return self.take_converted(tidings).await;
        }
        let mut absent = Vec::new();
        for _ in 0..STEPS_MAX {
            let (given, unknown) = self
                .blocking(move |taker, _| {
                    let unknown = taker.unknown(&tidings)?;
                    Ok((tidings, unknown))
                })
                .await?;
            tidings = given;
            absent.clear();
            let before = tidings.len();
            for key in unknown {
                if !self.is_absent(&key) {
                    match self.party(&key).await? {
                        PartyGiven::Given(party) => {
                            tidings.push(party);
                            continue;
                        }
                        PartyGiven::Absent => {}
                        PartyGiven::Withheld => self.withheld(&key),
                    }
                    self.note_absent(key.clone());
                }
                if key.resource_type == ResourceType::Patient {
                    absent.push(key);
                }
            }
            if tidings.len() == before {
                break;
            }
        }
        let tally = self
            .blocking(move |taker, context| taker.take(context, tidings, absent))
            .await?;
        let has_written = tally.has_written();
        self.account.add(tally);
        Ok(has_written)
    }

    /// Asks for a resource, as a person or a party. One that is withheld (403, or an error of that
    /// server) stops nothing: what refers to it is taken without it.
    ///
    /// # Errors
    /// If the server does not answer, takes no token, or asks to wait.
    pub(super) async fn party(&self, key: &ResourceKey) -> Result<PartyGiven, Setback> {
        let address = self.client.below(&key.to_string())?;
        let context = (self.now)();
        let asked = self.client.get(&address, RequestKind::Resource, &context);
        let answer = match asked.await {
            Ok(answer) => answer,
            Err(setback) => {
                return match setback.status {
                    None | Some(401 | 429 | 503) => Err(setback),
                    Some(_) => Ok(PartyGiven::Withheld),
                };
            }
        };
        let content = (answer.status == 200)
            .then(|| crate::fhir::json::parse(&answer.body).ok())
            .flatten();
        let party = content.map(Tidings::of);
        let party = party.filter(|party| party.key.as_ref() == Some(key));
        Ok(party.map_or(PartyGiven::Absent, PartyGiven::Given))
    }

    /// Counts a person or a party that is withheld.
    pub(super) fn withheld(&self, key: &ResourceKey) {
        let mut tally = Tally::default();
        tally.leave_out(&key.to_string(), "withheld");
        self.account.add(tally);
    }

    /// Asks again for what was refused, and for what is about persons who were not known: both may have
    /// become right without a change of theirs.
    ///
    /// # Errors
    /// As [`Round::read`].
    pub(super) async fn read_again(&self) -> Result<(), Setback> {
        let again = &self.taker.again;
        for key in again.turn() {
            let taken = match self.party(&key).await {
                Ok(PartyGiven::Given(one)) => self.take(vec![one]).await.map(|_| ()),
                Ok(PartyGiven::Absent) => Ok(()),
                Ok(PartyGiven::Withheld) => {
                    again.note(key.clone());
                    Ok(())
                }
                Err(setback) => Err(setback),
            };
            if let Err(setback) = taken {
                again.note(key);
                return Err(setback);
            }
        }
        let Some(words) = again.changed() else {
            return Ok(());
        };
        self.blocking(move |taker, context| taker.keep_words(context, &taker.again.bookmark, words))
            .await
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
    pub(super) turned: HashSet<String>,
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
