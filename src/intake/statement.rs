//! The statement that a Bundle is as a whole: about whom, by whom, when, and under which number.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::foreign::ForeignBundle;
use super::known::{KnownResource, WantedParties};
use super::organization::{MatchedOrganization, SentOrganization};
use super::recognition::IntakeFormat;
use super::refusal::{IntakeRefusal, RefusalKey};
use crate::fhir::view::{identifiers, items};
use crate::fhir::{FhirDate, ResourceKey, ResourceType, names};

/// A foreign Bundle whose frame is understood.
#[derive(Debug)]
pub struct Statement<'a> {
    /// The Bundle.
    pub bundle: ForeignBundle<'a>,
    /// Its format.
    pub format: IntakeFormat,
    /// The place of the Patient among the entries.
    pub person: usize,
    /// The sender; none where the format knows none.
    pub sender: Option<SentOrganization>,
    /// The instant, as it was sent and as it is; none where the format has none.
    pub instant: Option<(String, Timestamp)>,
    /// The identifier of the Bundle: system and value.
    pub source: (String, String),
    /// The types of which everything about the person must be known.
    pub of_person: &'static [ResourceType],
    /// Tells whether it matters what the sender said before and says no longer.
    pub is_whole_list: bool,
}

impl Statement<'_> {
    /// Returns what must be known to convert it.
    pub fn wanted(&self) -> WantedParties {
        let patient = self.patient();
        let of_system = |is_it: &dyn Fn(&str) -> bool| -> Vec<(String, String)> {
            let found = identifiers(patient).filter(|(system, _)| is_it(system));
            found
                .map(|(system, value)| (system.to_owned(), value.to_owned()))
                .collect()
        };
        let cpr = of_system(&|system| system == names::CPR);
        let ecpr = of_system(&names::is_ecpr_system);
        let (person, person_else) = if cpr.is_empty() {
            (ecpr, Vec::new())
        } else {
            (cpr, ecpr)
        };
        let practices = items(&patient["generalPractitioner"]);
        let practices = practices.flat_map(|named| SentOrganization::read(named).asked());
        let organizations = self.bundle.of_type("Organization");
        let sent = organizations.map(|(_, entry)| SentOrganization::read(entry.resource));
        let mut asked: BTreeSet<(String, String)> = sent.flat_map(|sent| sent.asked()).collect();
        asked.extend(self.sender.iter().flat_map(SentOrganization::asked));
        asked.extend(practices);
        WantedParties {
            person,
            person_else,
            organizations: asked,
            of_person: self.of_person,
        }
    }

    /// Returns the Organization that the sender is here, or will be.
    pub fn sender_key(&self, organizations: &[KnownResource]) -> Option<ResourceKey> {
        let matched = self.matched(self.sender.as_ref()?, organizations)?;
        Some(matched.key)
    }

    /// Returns the numbers of the sender: some of its statements name it by number alone.
    pub fn sender_numbers(&self) -> Vec<(String, String)> {
        let sender = self.sender.as_ref();
        sender.map(SentOrganization::asked).unwrap_or_default()
    }

    /// Returns what an organization that was sent is here, or will be.
    pub(super) fn matched(
        &self,
        sent: &SentOrganization,
        organizations: &[KnownResource],
    ) -> Option<MatchedOrganization> {
        let beside = self.bundle.of_type("Organization");
        let beside = beside.filter(|(_, entry)| !entry.has_modifiers());
        let beside: Vec<SentOrganization> = beside
            .map(|(_, entry)| SentOrganization::read(entry.resource))
            .collect();
        sent.matched(organizations, &beside)
    }

    /// Returns the Patient.
    pub(super) fn patient(&self) -> &Value {
        self.bundle.entries[self.person].resource
    }
}

/// Finds the one Patient of a Bundle.
///
/// # Errors
/// `person-count`; `person-identifier` if it has neither a CPR number nor, where that will do, an
/// eCPR.
pub(super) fn only_person(
    bundle: &ForeignBundle<'_>,
    takes_ecpr: bool,
) -> Result<usize, IntakeRefusal> {
    let mut patients = bundle.of_type("Patient");
    let (Some((person, entry)), None) = (patients.next(), patients.next()) else {
        return Err(IntakeRefusal::of(RefusalKey::PersonCount));
    };
    let mut known = identifiers(entry.resource);
    if known.any(|(system, value)| {
        !value.is_empty() && (system == names::CPR || takes_ecpr && names::is_ecpr_system(system))
    }) {
        Ok(person)
    } else {
        Err(IntakeRefusal::of(RefusalKey::PersonIdentifier))
    }
}

/// Checks that everything that says about whom it is, is about that Patient.
///
/// # Errors
/// `person-other`.
pub(super) fn all_about(bundle: &ForeignBundle<'_>, person: usize) -> Result<(), IntakeRefusal> {
    let patient = bundle.entries[person].resource;
    let has_number = |number: (&str, &str)| identifiers(patient).any(|own| own == number);
    let is_of_persons =
        |(system, _): &(&str, &str)| *system == names::CPR || names::is_ecpr_system(system);
    let is_it = |reference: &Value| {
        let numbers: Vec<(&str, &str)> = identifiers(reference).collect();
        let mut of_persons = numbers.iter().copied().filter(is_of_persons);
        match reference["reference"]
            .as_str()
            .map(|_| bundle.resolve(reference))
        {
            Some(Some(at)) => at == person && of_persons.all(has_number),
            // An address elsewhere says nothing; the number beside it does.
            Some(None) => of_persons.next().is_some() && numbers.iter().copied().all(has_number),
            None => numbers.iter().copied().all(has_number),
        }
    };
    // Others than the person take part in a booking or contact.
    let is_person = |actor: &Value| {
        let at = bundle.resolve(actor);
        at.is_some_and(|at| bundle.entries[at].type_name() == "Patient")
            || identifiers(actor).any(|number| is_of_persons(&number))
    };
    let is_about = |resource: &Value| {
        let named = ["subject", "patient", "for"];
        let mut named = named.iter().flat_map(|element| items(&resource[*element]));
        let participants = items(&resource["participant"]).map(|one| &one["actor"]);
        named.all(is_it) && participants.filter(|actor| is_person(actor)).all(is_it)
    };
    if bundle.entries.iter().all(|entry| is_about(entry.resource)) {
        Ok(())
    } else {
        Err(IntakeRefusal::of(RefusalKey::PersonOther))
    }
}

/// Reads the instant of a Bundle: the first of these texts that is one, else none.
pub(super) fn instant_of(texts: &[&Value]) -> Option<(String, Timestamp)> {
    let mut texts = texts.iter().filter_map(|text| text.as_str());
    texts.find_map(|text| match FhirDate::parse(text)? {
        FhirDate::Instant(instant, ..) => Some((text.to_owned(), instant)),
        FhirDate::Day(day) => Some((text.to_owned(), crate::fhir::start_of_day(day))),
        FhirDate::Year(_) | FhirDate::Month(..) => None,
    })
}

/// Reads the identifier of a Bundle: system, empty if it has none, and value.
pub(super) fn identifier_of(bundle: &Value) -> Option<(String, String)> {
    let mut known = identifiers(bundle).filter(|(_, value)| !value.trim().is_empty());
    let (system, value) = known.next()?;
    Some((system.to_owned(), value.to_owned()))
}

/// Finds the entry of the sender of a message.
pub(super) fn sender_entry(bundle: &ForeignBundle<'_>) -> Option<usize> {
    bundle.resolve(&bundle.entries[0].resource["sender"])
}

/// Finds the sender of a message, if it has a number. An entry that is not understood names nobody.
pub(super) fn sender_of(bundle: &ForeignBundle<'_>) -> Option<SentOrganization> {
    let sent = match sender_entry(bundle).map(|at| bundle.entries[at]) {
        Some(entry) if entry.has_modifiers() => return None,
        Some(entry) => SentOrganization::read(entry.resource),
        None => SentOrganization::read(&bundle.entries[0].resource["sender"]),
    };
    sent.is_identified().then_some(sent)
}

/// Returns the identifier of a Bundle, or else one that follows from what it says of itself: the
/// number of its sender, its id and its instant.
pub(super) fn source_of(
    bundle: &Value,
    format: IntakeFormat,
    sender: Option<&str>,
    instant: Option<&(String, Timestamp)>,
) -> (String, String) {
    identifier_of(bundle).unwrap_or_else(|| {
        let sender = sender.unwrap_or_default();
        let id = bundle["id"].as_str().unwrap_or_default();
        let instant = instant.map_or("", |(text, _)| text);
        let value = format!("urn:{}|{sender}|{id}|{instant}", format.code());
        (names::URI_SYSTEM.to_owned(), value)
    })
}

/// Writes an identifier of a Bundle as an Identifier element: a system that is no address is left out.
pub(super) fn identifier_element((system, value): &(String, String)) -> Value {
    let scheme = system.split_once(':');
    let is_address = scheme.is_some_and(|(scheme, rest)| {
        let is_lower = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme.chars().all(is_lower)
            && !rest.is_empty()
            && !rest.contains(|letter: char| letter.is_whitespace() || letter.is_control())
    });
    let mut element = json!({ "value": value });
    if is_address {
        element["system"] = json!(system);
    }
    element
}
