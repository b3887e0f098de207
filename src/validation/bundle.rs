//! stub
use crate::fhir::*;
use serde_json::Value;
#[allow(missing_docs)]
pub fn check(_b: &Value, _r: &mut dyn FnMut(Severity, IssueCode, &'static str, &str, &str)) {}
#[allow(missing_docs)]
pub fn entry_named<'a>(_b: &'a Value, _r: &str) -> Option<&'a Value> {
    None
}
