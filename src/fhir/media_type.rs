//! The media types of resources (<https://hl7.org/fhir/R4/http.html#mime-type>).

/// The versions of FHIR that a media type may ask for: R4, and R4B, in which all that is held here
/// is as in R4.
const FHIR_VERSIONS: &[&str] = &["4.0", "4.0.1", "4.3"];

/// A form in which a resource is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FhirForm {
    /// JSON, which is what is stored.
    Json,
    /// XML.
    Xml,
}

impl FhirForm {
    /// Returns the form that a media type is of: that of FHIR R4 in UTF-8, or a generic one.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        match essence(media_type).as_str() {
            "application/fhir+json" | "application/json" => Some(FhirForm::Json),
            "application/fhir+xml" | "application/xml" | "text/xml" => Some(FhirForm::Xml),
            _ => None,
        }
        .filter(|_| fits_r4(media_type))
    }

    /// Returns the form that has a name of its own beside media types: `json` or `xml`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "json" => Some(FhirForm::Json),
            "xml" => Some(FhirForm::Xml),
            _ => None,
        }
    }
}

/// Returns a media type without its parameters, in lower case.
pub fn essence(media_type: &str) -> String {
    media_type
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase()
}

/// Tells whether the parameters of a media type allow UTF-8 and R4.
fn fits_r4(media_type: &str) -> bool {
    media_type
        .split(';')
        .skip(1)
        .all(|parameter| match parameter.trim().split_once('=') {
            Some((name, value)) => match name.trim().to_ascii_lowercase().as_str() {
                "charset" => value.trim_matches('"').eq_ignore_ascii_case("utf-8"),
                "fhirversion" => FHIR_VERSIONS.contains(&value.trim_matches('"')),
                _ => true,
            },
            None => true,
        })
}
