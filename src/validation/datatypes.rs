//! stub
use crate::fhir::*;
use serde_json::Value;
#[allow(missing_docs)]
pub fn check(_t: &str, _b: &Value, _r: &mut dyn FnMut(Severity, IssueCode, &'static str, &str, &str)) {}
