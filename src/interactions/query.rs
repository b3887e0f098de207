//! The parameters of an address: their form, and those that every request may have.

use percent_encoding::percent_decode_str;

use super::Failure;
use crate::fhir::media_type::FhirForm;
use crate::fhir::{Issue, IssueCode, ResourceType};

/// Names and values, percent-decoded.
pub type NamedValues = Vec<(String, String)>;

/// The most parameters that a request may have: each that is wrong is a finding of its own.
pub const PARAMETERS_MAX: usize = 1_000;
/// The parameters that every request may have besides its own: they say how the answer is written.
pub const GENERAL_PARAMETERS: &[&str] = &["_format", "_pretty"];

/// The way in which parameters are to be handled that are not understood (`Prefer: handling=`,
/// <https://hl7.org/fhir/R4/search.html#errors>).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Handling {
    /// The client does not say: they are refused where they could change what is asked for.
    #[default]
    Unsaid,
    /// They are passed over.
    Lenient,
    /// They are refused wherever they stand.
    Strict,
}

/// Returns the names and values of a query, percent-decoded.
///
/// # Errors
/// `BadRequest` if they are not UTF-8, since what cannot be read must not be passed over, or more
/// than [`PARAMETERS_MAX`].
pub fn query_pairs(query: &str) -> Result<Vec<(String, String)>, Failure> {
    let given = || query.split('&').filter(|pair| !pair.is_empty());
    if given().nth(PARAMETERS_MAX).is_some() {
        return Err(too_many_parameters());
    }
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8()
            .map(Into::into)
    };
    let pairs = given().map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name)?, decode(value)?))
    });
    let wrong = |_: std::str::Utf8Error| {
        Failure::bad_request(
            IssueCode::Value,
            "expected the parameters in percent-encoded UTF-8",
        )
    };
    pairs.collect::<Result<_, _>>().map_err(wrong)
}

/// Says that more parameters came than are read.
pub(super) fn too_many_parameters() -> Failure {
    Failure::bad_request(
        IssueCode::TooCostly,
        format!("expected at most {PARAMETERS_MAX} parameters"),
    )
}

/// Parts the parameters of a request from those that every request may have, which come second.
pub fn own_and_general(query: Vec<(String, String)>) -> (NamedValues, NamedValues) {
    query
        .into_iter()
        .partition(|(name, _)| !GENERAL_PARAMETERS.contains(&name.as_str()))
}

/// Reads whether the answer is to be written in lines that people can read; none if it is not said.
///
/// # Errors
/// `BadRequest`
pub fn is_pretty(general: &[(String, String)]) -> Result<Option<bool>, Failure> {
    match named(general, "_pretty") {
        None => Ok(None),
        Some("false") => Ok(Some(false)),
        Some("true") => Ok(Some(true)),
        Some(_) => {
            let text = "_pretty: expected 'true' or 'false'";
            Err(Failure::bad_request(IssueCode::Value, text))
        }
    }
}

/// Returns the media type that `_format` asks for, if it is there; `json` and `xml` stand for those
/// of FHIR.
///
/// # Errors
/// `NotAcceptable` for one that is not written here.
pub fn format(general: &[(String, String)]) -> Result<Option<String>, Failure> {
    // A `+` that was not encoded arrives as a blank.
    match named(general, "_format").map(|format| format.replace(' ', "+")) {
        Some(format)
            if FhirForm::named(&format)
                .or_else(|| FhirForm::of_media_type(&format))
                .is_none() =>
        {
            Err(not_acceptable())
        }
        format => Ok(format),
    }
}

/// Says that no answer is written in a form that the client accepts.
pub fn not_acceptable() -> Failure {
    let text = "expected Accept or _format to allow application/fhir+json or application/fhir+xml, or the generic media types of JSON or XML";
    Failure::NotAcceptable(Issue::error(IssueCode::NotSupported, "", text))
}

fn named<'a>(general: &'a [(String, String)], wanted: &str) -> Option<&'a str> {
    let mut named = general.iter().filter(|(name, _)| name == wanted);
    named.next().map(|(_, value)| value.as_str())
}

/// Refuses parameters at an address where none means anything; under `handling=lenient` they are
/// passed over.
///
/// # Errors
/// `BadRequest`
pub fn no_parameters(parameters: &[(String, String)], handling: Handling) -> Result<(), Failure> {
    if parameters.is_empty() || handling == Handling::Lenient {
        return Ok(());
    }
    Err(Failure::bad_request(
        IssueCode::NotSupported,
        no_parameters_text(),
    ))
}

/// Says that an address has no parameters of its own.
pub(super) fn no_parameters_text() -> String {
    let general = GENERAL_PARAMETERS.join(", ");
    format!("expected no parameters here but {general}")
}

/// Reads the criteria of a conditional create, which clients write alone, after the type, or as the
/// whole address of a search.
///
/// # Errors
/// As [`query_pairs`].
pub fn criteria(resource_type: ResourceType, text: &str) -> Result<Vec<(String, String)>, Failure> {
    let text = text.trim();
    let of_type = text.split_once('?').filter(|(before, _)| {
        // By which name this server was reached is of no importance, but a value may have a
        // question mark too.
        let is_address = before.starts_with("http://") || before.starts_with("https://");
        let named = before
            .rsplit_once('/')
            .filter(|_| is_address)
            .map_or(*before, |(_, named)| named);
        before.is_empty() || named == resource_type.as_str()
    });
    query_pairs(of_type.map_or(text, |(_, criteria)| criteria))
}
