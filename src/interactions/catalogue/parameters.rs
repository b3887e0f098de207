//! The reader of parameters: names and values of an operation, from the address and from a
//! Parameters resource, held against its declaration once.

use jiff::civil::Date;
use serde_json::Value;

use super::asked::GivenParameters;
use super::declaration::{Declaration, ParameterReading, ValueKind};
use super::row::VERBOSE;
use crate::fhir::{FhirDate, Id, Issue, IssueCode, Resource, view};
use crate::interactions::Failure;
use crate::interactions::query::{
    Handling, NamedValues, PARAMETERS_MAX, no_parameters, no_parameters_text, too_many_parameters,
};

/// The last day that can be asked about: the next one begins beyond what an instant can express.
const LAST_DAY: Date = Date::constant(9999, 12, 30);

/// The two places in which parameters come.
pub struct SentParameters {
    /// Names and values of the address, and of a form.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Option<Resource>,
}

/// Reads the parameters of an operation; what it does not have is passed over under
/// `handling=lenient`.
///
/// # Errors
/// `BadRequest` with every parameter that is unknown, missing, there too often, or not of its kind.
pub fn read(
    declared: &Declaration,
    sent: SentParameters,
    handling: Handling,
) -> Result<GivenParameters, Failure> {
    let SentParameters { query, body } = sent;
    let mut reader = ParameterReader {
        declared,
        handling,
        given: GivenParameters::default(),
        issues: Vec::new(),
    };
    if declared
        .parameters
        .iter()
        .any(|parameter| parameter.kind == ValueKind::Meta)
    {
        no_parameters(&query, handling)?;
        reader.given.meta = Some(only_meta(body)?);
        return Ok(reader.given);
    }
    for (name, value) in query {
        reader.take_text(name, value, "");
    }
    match body {
        Some(body) if reader.has(ValueKind::Resource) && body.type_name() != "Parameters" => {
            reader.given.resource = Some(body);
        }
        Some(body) => reader.take_all(&body)?,
        None => {}
    }
    reader.end()
}

/// Takes out of the parameters of an interaction whether findings are wanted too that are only good
/// to know. What is left are its criteria.
///
/// # Errors
/// `BadRequest` if it says neither yes nor no.
pub fn take_verbosity(
    declared: &Declaration,
    parameters: &mut NamedValues,
) -> Result<bool, Failure> {
    let is_it = |(name, _): &(String, String)| name == VERBOSE;
    let mut known = declared.parameters.iter();
    if !known.any(|parameter| parameter.name == VERBOSE) || !parameters.iter().any(is_it) {
        return Ok(false);
    }
    let asked: Vec<_> = parameters.extract_if(.., |pair| is_it(pair)).collect();
    match asked.as_slice() {
        [(_, yes)] if yes == "true" => Ok(true),
        [(_, no)] if no == "false" => Ok(false),
        _ => {
            let text = format!("{VERBOSE}: expected 'true' or 'false', once");
            Err(Failure::bad_request(IssueCode::Value, text))
        }
    }
}

/// Says to a name that the operation has no such parameter, and which it has.
fn unknown_text(declared: &Declaration) -> String {
    let names: Vec<_> = declared
        .parameters
        .iter()
        .map(|parameter| parameter.name)
        .collect();
    let names = match names.as_slice() {
        [] => "none".to_owned(),
        [only] => (*only).to_owned(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    };
    let name = declared.name;
    format!("${name} has no such parameter; it has {names}")
}

struct ParameterReader<'a> {
    declared: &'a Declaration,
    handling: Handling,
    given: GivenParameters,
    issues: Vec<Issue>,
}

impl ParameterReader<'_> {
    fn has(&self, kind: ValueKind) -> bool {
        let mut parameters = self.declared.parameters.iter();
        parameters.any(|parameter| parameter.kind == kind)
    }

    fn refuse(&mut self, code: IssueCode, at: &str, text: String) {
        self.issues.push(Issue::error(code, at, text));
    }

    /// Takes one that is written as text.
    fn take_text(&mut self, name: String, value: String, at: &str) {
        // Its own reader says what is wrong.
        if self.declared.reading != ParameterReading::Declared {
            self.given.texts.push((name, value));
            return;
        }
        let mut declared = self.declared.parameters.iter();
        let Some(parameter) = declared.find(|parameter| parameter.name == name) else {
            return self.take_unknown(at);
        };
        if !parameter.is_repeated && self.given.one(&name).is_some() {
            let text = format!("{name}: expected once, found twice");
            return self.refuse(IssueCode::Value, at, text);
        }
        let text = mended(parameter.kind, &value);
        let is_right = |text: &str| is_of_kind(parameter.kind, text);
        let is_list = parameter.is_repeated && parameter.kind != ValueKind::TypeList;
        if is_list && text.split(',').all(is_right) || is_right(&text) {
            self.given.texts.push((name, text));
        } else {
            let text = format!("{name}: {}", expected(parameter.kind));
            self.refuse(IssueCode::Value, at, text);
        }
    }

    fn take_unknown(&mut self, at: &str) {
        if self.handling == Handling::Lenient {
            return;
        }
        let text = if self.declared.parameters.is_empty() {
            no_parameters_text()
        } else {
            unknown_text(self.declared)
        };
        self.refuse(IssueCode::NotSupported, at, text);
    }

    /// Takes those of a Parameters resource.
    fn take_all(&mut self, body: &Resource) -> Result<(), Failure> {
        for (number, part) in parts_of(body)?.into_iter().enumerate() {
            let at = format!("Parameters.parameter[{number}]");
            let name = part["name"].as_str().unwrap_or_default();
            let mut declared = self.declared.parameters.iter();
            match declared.find(|parameter| parameter.name == name) {
                Some(parameter) if parameter.kind == ValueKind::Resource => {
                    self.take_resource(name, &part["resource"], &at);
                }
                _ => self.take_text(name.to_owned(), text_of(part), &at),
            }
        }
        Ok(())
    }

    fn take_resource(&mut self, name: &str, value: &Value, at: &str) {
        if self.given.resource.is_some() {
            let text = format!("{name}: expected once, found twice");
            return self.refuse(IssueCode::Value, at, text);
        }
        match Resource::from_value(value.clone()) {
            Ok(resource) => self.given.resource = Some(resource),
            Err(issue) => self.refuse(IssueCode::Value, at, issue.text),
        }
    }

    /// Ends with what was given, if nothing is wrong or missing.
    fn end(mut self) -> Result<GivenParameters, Failure> {
        for parameter in self.declared.parameters {
            let is_wrong = || {
                let begins = format!("{}:", parameter.name);
                self.issues
                    .iter()
                    .any(|issue| issue.text.starts_with(&begins))
            };
            if parameter.is_required && self.given.one(parameter.name).is_none() && !is_wrong() {
                let text = format!("{}: {}, once", parameter.name, expected(parameter.kind));
                self.refuse(IssueCode::Value, "", text);
            }
        }
        if self.issues.is_empty() {
            Ok(self.given)
        } else {
            Err(Failure::BadRequest(self.issues))
        }
    }
}

/// Returns the parameters in a Parameters resource as they would stand in a query.
///
/// # Errors
/// `BadRequest` if it is no Parameters resource, or one with more parameters than are read.
pub fn texts(body: &Resource) -> Result<Vec<(String, String)>, Failure> {
    let pair = |part: &Value| {
        let name = part["name"].as_str().unwrap_or_default();
        (name.to_owned(), text_of(part))
    };
    Ok(parts_of(body)?.into_iter().map(pair).collect())
}

fn parts_of(body: &Resource) -> Result<Vec<&Value>, Failure> {
    if body.type_name() != "Parameters" {
        let text = "expected a Parameters resource";
        return Err(Failure::bad_request(IssueCode::Invalid, text));
    }
    let parts = &body.value()["parameter"];
    if !parts.is_null() && !parts.is_array() {
        let at = "Parameters.parameter";
        let issue = Issue::error(IssueCode::Structure, at, "expected an array");
        return Err(Failure::BadRequest(vec![issue]));
    }
    let parts: Vec<_> = view::items(parts).take(PARAMETERS_MAX + 1).collect();
    if parts.len() > PARAMETERS_MAX {
        return Err(too_many_parameters());
    }
    Ok(parts)
}

/// Reads the only parameter of a change of labels.
fn only_meta(body: Option<Resource>) -> Result<Value, Failure> {
    let wrong = || {
        let text = "expected a Parameters resource with one parameter 'meta' and its valueMeta, and no other";
        let at = "Parameters.parameter";
        Failure::BadRequest(vec![Issue::error(IssueCode::Invalid, at, text)])
    };
    let body = body.ok_or_else(wrong)?;
    let mut parameters = view::items(&body.value()["parameter"]);
    match (body.type_name(), parameters.next(), parameters.next()) {
        ("Parameters", Some(only), None) if only["name"] == "meta" => {
            only.get("valueMeta").cloned().ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

/// Returns a text without what was lost on the way: a `+` that was not encoded arrives as a blank.
fn mended(kind: ValueKind, text: &str) -> String {
    match kind {
        ValueKind::When | ValueKind::Instant | ValueKind::Code(_) => text.replace(' ', "+"),
        ValueKind::EventNumber => text.trim().to_owned(),
        ValueKind::Day
        | ValueKind::Date
        | ValueKind::Count
        | ValueKind::SubscriptionId
        | ValueKind::TypeList
        | ValueKind::Profile
        | ValueKind::Resource
        | ValueKind::Meta => text.to_owned(),
    }
}

fn is_of_kind(kind: ValueKind, text: &str) -> bool {
    match kind {
        ValueKind::Day => {
            matches!(FhirDate::parse(text), Some(FhirDate::Day(day)) if day <= LAST_DAY)
        }
        ValueKind::Date => FhirDate::parse(text).is_some_and(FhirDate::is_date),
        ValueKind::Instant => matches!(FhirDate::parse(text), Some(FhirDate::Instant(..))),
        ValueKind::When => FhirDate::parse(text).is_some(),
        ValueKind::EventNumber => {
            text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u64>().is_ok()
        }
        ValueKind::Count => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
        ValueKind::SubscriptionId => Id::parse(text).is_some(),
        ValueKind::Code(codes) => codes.contains(&text),
        ValueKind::Profile => !text.is_empty(),
        ValueKind::TypeList => true,
        ValueKind::Resource | ValueKind::Meta => false,
    }
}

fn expected(kind: ValueKind) -> String {
    let text = match kind {
        ValueKind::Day => "expected a full date such as 2027-03-01",
        ValueKind::Date => "expected a date",
        ValueKind::Instant => "expected one instant, such as 2027-03-01T09:00:00+01:00",
        ValueKind::When => "expected an instant or a date",
        ValueKind::EventNumber => "expected the number of an event, such as 12",
        ValueKind::Count => "expected a whole number",
        ValueKind::SubscriptionId => "expected the id of a Subscription",
        ValueKind::Profile => "expected the canonical address of a profile",
        ValueKind::TypeList => "expected types of resources, parted by commas",
        ValueKind::Resource => "expected a resource in a Parameters resource",
        ValueKind::Meta => "expected a Meta in a Parameters resource",
        ValueKind::Code(codes) => {
            return match codes {
                [others @ .., last] if !others.is_empty() => {
                    format!("expected {} or {last}", others.join(", "))
                }
                _ => format!("expected {}", codes.concat()),
            };
        }
    };
    text.to_owned()
}

/// Returns the value of a part as text: clients send the same as one of several types.
fn text_of(part: &Value) -> String {
    let members = part.as_object().into_iter().flatten();
    let mut values = members.filter(|(name, _)| name.starts_with("value"));
    match values.next() {
        Some((_, Value::String(text))) => text.clone(),
        Some((_, value)) => value.to_string(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::interactions::catalogue::{AddressForm, named};

    fn asked(name: &str, query: &[(&str, &str)], body: Option<Value>) -> Result<String, String> {
        let forms = [
            AddressForm::OfInstance,
            AddressForm::OfType,
            AddressForm::OfSystem,
        ];
        let declared = forms.into_iter().find_map(|form| named(name, form, None));
        let query = query
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let sent = SentParameters {
            query: query.collect(),
            body: body.map(|body| Resource::from_value(body).unwrap()),
        };
        match read(declared.unwrap(), sent, Handling::Unsaid) {
            Ok(given) => {
                let pairs = given
                    .texts
                    .iter()
                    .map(|(name, text)| format!("{name}={text}"));
                Ok(pairs.collect::<Vec<_>>().join("&"))
            }
            Err(failure) => {
                let issues = failure.issues().into_iter();
                let told = issues.map(|issue| format!("{}|{}", issue.expression, issue.text));
                Err(told.collect::<Vec<_>>().join("\n"))
            }
        }
    }

    #[test]
    fn values_are_held_against_their_declarations() {
        for (name, query, expected) in [
            ("rights", ("as-of", "2027-03-01"), Ok("as-of=2027-03-01")),
            (
                "rights",
                ("as-of", "2027-03"),
                Err("|as-of: expected a full date such as 2027-03-01"),
            ),
            (
                "rights",
                ("as-of", "9999-12-31"),
                Err("|as-of: expected a full date such as 2027-03-01"),
            ),
            (
                "rights",
                ("color", "red"),
                Err("|$rights has no such parameter; it has as-of and _reasons"),
            ),
            (
                "meta",
                ("color", "red"),
                Err("|expected no parameters here but _format, _pretty"),
            ),
            (
                "events",
                ("eventsSinceNumber", "12"),
                Ok("eventsSinceNumber=12"),
            ),
            (
                "events",
                ("eventsSinceNumber", "-1"),
                Err("|eventsSinceNumber: expected the number of an event, such as 12"),
            ),
            (
                "events",
                ("content", "all"),
                Err("|content: expected empty, id-only or full-resource"),
            ),
            (
                "export",
                ("_since", "2027-03-01T08:00:00 01:00"),
                Ok("_since=2027-03-01T08:00:00+01:00"),
            ),
            (
                "export",
                ("_outputFormat", "csv"),
                Err(
                    "|_outputFormat: expected application/fhir+ndjson, application/ndjson or ndjson",
                ),
            ),
            ("get-ws-binding-token", ("id", "a,b"), Ok("id=a,b")),
            (
                "get-ws-binding-token",
                ("id", "a,/"),
                Err("|id: expected the id of a Subscription"),
            ),
            ("validate", ("mode", "update"), Ok("mode=update")),
            (
                "validate",
                ("profile", ""),
                Err("|profile: expected the canonical address of a profile"),
            ),
        ] {
            let found = asked(name, &[query], None);
            let found = found.as_deref().map_err(String::as_str);
            assert_eq!(found, expected, "{name} {query:?}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_and_where() {
        let part = |name: &str, value: Value| json!({ "name": name, "valueString": value });
        let sent = |parts: &[Value]| json!({ "resourceType": "Parameters", "parameter": parts });
        let twice = sent(&[
            part("eventsSinceNumber", json!("1")),
            part("color", json!("red")),
            part("eventsSinceNumber", json!("2")),
        ]);
        let expected = "Parameters.parameter[1]|$resend has no such parameter; it has eventsSinceNumber and eventsUntilNumber\n\
                        Parameters.parameter[2]|eventsSinceNumber: expected once, found twice\n\
                        |eventsUntilNumber: expected the number of an event, such as 12, once";
        assert_eq!(asked("resend", &[], Some(twice)), Err(expected.to_owned()));
        let other = json!({ "resourceType": "Patient" });
        let found = asked("rights", &[], Some(other));
        assert_eq!(found, Err("|expected a Parameters resource".to_owned()));
        let no_array = json!({ "resourceType": "Parameters", "parameter": {} });
        let found = asked("rights", &[], Some(no_array));
        assert_eq!(
            found,
            Err("Parameters.parameter|expected an array".to_owned())
        );
        let many = sent(&vec![part("as-of", json!("x")); PARAMETERS_MAX + 1]);
        let found = asked("rights", &[], Some(many)).unwrap_err();
        assert_eq!(
            found,
            format!("|expected at most {PARAMETERS_MAX} parameters")
        );
    }

    #[test]
    fn a_number_in_parameters_is_its_text() {
        let sent = json!({ "resourceType": "Parameters", "parameter": [{ "name": "_count", "valueInteger": 7 }] });
        assert_eq!(
            asked("everything", &[], Some(sent)),
            Ok("_count=7".to_owned())
        );
    }
}
