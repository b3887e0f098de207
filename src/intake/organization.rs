//! Organizations of a foreign Bundle: by which numbers they are known, and which stored one each is
//! (intake, section 3). A number decides, never a name.

use serde_json::{Value, json};

use super::content::{derived_id, reference_to};
use super::context::IntakeContext;
use super::known::KnownResource;
use crate::fhir::view::{has_coding, identifiers, items};
use crate::fhir::{FhirDate, ResourceKey, ResourceType, names};

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
            kombit: first(&|system| system == names::KOMBIT).map(as_kombit_writes),
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

    /// Finds the stored one that it is, or makes a new one; none without a number, or if the ids that
    /// it could have are those of others. `beside` are the organizations of the same Bundle.
    pub(super) fn matched(
        &self,
        known: &[KnownResource],
        beside: &[SentOrganization],
    ) -> Option<MatchedOrganization> {
        let shares = beside.iter().any(|other| self.is_twin_of(other));
        match self.found(known, shares) {
            Some(found) => Some(self.completing(found)),
            None => self.new_one(known, shares),
        }
    }

    /// Finds the stored one: by ydernummer, else by SOR number, else by the number of KOMBIT.
    fn found<'k>(&self, known: &'k [KnownResource], shares: bool) -> Option<&'k KnownResource> {
        let of_yder = |stored: &SentOrganization| {
            let number = self.ydernummer.as_deref();
            number.is_some_and(|number| stored.has_ydernummer_of(number))
        };
        let of_sor = |stored: &SentOrganization| self.sor.is_some() && stored.sor == self.sor;
        let of_kombit =
            |stored: &SentOrganization| self.kombit.is_some() && stored.kombit == self.kombit;
        let has_none = |stored: &SentOrganization| stored.ydernummer.is_none();
        let by_sor = || {
            let without = first_of(known, |stored| of_sor(stored) && has_none(stored));
            match &self.ydernummer {
                // Several practices may share a SOR number: which of them it is, is not guessed.
                None => without.or_else(|| only_of(known, of_sor)),
                Some(_) => without.filter(|_| !shares),
            }
        };
        first_of(known, |stored| of_yder(stored) && stored.sor == self.sor)
            .or_else(|| first_of(known, of_yder))
            .or_else(by_sor)
            .or_else(|| first_of(known, |stored| of_kombit(stored) && self.agrees(stored)))
    }

    /// Returns a stored one, completed by the ydernummer if it has the same SOR number and none.
    fn completing(&self, found: &KnownResource) -> MatchedOrganization {
        let mut content = found.content.clone();
        let stored = SentOrganization::read(&content);
        let is_unit = self.sor.is_some() && stored.sor == self.sor;
        if let (Some(number), None, true) = (&self.ydernummer, &stored.ydernummer, is_unit)
            && let Some(all) = content["identifier"].as_array_mut()
        {
            all.push(element(names::YDERNUMMER, number));
        }
        MatchedOrganization {
            key: found.key.clone(),
            content,
        }
    }

    /// Makes a new one, whose id follows from its numbers: of the SOR number if no other has that one,
    /// else together with the ydernummer.
    fn new_one(&self, known: &[KnownResource], shares: bool) -> Option<MatchedOrganization> {
        let named = |system: &str, number: &Option<String>| {
            let number = number.as_ref()?;
            Some(format!("{system}|{number}"))
        };
        let yder = named(names::YDERNUMMER, &self.ydernummer);
        let of_sor = named(names::SOR, &self.sor);
        let of_kombit = named(names::KOMBIT, &self.kombit);
        let base = of_sor.or(of_kombit).or_else(|| yder.clone())?;
        let has_other = first_of(known, |stored| self.sor.is_some() && stored.sor == self.sor);
        let of_both = match &yder {
            Some(yder) if *yder != base => format!("{base}|{yder}"),
            // The one of this number about which no more is known.
            _ => format!("{base}|alone"),
        };
        let is_another = yder.is_some() && (shares || has_other.is_some());
        let names = [Some(base).filter(|_| !is_another), Some(of_both)];
        let mut keys = names.iter().flatten().map(|name| {
            let name = format!("organization|{name}");
            let id = derived_id(&name);
            ResourceKey::new(ResourceType::Organization, id)
        });
        let key = keys.find(|key| known.iter().all(|stored| stored.key != *key))?;
        let mut content = json!({
            "resourceType": "Organization",
            "id": key.id.as_str(),
            "identifier": self.identifier_elements(),
        });
        if !self.types.is_empty() {
            content["type"] = json!(self.types);
        }
        if let Some(name) = &self.name {
            content["name"] = json!(name);
        }
        Some(MatchedOrganization { key, content })
    }

    /// Tells whether both have one SOR number, and each a ydernummer of its own.
    fn is_twin_of(&self, other: &SentOrganization) -> bool {
        self.sor.is_some() && self.sor == other.sor && !self.agrees(other)
    }

    /// Tells whether neither SOR number nor ydernummer says that the other is another one.
    fn agrees(&self, other: &SentOrganization) -> bool {
        let is_same = |own: &Option<String>, other: &Option<String>| match (own, other) {
            (Some(own), Some(other)) => {
                own.trim_start_matches('0') == other.trim_start_matches('0')
            }
            _ => true,
        };
        is_same(&self.sor, &other.sor) && is_same(&self.ydernummer, &other.ydernummer)
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
        reference_to(&self.key)
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

/// Spells a number of KOMBIT as its register does: a UUID is the same in capitals, and without the
/// beginning of its address.
fn as_kombit_writes(number: String) -> String {
    let lower = number.to_lowercase();
    let digits = lower.strip_prefix("urn:uuid:").unwrap_or(&lower);
    let is_uuid = digits.len() == 36 && uuid::Uuid::try_parse(digits).is_ok();
    if is_uuid {
        format!("urn:uuid:{digits}")
    } else {
        number
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

/// Finds the stored one of which that holds, if it is the only one.
fn only_of(
    known: &[KnownResource],
    holds: impl Fn(&SentOrganization) -> bool,
) -> Option<&KnownResource> {
    let mut fitting = known
        .iter()
        .filter(|stored| holds(&SentOrganization::read(&stored.content)));
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_number_of_kombit_decides_where_no_other_number_contradicts() {
        let number = |system: &str, value: &str| json!({ "system": system, "value": value });
        let kombit = || number(names::KOMBIT, "k");
        let rows = [
            (
                vec![kombit()],
                vec![number(names::SOR, "1"), kombit()],
                true,
            ),
            (
                vec![number(names::SOR, "2"), kombit()],
                vec![number(names::SOR, "1"), kombit()],
                false,
            ),
            (
                vec![number(names::SOR, "2"), kombit()],
                vec![kombit()],
                true,
            ),
            (
                vec![number(names::YDERNUMMER, "077410"), kombit()],
                vec![number(names::YDERNUMMER, "77411"), kombit()],
                false,
            ),
            (vec![number(names::SOR, "1")], vec![kombit()], false),
        ];
        for (stored, sent, is_it) in rows {
            let key = ResourceKey::new(ResourceType::Organization, Uuid::nil().into());
            let content = json!({ "identifier": stored });
            let known = [KnownResource {
                key: key.clone(),
                content,
            }];
            let sent = SentOrganization::read(&json!({ "identifier": sent }));
            let matched = sent.matched(&known, &[]).unwrap();
            assert_eq!(matched.key == key, is_it, "{known:?} {sent:?}");
        }
    }
}
