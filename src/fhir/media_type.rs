//! The media types of FHIR JSON (<https://hl7.org/fhir/R4/http.html#mime-type>).

/// The versions of FHIR that a media type may ask for: R4, and R4B, in which all that is held here
/// is as in R4.
const FHIR_VERSIONS: &[&str] = &["4.0", "4.0.1", "4.3"];

/// Returns a media type without its parameters, in lower case.
pub fn essence(media_type: &str) -> String {
    media_type
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase()
}

/// Tells whether a media type is that of FHIR JSON of R4 in UTF-8, or the generic one of JSON.
pub fn is_fhir_json(media_type: &str) -> bool {
    let parameters_fit =
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
            });
    parameters_fit
        && matches!(
            essence(media_type).as_str(),
            "application/fhir+json" | "application/json"
        )
}
