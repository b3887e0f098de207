//! `$status`: how subscriptions stand
//! (<https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/OperationDefinition-backport-subscription-status.html>).

use serde_json::Value;

use crate::fhir::{Id, ResourceKey, ResourceType};
use crate::interactions::{Context, Failure, Server, read};
use crate::search::SearchQuery;
use crate::storage::{StoredVersion, Stream};
use crate::subscriptions::notification::{self, About, NotificationType};
use crate::subscriptions::{Standing, Status};

/// The standing of some subscriptions.
pub struct Statuses {
    /// The path that was asked, below the base.
    pub path: String,
    /// The parameters, as they were applied.
    pub applied: Vec<(String, String)>,
    /// A Parameters resource for each.
    pub statuses: Vec<Value>,
}

/// A subscription and its events in figures, as of one moment.
pub(super) struct SubscriptionSnapshot {
    standing: Standing,
    /// Its events in figures.
    pub(super) stream: Stream,
    problem: Option<String>,
}

impl SubscriptionSnapshot {
    /// Reads a subscription.
    ///
    /// # Errors
    /// `Gone` if it is deleted; of the store.
    pub(super) fn read(server: &Server, stored: StoredVersion) -> Result<Self, Failure> {
        let Some(standing) = Standing::read(&stored, &server.base_url)? else {
            return Err(Failure::Gone(stored.key, stored.version));
        };
        let stream = server.store.stream(&stored.key.id)?;
        let problem = standing.problem(&stream);
        Ok(SubscriptionSnapshot {
            standing,
            stream,
            problem,
        })
    }

    /// Returns the subscription of a message.
    pub(super) fn about<'a>(&'a self, server: &'a Server) -> About<'a> {
        let problem = self.problem.as_deref();
        self.standing.about(&server.base_url, &self.stream, problem)
    }

    /// Makes the answer to a query for its status.
    fn status(&self, server: &Server) -> Value {
        notification::status(&self.about(server), NotificationType::QueryStatus, &[])
    }

    /// Tells whether nothing was written, begun or forgotten since.
    pub(super) fn is_current(&self, server: &Server) -> Result<bool, Failure> {
        let Standing { key, version, .. } = &self.standing;
        let stream = server.store.stream(&key.id)?;
        let latest = server.store.read(key)?.map(|stored| stored.version);
        Ok((stream.life, stream.forgotten, latest)
            == (self.stream.life, self.stream.forgotten, Some(*version)))
    }
}

/// Answers how one subscription stands. Parameters are passed over, as the definition of the
/// operation says.
///
/// # Errors
/// `NotFound` or `Gone` for the Subscription.
pub fn status(
    server: &Server,
    context: &Context,
    subscription: &ResourceKey,
) -> Result<Statuses, Failure> {
    let stored = read::read(server, context, subscription)?;
    let statuses = vec![SubscriptionSnapshot::read(server, stored)?.status(server)];
    Ok(Statuses {
        path: format!("{subscription}/$status"),
        applied: Vec::new(),
        statuses,
    })
}

/// Answers how all subscriptions stand, or those with one of the ids and one of the statuses that
/// are named.
///
/// # Errors
/// Of the store.
pub fn statuses(
    server: &Server,
    _context: &Context,
    parameters: &[(String, String)],
) -> Result<Statuses, Failure> {
    let named = |wanted: &'static str| {
        let named = parameters.iter().filter(move |(name, _)| name == wanted);
        named.flat_map(|(_, texts)| texts.split(','))
    };
    let ids: Vec<_> = named("id").filter_map(Id::parse).collect();
    let wanted: Vec<_> = named("status").filter_map(Status::from_code).collect();
    let mut statuses = Vec::new();
    for stored in server
        .store
        .search(
            &SearchQuery::all(ResourceType::Subscription, Vec::new()),
            None,
        )?
        .matches
    {
        if !ids.is_empty() && !ids.contains(&stored.key.id) {
            continue;
        }
        let known = SubscriptionSnapshot::read(server, stored)?;
        if wanted.is_empty() || wanted.contains(&known.standing.status) {
            statuses.push(known.status(server));
        }
    }
    Ok(Statuses {
        path: "Subscription/$status".to_owned(),
        applied: parameters.to_vec(),
        statuses,
    })
}
