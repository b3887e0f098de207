//! The terminologies of diagnoses: the addresses under which each is sent, and how its codes
//! compare (fhir-profiles, section 3). It is data: `profiles/target-groups.json`.

use std::sync::LazyLock;

use serde_json::Value;

use super::view::{items, without_version};

static SHIPPED: LazyLock<Vec<Terminology>> = LazyLock::new(|| {
    super::json::parse(include_str!("../../profiles/target-groups.json").as_bytes())
        .and_then(|table| {
            items(&table["terminologies"])
                .map(Terminology::read)
                .collect()
        })
        .expect("the shipped table is read by a test of this file")
});

/// The addresses under which one terminology is sent, and how its codes compare.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terminology {
    /// The name by which people know it.
    pub name: String,
    /// An address that ends in `*` stands for all that begin so.
    systems: Vec<String>,
    /// The way its codes are compared with a table.
    pub reading: CodeReading,
}

/// The way a code is compared with a table of codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodeReading {
    /// The part before `+`, without its leading D, begins with the code in the table.
    Sks,
    /// Without the dot, it begins with the code in the table.
    Icd10,
    /// It is the code in the table.
    Whole,
}

impl CodeReading {
    const ALL: [CodeReading; 3] = [CodeReading::Sks, CodeReading::Icd10, CodeReading::Whole];

    const fn code(self) -> &'static str {
        match self {
            CodeReading::Sks => "sks",
            CodeReading::Icd10 => "icd-10",
            CodeReading::Whole => "whole",
        }
    }
}

impl Terminology {
    /// Returns the terminologies that the project ships.
    pub fn shipped() -> &'static [Terminology] {
        &SHIPPED
    }

    /// Returns the shipped terminology that is sent under this system, a `|version` passed over.
    pub fn of_system(system: &str) -> Option<&'static Terminology> {
        Terminology::shipped()
            .iter()
            .find(|terminology| terminology.is_sent_as(system))
    }

    /// Reads a terminology of a table.
    ///
    /// # Errors
    /// One sentence that names the element and says what was expected.
    pub fn read(element: &Value) -> Result<Terminology, String> {
        let name = element["name"].as_str().unwrap_or("without a name");
        let at = format!("terminology '{name}'");
        let code = text(element, "reading", &at)?;
        let reading = CodeReading::ALL
            .into_iter()
            .find(|reading| reading.code() == code)
            .ok_or_else(|| {
                format!("{at}.reading: expected 'sks', 'icd-10' or 'whole', found '{code}'")
            })?;
        let systems: Vec<String> = texts(element, "systems", &at)?
            .into_iter()
            .map(str::to_owned)
            .collect();
        Ok(Terminology {
            name: name.to_owned(),
            systems,
            reading,
        })
    }

    /// Returns the address that stands for all of them.
    pub fn system(&self) -> &str {
        self.systems.first().map_or("", String::as_str)
    }

    /// Tells whether it is sent under this system, a `|version` passed over.
    pub fn is_sent_as(&self, system: &str) -> bool {
        let system = without_version(system);
        self.systems
            .iter()
            .any(|known| match known.strip_suffix('*') {
                Some(start) => system.starts_with(start),
                None => system == known,
            })
    }

    /// Returns a code as it compares: in capital letters, one of ICD-10 without its dot.
    pub fn compared(&self, code: &str) -> String {
        let mut code = code.to_ascii_uppercase();
        if self.reading == CodeReading::Icd10 {
            code.retain(|letter| letter != '.');
        }
        code
    }

    /// Writes down how it is read and under which addresses.
    pub fn written(&self) -> String {
        let (reading, systems) = (self.reading.code(), self.systems.join(" "));
        format!("reading {reading} systems {systems}")
    }
}

/// Returns a text of a table.
///
/// # Errors
/// There is none.
pub fn text<'a>(element: &'a Value, name: &str, at: &str) -> Result<&'a str, String> {
    element[name]
        .as_str()
        .filter(|text| !text.is_empty())
        .ok_or(format!("{at}.{name}: expected a text"))
}

/// Returns an array of texts of a table.
///
/// # Errors
/// It is none.
pub fn texts<'a>(element: &'a Value, name: &str, at: &str) -> Result<Vec<&'a str>, String> {
    let wrong = || format!("{at}.{name}: expected an array of texts");
    let array = element[name].as_array().ok_or_else(wrong)?;
    array
        .iter()
        .map(|item| {
            item.as_str()
                .filter(|text| !text.is_empty())
                .ok_or_else(wrong)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminology_is_known_under_each_of_its_addresses_and_compares_its_codes() {
        for (system, code, expected) in [
            (
                "urn:oid:1.2.208.176.2.4",
                "dj449",
                Some(("urn:oid:1.2.208.176.2.4.12", "DJ449")),
            ),
            (
                "urn:oid:2.16.840.1.113883.6.3|2019",
                "j44.9",
                Some(("http://hl7.org/fhir/sid/icd-10", "J449")),
            ),
            (
                "http://hl7.org/fhir/sid/icpc-2",
                "r95",
                Some(("urn:oid:1.2.208.176.2.31", "R95")),
            ),
            (
                "urn:oid:2.16.840.1.113883.6.96",
                "13645005",
                Some(("http://snomed.info/sct", "13645005")),
            ),
            (
                "http://snomed.info/sct/554471000005108/version/20270101|x",
                "1.a",
                Some(("http://snomed.info/sct", "1.A")),
            ),
            ("urn:oid:1.2.208.176.2.40", "dj449", None),
            ("http://snomed.info/sctx", "13645005", None),
            ("", "r95", None),
        ] {
            let known = Terminology::of_system(system);
            let found = known.map(|known| (known.system(), known.compared(code)));
            assert_eq!(
                found
                    .as_ref()
                    .map(|(system, code)| (*system, code.as_str())),
                expected,
                "{system} {code}"
            );
        }
    }
}
