//! The files as they are sent: each as it is, or within the Parameters that ask for a report alone.

use serde_json::value::RawValue;

use super::super::input_files::InputFile;

/// A Bundle to send.
pub(super) struct SentFile {
    /// The file, and the line in it if it has several.
    pub(super) name: String,
    pub(super) media_type: &'static str,
    pub(super) content: Vec<u8>,
}

/// Reads the Bundles of a file.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn read(input: &InputFile, is_report: bool) -> Result<Vec<SentFile>, String> {
    if let Some(problem) = &input.problem {
        return Err(problem.clone());
    }
    let name = input.path.display().to_string();
    let content = std::fs::read(&input.path).map_err(|error| error.to_string())?;
    if name.ends_with(".xml") {
        let content = if is_report {
            within_xml(&content)?
        } else {
            content
        };
        let media_type = "application/fhir+xml";
        return Ok(vec![SentFile {
            name,
            media_type,
            content,
        }]);
    }
    let is_lines = name.ends_with(".ndjson");
    let lines = content.split(|byte| is_lines && *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !is_lines || !line.trim_ascii().is_empty());
    let sent = lines.map(|(at, line)| {
        Ok(SentFile {
            name: if is_lines {
                format!("{name}:{}", at + 1)
            } else {
                name.clone()
            },
            media_type: "application/fhir+json",
            content: if is_report {
                within_json(line)?
            } else {
                line.to_vec()
            },
        })
    });
    sent.collect()
}

/// Puts a Bundle, as it stands, into the Parameters that ask for a report alone.
fn within_json(bundle: &[u8]) -> Result<Vec<u8>, String> {
    let bundle = crate::fhir::json::without_mark(bundle);
    let bundle: &RawValue =
        serde_json::from_slice(bundle).map_err(|error| format!("expected JSON: {error}"))?;
    let text = format!(
        r#"{{"resourceType":"Parameters","parameter":[{{"name":"bundle","resource":{bundle}}},{{"name":"mode","valueCode":"report"}}]}}"#
    );
    Ok(text.into_bytes())
}

/// Does the same in XML: what stands before the root element, as a declaration, cannot stand within.
fn within_xml(bundle: &[u8]) -> Result<Vec<u8>, String> {
    let text = std::str::from_utf8(bundle).map_err(|_| "expected XML in UTF-8".to_owned())?;
    let bundle = root_of(text)?;
    let text = format!(
        r#"<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="bundle"/><resource>{bundle}</resource></parameter><parameter><name value="mode"/><valueCode value="report"/></parameter></Parameters>"#
    );
    Ok(text.into_bytes())
}

/// Returns a document from its root element on.
fn root_of(text: &str) -> Result<&str, String> {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = match rest {
            _ if rest.starts_with("<?") => "?>",
            _ if rest.starts_with("<!--") => "-->",
            _ if rest.starts_with("<!") => return Err("expected XML without a DOCTYPE".to_owned()),
            _ => break,
        };
        let (_, after) = rest.split_once(end).ok_or("expected a Bundle in XML")?;
        rest = after.trim_start();
    }
    let name = rest
        .strip_prefix('<')
        .and_then(|tag| tag.split([' ', '\t', '\r', '\n', '/', '>']).next());
    let local = name.map(|name| name.rsplit(':').next().unwrap_or(name));
    match local {
        Some("Bundle") => Ok(rest),
        _ => Err("expected a Bundle in XML".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_stands_in_parameters_as_it_was() {
        let sent = within_json(b"\xef\xbb\xbf{\"resourceType\":\"Bundle\",\"n\":1.00}\n");
        let sent = String::from_utf8(sent.expect("JSON")).expect("text");
        assert!(
            sent.contains(r#""resource":{"resourceType":"Bundle","n":1.00}}"#),
            "{sent}"
        );
        assert!(within_json(b"{").is_err());
        let sent = within_xml(b"<?xml version=\"1.0\"?>\n<Bundle xmlns=\"http://hl7.org/fhir\"/>");
        let sent = String::from_utf8(sent.expect("XML")).expect("text");
        assert!(
            !sent.contains("<?xml") && sent.contains("<resource><Bundle"),
            "{sent}"
        );
        for (text, expected) in [
            ("<!-- <Bundle --><Bundle/>", Some("<resource><Bundle/><")),
            (
                "<?x?><!-- --> <f:Bundle xmlns:f=\"u\"/>",
                Some("<resource><f:Bundle "),
            ),
            ("<x/>", None),
            ("<x><Bundle/></x>", None),
            ("<!DOCTYPE Bundle><Bundle/>", None),
            ("<!-- <Bundle/>", None),
        ] {
            let sent = within_xml(text.as_bytes());
            let sent = sent.map(|sent| String::from_utf8(sent).expect("text"));
            let holds = sent
                .as_ref()
                .ok()
                .map(|sent| expected.is_some_and(|part| sent.contains(part)));
            assert_eq!(holds, expected.map(|_| true), "{text}: {sent:?}");
        }
    }
}
