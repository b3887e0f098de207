//! Documents that are refused, and what is said of them.

use frist::fhir::{IssueCode, json};
use frist::xml::{Layout, read, write};

use super::CORE;

/// A Patient with that content.
fn patient(content: &str) -> String {
    format!("<Patient xmlns=\"http://hl7.org/fhir\">{content}</Patient>")
}

#[track_caller]
fn expect_refused(xml: &[u8], path: &str, text: &str) {
    let shown = String::from_utf8_lossy(xml);
    let issue = read(&CORE, xml).expect_err(&shown);
    assert_eq!(issue.code, IssueCode::Structure, "{shown}");
    assert!(issue.refuses(), "{shown}");
    assert_eq!(issue.expression, path, "{shown}: {issue:?}");
    assert!(issue.text.starts_with("XML, line "), "{shown}: {issue:?}");
    assert!(issue.text.contains(text), "{shown}: {issue:?}");
}

/// Contents of a Patient, the place of the finding, and a part of its text.
const CONTENTS: &[(&str, &str, &str)] = &[
    // Elements.
    (
        "<foo value=\"a\"/>",
        "Patient",
        "line 1, column 38: expected an element that R4 has here, found another 'foo'",
    ),
    (
        "<a1-2 value=\"a\"/>",
        "Patient",
        "expected an element that R4 has here, found another",
    ),
    (
        "<contact><foo/></contact>",
        "Patient.contact[0]",
        "found another 'foo'",
    ),
    (
        "<active value=\"true\"><foo/></active>",
        "Patient.active",
        "found another 'foo'",
    ),
    (
        "<resourceType value=\"Patient\"/>",
        "Patient",
        "found another 'resourceType'",
    ),
    (
        "<_birthDate id=\"a\"/>",
        "Patient",
        "expected an element that R4 has here",
    ),
    (
        "<deceased value=\"true\"/>",
        "Patient",
        "found another 'deceased'",
    ),
    (
        "<deceasedString value=\"true\"/>",
        "Patient",
        "found another 'deceasedString'",
    ),
    (
        "<Active value=\"true\"/>",
        "Patient",
        "found another 'Active'",
    ),
    (
        "<name><id value=\"a\"/></name>",
        "Patient.name[0]",
        "expected 'id' as an attribute, found an element",
    ),
    (
        "<extension><url value=\"a\"/></extension>",
        "Patient.extension[0]",
        "expected 'url' as an attribute",
    ),
    (
        "<active><value>true</value></active>",
        "Patient.active",
        "expected 'value' as an attribute",
    ),
    // Attributes.
    (
        "<active value=\"true\" foo=\"a\"/>",
        "Patient.active",
        "expected no attribute 'foo' here",
    ),
    (
        "<name value=\"a\"/>",
        "Patient.name[0]",
        "expected no attribute 'value' here",
    ),
    (
        "<name url=\"a\"/>",
        "Patient.name[0]",
        "expected no attribute 'url' here",
    ),
    (
        "<active value=\"true\" xml:lang=\"da\"/>",
        "Patient.active",
        "expected no attribute here",
    ),
    (
        "<contained id=\"a\"><Basic/></contained>",
        "Patient.contained[0]",
        "expected no attribute 'id' here",
    ),
    (
        "<contained><Basic id=\"a\"/></contained>",
        "Patient.contained[0]",
        "expected no attribute 'id' here",
    ),
    // Nothing.
    (
        "<active/>",
        "Patient.active",
        "expected a value or content, found an empty element",
    ),
    (
        "<active></active>",
        "Patient.active",
        "found an empty element",
    ),
    ("<name/>", "Patient.name[0]", "found an empty element"),
    (
        "<name> <!-- a --> </name>",
        "Patient.name[0]",
        "found an empty element",
    ),
    (
        "<contained/>",
        "Patient.contained[0]",
        "expected a resource, found an empty element",
    ),
    // Text.
    ("a", "Patient", "expected no text between elements"),
    (
        "<active>true</active>",
        "Patient.active",
        "expected no text between elements",
    ),
    (
        "<name>&#65;<family value=\"a\"/></name>",
        "Patient.name[0]",
        "expected no text between elements",
    ),
    (
        "<name>&amp;</name>",
        "Patient.name[0]",
        "expected no text between elements",
    ),
    (
        "<name><![CDATA[a]]></name>",
        "Patient.name[0]",
        "expected no text between elements",
    ),
    ("\u{a0}", "Patient", "expected no text between elements"),
    // Repetitions and order.
    (
        "<active value=\"true\"/><active value=\"true\"/>",
        "Patient",
        "expected 'active' once, found another",
    ),
    (
        "<deceasedBoolean value=\"true\"/><deceasedDateTime value=\"2001\"/>",
        "Patient",
        "expected 'deceased' once, found another",
    ),
    (
        "<birthDate value=\"2001\"/><active value=\"true\"/>",
        "Patient",
        "expected 'active' before 'birthDate', which is the order of R4",
    ),
    (
        "<name><family value=\"a\"/></name><active value=\"true\"/>",
        "Patient",
        "expected 'active' before 'name'",
    ),
    (
        "<name><family value=\"a\"/></name><telecom><value value=\"b\"/></telecom><name><family value=\"c\"/></name>",
        "Patient",
        "expected 'name' before 'telecom'",
    ),
    (
        "<name><given value=\"a\"/><family value=\"b\"/></name>",
        "Patient.name[0]",
        "expected 'family' before 'given'",
    ),
    (
        "<name><family value=\"a\"/></name>\n<name>\n  <given value=\"a\"/><family value=\"b\"/></name>",
        "Patient.name[1]",
        "line 3, column 21: expected 'family' before 'given'",
    ),
    // Resources within.
    (
        "<contained><Unknown/></contained>",
        "Patient.contained[0]",
        "expected an element with the name of a type of resource of R4",
    ),
    (
        "<contained><Resource/></contained>",
        "Patient.contained[0]",
        "a type of resource of R4",
    ),
    (
        "<contained><HumanName/></contained>",
        "Patient.contained[0]",
        "a type of resource of R4",
    ),
    (
        "<contained><Basic/><Basic/></contained>",
        "Patient.contained[0]",
        "expected one resource, found another after it",
    ),
    // Namespaces.
    (
        "<x:active xmlns:x=\"urn:x\" value=\"true\"/>",
        "Patient",
        "expected an element of the namespace http://hl7.org/fhir",
    ),
    (
        "<active xmlns=\"\" value=\"true\"/>",
        "Patient",
        "expected an element of the namespace",
    ),
    (
        "<x:active value=\"true\"/>",
        "Patient",
        "expected a prefix that is declared",
    ),
    (
        "<active x:value=\"true\"/>",
        "Patient",
        "expected a prefix that is declared",
    ),
    (
        "<active xmlns:f=\"http://hl7.org/fhir\" f:value=\"true\"/>",
        "Patient.active",
        "expected no attribute here",
    ),
    (
        "<contained><Basic xmlns=\"urn:x\"/></contained>",
        "Patient.contained[0]",
        "expected an element of the namespace",
    ),
    (
        "<active xmlns:a=\"\" value=\"true\"/>",
        "Patient",
        "namespace",
    ),
    (
        "<a:b:c/>",
        "Patient",
        "expected a name with one colon at most",
    ),
    (
        "<:active/>",
        "Patient",
        "expected a name with one colon at most",
    ),
    (
        "<active:/>",
        "Patient",
        "expected a name with one colon at most",
    ),
    (
        "<x:1 xmlns:x=\"http://hl7.org/fhir\"/>",
        "Patient",
        "expected a name with one colon at most",
    ),
    (
        "<active a:b:c=\"true\"/>",
        "Patient",
        "expected a name with one colon at most",
    ),
    (
        "<active :value=\"true\"/>",
        "Patient",
        "expected a name with one colon at most",
    ),
    (
        "<active xmlns:=\"urn:x\" value=\"true\"/>",
        "Patient",
        "expected a name with one colon at most",
    ),
    (
        "<active xmlns:a:b=\"urn:x\" value=\"true\"/>",
        "Patient",
        "expected a name with one colon at most",
    ),
    (
        "<xmlns:active value=\"true\"/>",
        "Patient",
        "xmlns declares namespaces only",
    ),
    (
        "<active xmlns:xmlns=\"urn:x\" value=\"true\"/>",
        "Patient",
        "namespace",
    ),
    (
        "<active xmlns:a=\"http://www.w3.org/2000/xmlns/\" value=\"true\"/>",
        "Patient",
        "namespace",
    ),
    (
        "<active xmlns:xml=\"urn:x\" value=\"true\"/>",
        "Patient",
        "namespace",
    ),
    (
        "<active xmlns:a=\"http://www.w3.org/XML/1998/namespace\" value=\"true\"/>",
        "Patient",
        "namespace",
    ),
    (
        "<text><div xmlns=\"http://www.w3.org/1999/xhtml\" xmlns:a=\"urn:x\" xmlns:b=\"urn:x\"><p a:c=\"\" b:c=\"\"/></div></text>",
        "Patient.text.div",
        "expected each attribute once, found two of one namespace",
    ),
    (
        "<?a:b c?>",
        "Patient",
        "expected the name of a processing instruction",
    ),
    // Narratives.
    (
        "<text><status value=\"empty\"/><div>a</div></text>",
        "Patient.text.div",
        "expected a div of the namespace http://www.w3.org/1999/xhtml",
    ),
    (
        "<text><status value=\"empty\"/><p xmlns=\"http://www.w3.org/1999/xhtml\">a</p></text>",
        "Patient.text",
        "expected an element of the namespace http://hl7.org/fhir",
    ),
    (
        "<text><div xmlns=\"http://www.w3.org/1999/xhtml\">&nbsp;</div></text>",
        "Patient.text.div",
        "expected no entity but",
    ),
    (
        "<text><div xmlns=\"http://www.w3.org/1999/xhtml\"><p></div></text>",
        "Patient.text.div",
        "found the end of another",
    ),
    (
        "<text><div xmlns=\"http://www.w3.org/1999/xhtml\"><a b=\"1\" b=\"2\"/></div></text>",
        "Patient.text.div",
        "each once",
    ),
    (
        "<text><div xmlns=\"http://www.w3.org/1999/xhtml\"><x:p/></div></text>",
        "Patient.text.div",
        "expected a prefix that is declared",
    ),
    (
        "<text xmlns:h=\"http://www.w3.org/1999/xhtml\"><h:div><p>a</p></h:div></text>",
        "Patient.text.div",
        "expected an element of XHTML in a narrative",
    ),
    (
        "<text><div xmlns=\"http://www.w3.org/1999/xhtml\">a</div><div xmlns=\"http://www.w3.org/1999/xhtml\">b</div></text>",
        "Patient.text",
        "expected 'div' once",
    ),
    // What is not well-formed.
    (
        "<active value=\"true\">",
        "Patient.active",
        "found the end of another",
    ),
    ("</active>", "Patient", "found the end of another"),
    (
        "<active value=true/>",
        "Patient",
        "expected attributes as name=\"value\"",
    ),
    (
        "<active value/>",
        "Patient",
        "expected attributes as name=\"value\"",
    ),
    (
        "<active value=\"true\" value=\"true\"/>",
        "Patient",
        "each once",
    ),
    (
        "<active id=\"a\"value=\"true\"/>",
        "Patient",
        "expected a space before each attribute",
    ),
    (
        "<active value=\"<\"/>",
        "Patient",
        "expected &lt; in a value, found <",
    ),
    (
        "<active value=\"a & b\"/>",
        "Patient",
        "expected no entity but",
    ),
    (
        "<active value=\"&true;\"/>",
        "Patient",
        "expected no entity but",
    ),
    (
        "<active value=\"&nbsp;\"/>",
        "Patient",
        "expected no entity but",
    ),
    (
        "<active value=\"&#0;\"/>",
        "Patient",
        "expected no entity but",
    ),
    (
        "<active value=\"&#x1;\"/>",
        "Patient",
        "expected no entity but",
    ),
    (
        "<active value=\"&#xd800;\"/>",
        "Patient",
        "expected no entity but",
    ),
    (
        "<active value=\"&#xFFFF;\"/>",
        "Patient",
        "expected no entity but",
    ),
    ("&nbsp;", "Patient", "expected no entity but"),
    ("& ", "Patient", "expected"),
    (
        "< active value=\"true\"/>",
        "Patient",
        "expected a name after <, found none",
    ),
    (
        "<1 value=\"true\"/>",
        "Patient",
        "expected a name after <, found none",
    ),
    (
        "<active 1=\"true\"/>",
        "Patient",
        "expected the name of an attribute",
    ),
    ("<!-- a -- b -->", "Patient", "expected no -- in a comment"),
    (
        "]]>",
        "Patient",
        "expected ]]> only at the end of a CDATA section",
    ),
    (
        "<?xml version=\"1.0\"?>",
        "Patient",
        "expected an XML declaration only at the beginning",
    ),
    (
        "<? a?>",
        "Patient",
        "expected the name of a processing instruction",
    ),
    (
        "<active value=\"\u{1}\"/>",
        "",
        "expected characters that XML has",
    ),
    (
        "<active value=\"\u{ffff}\"/>",
        "",
        "expected characters that XML has",
    ),
    ("\u{b}", "", "expected characters that XML has"),
    ("<!DOCTYPE a>", "Patient", "expected no document type"),
];

#[test]
fn what_fhir_does_not_write_is_refused_with_its_place() {
    for (content, path, text) in CONTENTS {
        expect_refused(patient(content).as_bytes(), path, text);
    }
}

const DOCUMENTS: &[(&str, &str)] = &[
    ("", "expected one element, found none"),
    (" \n", "expected one element, found none"),
    ("<!-- a -->", "expected one element, found none"),
    (
        "{\"resourceType\":\"Patient\"}",
        "expected no text between elements",
    ),
    (
        "<Patient/>",
        "expected an element of the namespace http://hl7.org/fhir",
    ),
    (
        "<Patient xmlns=\"urn:hl7-org:v3\"/>",
        "expected an element of the namespace",
    ),
    (
        "<HumanName xmlns=\"http://hl7.org/fhir\"/>",
        "name of a type of resource",
    ),
    (
        "<DomainResource xmlns=\"http://hl7.org/fhir\"/>",
        "name of a type of resource",
    ),
    (
        "<patient xmlns=\"http://hl7.org/fhir\"/>",
        "name of a type of resource",
    ),
    (
        "<Patient xmlns=\"http://hl7.org/fhir\"/><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "found another after it",
    ),
    (
        "<Patient xmlns=\"http://hl7.org/fhir\"/>a",
        "expected no text",
    ),
    (
        "a<Patient xmlns=\"http://hl7.org/fhir\"/>",
        "expected no text",
    ),
    (
        "<Patient xmlns=\"http://hl7.org/fhir\"/></Patient>",
        "since none is open",
    ),
    (
        "<Patient xmlns=\"http://hl7.org/fhir\">",
        "found the end of the document",
    ),
    (
        "<Patient xmlns=\"http://hl7.org/fhir\"><text><div xmlns=\"http://www.w3.org/1999/xhtml\">",
        "found the end of the document",
    ),
    (
        "<Patient xmlns=\"http://hl7.org/fhir\"",
        "found markup that does not end",
    ),
    (
        "<Patient xmlns=\"http://hl7.org/fhir\"><!-- ",
        "found markup that does not end",
    ),
    (
        "<Patient xmlns=\"http://hl7.org/fhir\"><!",
        "found markup that does not end",
    ),
    (
        "<Patient xmlns=\"http://hl7.org/fhir\"><![CDATA[",
        "found markup that does not end",
    ),
    (
        "<Patient xmlns=\"http://hl7.org/fhir\" xmlns=\"http://hl7.org/fhir\"/>",
        "each once",
    ),
    (
        "<Patient xmlns=\"http://hl7.org/fhir\" id=\"p\"/>",
        "expected no attribute 'id' here",
    ),
    (
        "<Patient xmlns=\"http://hl7.org/fhir\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"http://hl7.org/fhir a.xsd\"/>",
        "expected no attribute here",
    ),
    (
        " <?xml version=\"1.0\"?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "only at the beginning",
    ),
    (
        "<?xml version=\"1.1\"?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "expected XML 1.0",
    ),
    (
        "<?xml encoding=\"UTF-8\"?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "expected XML 1.0",
    ),
    (
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "expected encoding UTF-8",
    ),
    (
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "expected encoding UTF-8",
    ),
    (
        "<?xml version=\"1.0\" color=\"red\"?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "expected <?xml version=\"1.0\" encoding=\"UTF-8\" standalone=",
    ),
    (
        "<?xml version=\"1.0\" standalone=\"yes\" encoding=\"UTF-8\"?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "expected <?xml version=\"1.0\" encoding=\"UTF-8\" standalone=",
    ),
    (
        "<?xml version=\"1.0\" version=\"1.0\"?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "expected <?xml version=\"1.0\" encoding=\"UTF-8\" standalone=",
    ),
    (
        "<?xml version=\"1.0\" standalone=\"perhaps\"?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "expected standalone=\"yes\" or \"no\"",
    ),
    (
        "<?xml version=\"1.0\"encoding=\"UTF-8\"?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "expected <?xml version=\"1.0\" encoding=\"UTF-8\" standalone=",
    ),
    (
        "<?xml version=1.0?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "expected <?xml version=\"1.0\" encoding=\"UTF-8\" standalone=",
    ),
    (
        "<?xml version=\"1.0\" encoding?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "expected <?xml version=\"1.0\" encoding=\"UTF-8\" standalone=",
    ),
    (
        "<?xml?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "expected XML 1.0",
    ),
    (
        "<!DOCTYPE Patient><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "expected no document type",
    ),
    (
        "<!DOCTYPE p [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><Patient xmlns=\"http://hl7.org/fhir\"><active value=\"&a;\"/></Patient>",
        "no entity is expanded",
    ),
    (
        "<!DOCTYPE p [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><Patient xmlns=\"http://hl7.org/fhir\"><active value=\"&b;\"/></Patient>",
        "no entity is expanded",
    ),
];

#[test]
fn declarations_that_xml_has_are_read() {
    for declaration in [
        "",
        "<?xml version=\"1.0\"?>",
        "<?xml version='1.0' encoding='utf-8'?>\n",
        "<?xml  version = \"1.0\"\n encoding=\"UTF-8\" standalone='yes' ?>",
        "<?xml version=\"1.0\" standalone=\"no\"?>",
    ] {
        let xml = format!("{declaration}{}", patient("<active value=\"true\"/>"));
        assert!(read(&CORE, xml.as_bytes()).is_ok(), "{xml}");
    }
}

#[test]
fn what_is_no_document_of_fhir_is_refused() {
    for (xml, text) in DOCUMENTS {
        let issue = read(&CORE, xml.as_bytes()).expect_err(xml);
        expect_refused(xml.as_bytes(), &issue.expression, text);
    }
    for (bytes, text) in [
        (&b"\xff\xfe<\0"[..], "found UTF-16"),
        (b"\xfe\xff\0<", "found UTF-16"),
        (b"<\0P\0", "found UTF-16"),
        (
            b"<Basic xmlns='http://hl7.org/fhir'>\n\xe6</Basic>",
            "line 2: expected UTF-8, found an invalid byte at offset 36",
        ),
    ] {
        expect_refused(bytes, "", text);
    }
}

/// A Questionnaire whose items nest that deep.
fn nested(items: usize) -> (String, String) {
    let mut json = String::from(r#"{"linkId":"x"}"#);
    let mut xml = String::from("<linkId value=\"x\"/>");
    for _ in 1..items {
        json = format!(r#"{{"linkId":"x","item":[{json}]}}"#);
        xml = format!("<linkId value=\"x\"/><item>{xml}</item>");
    }
    (
        format!(r#"{{"resourceType":"Questionnaire","item":[{json}]}}"#),
        format!("<Questionnaire xmlns=\"http://hl7.org/fhir\"><item>{xml}</item></Questionnaire>"),
    )
}

#[test]
fn xml_nests_as_deep_as_json_and_no_deeper() {
    for items in [30, 31, 32, 33, 5_000] {
        let (as_json, as_xml) = nested(items);
        let fits = json::parse(as_json.as_bytes()).is_ok();
        assert_eq!(fits, items < 32, "{items}");
        match read(&CORE, as_xml.as_bytes()) {
            Ok(json) => assert!(fits && json == as_json, "{items}"),
            Err(issue) => assert!(
                !fits && issue.text.contains("nested deeper than 64 levels"),
                "{items}: {issue:?}"
            ),
        }
    }
    // A primitive is deeper only by what it has beside its value.
    for (leaf, fits) in [
        ("<prefix value=\"a\"></prefix>", true),
        ("<prefix id=\"b\" value=\"a\"/>", true),
        ("<prefix value=\"a\"><extension url=\"u\"/></prefix>", false),
        ("<code><display value=\"c\"/></code>", false),
    ] {
        let (_, xml) = nested(31);
        let xml = xml.replace(
            "<linkId value=\"x\"/></item>",
            &format!("<linkId value=\"x\"/>{leaf}</item>"),
        );
        assert_eq!(read(&CORE, xml.as_bytes()).is_ok(), fits, "{leaf}");
    }
}

#[test]
fn narratives_are_bounded() {
    let narrative = |depth: usize| {
        let div = format!(
            "<div xmlns=\"http://www.w3.org/1999/xhtml\">{}{}</div>",
            "<b>".repeat(depth - 1),
            "</b>".repeat(depth - 1)
        );
        patient(&format!("<text><status value=\"empty\"/>{div}</text>"))
    };
    assert!(read(&CORE, narrative(1_000).as_bytes()).is_ok());
    expect_refused(
        narrative(1_001).as_bytes(),
        "Patient.text.div",
        "nested deeper than 1000 levels",
    );
    let many: String = (0..65).map(|at| format!(" a{at}=\"\"")).collect();
    expect_refused(
        patient(&format!("<name{many}/>")).as_bytes(),
        "Patient",
        "expected at most 64 attributes",
    );
}

#[test]
fn values_and_foreign_names_are_never_repeated() {
    for content in [
        "<name><family value=\"2512489996&x;\"/></name>",
        "<p2512489996/>",
        "<active p2512489996=\"a\"/>",
        "<active>2512489996</active>",
        "<active></p2512489996>",
        "<p2512489996:active/>",
        "&p2512489996;",
        "<active p2512489996:x=\"a\"/>",
    ] {
        let issue = read(&CORE, patient(content).as_bytes()).expect_err(content);
        assert!(!format!("{issue:?}").contains("2512489996"), "{issue:?}");
    }
    let json = r#"{"resourceType":"Patient","p2512489996":"2512489996"}"#;
    let why = write(&CORE, json.as_bytes(), Layout::Compact).unwrap_err();
    assert!(!why.to_string().contains("2512489996"), "{why}");
}
