//! Narratives: what may stand in one. The verdicts of the first tables are also those of the HL7
//! validator (6.7.9).

use frist::fhir::Severity;
use frist::validation::narrative;
use proptest::prelude::*;
use serde_json::json;

use super::check_by;
use crate::support::facade::guide_validator;

/// Content that the div may have.
const FINE: &[&str] = &[
    "x",
    "&#160;",
    "&amp;",
    "&lt;&gt;&quot;&apos;",
    "&#x41;",
    "&#65;",
    "a > b",
    "<!-- c -->x",
    "<?pi x?>x",
    "y<p>x</p>",
    "y<p/>",
    "y<a>x</a>",
    "y<a/>",
    "y<b>x</b>",
    "y<b/>",
    "y<blockquote>x</blockquote>",
    "y<blockquote/>",
    "y<ul/>",
    "y<ol/>",
    "y<dl/>",
    "y<pre>x</pre>",
    "y<pre/>",
    "y<table/>",
    "y<img/>",
    "y<map/>",
    "y<area/>",
    "<p><b>x</b></p>",
    "<h1><p>x</p></h1>",
    "<b><p>x</p></b>",
    "<address><p>x</p></address>",
    "<span><span>x</span></span>",
    "<ul><li>x</li></ul>",
    "<ul> <li>x</li> </ul>",
    "<table><tr><td>x</td></tr></table>",
    "<table><tbody><tr><td>x</td></tr></tbody></table>",
    "<table><caption>c</caption><tr><th>x</th></tr></table>",
    "<table><colgroup><col/></colgroup><tr><td>x</td></tr></table>",
    "<table><thead><tr><th>x</th></tr></thead></table>",
    "<dl><dt>x</dt><dd>y</dd></dl>",
    "<dl><dd><p>x</p></dd></dl>",
    r#"<map name="a"><area shape="rect" coords="1" href="x" alt="x"/></map>x"#,
    "<table><tr><td><div>x</div><table><tr><td>y</td></tr></table></td></tr></table>",
    "<ul><li><ul><li>x</li></ul></li></ul>",
    "<table><!-- c --><tr><td>x</td></tr></table>",
    r#"<img src="x"/>"#,
    "<img/>",
    r#"<img alt="x"/>"#,
    r#"<p style="x">x</p>"#,
    r#"<p class="x">x</p>"#,
    r#"<p id="x">x</p>"#,
    r#"<p lang="x">x</p>"#,
    r#"<p xml:lang="x">x</p>"#,
    r#"<p dir="x">x</p>"#,
    r#"<p accesskey="x">x</p>"#,
    r#"<p tabindex="x">x</p>"#,
    r#"<p width="x">x</p>"#,
    r#"<p align="x">x</p>"#,
    r#"<p valign="x">x</p>"#,
    r#"<p char="x">x</p>"#,
    r#"<p charoff="x">x</p>"#,
    r#"<p axis="x">x</p>"#,
    r#"<p headers="x">x</p>"#,
    r#"<p scope="x">x</p>"#,
    r#"<p rowspan="x">x</p>"#,
    r#"<p colspan="x">x</p>"#,
    r#"<p xml:space="x">x</p>"#,
    r#"<p xmlns:foo="x">x</p>"#,
    r#"<a href="x">x</a>"#,
    r#"<a name="x">x</a>"#,
    r#"<a rel="x">x</a>"#,
    r#"<a title="x">x</a>"#,
    r#"<img src="x"/>"#,
    r#"<img width="x"/>"#,
    r#"<img height="x"/>"#,
    r#"<img border="x"/>"#,
    r#"<pre space="x">x</pre>"#,
    r#"<q cite="x">x</q>"#,
    r#"<blockquote cite="x">x</blockquote>"#,
    r##"<a href="#">x</a>"##,
    r#"<a href="http://x.org">x</a>"#,
    r#"<img src="http://x.org"/>"#,
    r#"<img src="urn:x"/>"#,
    r#"<img src="cid:x"/>"#,
    r#"<a href="data:text/plain,x">x</a>"#,
    r#"<img src="data:text/plain,x"/>"#,
    r#"<a href="data:image/png;base64,AAAA">x</a>"#,
    r#"<img src="data:image/png;base64,AAAA"/>"#,
    r#"<a href="data:,x">x</a>"#,
    r#"<img src="data:,x"/>"#,
    r#"<a href="mailto:x">x</a>"#,
    r#"<img src="mailto:x"/>"#,
    r#"<a href="tel:1">x</a>"#,
    r#"<img src="tel:1"/>"#,
    r#"<a href="ftp://x">x</a>"#,
    r#"<img src="ftp://x"/>"#,
    r#"<a href="x">x</a>"#,
    r#"<img src="x"/>"#,
    r#"<a href="/x">x</a>"#,
    r#"<img src="/x"/>"#,
    r#"<a href="http://x.org/æ">x</a>"#,
    r#"<img src="http://x.org/æ"/>"#,
    r#"<a href="x:y">x</a>"#,
    r#"<img src="x:y"/>"#,
    r#"<a href="%20">x</a>"#,
    r#"<img src="%20"/>"#,
    r#"<a href="foo:bar">x</a>"#,
    r#"<img src="foo:bar"/>"#,
    r#"<a href="http://x?a=1&amp;b=2">x</a>"#,
    r#"<img src="http://x?a=1&amp;b=2"/>"#,
    r#"<a href="file:/x">x</a>"#,
    r#"<img src="file:/x"/>"#,
    r##"<a href="#t">x</a><p id="t">y</p>"##,
    r##"<a href="#n">x</a><a name="n">y</a>"##,
    r#"<p class="a>b">x</p>"#,
    r#"<p class="&amp;">x</p>"#,
    "<p class='x'>x</p>",
    r#"<p  class = "x" >x</p>"#,
    r#"<p xmlns="http://www.w3.org/1999/xhtml">x</p>"#,
    r#"<p xmlns:a="y">x</p>"#,
    r#"<div xml:lang="da">x</div><div xml:lang="en">y</div>"#,
    r#"<div xml:lang="da">x</div>z"#,
    r#"<p style="background:url(javascript:x)">x</p>"#,
    r#"<p style="position:fixed">x</p>"#,
    "<p>\u{a0}</p>",
    "<p>\u{200b}</p>",
];

/// Content of the div that gives a warning.
const SUSPECT: &[&str] = &[
    r##"<a href="#t">x</a><p id="t">y</p><p id="t">y</p>"##,
    r#"<p id="a">x</p><p id="a">y</p>"#,
];

/// Content that the div may not have.
const REFUSED: &[&str] = &[
    "",
    "<p>x",
    " ",
    "&nbsp;",
    "&foo;",
    "&",
    "& x",
    "&#;",
    "&#x;",
    "&#0;",
    "&copy;",
    "<",
    "a < b",
    "<!-- c -->",
    "<!DOCTYPE x>x",
    "<?pi x?>",
    "y<ul>x</ul>",
    "y<ol>x</ol>",
    "y<li>x</li>",
    "y<li/>",
    "y<dl>x</dl>",
    "y<dt>x</dt>",
    "y<dt/>",
    "y<dd>x</dd>",
    "y<dd/>",
    "y<table>x</table>",
    "y<td>x</td>",
    "y<td/>",
    "y<img>x</img>",
    "y<map>x</map>",
    "y<area>x</area>",
    "y<script>x</script>",
    "y<script/>",
    "y<style>x</style>",
    "y<style/>",
    "y<link>x</link>",
    "y<link/>",
    "y<iframe>x</iframe>",
    "y<iframe/>",
    "y<object>x</object>",
    "y<object/>",
    "y<form>x</form>",
    "y<form/>",
    "y<button>x</button>",
    "y<button/>",
    "y<body>x</body>",
    "y<body/>",
    "y<html>x</html>",
    "y<html/>",
    "y<audio>x</audio>",
    "y<audio/>",
    "y<noscript>x</noscript>",
    "y<noscript/>",
    "<P>x</P>",
    "<p><p>x</p></p>",
    "<p><div>x</div></p>",
    "<p><ul><li>x</li></ul></p>",
    "<p><blockquote>x</blockquote></p>",
    "<p><span><div>x</div></span></p>",
    "<b><b>x</b></b>",
    "<b><div>x</div></b>",
    "<span><div>x</div></span>",
    "<h1><div>x</div></h1>",
    r#"<a href="x"><a href="y">x</a></a>"#,
    "<b><i><b>x</b></i></b>",
    "<pre><pre>x</pre></pre>",
    "<ul>x</ul>",
    "<ul><p>x</p></ul>",
    "<li>x</li>",
    "<table><td>x</td></table>",
    "<tr><td>x</td></tr>",
    "<table>x</table>",
    "<table><tr>x</tr></table>",
    "<table><tr><p>x</p></tr></table>",
    "<table><thead><th>x</th></thead></table>",
    "<dl><p>x</p></dl>",
    "<dl><dd><div>x</div></dd></dl>",
    "<dt>x</dt>",
    "<td>x</td>",
    "<br>x</br>",
    "<hr>x</hr>",
    "<br> </br>",
    "<br/>",
    r#"<p href="x">x</p>"#,
    r#"<p src="x">x</p>"#,
    r#"<p name="x">x</p>"#,
    r#"<p border="x">x</p>"#,
    r#"<p bgcolor="x">x</p>"#,
    r#"<p color="x">x</p>"#,
    r#"<p onclick="x">x</p>"#,
    r#"<p onload="x">x</p>"#,
    r#"<p target="x">x</p>"#,
    r#"<p rel="x">x</p>"#,
    r#"<p xml:id="x">x</p>"#,
    r#"<p height="x">x</p>"#,
    r#"<p hidden="x">x</p>"#,
    r#"<p role="x">x</p>"#,
    r#"<p aria-label="x">x</p>"#,
    r#"<p data-x="x">x</p>"#,
    r#"<p xmlns="x">x</p>"#,
    r#"<p foo:bar="x">x</p>"#,
    r#"<p type="x">x</p>"#,
    r#"<p nowrap="x">x</p>"#,
    r#"<p space="x">x</p>"#,
    r#"<a target="x">x</a>"#,
    r#"<img onerror="x"/>"#,
    r#"<table border="x">x</table>"#,
    r#"<table cellpadding="x">x</table>"#,
    r#"<table bgcolor="x">x</table>"#,
    r#"<td nowrap="x">x</td>"#,
    r#"<td height="x">x</td>"#,
    r#"<td bgcolor="x">x</td>"#,
    r#"<ol start="x">x</ol>"#,
    r#"<ol type="x">x</ol>"#,
    r#"<li value="x">x</li>"#,
    r#"<col span="x">x</col>"#,
    r#"<area href="x">x</area>"#,
    r#"<map name="x">x</map>"#,
    r#"<a href="">x</a>"#,
    r#"<img src=""/>"#,
    r##"<img src="#"/>"##,
    r##"<a href="#x">x</a>"##,
    r##"<img src="#x"/>"##,
    r#"<a href="javascript:alert(1)">x</a>"#,
    r#"<a href="vbscript:x">x</a>"#,
    r#"<a href="urn:x">x</a>"#,
    r#"<a href="cid:x">x</a>"#,
    r#"<a href="data:text/plain">x</a>"#,
    r#"<img src="data:text/plain"/>"#,
    r#"<a href="data:text/html;base64,AAA">x</a>"#,
    r#"<img src="data:text/html;base64,AAA"/>"#,
    r#"<a href="data:a,b,c">x</a>"#,
    r#"<img src="data:a,b,c"/>"#,
    r#"<a href="data:x,y">x</a>"#,
    r#"<img src="data:x,y"/>"#,
    r#"<a href="a b">x</a>"#,
    r#"<img src="a b"/>"#,
    r#"<a href="http://x.org/^">x</a>"#,
    r#"<img src="http://x.org/^"/>"#,
    r#"<a href="http://x.org/{x}">x</a>"#,
    r#"<img src="http://x.org/{x}"/>"#,
    r#"<a href="http://x.org/&quot;">x</a>"#,
    r#"<img src="http://x.org/&quot;"/>"#,
    r#"<a href="\\x">x</a>"#,
    r#"<img src="\\x"/>"#,
    r#"<a href=" http://x">x</a>"#,
    r#"<img src=" http://x"/>"#,
    r#"<a href="&lt;x">x</a>"#,
    r#"<img src="&lt;x"/>"#,
    r##"<img src="#n"/>"##,
    r#"<p class="&foo;">x</p>"#,
    "<p/ >x",
    "<p",
    r#"<p class="x"#,
    "</p>",
    "<1>x</1>",
    "<-x>",
    "<p>x</P>",
    "<p><b>x</p></b>",
    "<x:p>x</x:p>",
    r#"<p xmlns="y">x</p>"#,
    r#"<svg xmlns="http://www.w3.org/2000/svg"><circle/></svg>x"#,
    "\u{1}",
    "\u{b}",
    "&#1;",
    "<script>alert(1)</script>",
    "<script>",
    "<p><!--x--></p>",
    "<b></b>",
    r#"<a href="x"/>"#,
    r#"<a name="x"/>"#,
    "<p>x</p><!-- unclosed",
    "<p>x</p><![CDATA[x",
];

/// Narratives with their div.
const WHOLE_FINE: &[&str] = &[
    r#" <div xmlns="http://www.w3.org/1999/xhtml">x</div> "#,
    r#"<?xml version="1.0"?><div xmlns="http://www.w3.org/1999/xhtml">x</div>"#,
    r#"<!-- c --><div xmlns="http://www.w3.org/1999/xhtml">x</div>"#,
    r#"<h:div xmlns:h="http://www.w3.org/1999/xhtml">x</h:div>"#,
    r#"<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>x</h:p></h:div>"#,
    "<div xmlns='http://www.w3.org/1999/xhtml'>x</div>",
    "<div\nxmlns=\"http://www.w3.org/1999/xhtml\">x</div>",
    r#"<div xmlns="http://www.w3.org/1999/xhtml" lang="da" xml:lang="da">x</div>"#,
    "\u{feff}<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>",
    r#"<div xmlns="http://www.w3.org/1999/xhtml" xmlns:x="y">x</div>"#,
];

/// Texts that are no narrative.
#[rustfmt::skip]
const WHOLE_REFUSED: &[&str] = &[
    "", "   ", "x", "<div>x</div>", r#"<div xmlns="http://www.w3.org/1999/xhtml"/>"#, r#"<div xmlns="x">x</div>"#,
    r#"<p xmlns="http://www.w3.org/1999/xhtml">x</p>"#, r#"<DIV xmlns="http://www.w3.org/1999/xhtml">x</DIV>"#,
    r#"<!DOCTYPE foo [<!ENTITY xxe SYSTEM "file:///etc/passwd">]><div xmlns="http://www.w3.org/1999/xhtml">&xxe;</div>"#,
    "<div xmlns=http://www.w3.org/1999/xhtml>x</div>", r#"<div xmlns="http://www.w3.org/1999/xhtml" onclick="x">x</div>"#,
    r#"<div xmlns="http://www.w3.org/1999/xhtml" foo="x">x</div>"#,
];

/// Here the HL7 validator finds nothing. XML 1.0 does not allow the first ones; the last are active
/// content (<https://hl7.org/fhir/R4/narrative.html#xhtml>) in a spelling or a place that it does
/// not look at.
#[rustfmt::skip]
const REFUSED_HERE: &[&str] = &[
    "&amp", "]]>", "<!-- a -- b -->x", r#"<p style="x" style="y">x</p>"#, "<p class>x</p>", "<p class=x>x</p>", r#"<p class="<">x</p>"#,
    r#"<p class="x"id="y">x</p>"#, "x</div><div>", "x</div>y<div>", "x&#1;", "x\u{b}",
    r#"<a href="JavaScript:alert(1)">x</a>"#, r#"<img src="javascript:alert(1)"/>"#, r#"<map name="a"><area href="javascript:x"/></map>x"#,
];

/// Here the HL7 validator finds an error, and XML 1.0 none: a space in an end tag, and text in a
/// CDATA section.
const FINE_HERE: &[&str] = &["<p >x</p >", "<p>x</p\n>", "<![CDATA[x]]>"];

const ELEMENTS: &str = "a abbr acronym address b bdo big blockquote cite code dfn div em h1 h2 h3 h4 h5 h6 i kbd p pre q samp small span strong sub     sup tt var";

const FORBIDDEN: &str = "script style link meta iframe object embed form input button textarea select option base head body html title font center u s     strike del ins nav section header footer video audio canvas svg math details summary mark label fieldset noscript applet frame x";

/// Returns the worst severity of a narrative, and its findings: the rule and the text.
fn findings(div: &str, ids: &[&str]) -> (Option<Severity>, Vec<(&'static str, String)>) {
    let (mut worst, mut found) = (None, Vec::new());
    narrative::check(
        div,
        &|id| ids.contains(&id),
        &mut |severity, _, rule, text| {
            worst = worst.map_or(Some(severity), |worst: Severity| Some(worst.min(severity)));
            found.push((rule, text.to_owned()));
        },
    );
    (worst, found)
}

fn around(content: &str) -> String {
    format!(r#"<div xmlns="http://www.w3.org/1999/xhtml">{content}</div>"#)
}

fn check(div: &str, expected: Option<Severity>) {
    let (worst, found) = findings(div, &[]);
    assert_eq!(worst, expected, "{div}: {found:?}");
}

#[test]
fn content_is_judged_as_the_tables_say() {
    FINE.iter()
        .chain(FINE_HERE)
        .for_each(|content| check(&around(content), None));
    SUSPECT
        .iter()
        .for_each(|content| check(&around(content), Some(Severity::Warning)));
    REFUSED
        .iter()
        .chain(REFUSED_HERE)
        .for_each(|content| check(&around(content), Some(Severity::Error)));
    WHOLE_FINE.iter().for_each(|div| check(div, None));
    WHOLE_REFUSED
        .iter()
        .for_each(|div| check(div, Some(Severity::Error)));
    for div in [
        "<div xmlns=\"http://www.w3.org/1999/xhtml\">x",
        "<!DOCTYPE html><div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>",
    ] {
        check(div, Some(Severity::Error));
    }
}

#[test]
fn elements_format_text_and_do_nothing_else() {
    ELEMENTS
        .split_whitespace()
        .for_each(|name| check(&around(&format!("<{name}>x</{name}>")), None));
    FORBIDDEN.split_whitespace().for_each(|name| {
        check(
            &around(&format!("y<{name}>x</{name}>")),
            Some(Severity::Error),
        )
    });
}

#[test]
fn a_link_leads_to_an_id_of_the_resource() {
    let link = around(r##"<a href="#p1">x</a>"##);
    assert_eq!(findings(&link, &["p1"]).0, None);
    assert_eq!(findings(&link, &["p2"]).0, Some(Severity::Error));
    assert_eq!(findings(&around(r##"<img src="#p1"/>"##), &["p1"]).0, None);
}

#[test]
fn a_link_in_a_bundle_may_lead_to_another_entry_if_the_bundle_is_kept_as_one() {
    let link = around(r##"<a href="#c1">x</a>"##);
    let person = json!({ "resourceType": "Patient", "id": "p", "text": { "status": "additional", "div": link } });
    let other = json!({ "resourceType": "Organization", "id": "o", "name": "x", "contact": [{ "id": "c1", "name": { "text": "x" } }] });
    for (kind, is_kept) in [
        ("collection", true),
        ("transaction", false),
        ("batch", false),
    ] {
        let entries: Vec<_> = [&person, &other]
            .into_iter()
            .map(|resource| {
                let name = format!(
                    "{}/{}",
                    resource["resourceType"].as_str().unwrap(),
                    resource["id"].as_str().unwrap()
                );
                let mut entry =
                    json!({ "fullUrl": format!("http://x.test/{name}"), "resource": resource });
                if !is_kept {
                    entry["request"] = json!({ "method": "PUT", "url": name });
                }
                entry
            })
            .collect();
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": entries });
        let wrong = "error not-found Bundle.entry[0].resource.text.div";
        let expected = if is_kept { &[][..] } else { &[wrong] };
        check_by(&guide_validator(), &bundle, &[], expected);
    }
}

#[test]
fn findings_name_the_rule_and_repeat_no_text() {
    let found = |content: &str| findings(&around(content), &[]).1;
    assert_eq!(
        found(" "),
        [(
            "txt-2",
            "expected text or an image in the narrative, found none".to_owned()
        )]
    );
    assert_eq!(
        found("x<script>y</script>"),
        [(
            "txt-1",
            "expected only elements that format text, found 'script'".to_owned()
        )]
    );
    assert_eq!(
        found("x<p onclick='y'>z</p>"),
        [(
            "txt-1",
            "expected only attributes that format text, found 'onclick' on 'p'".to_owned()
        )]
    );
    assert_eq!(
        found("<p>Karen Holm"),
        [("txt-1", "expected well-formed XHTML, found an end tag that belongs to no open element (at byte 61)".to_owned())]
    );
}

#[test]
fn entities_and_depth_are_bounded() {
    let doctype = r#"<!DOCTYPE div [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><div xmlns="http://www.w3.org/1999/xhtml">&b;</div>"#;
    check(doctype, Some(Severity::Error));
    check(
        &around(&("<div>".repeat(400) + "x" + &"</div>".repeat(400))),
        None,
    );
    check(
        &around(&("<div>".repeat(600) + "x" + &"</div>".repeat(600))),
        Some(Severity::Error),
    );
    check(&around(&"<b>".repeat(300_000)), Some(Severity::Error));
}

proptest! {
    #[test]
    fn no_text_makes_the_check_fail(text in any::<String>()) {
        findings(&text, &[]);
        findings(&around(&text), &[]);
    }

    #[test]
    fn no_soup_of_tags_makes_the_check_fail(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("<p>"), Just("</p>"), Just("<b"), Just(" a='"), Just("'"), Just(">"), Just("/>"), Just("&"), Just("&lt;"), Just("<!--"), Just("-->"),
                Just("<![CDATA["), Just("]]>"), Just("<?"), Just("æ"), Just(" "), Just("x:"), Just("xmlns:x='y'"), Just("</div>"), Just("<div>"), Just("&#x")
            ],
            0..30,
        )
    ) {
        let text = parts.concat();
        findings(&text, &[]);
        let (worst, found) = findings(&around(&text), &[]);
        prop_assert_eq!(worst.is_none(), found.is_empty());
    }
}
