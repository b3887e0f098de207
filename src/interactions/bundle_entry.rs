//! One entry of a Bundle as it was sent: a request in an envelope of JSON.

use serde_json::Value;

use super::catalogue::{self, BundleUse, Declaration};
use super::condition::{Condition, Unreadable};
use super::envelope::{Envelope, OperationBody};
use super::query::{Handling, format, is_pretty, own_and_general, query_pairs};
use super::read::ClientCopy;
use super::request::{EntryManner, Request, understand};
use super::{Context, Failure, Server, patch};
use crate::fhir::{Issue, IssueCode, Resource, ResourceType};
use crate::patch::Patch;

/// An entry of a Bundle.
struct BundleEntry<'a> {
    /// Its place among the entries.
    at: usize,
    entry: &'a Value,
    method: &'a str,
    path: &'a str,
    query: &'a str,
    of_bundle: EntryManner,
}

/// Understands an entry of a Bundle.
///
/// # Errors
/// As [`understand`], and `NotAllowed` for what may not stand in a Bundle.
pub(super) fn understand_entry(
    server: &Server,
    context: &Context,
    (at, entry): (usize, &Value),
    of_bundle: EntryManner,
) -> Result<Request, Failure> {
    let request = &entry["request"];
    let missing = |name: &str, text: &str| wrong(at, &format!("request.{name}"), text);
    let method = request["method"]
        .as_str()
        .ok_or_else(|| missing("method", "expected a method, found none"))?;
    let url = request["url"]
        .as_str()
        .ok_or_else(|| missing("url", "expected an address, found none"))?;
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    if path.contains("://") {
        let text =
            "expected an address relative to the base, such as Patient/7, found an absolute one";
        return Err(missing("url", text));
    }
    if !matches!(entry["fullUrl"], Value::Null | Value::String(_)) {
        return Err(wrong(at, "fullUrl", "expected an address, as text"));
    }
    let envelope = BundleEntry {
        at,
        entry,
        method,
        path,
        query,
        of_bundle,
    };
    understand(server, context, &envelope)
}

fn wrong(at: usize, element: &str, text: &str) -> Failure {
    Failure::BadRequest(vec![Issue::error(
        IssueCode::Invalid,
        format!("Bundle.entry[{at}].{element}"),
        text,
    )])
}

impl BundleEntry<'_> {
    fn request(&self) -> &Value {
        &self.entry["request"]
    }

    fn wrong(&self, element: &str, text: &str) -> Failure {
        wrong(self.at, element, text)
    }

    fn has_resource(&self) -> bool {
        !self.entry["resource"].is_null()
    }
}

impl Envelope for BundleEntry<'_> {
    type Refusal = Failure;

    fn method(&self) -> &str {
        self.method
    }

    fn path(&self) -> &str {
        self.path
    }

    fn query(&self) -> Result<Vec<(String, String)>, Failure> {
        let query = query_pairs(self.query)?;
        let (_, general) = own_and_general(query.clone());
        is_pretty(&general)?;
        format(&general)?;
        Ok(query)
    }

    fn handling(&self) -> Handling {
        self.of_bundle.handling
    }

    fn is_verbose(&self) -> bool {
        self.of_bundle.is_verbose
    }

    fn admit(&self, declared: &Declaration) -> Result<(), Failure> {
        match declared.in_bundle {
            BundleUse::Entry => Ok(()),
            BundleUse::Refused(words) => Err(Failure::not_allowed(words)),
        }
    }

    fn resource(&self) -> Result<Resource, Failure> {
        Resource::from_value(self.entry["resource"].clone())
            .map_err(|issue| self.wrong("resource", &issue.text))
    }

    fn new_resource(&self, resource_type: ResourceType) -> Result<Resource, Failure> {
        let resource = self.resource()?;
        if resource.type_name() == resource_type.as_str() {
            return Ok(resource);
        }
        let text = format!("expected the type of the address, '{resource_type}'");
        Err(self.wrong("resource.resourceType", &text))
    }

    fn patch(&self) -> Result<Patch, Failure> {
        patch::in_entry(&self.resource()?)
    }

    /// Reads them from a Parameters resource, if there is one: a form is no resource.
    fn search_parameters(&self) -> Result<Vec<(String, String)>, Failure> {
        if self.has_resource() {
            catalogue::texts(&self.resource()?)
        } else {
            Ok(Vec::new())
        }
    }

    fn operation_body(&self, _declared: &Declaration) -> Result<OperationBody, Failure> {
        Ok(if self.has_resource() {
            OperationBody::Resource(self.resource()?)
        } else {
            OperationBody::Nothing
        })
    }

    fn condition(&self) -> Result<Condition, Failure> {
        let tags = |name: &str| match &self.request()[name] {
            Value::Null => Ok(None),
            Value::String(tags) => Ok(Some(tags.as_str())),
            _ => Err(self.wrong(&format!("request.{name}"), Unreadable::EXPECTED)),
        };
        Condition::read(tags("ifMatch")?, tags("ifNoneMatch")?).map_err(|unreadable| {
            let element = match unreadable {
                Unreadable::IfMatch => "request.ifMatch",
                Unreadable::IfNoneMatch => "request.ifNoneMatch",
            };
            self.wrong(element, Unreadable::EXPECTED)
        })
    }

    fn client_copy(&self) -> ClientCopy {
        let request = self.request();
        let since = request["ifModifiedSince"].as_str();
        ClientCopy {
            none_match: request["ifNoneMatch"].as_str().map(str::to_owned),
            modified_since: since.and_then(|instant| instant.parse().ok()),
        }
    }

    fn if_none_exist(&self) -> Result<Option<String>, Failure> {
        match &self.request()["ifNoneExist"] {
            Value::Null => Ok(None),
            Value::String(criteria) => Ok(Some(criteria.clone())),
            // Not passed over: the resource would be created beside the one that is meant.
            _ => {
                let text = "expected the criteria of a search, as text";
                Err(self.wrong("request.ifNoneExist", text))
            }
        }
    }

    fn full_url(&self) -> Option<String> {
        self.entry["fullUrl"].as_str().map(str::to_owned)
    }

    fn place(&self) -> Option<usize> {
        Some(self.at)
    }
}
