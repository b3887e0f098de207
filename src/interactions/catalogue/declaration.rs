//! The form of a declaration: all that is said of one interaction or operation, in one place.

use super::asked::OperationRequest;
use crate::fhir::ResourceType;
use crate::fhir::key::Origin;
use crate::interactions::change::Action;
use crate::interactions::outcome::Outcome;
use crate::interactions::{Context, Failure, Server, Written};

/// One thing that a client can ask for.
pub struct Declaration {
    /// The code of the interaction, or the name of the operation without its `$`.
    pub name: &'static str,
    /// The part of the CapabilityStatement that tells of it.
    pub listing: Listing,
    /// The forms of the addresses at which it is asked for, and by which methods at each.
    pub places: &'static [(AddressForm, &'static [Verb])],
    /// The types that have it.
    pub types: Types,
    /// The parameters of an operation.
    pub parameters: &'static [ParameterDeclaration],
    /// The way in which the parameters are read.
    pub reading: ParameterReading,
    /// Tells whether the parameters may come in a form too, as a page sends it.
    pub takes_form: bool,
    /// The canonical address of the definition of an operation.
    pub definition: Option<&'static str>,
    /// The particulars that the definition does not have.
    pub documentation: Option<&'static str>,
    /// Tells whether it changes what is stored, or how the server goes on.
    pub changes_state: bool,
    /// The time at which it is answered.
    pub answered: AnswerTime,
    /// Tells whether it may stand in a Bundle.
    pub in_bundle: BundleUse,
    /// The role that may ask for it.
    pub role: Role,
    /// The way in which it is carried out.
    pub execution: Execution,
}

impl Declaration {
    /// Tells whether it is asked for by that method at addresses of that form.
    pub fn has(&self, form: AddressForm, verb: Verb) -> bool {
        let mut places = self.places.iter();
        places.any(|(known, verbs)| *known == form && verbs.contains(&verb))
    }

    /// Tells whether it is there at addresses of that form, by any method.
    pub fn is_at(&self, form: AddressForm) -> bool {
        self.places.iter().any(|(known, _)| *known == form)
    }

    /// Tells whether an address that names that type, or none, has it.
    pub fn is_of(&self, resource_type: Option<ResourceType>) -> bool {
        resource_type.is_none_or(|named| self.types.contain(named))
    }
}

/// The parts of the CapabilityStatement that tell of what can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listing {
    /// The interactions of a type.
    OfType,
    /// The interactions of the whole system.
    OfSystem,
    /// The operations.
    Operation,
    /// None: FHIR has no code for it, or another declaration of the name is listed.
    Nowhere,
}

/// The forms of addresses, below the base.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressForm {
    /// The base itself.
    System,
    /// `metadata`
    Metadata,
    /// `_history`
    SystemHistory,
    /// `_search`
    SystemSearch,
    /// `Condition`
    Type,
    /// `Condition/_search`
    TypeSearch,
    /// `Condition/_history`
    TypeHistory,
    /// `Condition/7`
    Instance,
    /// `Condition/7/_history`
    InstanceHistory,
    /// `Condition/7/_history/3`
    Version,
    /// `Patient/7/Condition`
    Compartment,
    /// `Patient/7/Condition/_search`
    CompartmentSearch,
    /// `$name`
    OfSystem,
    /// `Condition/$name`
    OfType,
    /// `Condition/7/$name`
    OfInstance,
    /// `Condition/7/_history/3/$name`
    OfVersion,
    /// `_jobs/7`
    Job,
    /// `_jobs/7/Condition.ndjson`
    JobFile,
    /// `_websocket`
    Websocket,
}

/// The methods of requests, in the order in which `Allow` names them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verb {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

impl Verb {
    /// All of them.
    pub const ALL: [Verb; 6] = [
        Verb::Get,
        Verb::Head,
        Verb::Post,
        Verb::Put,
        Verb::Patch,
        Verb::Delete,
    ];

    /// Returns the method as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Head => "HEAD",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Patch => "PATCH",
            Verb::Delete => "DELETE",
        }
    }

    /// Reads a method, which has capitals.
    pub fn parse(text: &str) -> Option<Self> {
        Verb::ALL.into_iter().find(|verb| verb.as_str() == text)
    }
}

/// Some of the types of resources.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Types {
    /// All types that the server holds.
    All,
    /// The types that clients write.
    OfClients,
    /// These types.
    Only(&'static [ResourceType]),
}

impl Types {
    /// Tells whether the type is among them.
    pub fn contain(self, resource_type: ResourceType) -> bool {
        match self {
            Types::All => true,
            Types::OfClients => resource_type.origin() == Origin::Clients,
            Types::Only(types) => types.contains(&resource_type),
        }
    }
}

/// One parameter of an operation.
#[derive(Debug)]
pub struct ParameterDeclaration {
    /// Its name.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: ValueKind,
    /// Tells whether it must be there.
    pub is_required: bool,
    /// Tells whether it may be there more than once.
    pub is_repeated: bool,
    /// The words that say what it is for.
    pub words: &'static str,
}

/// The ways in which the parameters of a request are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParameterReading {
    /// By their declarations, beside which there are no others.
    Declared,
    /// As those of a search or history, which reads them by itself and answers in pages.
    Paged,
    /// They are passed over, as the definition says.
    PassedOver,
}

/// The kinds of values that parameters have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueKind {
    /// A full date.
    Day,
    /// A date, of any precision.
    Date,
    /// An instant.
    Instant,
    /// An instant or a date.
    When,
    /// The number of an event.
    EventNumber,
    /// A number of resources.
    Count,
    /// The id of a Subscription.
    SubscriptionId,
    /// One of these words.
    Code(&'static [&'static str]),
    /// Types of resources, parted by commas.
    TypeList,
    /// The canonical address of a profile.
    Profile,
    /// A resource.
    Resource,
    /// A Meta.
    Meta,
}

/// The time at which an answer is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnswerTime {
    /// At once, whatever is preferred.
    AtOnce,
    /// Later if that is preferred (`Prefer: respond-async`).
    LaterIfPreferred,
    /// Always later, which the client must prefer.
    Later,
}

/// The ways in which what is asked for may stand in a batch or transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BundleUse {
    /// It may be an entry.
    Entry,
    /// It may not; the words say why, and what to do instead.
    Refused(&'static str),
}

/// The roles of those who ask, from the widest to the narrowest circle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Anyone: nothing of a person is told, or a token shows who asks.
    Anyone,
    /// A client that may read and write about people.
    Client,
    /// An operator of the server.
    Operator,
}

/// The ways in which a request is carried out.
#[derive(Clone, Copy)]
pub enum Execution {
    /// As its address and method say: an interaction of FHIR.
    Interaction,
    /// It answers; if it writes, then by itself.
    Answers(fn(&Server, &Context, &OperationRequest) -> Result<Outcome, Failure>),
    /// It makes one change on the one write path.
    Changes {
        /// Returns the change.
        action: fn(OperationRequest) -> Result<Action, Failure>,
        /// Returns what is told of it.
        tell: fn(Written) -> Result<Outcome, Failure>,
    },
    /// The wire carries it out, as a job or as a conversation.
    Wire,
}
