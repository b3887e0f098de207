//! A request that came over the wire, as an envelope of what is asked: the headers and the body, of
//! which only what is needed is read.

use std::borrow::Cow;

use axum::http::{HeaderName, Method};

use super::call::Call;
use super::error::Refusal;
use super::header_text::decisive;
use super::media::Rendering;
use super::negotiation::{self, SentPatch};
use super::paths::below_base;
use crate::fhir::json::without_mark;
use crate::fhir::media_type::FhirForm;
use crate::fhir::{IssueCode, Resource, ResourceType};
use crate::interactions::Failure;
use crate::interactions::catalogue::Declaration;
use crate::interactions::condition::Condition;
use crate::interactions::envelope::{Envelope, OperationBody};
use crate::interactions::extents::refuse_excessive_body;
use crate::interactions::patch::Patch;
use crate::interactions::query::{Handling, own_and_general, query_pairs};
use crate::interactions::read::ClientCopy;
use crate::xml;

impl Call {
    /// Reads the form in the body.
    fn form(&self) -> Result<Vec<(String, String)>, Refusal> {
        let wrong = |_| Failure::bad_request(IssueCode::Value, "expected a form in UTF-8");
        let form = std::str::from_utf8(without_mark(&self.body)).map_err(wrong)?;
        Ok(query_pairs(form)?)
    }

    /// Returns the form of the answer that a form in the body asks for, if there is one that can be
    /// read and says it.
    pub(super) fn rendering_in_form(&self, declared: &Declaration) -> Option<Rendering> {
        let may_be_form = declared.takes_form || self.path.ends_with("/_search");
        if !may_be_form || self.method != Method::POST {
            return None;
        }
        negotiation::sends_form(&self.headers).ok()?;
        let (_, said) = own_and_general(self.form().ok()?);
        if said.is_empty() {
            return None;
        }
        let general = [self.general.as_slice(), &said].concat();
        negotiation::rendering(&self.headers, &general).ok()
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

    fn handling(&self) -> Handling {
        negotiation::handling(&self.headers)
    }

    fn is_address_shown(&self) -> bool {
        true
    }

    /// Lets all in: the method was looked at before.
    fn admit(&self, _declared: &Declaration) -> Result<(), Refusal> {
        Ok(())
    }

    fn resource(&self) -> Result<Resource, Refusal> {
        let resource = match negotiation::sent_form(&self.headers)? {
            FhirForm::Json => {
                refuse_excessive_body(&self.body)?;
                Resource::parse(&self.body)
            }
            FhirForm::Xml => match xml::read(self.server.validator.definitions(), &self.body) {
                Ok(json) => {
                    refuse_excessive_body(json.as_bytes())?;
                    Resource::parse(json.as_bytes())
                }
                Err(issue) => Err(issue),
            },
        };
        Ok(resource.map_err(|issue| Failure::BadRequest(vec![issue]))?)
    }

    fn new_resource(&self, _resource_type: ResourceType) -> Result<Resource, Refusal> {
        self.resource()
    }

    fn patch(&self) -> Result<Patch, Refusal> {
        let sent = negotiation::sends_patch(&self.headers)?;
        if !matches!(sent, SentPatch::FhirPath) {
            refuse_excessive_body(&self.body)?;
        }
        let patch = match sent {
            SentPatch::Json => Patch::parse_json_patch(&self.body),
            SentPatch::Merge => Patch::parse_merge_patch(&self.body),
            SentPatch::Plain => Patch::parse_plain_json(&self.body),
            SentPatch::FhirPath => Patch::from_parameters(&self.resource()?),
        };
        Ok(patch.map_err(Failure::BadRequest)?)
    }

    /// Reads them from a form.
    fn search_parameters(&self) -> Result<Vec<(String, String)>, Refusal> {
        // All may stand in the address. Of nothing, no type is wrong.
        if self.body.is_empty() {
            return Ok(Vec::new());
        }
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
        Ok(decisive(&self.headers, name)?.map(Cow::into_owned))
    }
}
