//! A request, understood: what is asked of what, made of method, address, parameters and body. The
//! one way in, for a request that comes alone and for an entry of a Bundle.

use super::address::Address;
use super::catalogue::{self, Declaration, Execution, OperationRequest, ValueKind, Verb};
use super::change::{Action, Change, ChangeTarget, Criteria};
use super::condition::Condition;
use super::create::{self, CreateRequest};
use super::envelope::{Envelope, OperationBody};
use super::history::HistoryRequest;
use super::outcome::Outcome;
use super::passed_over::no_known_parameters;
use super::query::{
    Handling, NamedValues, criteria, format, is_pretty, no_parameters, own_and_general,
};
use super::read::ClientCopy;
use super::scopes::{ExportFile, Subject};
use super::search::{SearchRequest, SearchScope};
use super::{Context, Failure, Server, Written, subset};
use crate::fhir::{Id, Resource, ResourceKey, ResourceType, Version};
use crate::search::results::ResourcePart;
use crate::storage::HistoryScope;

/// A request that is understood.
pub struct Request {
    /// The declaration of what is asked for.
    pub declared: &'static Declaration,
    /// The parameters that say how the answer is written.
    pub general: NamedValues,
    /// The thing itself.
    pub ask: Ask,
}

/// The thing that a request asks for.
pub enum Ask {
    /// A resource, or a version of it.
    Read(ReadRequest),
    /// A page of a search.
    Search(SearchRequest),
    /// A page of a history.
    History(HistoryRequest),
    /// The abilities of this server.
    Capabilities,
    /// A change, and how it is told of.
    Change(Change, fn(Written) -> Result<Outcome, Failure>),
    /// The entries of a Bundle, each carried out.
    Bundle(BundleRequest),
    /// An operation, and what answers it.
    Operation(
        fn(&Server, &Context, &OperationRequest) -> Result<Outcome, Failure>,
        OperationRequest,
    ),
    /// Work of the wire.
    Wire(WireRequest),
}

/// A read of a resource.
pub struct ReadRequest {
    /// Its key.
    pub key: ResourceKey,
    /// The version, if not the current one.
    pub version: Option<Version>,
    /// The part that is wanted.
    pub part: ResourcePart,
    /// The version that the client has already.
    pub copy: ClientCopy,
}

/// A Bundle to carry out.
pub struct BundleRequest {
    /// The Bundle.
    pub bundle: Resource,
    /// The manner in which its entries are taken.
    pub manner: EntryManner,
}

/// The manner in which the entries of a Bundle are taken, as the request for all of it says.
#[derive(Clone, Copy, Default)]
pub struct EntryManner {
    /// The way in which they handle what is not understood.
    pub handling: Handling,
    /// Tells whether findings about them are wanted too that are only good to know.
    pub is_verbose: bool,
}

/// The requests that the wire answers from its own state.
pub enum WireRequest {
    /// The status of a job.
    JobStatus(Id),
    /// The end of a job.
    JobEnd(Id),
    /// A file of a job.
    JobFile(Id, ExportFile),
    /// A websocket, which is answered before this.
    Websocket,
    /// An operation that is a job.
    Operation(&'static Declaration),
}

/// Understands a request.
///
/// # Errors
/// `NotFound` and `NotAllowed` for what is not there, `BadRequest` for what cannot be read.
pub fn understand<E: Envelope>(
    server: &Server,
    context: &Context,
    envelope: &E,
) -> Result<Request, E::Refusal> {
    let address = Address::read(envelope.path())?;
    let asked = Verb::parse(envelope.method())
        .and_then(|verb| address.declared(verb).map(|declared| (verb, declared)));
    let Some((verb, declared)) = asked else {
        return Err(Failure::not_allowed(address.not_allowed()).into());
    };
    envelope.admit(declared)?;
    let (mut own, general) = own_and_general(envelope.query()?);
    let is_verbose = envelope.is_verbose() || catalogue::take_verbosity(declared, &mut own)?;
    let sent = Sent {
        server,
        context,
        envelope,
        verb,
        own,
        general,
        is_verbose,
    };
    let ask = sent.ask(address, declared)?;
    Ok(ask)
}

/// A request on its way to be understood.
struct Sent<'a, E> {
    server: &'a Server,
    context: &'a Context,
    envelope: &'a E,
    verb: Verb,
    own: NamedValues,
    general: NamedValues,
    is_verbose: bool,
}

impl<E: Envelope> Sent<'_, E> {
    fn ask(
        mut self,
        address: Address,
        declared: &'static Declaration,
    ) -> Result<Request, E::Refusal> {
        let looks = matches!(self.verb, Verb::Get | Verb::Head);
        let ask = match address {
            Address::Operation(_, subject) => self.operation(declared, subject)?,
            Address::Metadata => Ask::Capabilities,
            Address::System if looks => self.search(SearchScope::System),
            Address::System => self.bundle()?,
            Address::SystemSearch => self.search_by_post(SearchScope::System)?,
            Address::Type(named) if looks => self.search(SearchScope::Type(named)),
            Address::Type(named) if self.verb == Verb::Post => self.create(named)?,
            Address::Type(named) => {
                let criteria = Criteria {
                    resource_type: named,
                    parameters: std::mem::take(&mut self.own),
                    unused_id: (self.context.new_id)(),
                };
                self.change(ChangeTarget::Matching(criteria))?
            }
            Address::TypeSearch(named) => self.search_by_post(SearchScope::Type(named))?,
            Address::Compartment(patient, within) => {
                self.search(SearchScope::Compartment(patient, within))
            }
            Address::CompartmentSearch(patient, within) => {
                self.search_by_post(SearchScope::Compartment(patient, within))?
            }
            Address::SystemHistory => self.history(HistoryScope::System),
            Address::TypeHistory(named) => self.history(HistoryScope::Type(named)),
            Address::InstanceHistory(key) => self.history(HistoryScope::Instance(key)),
            Address::Instance(key) if looks => self.read(key, None)?,
            Address::Instance(key) => {
                no_parameters(&self.own, self.envelope.handling())?;
                self.change(ChangeTarget::Key(key))?
            }
            Address::Version(key, version) => self.read(key, Some(version))?,
            Address::Job(id) if looks => Ask::Wire(WireRequest::JobStatus(id)),
            Address::Job(id) => Ask::Wire(WireRequest::JobEnd(id)),
            Address::JobFile(id, file) => Ask::Wire(WireRequest::JobFile(id, file)),
            Address::Websocket => Ask::Wire(WireRequest::Websocket),
        };
        Ok(Request {
            declared,
            general: self.general,
            ask,
        })
    }

    fn read(&self, key: ResourceKey, version: Option<Version>) -> Result<Ask, E::Refusal> {
        let (part, others) =
            subset::asked(self.server, self.context, key.resource_type, &self.own)?;
        no_known_parameters(&others, self.envelope.handling())?;
        Ok(Ask::Read(ReadRequest {
            key,
            version,
            part,
            copy: self.envelope.client_copy(),
        }))
    }

    /// Reads a search whose parameters are all in the address.
    fn search(&mut self, scope: SearchScope) -> Ask {
        self.search_of(scope, self.envelope.is_address_shown())
    }

    fn search_of(&mut self, scope: SearchScope, is_shown: bool) -> Ask {
        Ask::Search(SearchRequest {
            scope,
            parameters: std::mem::take(&mut self.own),
            handling: self.envelope.handling(),
            is_shown,
        })
    }

    /// Reads a search whose parameters are in the body, in the address, or some in each.
    fn search_by_post(&mut self, scope: SearchScope) -> Result<Ask, E::Refusal> {
        let form = self.envelope.search_parameters()?;
        let own = self.take_form(form)?;
        self.own.extend(own);
        Ok(self.search_of(scope, false))
    }

    /// Takes the parameters of a form, and returns those that not every request may have.
    fn take_form(&mut self, form: NamedValues) -> Result<NamedValues, Failure> {
        let (own, general) = own_and_general(form);
        is_pretty(&general)?;
        format(&general)?;
        self.general.extend(general);
        Ok(own)
    }

    fn history(&mut self, scope: HistoryScope) -> Ask {
        Ask::History(HistoryRequest {
            scope,
            parameters: std::mem::take(&mut self.own),
            handling: self.envelope.handling(),
        })
    }

    fn bundle(&self) -> Result<Ask, E::Refusal> {
        let handling = self.envelope.handling();
        no_parameters(&self.own, handling)?;
        Ok(Ask::Bundle(BundleRequest {
            bundle: self.envelope.resource()?,
            manner: EntryManner {
                handling,
                is_verbose: self.is_verbose,
            },
        }))
    }

    fn create(&self, resource_type: ResourceType) -> Result<Ask, E::Refusal> {
        let resource = self.envelope.new_resource(resource_type)?;
        let if_none_exist = match self.envelope.if_none_exist()? {
            Some(text) => {
                no_parameters(&self.own, self.envelope.handling())?;
                Some(criteria(resource_type, &text)?)
            }
            // In the address of a create they can only mean what that says, and some clients write
            // them there.
            None => Some(self.own.clone()).filter(|parameters| !parameters.is_empty()),
        };
        let request = CreateRequest {
            resource_type,
            resource,
            if_none_exist,
        };
        Ok(self.written(create::action(self.context, request)?))
    }

    fn change(&self, target: ChangeTarget) -> Result<Ask, E::Refusal> {
        let condition = self.envelope.condition()?;
        Ok(self.written(match self.verb {
            Verb::Delete => Action::Delete { target, condition },
            Verb::Patch => Action::Patch {
                target,
                patch: self.envelope.patch()?,
                condition,
            },
            Verb::Get | Verb::Head | Verb::Post | Verb::Put => Action::Update {
                target,
                resource: self.envelope.resource()?,
                condition,
            },
        }))
    }

    fn written(&self, action: Action) -> Ask {
        Ask::Change(self.place(action), |written| Ok(Outcome::Written(written)))
    }

    fn place(&self, action: Action) -> Change {
        Change {
            action,
            full_url: self.envelope.full_url(),
            place: self.envelope.place(),
            is_verbose: self.is_verbose,
        }
    }

    fn operation(
        &mut self,
        declared: &'static Declaration,
        subject: Subject,
    ) -> Result<Ask, E::Refusal> {
        let mut sent = catalogue::SentParameters {
            query: std::mem::take(&mut self.own),
            body: None,
        };
        let is_posted = self.verb == Verb::Post;
        if is_posted {
            match self.envelope.operation_body(declared)? {
                OperationBody::Nothing => {}
                OperationBody::Resource(resource) => sent.body = Some(resource),
                OperationBody::Form(pairs) => sent.query.extend(self.take_form(pairs)?),
            }
        }
        let handling = self.envelope.handling();
        let given = catalogue::read(declared, sent, handling)?;
        let condition = if is_posted && has_condition(declared) {
            self.envelope.condition()?
        } else {
            Condition::ANY
        };
        let request = OperationRequest {
            subject,
            given,
            condition,
            handling,
            is_verbose: self.is_verbose,
            is_shown: !is_posted && self.envelope.is_address_shown(),
        };
        Ok(match declared.execution {
            Execution::Answers(answers) => Ask::Operation(answers, request),
            Execution::Changes { action, tell } => Ask::Change(self.place(action(request)?), tell),
            Execution::Wire | Execution::Interaction => Ask::Wire(WireRequest::Operation(declared)),
        })
    }
}

/// Tells whether an operation is about a change that may have a condition.
fn has_condition(declared: &Declaration) -> bool {
    let mut parameters = declared.parameters.iter();
    matches!(declared.execution, Execution::Changes { .. })
        || parameters.any(|parameter| parameter.kind == ValueKind::Resource)
}
