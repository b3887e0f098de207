//! The links of a narrative, replaced (<https://hl7.org/fhir/R4/http.html#trules>).

use super::xml::{self, XmlEvent, XmlReader};

/// Returns the text of a `Narrative.div` with other addresses in `a href` and `img src`: those that
/// `new` gives, and the others as they stand. None if it gives none, or if the text is not
/// well-formed, which a check says.
pub fn relinked(div: &str, new: &mut dyn FnMut(&str) -> Option<String>) -> Option<String> {
    let mut reader = XmlReader::new(div);
    let mut out = String::new();
    let mut copied = 0;
    while let Some(event) = reader.next().ok()? {
        let XmlEvent::Open { name, .. } = event else {
            continue;
        };
        for ((attribute, written), place) in reader.attributes.iter().zip(&reader.value_places) {
            if !matches!((name, *attribute), ("a", "href") | ("img", "src")) {
                continue;
            }
            let Some(new) = new(&xml::decoded(written).ok()?) else {
                continue;
            };
            out.push_str(div.get(copied..*place)?);
            out.push_str(&encoded(&new));
            copied = place + written.len();
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(div.get(copied..)?);
    Some(out)
}

/// Returns the text as it stands in an attribute, whatever quotes that has.
fn encoded(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
        .replace('\'', "&apos;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_replaced_where_they_stand() {
        let mut new = |address: &str| match address {
            "urn:x" => Some("Organization/7".to_owned()),
            "http://a/b?c&d" => Some("Patient/1#a&b".to_owned()),
            _ => None,
        };
        for (div, expected) in [
            (
                r#"<div><a href="urn:x">x</a> urn:x</div>"#,
                Some(r#"<div><a href="Organization/7">x</a> urn:x</div>"#),
            ),
            (
                r#"<div><img alt="æ" src = 'urn:x'/><a href="http://a/b?c&amp;d"/><a href="urn:y"/></div>"#,
                Some(
                    r#"<div><img alt="æ" src = 'Organization/7'/><a href="Patient/1#a&amp;b"/><a href="urn:y"/></div>"#,
                ),
            ),
            (r#"<div><a name="urn:x" title="urn:x"/></div>"#, None),
            (
                r#"<div><a href="urn:x">"#,
                Some(r#"<div><a href="Organization/7">"#),
            ),
            (r#"<div><a href="urn:x"><b <"#, None),
            (r"<div><!-- <a href='urn:x'> --></div>", None),
            ("", None),
        ] {
            assert_eq!(relinked(div, &mut new).as_deref(), expected, "{div}");
        }
    }
}
