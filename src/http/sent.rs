//! A request that came over the wire, as an envelope of what is asked: the headers and the body, of
//! which only what is needed is read.

use axum::http::HeaderName;

use super::call::Call;
use super::error::Refusal;
use super::negotiation::{self, SentPatch};
use super::paths::below_base;
use crate::fhir::{IssueCode, Resource, ResourceType};
use crate::interactions::Failure;
use crate::interactions::catalogue::Declaration;
use crate::interactions::change::Condition;
use crate::interactions::envelope::{Envelope, OperationBody};
use crate::interactions::patch::Patch;
use crate::interactions::query::query_pairs;
use crate::interactions::read::ClientCopy;

impl Call {
    /// Reads the form in the body.
    fn form(&self) -> Result<Vec<(String, String)>, Refusal> {
        let wrong = |_| Failure::bad_request(IssueCode::Value, "expected a form in UTF-8");
        Ok(query_pairs(
            std::str::from_utf8(&self.body).map_err(wrong)?,
        )?)
    }
}

impl Envelope for Call {
    type Refusal = Refusal;

    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn path(&self) -> &str {
        below_base(&self.path).unwrap_or_default()
    }

    fn query(&self) -> Result<Vec<(String, String)>, Refusal> {
        Ok([self.query.as_slice(), &self.general].concat())
    }

    fn is_lenient(&self) -> bool {
        negotiation::prefer(&self.headers).1
    }

    /// Lets all in: the method was looked at before.
    fn admit(&self, _declared: &Declaration) -> Result<(), Refusal> {
        Ok(())
    }

    fn resource(&self) -> Result<Resource, Refusal> {
        negotiation::sends_json(&self.headers)?;
        Ok(Resource::parse(&self.body).map_err(|issue| Failure::BadRequest(vec![issue]))?)
    }

    fn new_resource(&self, _resource_type: ResourceType) -> Result<Resource, Refusal> {
        self.resource()
    }

    fn patch(&self) -> Result<Patch, Refusal> {
        let patch = match negotiation::sends_patch(&self.headers)? {
            SentPatch::Json => Patch::parse_json_patch(&self.body),
            SentPatch::Merge => Patch::parse_merge_patch(&self.body),
            SentPatch::Plain => Patch::parse_plain_json(&self.body),
            SentPatch::FhirPath => Patch::from_parameters(&self.resource()?),
        };
        Ok(patch.map_err(Failure::BadRequest)?)
    }

    /// Reads them from a form.
    fn search_parameters(&self) -> Result<Vec<(String, String)>, Refusal> {
        negotiation::sends_form(&self.headers)?;
        self.form()
    }

    fn operation_body(&self, declared: &Declaration) -> Result<OperationBody, Refusal> {
        if declared.takes_form && negotiation::sends_form(&self.headers).is_ok() {
            return Ok(OperationBody::Form(self.form()?));
        }
        Ok(if self.body.is_empty() {
            OperationBody::Nothing
        } else {
            OperationBody::Resource(self.resource()?)
        })
    }

    fn condition(&self) -> Result<Condition, Refusal> {
        negotiation::condition(&self.headers)
    }

    fn client_copy(&self) -> ClientCopy {
        negotiation::client_copy(&self.headers)
    }

    fn if_none_exist(&self) -> Result<Option<String>, Refusal> {
        let name = HeaderName::from_static("if-none-exist");
        Ok(negotiation::decisive(&self.headers, name)?.map(str::to_owned))
    }
}
