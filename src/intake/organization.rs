//! Organizations of a foreign Bundle: by which numbers they are known, and which stored one each is
//! (intake, section 3). A number decides, never a name.

use serde_json::{Value, json};
use uuid::Uuid;

use super::context::IntakeContext;
use super::known::KnownResource;
use crate::deadlines::NAMESPACE;
use crate::fhir::view::{has_coding, identifiers, items};
use crate::fhir::{FhirDate, Id, ResourceKey, ResourceType, names};

/// An organization as it was sent.
#[derive(Clone, PartialEq, Debug)]
pub struct SentOrganization {
    ydernummer: Option<String>,
    sor: Option<String>,
    kombit: Option<String>,
    cvr: Option<String>,
    name: Option<String>,
    types: Vec<Value>,
}

/// An organization as it will be here.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct MatchedOrganization {
    /// Its key.
    pub(super) key: ResourceKey,
    /// Its content.
    pub(super) content: Value,
}

impl SentOrganization {
    /// Reads an Organization, or a Reference that names one by its identifier.
    pub(super) fn read(element: &Value) -> Self {
        let first = |is_it: &dyn Fn(&str) -> bool| {
            let mut known = identifiers(element)
                .map(|(system, value)| (system, value.trim()))
                .filter(|(_, value)| !value.is_empty());
            let found = known.find(|(system, _)| is_it(system));
            found.map(|(_, value)| value.to_owned())
        };
        SentOrganization {
            ydernummer: first(&names::is_ydernummer_system),
            sor: first(&|system| system == names::SOR),
            kombit: first(&|system| system == names::KOMBIT),
            cvr: first(&|system| system == names::CVR),
            name: element["name"].as_str().map(str::to_owned),
            types: items(&element["type"])
                .filter(|concept| concept.is_object())
                .cloned()
                .collect(),
        }
    }

    /// Tells whether it has a ydernummer.
    pub(super) fn has_ydernummer(&self) -> bool {
        self.ydernummer.is_some()
    }

    /// Tells whether both have a number in common.
    pub(super) fn is_same_as(&self, other: &SentOrganization) -> bool {
        let short = |number: &Option<String>| {
            let number = number.as_ref()?;
            Some(number.trim_start_matches('0').to_owned())
        };
        let ydernummer = short(&self.ydernummer);
        ydernummer.is_some() && ydernummer == short(&other.ydernummer)
            || self.sor.is_some() && self.sor == other.sor
    }

    /// Tells whether it has a number by which it can be found again.
    pub(super) fn is_identified(&self) -> bool {
        self.ydernummer.is_some() || self.sor.is_some() || self.kombit.is_some()
    }

    /// Returns the number that stands for it in the ids of what it sends.
    pub(super) fn number(&self) -> &str {
        let numbers = [&self.sor, &self.ydernummer, &self.kombit];
        numbers
            .into_iter()
            .find_map(|number| number.as_deref())
            .unwrap_or_default()
    }

    /// Returns the identifiers by which a stored one may be found.
    pub(super) fn asked(&self) -> Vec<(String, String)> {
        let mut asked = Vec::new();
        if let Some(number) = &self.ydernummer {
            let short = number.trim_start_matches('0');
            for spelled in [number.clone(), short.to_owned(), format!("{short:0>6}")] {
                for system in [names::YDERNUMMER, names::YDERNUMMER_TYPO] {
                    asked.push((system.to_owned(), spelled.clone()));
                }
            }
        }
        let others = [(names::SOR, &self.sor), (names::KOMBIT, &self.kombit)];
        for (system, value) in others {
            asked.extend(value.iter().map(|value| (system.to_owned(), value.clone())));
        }
        asked
    }

    /// Returns a reference by number alone; none if it has none.
    pub(super) fn logical_reference(&self) -> Option<Value> {
        let identifier = self.identifier_elements().into_iter().next()?;
        Some(json!({ "identifier": identifier }))
    }

    /// Finds the stored one that it is, or makes a new one; none without a number.
    pub(super) fn matched(&self, known: &[KnownResource]) -> Option<MatchedOrganization> {
        if let Some(number) = &self.ydernummer {
            if let Some(found) = first_of(known, |stored| stored.has_ydernummer_of(number)) {
                return Some(as_it_stands(found));
            }
        }
        match (&self.sor, &self.kombit) {
            (Some(sor), _) => Some(self.matched_by_sor(sor, known)),
            (None, Some(kombit)) => {
                let found = first_of(known, |stored| stored.kombit.as_ref() == Some(kombit));
                Some(found.map_or_else(|| self.new_one(&[(names::KOMBIT, kombit)]), as_it_stands))
            }
            (None, None) => {
                let number = self.ydernummer.as_ref()?;
                Some(self.new_one(&[(names::YDERNUMMER, number)]))
            }
        }
    }

    fn matched_by_sor(&self, sor: &String, known: &[KnownResource]) -> MatchedOrganization {
        let of_number = |stored: &SentOrganization| stored.sor.as_ref() == Some(sor);
        let without = first_of(known, |stored| {
            of_number(stored) && stored.ydernummer.is_none()
        });
        let own = (names::SOR, sor);
        let Some(number) = &self.ydernummer else {
            let mut others = known
                .iter()
                .filter(|stored| of_number(&SentOrganization::read(&stored.content)));
            // Several practices may share a SOR number: which of them it is, is not guessed.
            let only = match (others.next(), others.next()) {
                (Some(only), None) => Some(only),
                _ => None,
            };
            let found = without.or(only);
            return found.map_or_else(|| self.new_one(&[own]), as_it_stands);
        };
        if let Some(found) = without {
            let mut matched = as_it_stands(found);
            let added = element(names::YDERNUMMER, number);
            if let Some(all) = matched.content["identifier"].as_array_mut() {
                all.push(added);
            }
            return matched;
        }
        let has_other = first_of(known, of_number).is_some();
        if has_other {
            self.new_one(&[own, (names::YDERNUMMER, number)])
        } else {
            self.new_one(&[own])
        }
    }

    /// Makes a new one, whose id follows from these numbers.
    fn new_one(&self, numbers: &[(&str, &String)]) -> MatchedOrganization {
        let numbers: Vec<String> = numbers
            .iter()
            .map(|(system, value)| format!("{system}|{value}"))
            .collect();
        let name = format!("organization|{}", numbers.join("|"));
        let id: Id = Uuid::new_v5(&NAMESPACE, name.as_bytes()).into();
        let mut content = json!({
            "resourceType": "Organization",
            "id": id.as_str(),
            "identifier": self.identifier_elements(),
        });
        if !self.types.is_empty() {
            content["type"] = json!(self.types);
        }
        if let Some(name) = &self.name {
            content["name"] = json!(name);
        }
        MatchedOrganization {
            key: ResourceKey::new(ResourceType::Organization, id),
            content,
        }
    }

    fn identifier_elements(&self) -> Vec<Value> {
        let numbers = [
            (names::SOR, &self.sor),
            (names::YDERNUMMER, &self.ydernummer),
            (names::KOMBIT, &self.kombit),
            (names::CVR, &self.cvr),
        ];
        let numbers = numbers.into_iter();
        numbers
            .filter_map(|(system, value)| Some(element(system, value.as_ref()?)))
            .collect()
    }

    fn has_ydernummer_of(&self, number: &str) -> bool {
        let plain = |number: &str| number.trim_start_matches('0').to_owned();
        self.ydernummer
            .as_ref()
            .is_some_and(|own| plain(own) == plain(number))
    }
}

impl MatchedOrganization {
    /// Returns the reference to it.
    pub(super) fn reference(&self) -> Value {
        json!({ "reference": self.key.to_string() })
    }

    /// Tells whether it is a general practice as it will be here, on that day.
    pub(super) fn is_practice(&self, context: &IntakeContext<'_>, day: &Value) -> bool {
        let stored = SentOrganization::read(&self.content);
        let day = day.as_str().and_then(FhirDate::parse);
        let day = day.and_then(FhirDate::date).unwrap_or(context.today);
        let mut own = identifiers(&self.content);
        own.any(|(system, _)| names::is_ydernummer_system(system))
            || is_typed_practice(&self.content["type"])
            || stored
                .sor
                .is_some_and(|sor| (context.is_practice)(&sor, day))
    }
}

fn is_typed_practice(types: &Value) -> bool {
    has_coding(types, names::SNOMED_CT, names::GENERAL_PRACTICE)
}

fn element(system: &str, value: &str) -> Value {
    // The profiles fix the use of national numbers; a ydernummer has none.
    if system == names::YDERNUMMER {
        json!({ "system": system, "value": value })
    } else {
        json!({ "use": "official", "system": system, "value": value })
    }
}

/// Finds the first, by id, of the stored ones of which that holds.
fn first_of(
    known: &[KnownResource],
    holds: impl Fn(&SentOrganization) -> bool,
) -> Option<&KnownResource> {
    let fitting = known
        .iter()
        .filter(|stored| holds(&SentOrganization::read(&stored.content)));
    fitting.min_by(|left, right| left.key.cmp(&right.key))
}

fn as_it_stands(known: &KnownResource) -> MatchedOrganization {
    MatchedOrganization {
        key: known.key.clone(),
        content: known.content.clone(),
    }
}
