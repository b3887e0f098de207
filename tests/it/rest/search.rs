//! search by GET and POST (<https://hl7.org/fhir/R4/http.html#search>,
//! <https://hl7.org/fhir/R4/search.html>).

use std::collections::BTreeSet;

use frist::fhir::cpr::holds_cpr_number;
use serde_json::{Value, json};

use super::{NOW, expect, person, population};
use crate::support::facade::{BASE, Facade, link};
use crate::support::people::practice;

/// Returns the ids of the matches of `Type?query`, in order. Tasks are named by their focus, which
/// says more than their ids.
fn found(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| entry["search"]["mode"] == "match");
    let name = |entry: &Value| match &entry["resource"]["focus"]["reference"] {
        Value::String(focus) => focus.clone(),
        _ => entry["resource"]["id"].as_str().unwrap().to_owned(),
    };
    entries.map(name).collect()
}

/// Asks by POST, by GET, and by POST with the parameters split between address and form; all must
/// find the same, but for what may stand in no address.
#[track_caller]
fn check(facade: &Facade, search: &str, expected: &[&str]) {
    let (kind, query) = search.split_once('?').unwrap();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let reply = facade.send("POST", &format!("{kind}/_search"), &form, query.to_owned());
    expect(&reply, 200);
    let expected: BTreeSet<_> = expected.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(
        found(&reply.json()).into_iter().collect::<BTreeSet<_>>(),
        expected,
        "{search}"
    );
    assert_eq!(reply.json()["total"], expected.len(), "{search}");
    if query.replace("%7C", "|").split('=').any(holds_cpr_number) {
        return expect(&facade.get(search), 400);
    }
    let got = facade.get(search);
    assert_eq!(got.text, reply.text, "GET {search}");
    let (first, rest) = query.split_once('&').unwrap_or((query, ""));
    let split = facade.send(
        "POST",
        &format!("{kind}/_search?{first}"),
        &form,
        rest.to_owned(),
    );
    assert_eq!(split.text, reply.text, "POST {search}, split");
}

#[test]
fn identifiers_find_what_they_name_and_nothing_else() {
    let facade = population();
    for (search, expected) in [
        ("Condition?_id=c", &["c"][..]),
        ("Condition?_id=c,d,nope", &["c", "d"]),
        ("Condition?_id=c&_id=d", &[]),
        (
            "Patient?identifier=urn:oid:1.2.208.176.1.2|0405440001",
            &["p"],
        ),
        (
            "Patient?identifier=urn:oid:1.2.208.176.1.2%7C0405440001",
            &["p"],
        ),
        ("Patient?identifier=0505550002", &["q"]),
        ("Patient?identifier=urn:oid:1.2.208.176.1.2|", &["p", "q"]),
        ("Patient?identifier=|0405440001", &[]),
        ("Patient?identifier=urn:other|0405440001", &[]),
        ("Patient?identifier=0405440001,0505550002", &["p", "q"]),
        (
            "Organization?identifier=urn:oid:1.2.208.176.1.4|077410",
            &["gp"],
        ),
        (
            "Organization?identifier=urn:oid.1.2.208.176.1.4|077410",
            &["gp"],
        ),
        (
            "Organization?identifier=urn:oid:1.2.208.176.1.4|077410&identifier=61741000016007",
            &["gp"],
        ),
        ("Practitioner?identifier=Practitioner-dr", &["dr"]),
        ("PractitionerRole?identifier=PractitionerRole-r", &["r"]),
        ("HealthcareService?identifier=HealthcareService-h", &["h"]),
        (
            "Condition?identifier=https://ehr.test/id|Condition-c",
            &["c"],
        ),
        ("CarePlan?identifier=CarePlan-cp", &["cp"]),
        ("ServiceRequest?identifier=ServiceRequest-s", &["s"]),
        ("Encounter?identifier=Encounter-e", &["e"]),
        ("Appointment?identifier=Appointment-a", &["a"]),
        ("Goal?identifier=Goal-g", &["g"]),
        ("CareTeam?identifier=CareTeam-t", &["t"]),
    ] {
        check(&facade, search, expected);
    }
}

#[test]
fn codes_and_statuses_find_what_they_name_and_nothing_else() {
    let facade = population();
    for (search, expected) in [
        ("CarePlan?status=active", &["cp"][..]),
        ("CarePlan?status=revoked", &[]),
        ("ServiceRequest?status=on-hold", &["s2"]),
        ("ServiceRequest?status=active,on-hold", &["s", "s2"]),
        (
            "ServiceRequest?status=http://hl7.org/fhir/request-status|active",
            &["s"],
        ),
        (
            "ServiceRequest?status=http://hl7.org/fhir/request-status|",
            &["s", "s2"],
        ),
        ("ServiceRequest?status=|active", &["s"]),
        ("ServiceRequest?status=urn:other|active", &[]),
        ("Encounter?status=in-progress", &["e"]),
        ("CareTeam?status=active", &["t"]),
        ("Subscription?status=requested", &["sub"]),
        ("Condition?code=DJ449", &["c", "d"]),
        (
            "Condition?code=urn:oid:1.2.208.176.2.4.12|DJ449&patient=q",
            &["d"],
        ),
        ("Condition?code=urn:oid:1.2.208.176.2.4.12|", &["c", "d"]),
        ("Condition?code=dj449", &["c", "d"]),
        ("ServiceRequest?code=Disease-Management", &[]),
        ("ServiceRequest?code=disease-management", &["s", "s2"]),
    ] {
        check(&facade, search, expected);
    }
}

#[test]
fn references_find_what_they_name_and_nothing_else() {
    let facade = population();
    for (search, expected) in [
        ("Condition?subject=Patient/p", &["c"][..]),
        ("Condition?subject=p", &["c"]),
        ("Condition?subject:Patient=p", &["c"]),
        ("Condition?subject:Patient=Patient/p", &["c"]),
        ("Condition?subject=http://frist.test/fhir/Patient/p", &["c"]),
        ("Condition?subject=http://other.test/fhir/Patient/p", &[]),
        ("Condition?subject=P", &[]),
        ("Condition?patient=p", &["c"]),
        ("Condition?patient=p,Patient/q", &["c", "d"]),
        ("CarePlan?subject=q", &["cp"]),
        ("CarePlan?patient=q", &["cp"]),
        ("ServiceRequest?subject=p", &["s", "s2"]),
        ("ServiceRequest?patient=p&status=active", &["s"]),
        ("Encounter?subject=p", &["e"]),
        ("Encounter?patient=q", &[]),
        ("Appointment?patient=p", &["a"]),
        ("Appointment?patient=q", &[]),
        ("Appointment?actor=Patient/p", &["a"]),
        (
            "Appointment?based-on=ServiceRequest/s2&date=ge2027-03-05",
            &["a"],
        ),
        ("Appointment?based-on=s", &[]),
        ("Goal?subject=p", &["g"]),
        ("Goal?patient=p", &["g"]),
        ("CareTeam?subject=p", &["t"]),
        ("CareTeam?patient=p", &["t"]),
    ] {
        check(&facade, search, expected);
    }
}

#[test]
fn every_parameter_of_a_task_finds_what_it_names_and_nothing_else() {
    let facade = population();
    let task = facade.search_all("Task?focus=Condition/c").remove(0);
    let id = task["id"].as_str().unwrap();
    let by_id = format!("Task?_id={id}");
    let by_identifier =
        format!("Task?identifier=https://kronikerpakker.dk/fhir/sid/right-task|{id}");
    let (c, d, s, s2) = (
        "Condition/c",
        "Condition/d",
        "ServiceRequest/s",
        "ServiceRequest/s2",
    );
    for (search, expected) in [
        (by_id.as_str(), &[c][..]),
        (by_identifier.as_str(), &[c]),
        ("Task?status=requested", &[c, s2]),
        (
            "Task?status=http://hl7.org/fhir/task-status|completed",
            &[d, s],
        ),
        ("Task?patient=p", &[c, s, s2]),
        ("Task?subject=Patient/q", &[d]),
        ("Task?subject:Patient=q", &[d]),
        ("Task?code=treatment-plan", &[c, d]),
        (
            "Task?code=http://hl7.org/fhir/CodeSystem/task-code|fulfill",
            &[c, d, s, s2],
        ),
        ("Task?right=prevention-start", &[s, s2]),
        (
            "Task?right=https://kronikerpakker.dk/fhir/CodeSystem/kp-right|treatment-plan",
            &[c, d],
        ),
        ("Task?owner=gp", &[c, d]),
        ("Task?owner=Organization/region", &[s]),
        ("Task?owner:Organization=region,gp", &[c, d, s]),
        ("Task?owner:identifier=urn:oid:1.2.208.176.1.1|987", &[s2]),
        ("Task?owner:identifier=987", &[s2]),
        ("Task?owner:identifier=urn:other|987", &[]),
        ("Task?focus=c", &[c]),
        ("Task?focus=Condition/c,ServiceRequest/s", &[c, s]),
        ("Task?focus:ServiceRequest=s", &[s]),
        ("Task?focus:Condition=s", &[]),
        ("Task?business-status=met", &[d, s]),
        ("Task?business-status=running&right=treatment-plan", &[c]),
        ("Task?target-group=copd", &[c, d, s, s2]),
        ("Task?target-group=low-back-pain", &[]),
        (
            "Task?target-group=https://kronikerpakker.dk/fhir/CodeSystem/kp-target-group|copd&patient=q",
            &[d],
        ),
    ] {
        check(&facade, search, expected);
    }
}

#[test]
fn dates_are_compared_as_the_prefix_says() {
    let facade = population();
    let (c, d, s, s2) = (
        "Condition/c",
        "Condition/d",
        "ServiceRequest/s",
        "ServiceRequest/s2",
    );
    // c is due 2027-03-22, d 2027-02-09, s 2027-03-15, s2 2027-03-22.
    for (search, expected) in [
        ("Task?due=2027-03-22", &[c, s2][..]),
        ("Task?due=eq2027-03-22", &[c, s2]),
        ("Task?due=2027-03", &[c, s, s2]),
        ("Task?due=2027", &[c, d, s, s2]),
        ("Task?due=ne2027-03-22", &[d, s]),
        ("Task?due=gt2027-03-15", &[c, s2]),
        ("Task?due=ge2027-03-15", &[c, s, s2]),
        ("Task?due=lt2027-03-15", &[d]),
        ("Task?due=le2027-03-15", &[d, s]),
        ("Task?due=sa2027-03-15", &[c, s2]),
        ("Task?due=eb2027-03-15", &[d]),
        ("Task?due=ge2027-03-01&due=lt2027-03-20", &[s]),
        ("Task?due=2027-02-09,2027-03-15", &[d, s]),
        ("Task?due=ge2027-03-15T12:00&due=le2027-03-15T12:00", &[s]),
        ("Task?due=gt2027-03-22T23:00:00Z", &[]),
        ("Task?due=2028", &[]),
    ] {
        check(&facade, search, expected);
    }
}

#[test]
fn last_updated_is_compared_as_the_prefix_says() {
    let facade = Facade::at(NOW);
    facade.put_ok(&practice("a"));
    facade.set_clock("2027-03-02T00:30:00+01:00");
    facade.put_ok(&practice("b"));
    for (search, expected) in [
        ("Organization?_lastUpdated=2027-03-01", &["a"][..]),
        ("Organization?_lastUpdated=2027-03-02", &["b"]),
        ("Organization?_lastUpdated=2027-03", &["a", "b"]),
        ("Organization?_lastUpdated=2027-03-01T08:00:00Z", &["a"]),
        (
            "Organization?_lastUpdated=2027-03-01T09:00:00%2B01:00",
            &["a"],
        ),
        ("Organization?_lastUpdated=2027-03-01T09:00", &["a"]),
        ("Organization?_lastUpdated=ne2027-03-01", &["b"]),
        ("Organization?_lastUpdated=gt2027-03-01", &["b"]),
        ("Organization?_lastUpdated=ge2027-03-01", &["a", "b"]),
        ("Organization?_lastUpdated=lt2027-03-02", &["a"]),
        ("Organization?_lastUpdated=le2027-03-02", &["a", "b"]),
        ("Organization?_lastUpdated=sa2027-03-01", &["b"]),
        ("Organization?_lastUpdated=eb2027-03-02", &["a"]),
        (
            "Organization?_lastUpdated=2027-03-01,2027-03-02",
            &["a", "b"],
        ),
        ("Organization?_lastUpdated=2026", &[]),
    ] {
        check(&facade, search, expected);
    }
}

#[test]
fn chains_and_has_are_followed_in_the_store() {
    let facade = population();
    let (c, d, s, s2) = (
        "Condition/c",
        "Condition/d",
        "ServiceRequest/s",
        "ServiceRequest/s2",
    );
    for (search, expected) in [
        ("Task?patient.identifier=0505550002", &[d][..]),
        ("Task?subject:Patient.identifier=0405440001", &[c, s, s2]),
        ("Task?focus:Condition.patient.identifier=0405440001", &[c]),
        (
            "Task?owner:Organization.identifier=urn:oid:1.2.208.176.1.4|077410&status=requested",
            &[c],
        ),
        ("Condition?_has:Task:focus:business-status=met", &["d"]),
        (
            "Patient?_has:Condition:patient:_has:Task:focus:business-status=met",
            &["q"],
        ),
        ("Patient?_has:Condition:patient:code=nothing", &[]),
        (
            "Task?patient._id=p&_has:Provenance:target:_lastUpdated=gt2027-01-01",
            &[c, s, s2],
        ),
    ] {
        check(&facade, search, expected);
    }
}

#[test]
fn the_order_is_as_asked_by_several_keys_and_either_way() {
    let facade = population();
    let (c, d, s, s2) = (
        "Condition/c",
        "Condition/d",
        "ServiceRequest/s",
        "ServiceRequest/s2",
    );
    for (search, expected) in [
        ("Task?_sort=due,focus", vec![d, s, c, s2]),
        ("Task?_sort=due,-focus", vec![d, s, s2, c]),
        ("Task?_sort=-due,focus", vec![c, s2, s, d]),
        ("Task?_sort=-business-status,due,-focus", vec![s2, c, d, s]),
        ("Condition?_sort=_id", vec!["c", "d"]),
        ("Condition?_sort=-_id", vec!["d", "c"]),
        ("Condition?_sort=_lastUpdated", vec!["c", "d"]),
        ("Condition?_sort=-_lastUpdated", vec!["d", "c"]),
        ("ServiceRequest?_sort=identifier", vec!["s", "s2"]),
        ("ServiceRequest?_sort=-identifier", vec!["s", "s2"]),
    ] {
        let reply = facade.get(search);
        expect(&reply, 200);
        assert_eq!(found(&reply.json()), expected, "{search}");
    }
}

#[test]
fn the_answer_is_a_searchset_whose_self_link_says_what_was_applied() {
    let facade = population();
    let reply = facade.get("ServiceRequest?patient=p&status=active,on-hold&_sort=-_id&_count=5000");
    expect(&reply, 200);
    let bundle = reply.json();
    assert_eq!(
        (&bundle["resourceType"], &bundle["type"], &bundle["total"]),
        (&json!("Bundle"), &json!("searchset"), &json!(2))
    );
    assert_eq!(
        link(&bundle, "self").unwrap(),
        "ServiceRequest?patient=p&status=active%2Con-hold&_sort=-_id&_count=1000"
    );
    assert_eq!(link(&bundle, "next"), None);
    assert_eq!(
        bundle["entry"][0]["fullUrl"],
        format!("{BASE}/ServiceRequest/s2")
    );
    assert_eq!(
        bundle["entry"][0]["resource"],
        facade.get("ServiceRequest/s2").json()
    );
    let again = facade.get(&link(&bundle, "self").unwrap());
    assert_eq!(found(&again.json()), found(&bundle));
}

#[test]
fn a_count_of_zero_asks_for_the_total_alone() {
    let facade = population();
    let bundle = facade.get("Condition?_count=0").json();
    assert_eq!(bundle["total"], 2);
    assert_eq!(bundle.get("entry"), None);
    assert_eq!(link(&bundle, "next"), None);
}

#[test]
fn an_unknown_parameter_is_refused_with_the_names_of_the_known_ones() {
    let facade = population();
    let reply = facade.get("Condition?colour=red&code=DJ449&size=x");
    expect(&reply, 400);
    assert_eq!(reply.issues().len(), 2);
    let text = reply.json()["issue"][0]["details"]["text"]
        .as_str()
        .unwrap()
        .to_owned();
    for name in [
        "'colour'",
        "identifier",
        "subject",
        "patient",
        "code",
        "_id",
        "_lastUpdated",
        "_sort",
        "_count",
    ] {
        assert!(text.contains(name), "{name} is not in {text}");
    }
}

#[test]
fn an_unknown_parameter_is_passed_over_with_a_warning_if_the_client_prefers_so() {
    let facade = population();
    let lenient = [("prefer", "handling=lenient")];
    let reply = facade.send("GET", "Condition?colour=red&patient=p&size=x", &lenient, "");
    expect(&reply, 200);
    let bundle = reply.json();
    assert_eq!(found(&bundle), ["c"]);
    assert_eq!(bundle["total"], 1);
    assert_eq!(link(&bundle, "self").unwrap(), "Condition?patient=p");
    let outcome = bundle["entry"].as_array().unwrap().last().unwrap();
    assert_eq!(outcome["search"]["mode"], "outcome");
    assert_eq!(outcome["resource"]["resourceType"], "OperationOutcome");
    let issues = outcome["resource"]["issue"].as_array().unwrap();
    assert_eq!(issues.len(), 2);
    assert!(issues.iter().all(|issue| issue["severity"] == "warning"));
    expect(
        &facade.send(
            "GET",
            "Condition?colour=red",
            &[("prefer", "handling=strict")],
            "",
        ),
        400,
    );
    expect(&facade.send("GET", "Condition?_count=x", &lenient, ""), 400);
}

#[test]
fn an_order_has_at_most_sixteen_keys_and_a_repeated_one_counts_once() {
    let facade = population();
    let keys = "-_id,_id,code,-code,subject,-subject,patient,-patient,identifier,-identifier,category,-category,severity,-severity,stage,-stage,encounter";
    let keys: Vec<_> = keys.split(',').collect();
    for (keys, status) in [
        (keys[..16].join(","), 200),
        (keys.join(","), 400),
        (vec!["-_id"; 3_000].join(","), 200),
        (vec!["-_id,code,-code"; 1_000].join(","), 200),
    ] {
        let reply = facade.get(&format!("Condition?_sort={keys}"));
        expect(&reply, status);
        if status == 200 {
            assert_eq!(found(&reply.json()), ["d", "c"], "{keys}");
        } else {
            assert!(reply.text.contains("at most 16"), "{}", reply.text);
        }
    }
}

#[test]
fn what_is_asked_about_the_answer_and_cannot_be_honoured_is_refused() {
    let facade = population();
    for search in [
        "Condition?_include=Condition",
        "Condition?_include=Condition:colour",
        "Condition?_include=Condition:code",
        "Condition?_include=Condition:subject:Organization",
        "Condition?_include=Condition:subject:Colour",
        "Condition?_include=",
        "Condition?_include:once=Condition:subject",
        "Condition?_revinclude=Task:colour",
        "Condition?_summary=",
        "Condition?_summary=most",
        "Condition?_summary=true&_summary=data",
        "Condition?_summary=true&_elements=code",
        "Condition?_summary=text&_include=Condition:subject",
        "Condition?_elements=",
        "Condition?_elements=code,,id",
        "Condition?_elements=code.coding",
        "Condition?_elements=colour",
        "Condition?_total=many",
        "Condition?_total=none&_total=none",
        "Condition?_contained=true",
        "Condition?_contained=both",
        "Condition?_containedType=container",
        "Condition?_type=Condition",
    ] {
        expect(&facade.get(search), 400);
    }
}

#[test]
fn what_cannot_be_honoured_is_refused_and_never_passed_over() {
    let facade = population();
    for search in [
        "Condition?code:exact=DJ449",
        "Condition?code:missing=perhaps",
        "Condition?code:in=http://nowhere/ValueSet/x",
        "Condition?code:below=http://nowhere|x",
        "Condition?code:of-type=a|b|c",
        "Condition?onset-age=old",
        "Condition?onset-age=5|a",
        "Condition?patient.colour=red",
        "Condition?colour.name=red",
        "Condition?code.name=red",
        "Condition?patient:Group.name=red",
        "Condition?patient.general-practitioner:Organization.partof.partof.partof.partof.name=x",
        "Condition?_has:Task:focus=x",
        "Condition?_has:Medication:subject:code=x",
        "Condition?_has:Task:owner:status=x",
        "PlanDefinition?context-type-quantity=5",
        "PlanDefinition?_sort=context-type-quantity",
        "Condition?_text=x",
        "Condition?_content=x",
        "Condition?subject:Organization=gp",
        "Condition?_id:not=c",
        "Condition?_filter=x",
        "Task?due:exact=2027",
        "Condition?code=",
        "Condition?code=,",
        "Condition?code=a,,b",
        "Condition?code=|",
        "Condition?patient=",
        "Condition?patient=a%20b",
        "Condition?patient=../x",
        "Condition?_id=",
        "Condition?_id=a/b",
        "Condition?_lastUpdated=",
        "Condition?_lastUpdated=yesterday",
        "Task?due=2027-02-30",
        "Task?due=gt",
        "Condition?_count=",
        "Condition?_count=-1",
        "Condition?_count=1.0",
        "Condition?_count=%2B1",
        "Condition?_count=1&_count=2",
        "Condition?_sort=",
        "Condition?_sort=colour",
        "Condition?_sort=_id,,code",
        "Condition?_sort=_id&_sort=code",
        "Condition?_sort=--_id",
        "Condition?code=%ff",
        "Condition?=x",
    ] {
        expect(&facade.get(search), 400);
    }
    let huge = facade.get("Condition?_count=1000000000000000000000000000000");
    expect(&huge, 200);
    assert_eq!(link(&huge.json(), "self").unwrap(), "Condition?_count=1000");
}

#[test]
fn a_resource_is_found_the_moment_its_write_is_answered_and_no_longer_by_what_it_was() {
    let facade = Facade::at(NOW);
    for number in 0..20 {
        facade.put_ok(&person("p", &format!("04054400{number:02}")));
        check(
            &facade,
            &format!("Patient?identifier=04054400{number:02}"),
            &["p"],
        );
        if number > 0 {
            check(
                &facade,
                &format!("Patient?identifier=04054400{:02}", number - 1),
                &[],
            );
        }
    }
}
