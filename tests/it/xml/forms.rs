//! Resources in both forms.

use frist::xml::{Layout, write};

use super::{CORE, json_of, xml_of};

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Resources in JSON, and the same in XML after the declaration.
const FORMS: &[(&str, &str)] = &[
    (
        r#"{"resourceType":"Basic"}"#,
        r#"<Basic xmlns="http://hl7.org/fhir"/>"#,
    ),
    // The id of a resource is an element, that of an element an attribute.
    (
        r#"{"resourceType":"Patient","id":"p","name":[{"id":"n","family":"Ø"}]}"#,
        r#"<Patient xmlns="http://hl7.org/fhir"><id value="p"/><name id="n"><family value="Ø"/></name></Patient>"#,
    ),
    // Without quotes only by type: a string of digits stays a string.
    (
        r#"{"resourceType":"Patient","active":true,"name":[{"family":"true"},{"family":"17"}],"multipleBirthInteger":2}"#,
        r#"<Patient xmlns="http://hl7.org/fhir"><active value="true"/><name><family value="true"/></name><name><family value="17"/></name><multipleBirthInteger value="2"/></Patient>"#,
    ),
    // Digits are kept.
    (
        r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50e2},"component":[{"code":{"text":"y"},"valueQuantity":{"value":1E-3}},{"code":{"text":"z"},"valueQuantity":{"value":-0.00}}]}"#,
        r#"<Observation xmlns="http://hl7.org/fhir"><status value="final"/><code><text value="x"/></code><valueQuantity><value value="1.50e2"/></valueQuantity><component><code><text value="y"/></code><valueQuantity><value value="1E-3"/></valueQuantity></component><component><code><text value="z"/></code><valueQuantity><value value="-0.00"/></valueQuantity></component></Observation>"#,
    ),
    // The id and the extensions of primitives, alone and beside a value, and gaps.
    (
        r#"{"resourceType":"Patient","name":[{"given":["A",null,"C",null],"_given":[null,{"id":"b"},{"extension":[{"url":"http://e.org/x","valueString":"y"}]},{"extension":[{"url":"http://e.org/z","valueBoolean":false}]}]}],"birthDate":"2001-02-03","_birthDate":{"id":"bd"},"_deceasedBoolean":{"extension":[{"url":"http://e.org/u","valueCode":"unknown"}]}}"#,
        r#"<Patient xmlns="http://hl7.org/fhir"><name><given value="A"/><given id="b"/><given value="C"><extension url="http://e.org/x"><valueString value="y"/></extension></given><given><extension url="http://e.org/z"><valueBoolean value="false"/></extension></given></name><birthDate id="bd" value="2001-02-03"/><deceasedBoolean><extension url="http://e.org/u"><valueCode value="unknown"/></extension></deceasedBoolean></Patient>"#,
    ),
    (
        r#"{"resourceType":"Patient","name":[{"_given":[{"id":"g"}]}]}"#,
        r#"<Patient xmlns="http://hl7.org/fhir"><name><given id="g"/></name></Patient>"#,
    ),
    // The url of an extension is an attribute, after its id; that of anything else an element.
    (
        r#"{"resourceType":"ValueSet","extension":[{"id":"e","extension":[{"url":"a","valueInteger":-1}],"url":"http://e.org/c"}],"url":"http://e.org/v","status":"draft"}"#,
        r#"<ValueSet xmlns="http://hl7.org/fhir"><extension id="e" url="http://e.org/c"><extension url="a"><valueInteger value="-1"/></extension></extension><url value="http://e.org/v"/><status value="draft"/></ValueSet>"#,
    ),
    // A narrative is carried as it is written, blanks, quotes and references too.
    (
        r##"{"resourceType":"Basic","text":{"status":"generated","div":"<div xmlns='http://www.w3.org/1999/xhtml' xml:lang=\"da\" lang = \"da\">\n  <p>A &lt; B&#160;&amp; <b>C</b> <!-- d --></p>\t<img src=\"#a\" alt=''/>\n</div>"},"code":{"text":"x"}}"##,
        "<Basic xmlns=\"http://hl7.org/fhir\"><text><status value=\"generated\"/><div xmlns='http://www.w3.org/1999/xhtml' xml:lang=\"da\" lang = \"da\">\n  <p>A &lt; B&#160;&amp; <b>C</b> <!-- d --></p>\t<img src=\"#a\" alt=''/>\n</div></text><code><text value=\"x\"/></code></Basic>",
    ),
    // Resources within resources.
    (
        r##"{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o"},{"resourceType":"Organization","id":"q"}],"active":true}},{"resource":{"resourceType":"Parameters","parameter":[{"name":"a","resource":{"resourceType":"Basic","id":"b"}},{"name":"c","part":[{"name":"d","valueReference":{"reference":"#o"}}]}]}}]}"##,
        r##"<Bundle xmlns="http://hl7.org/fhir"><type value="collection"/><entry><fullUrl value="urn:uuid:1"/><resource><Patient><contained><Organization><id value="o"/></Organization></contained><contained><Organization><id value="q"/></Organization></contained><active value="true"/></Patient></resource></entry><entry><resource><Parameters><parameter><name value="a"/><resource><Basic><id value="b"/></Basic></resource></parameter><parameter><name value="c"/><part><name value="d"/><valueReference><reference value="#o"/></valueReference></part></parameter></Parameters></resource></entry></Bundle>"##,
    ),
    // An element that has the content of another.
    (
        r#"{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","item":[{"linkId":"1.1","item":[{"linkId":"1.1.1","type":"display"}]}]}]}"#,
        r#"<Questionnaire xmlns="http://hl7.org/fhir"><status value="draft"/><item><linkId value="1"/><item><linkId value="1.1"/><item><linkId value="1.1.1"/><type value="display"/></item></item></item></Questionnaire>"#,
    ),
    // Everything that an attribute cannot hold as it is.
    (
        r#"{"resourceType":"Basic","code":{"text":" a\tb\nc\rd\r\n<>&\"' \u00a0\u2028\ud83d\ude00 "}}"#,
        "<Basic xmlns=\"http://hl7.org/fhir\"><code><text value=\" a&#9;b&#10;c&#13;d&#13;&#10;&lt;&gt;&amp;&quot;' \u{a0}\u{2028}\u{1f600} \"/></code></Basic>",
    ),
];

#[test]
fn a_resource_has_one_form_in_json_and_one_in_xml() {
    for (json, xml) in FORMS {
        assert_eq!(xml_of(json, Layout::Compact), format!("{HEAD}{xml}"));
        let plain = json
            .replace("\\u00a0", "\u{a0}")
            .replace("\\u2028", "\u{2028}");
        let plain = plain.replace("\\ud83d\\ude00", "\u{1f600}");
        assert_eq!(json_of(xml), plain);
    }
}

#[test]
fn members_are_written_in_the_order_of_the_definitions() {
    let json = r#"{"id":"p","_birthDate":{"id":"b"},"name":[{"given":["A"],"family":"B"}],"birthDate":"2001","active":true,"resourceType":"Patient","contained":[{"id":"o","resourceType":"Organization"}]}"#;
    let xml = r#"<Patient xmlns="http://hl7.org/fhir"><id value="p"/><contained><Organization><id value="o"/></Organization></contained><active value="true"/><name><family value="B"/><given value="A"/></name><birthDate id="b" value="2001"/></Patient>"#;
    assert_eq!(xml_of(json, Layout::Compact), format!("{HEAD}{xml}"));
}

#[test]
fn elements_are_written_in_lines_for_people() {
    let json = r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","text":{"status":"empty","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">a\n b</div>"},"name":[{"given":["A","B"]}]}}]}"#;
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<Bundle xmlns=\"http://hl7.org/fhir\">
  <type value=\"collection\"/>
  <entry>
    <resource>
      <Patient>
        <text>
          <status value=\"empty\"/>
          <div xmlns=\"http://www.w3.org/1999/xhtml\">a
 b</div>
        </text>
        <name>
          <given value=\"A\"/>
          <given value=\"B\"/>
        </name>
      </Patient>
    </resource>
  </entry>
</Bundle>";
    assert_eq!(xml_of(json, Layout::Lines), expected);
}

/// Documents as others write them, and the JSON that they say.
const READ: &[(&str, &str)] = &[
    // Comments, instructions, blanks, other quotes, a declaration, a byte order mark.
    (
        "\u{feff}<?xml version='1.0' encoding='utf-8' standalone=\"yes\"?>\r\n<!-- a --><?b c?><Patient xmlns='http://hl7.org/fhir'\n >\r\n\t<!-- d -->\
         <active\tvalue = 'true' ></active ><?e?> <![CDATA[ ]]></Patient>\n<!-- f -->\n",
        r#"{"resourceType":"Patient","active":true}"#,
    ),
    // Prefixes, and a namespace that nothing uses.
    (
        r#"<f:Patient xmlns:f="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><f:active value="true"/></f:Patient>"#,
        r#"{"resourceType":"Patient","active":true}"#,
    ),
    // Blanks in an attribute are spaces unless they are referred to; each line end is one.
    (
        "<Basic xmlns=\"http://hl7.org/fhir\"><code><text value=\"a\tb\nc\r\nd\re&#9;f&#xA;g&#13;&#x0D;h  i\"/></code></Basic>",
        r#"{"resourceType":"Basic","code":{"text":"a b c d e\tf\ng\r\rh  i"}}"#,
    ),
    (
        r#"<Basic xmlns="http://hl7.org/fhir"><code><text value="&lt;&gt;&amp;&quot;&apos;'&#230;&#x1F600;>"/></code></Basic>"#,
        "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"<>&\\\"''æ\u{1f600}>\"}}",
    ),
    // A narrative declares itself what the elements around it declare.
    (
        r#"<f:Basic xmlns:f="http://hl7.org/fhir" xmlns="http://www.w3.org/1999/xhtml"><f:text><f:status value="generated"/><div><p>a</p></div></f:text></f:Basic>"#,
        r#"{"resourceType":"Basic","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a</p></div>"}}"#,
    ),
    (
        r#"<Basic xmlns="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml" xmlns:u="urn:u?a&amp;b"><text><status value="generated"/><h:div><h:p u:x='1' xml:lang="da">a</h:p></h:div></text></Basic>"#,
        r#"{"resourceType":"Basic","text":{"status":"generated","div":"<h:div xmlns:h=\"http://www.w3.org/1999/xhtml\" xmlns:u=\"urn:u?a&amp;b\"><h:p u:x='1' xml:lang=\"da\">a</h:p></h:div>"}}"#,
    ),
    // Line ends in it are those of XML; its comments and instructions are part of it.
    (
        "<Basic xmlns=\"http://hl7.org/fhir\"><text><status value=\"generated\"/><div xmlns=\"http://www.w3.org/1999/xhtml\">a\r\nb\rc<br/><!-- d --><?e?><![CDATA[<f>]]></div></text></Basic>",
        r#"{"resourceType":"Basic","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">a\nb\nc<br/><!-- d --><?e?><![CDATA[<f>]]></div>"}}"#,
    ),
    // What a type does not have is text, for the validator to find.
    (
        r#"<Patient xmlns="http://hl7.org/fhir"><active value="yes"/><birthDate value=""/><multipleBirthInteger value="01"/><photo><size value=" 1"/></photo><photo><size value="1.0"/></photo></Patient>"#,
        r#"{"resourceType":"Patient","active":"yes","birthDate":"","multipleBirthInteger":"01","photo":[{"size":" 1"},{"size":1.0}]}"#,
    ),
];

#[test]
fn what_others_write_is_read_as_it_is_meant() {
    for (xml, json) in READ {
        assert_eq!(json_of(xml), *json);
    }
}

/// JSON that has no form in XML, and the place where it has none. None of it is valid.
const UNWRITABLE: &[(&str, &str)] = &[
    (r#"{"resourceType":"Unknown"}"#, ": it is no resource"),
    (r#"{"id":"p"}"#, ": it is no resource"),
    ("[]", ": it is no resource"),
    (
        r#"{"resourceType":"Patient","fhir_comments":["x"]}"#,
        "Patient: it has a member",
    ),
    (
        r#"{"resourceType":"Patient","_name":[{"id":"a"}]}"#,
        "Patient: it has a member",
    ),
    (
        r#"{"resourceType":"Patient","name":[{"id":"a","_id":{"id":"b"}}]}"#,
        "Patient.name[0]: it has a member",
    ),
    (
        r#"{"resourceType":"Patient","name":[{"family":"a\u0001"}]}"#,
        "Patient.name[0].family: it has a character",
    ),
    (
        r#"{"resourceType":"Patient","name":[{"family":"a\uffff"}]}"#,
        "Patient.name[0].family: it has a character",
    ),
    (
        r#"{"resourceType":"Patient","name":{"family":"a"}}"#,
        "Patient.name: its value",
    ),
    (
        r#"{"resourceType":"Patient","name":["a"]}"#,
        "Patient.name[0]: its value",
    ),
    (
        r#"{"resourceType":"Patient","active":[true]}"#,
        "Patient.active: its value",
    ),
    (
        r#"{"resourceType":"Patient","active":{}}"#,
        "Patient.active: its value",
    ),
    (
        r#"{"resourceType":"Patient","name":[{"given":["a",null]}]}"#,
        "Patient.name[0].given[1]: it has a gap",
    ),
    (
        r#"{"resourceType":"Patient","name":[null]}"#,
        "Patient.name[0]: it has a gap",
    ),
    (
        r#"{"resourceType":"Patient","contained":[{"id":"x"}]}"#,
        "Patient.contained[0]: it is no resource",
    ),
    (
        r#"{"resourceType":"Patient","text":{"status":"empty","div":"<div>x</div>"}}"#,
        "Patient.text.div: it is no div",
    ),
    (
        r#"{"resourceType":"Patient","text":{"status":"empty","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>x</div>"}}"#,
        "Patient.text.div: it is no div",
    ),
    (
        r#"{"resourceType":"Patient","text":{"status":"empty","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>y"}}"#,
        "Patient.text.div: it is no div",
    ),
    (
        r#"{"resourceType":"Patient","text":{"status":"empty","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">&nbsp;</div>"}}"#,
        "Patient.text.div: it is no div",
    ),
    (
        r#"{"resourceType":"Patient","text":{"status":"empty","div":"<p xmlns=\"http://www.w3.org/1999/xhtml\">x</p>"}}"#,
        "Patient.text.div: it is no div",
    ),
    (
        r#"{"resourceType":"Patient","text":{"status":"empty","div":"<h:div xmlns:h=\"http://www.w3.org/1999/xhtml\"><p>x</p></h:div>"}}"#,
        "Patient.text.div: it is no div",
    ),
    (
        r#"{"resourceType":"Patient","text":{"status":"empty","div":"<!DOCTYPE div><div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}}"#,
        "Patient.text.div: it is no div",
    ),
];

#[test]
fn what_xml_cannot_hold_is_told_with_its_place() {
    for (json, expected) in UNWRITABLE {
        let why = write(&CORE, json.as_bytes(), Layout::Compact).expect_err(json);
        assert!(why.to_string().starts_with(expected), "{json}: {why}");
    }
}

#[test]
fn a_narrative_is_written_without_what_stands_around_it() {
    for around in [
        ("\u{feff}", ""),
        (" \\n", "\\t"),
        ("<?xml version=\\\"1.0\\\"?>", ""),
        ("<!-- c -->", "<!-- d -->"),
    ] {
        let div = "<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">x</div>";
        let json = |div: &str| {
            format!(r#"{{"resourceType":"Basic","text":{{"status":"empty","div":"{div}"}}}}"#)
        };
        let sent = json(&format!("{}{div}{}", around.0, around.1));
        assert_eq!(json_of(&xml_of(&sent, Layout::Compact)), json(div));
    }
}
