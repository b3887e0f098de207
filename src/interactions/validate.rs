//! `$validate`: what a write would find, and nothing is written (<https://hl7.org/fhir/R4/resource-operation-validate.html>).
//!
//! The findings are those of the write path itself, stopped before its commit. Findings are the
//! answer, whatever they say of the resource; a `Failure` means that nothing could be checked, and
//! so it is also for a profile that the server does not have: a client that looks no further than
//! the status must not take that for a verdict.

use super::change::{Action, Change, ChangeTarget, Writer};
use super::condition::Condition;
use super::stored::parse_stored;
use super::writing::attempt;
use super::writing::entry::same_type;
use super::{Context, Failure, Server, read};
use crate::fhir::{Issue, IssueCode, Resource, ResourceKey, ResourceType};

/// A check that a client asks for.
pub struct ValidateRequest {
    /// The target of the address.
    pub target: ValidationTarget,
    /// The resource that was sent, if one was.
    pub resource: Option<Resource>,
    /// The purpose of the check; of the content alone if none is said.
    pub mode: Option<Mode>,
    /// The profile to check it against besides those that always count.
    pub profile: Option<String>,
    /// The condition of an update or deletion.
    pub condition: Condition,
    /// Tells whether findings are wanted too that are only good to know.
    pub is_verbose: bool,
}

/// The target of a `$validate`: what its address names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ValidationTarget {
    /// A type.
    Type(ResourceType),
    /// A resource, which for a check of what is sent need not exist.
    Instance(ResourceKey),
}

/// The purpose for which a resource is checked
/// (<https://hl7.org/fhir/R4/valueset-resource-validation-mode.html>).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// To be created.
    Create,
    /// To be the new content of the resource that the address names.
    Update,
    /// The resource that the address names is to be deleted.
    Delete,
    /// The stored resource that the address names is to fit a profile.
    Profile,
}

impl Mode {
    /// Reads a mode.
    pub fn parse(code: &str) -> Option<Self> {
        match code {
            "create" => Some(Mode::Create),
            "update" => Some(Mode::Update),
            "delete" => Some(Mode::Delete),
            "profile" => Some(Mode::Profile),
            _ => None,
        }
    }
}

/// Returns the findings that the write would give.
///
/// # Errors
/// The reason that forbids the check itself: `BadRequest` for parameters that do not go together,
/// `Unprocessable` for an unknown profile, `NotFound` and `Gone` for a stored resource that is not
/// there.
pub fn validate(
    server: &Server,
    context: &Context,
    request: ValidateRequest,
) -> Result<Vec<Issue>, Failure> {
    let (profile, is_verbose) = (request.profile.clone(), request.is_verbose);
    let is_unknown = |profile: &String| !server.validator.knows(profile);
    if profile.as_ref().is_some_and(is_unknown) {
        let text = "profile: expected one that this server has, found one that it does not have; nothing was checked";
        return Err(Failure::Unprocessable(vec![Issue::error(
            IssueCode::NotSupported,
            "",
            text,
        )]));
    }
    let (writer, action) = match &request.target {
        ValidationTarget::Type(resource_type) => {
            let resource_type = *resource_type;
            let (writer, resource) = asked_of_type(request)?;
            if let Err(failure) = same_type(resource_type, &resource) {
                return Ok(failure.issues());
            }
            let action = Action::Create {
                resource,
                id: (context.new_id)(),
                if_none_exist: None,
            };
            (writer, action)
        }
        ValidationTarget::Instance(key) => {
            let key = key.clone();
            asked_of_instance(server, context, key, request)?
        }
    };
    let change = Change {
        is_verbose,
        ..Change::alone(action)
    };
    let profiles: Vec<&str> = profile.as_deref().into_iter().collect();
    attempt::findings(server, context, writer, change, &profiles)
}

/// Finds out which creation is to be checked.
fn asked_of_type(request: ValidateRequest) -> Result<(Writer, Resource), Failure> {
    let writer = match request.mode {
        None => Writer::Nobody,
        Some(Mode::Create) => Writer::Client,
        Some(Mode::Update | Mode::Delete | Mode::Profile) => {
            return Err(wrong(
                "mode: 'update', 'delete' and 'profile' need the id of a resource: [type]/[id]/$validate",
            ));
        }
    };
    Ok((writer, request.resource.ok_or_else(no_resource)?))
}

/// Finds out which write of a resource is to be checked.
fn asked_of_instance(
    server: &Server,
    context: &Context,
    key: ResourceKey,
    request: ValidateRequest,
) -> Result<(Writer, Action), Failure> {
    let ValidateRequest {
        resource,
        mode,
        profile,
        condition,
        ..
    } = request;
    let target = ChangeTarget::Key(key.clone());
    let (writer, resource, condition) = match (mode, resource) {
        (None, Some(resource)) => (Writer::Nobody, resource, Condition::ANY),
        (Some(Mode::Create), Some(resource)) => (Writer::Client, resource, Condition::absent()),
        (Some(Mode::Update), Some(resource)) => (Writer::Client, resource, condition),
        (Some(Mode::Create | Mode::Update), None) => return Err(no_resource()),
        (Some(Mode::Delete), _) => {
            return Ok((Writer::Client, Action::Delete { target, condition }));
        }
        (Some(Mode::Profile), None) if profile.is_none() => {
            return Err(wrong("mode 'profile': expected the parameter profile"));
        }
        (None | Some(Mode::Profile), None) => {
            let stored = stored(server, context, &key)?;
            (Writer::Nobody, stored, Condition::ANY)
        }
        (Some(Mode::Profile), Some(_)) => {
            return Err(wrong(
                "mode 'profile' checks the stored resource: leave out the mode to check the one that you send",
            ));
        }
    };
    let action = Action::Update {
        target,
        resource,
        condition,
    };
    Ok((writer, action))
}

fn wrong(text: &str) -> Failure {
    Failure::bad_request(IssueCode::Invalid, text)
}

fn no_resource() -> Failure {
    Failure::bad_request(
        IssueCode::Required,
        "expected the resource to check: as the body, or as the parameter resource of a Parameters",
    )
}

fn stored(server: &Server, context: &Context, key: &ResourceKey) -> Result<Resource, Failure> {
    let found = read::read(server, context, key)?;
    let value = parse_stored(key, found.body.as_deref().unwrap_or_default())?;
    Resource::from_value(value).map_err(|issue| Failure::BadRequest(vec![issue]))
}
