//! Values by kind of parameter: each form of R4, with prefixes, precision, escapes and
//! alternatives.

use serde_json::{Value, json};

use super::Shelf;

fn conditions(members: &[(&str, Value)]) -> Shelf {
    let with = |(id, members): &(&str, Value)| {
        let mut resource = members.clone();
        resource["resourceType"] = "Condition".into();
        resource["id"] = (*id).into();
        resource
    };
    Shelf::new(&members.iter().map(with).collect::<Vec<_>>())
}

#[test]
fn tokens() {
    let shelf = Shelf::new(&[
        json!({"resourceType": "Patient", "id": "a", "active": true, "gender": "female",
            "identifier": [{"system": "urn:s", "value": "1|2,3"}, {"value": "plain"}],
            "telecom": [{"system": "phone", "value": "12345678"}, {"system": "email", "value": "a@b.dk"}],
            "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "da"}]}}],
            "meta": {"tag": [{"system": "urn:t", "code": "x"}], "security": [{"code": "R"}]}}),
        json!({"resourceType": "Patient", "id": "b", "active": false, "gender": "male", "deceasedBoolean": true,
            "identifier": [{"system": "urn:s", "value": "PLAIN"}], "telecom": [{"system": "email", "value": "12345678"}]}),
        json!({"resourceType": "Patient", "id": "c", "deceasedDateTime": "2027-01-02"}),
    ]);
    shelf.check(&[
        ("Patient?active=true", Some(&["a"])),
        (
            "Patient?active=http://terminology.hl7.org/CodeSystem/special-values|false",
            Some(&["b"]),
        ),
        (
            "Patient?gender=http://hl7.org/fhir/administrative-gender|male",
            Some(&["b"]),
        ),
        ("Patient?gender=|male", Some(&["b"])),
        ("Patient?gender=http://other|male", Some(&[])),
        ("Patient?gender=male,female", Some(&["a", "b"])),
        (r"Patient?identifier=1\|2\,3", Some(&["a"])),
        (r"Patient?identifier=urn:s|1|2\,3", Some(&["a"])),
        ("Patient?identifier=1", Some(&[])),
        ("Patient?identifier=plain", Some(&["a"])),
        ("Patient?identifier=|plain", Some(&["a"])),
        ("Patient?identifier=urn:s|", Some(&["a", "b"])),
        ("Patient?telecom=12345678", Some(&["a", "b"])),
        ("Patient?phone=12345678", Some(&["a"])),
        ("Patient?email=12345678", Some(&["b"])),
        ("Patient?language=da", Some(&["a"])),
        ("Patient?deceased=true", Some(&["b", "c"])),
        ("Patient?deceased=false", Some(&["a"])),
        ("Patient?_tag=urn:t|x&_security=R", Some(&["a"])),
        ("Patient?gender=", None),
        ("Patient?gender=|", None),
    ]);
}

#[test]
fn strings() {
    let shelf = Shelf::new(&[
        json!({"resourceType": "Patient", "id": "a", "name": [{"family": "Østergård", "given": ["Åse", "André"], "prefix": ["Dr."]}],
            "address": [{"line": ["Vej 1, 2. tv"], "city": "Aarhus C", "postalCode": "8000"}]}),
        json!({"resourceType": "Patient", "id": "b", "name": [{"text": "Asger Ostergard"}], "address": [{"city": "AARHUS"}]}),
    ]);
    shelf.check(&[
        ("Patient?name=øst", Some(&["a"])),
        ("Patient?name=ØSTERGÅRD", Some(&["a"])),
        ("Patient?name=ost", Some(&[])),
        ("Patient?name=as", Some(&["b"])),
        ("Patient?name=ås", Some(&["a"])),
        ("Patient?given=andre", Some(&["a"])),
        ("Patient?given=ANDRÉ", Some(&["a"])),
        ("Patient?family=gård", Some(&[])),
        ("Patient?name=dr.", Some(&["a"])),
        ("Patient?address-city=aarhus", Some(&["a", "b"])),
        ("Patient?address=8000", Some(&["a"])),
        (r"Patient?address=vej 1\, 2", Some(&["a"])),
        (
            "Patient?address-city=aarhus c&family=østergård",
            Some(&["a"]),
        ),
        ("Patient?name=", None),
    ]);
}

#[test]
fn dates_and_periods() {
    let encounter =
        |id: &str, period: Value| json!({"resourceType": "Encounter", "id": id, "period": period});
    let shelf = Shelf::new(&[
        encounter("day", json!({"start": "2027-03-10", "end": "2027-03-10"})),
        encounter(
            "long",
            json!({"start": "2027-02-01T08:00:00+01:00", "end": "2027-04-01T08:00:00+02:00"}),
        ),
        encounter("open", json!({"start": "2027-03-10"})),
        encounter("ended", json!({"end": "2027-03-01"})),
    ]);
    shelf.check(&[
        ("Encounter?date=2027-03-10", Some(&["day"])),
        ("Encounter?date=2027", Some(&["day", "long"])),
        ("Encounter?date=ne2027", Some(&["open", "ended"])),
        ("Encounter?date=gt2027-03-10", Some(&["long", "open"])),
        (
            "Encounter?date=ge2027-03-10",
            Some(&["day", "long", "open"]),
        ),
        ("Encounter?date=lt2027-03-10", Some(&["long", "ended"])),
        (
            "Encounter?date=le2027-03-10",
            Some(&["day", "long", "ended"]),
        ),
        ("Encounter?date=sa2027-03-01", Some(&["day", "open"])),
        ("Encounter?date=eb2027-03-10", Some(&["ended"])),
        (
            "Encounter?date=ap2027-03-09",
            Some(&["day", "long", "open"]),
        ),
        ("Encounter?date=ap2027-03-01", Some(&["long", "ended"])),
        ("Encounter?date=lt2027-02-01T08:00", Some(&["ended"])),
        (
            "Encounter?date=lt2027-02-01T07:01Z",
            Some(&["long", "ended"]),
        ),
        ("Encounter?date=2027-03-10,2027", Some(&["day", "long"])),
        ("Encounter?date=xx2027", None),
    ]);
    let shelf = conditions(&[
        ("zone", json!({"recordedDate": "2027-03-31T23:30:00Z"})),
        ("year", json!({"recordedDate": "2027"})),
    ]);
    shelf.check(&[
        // Half past one in Copenhagen, on the day after.
        ("Condition?recorded-date=2027-04-01", Some(&["zone"])),
        ("Condition?recorded-date=2027-03-31", Some(&[])),
        ("Condition?recorded-date=2027-04-01T01:30", Some(&["zone"])),
        ("Condition?recorded-date=2027", Some(&["zone", "year"])),
    ]);
}

#[test]
fn a_timing_counts_by_its_outer_limits() {
    let request = |id: &str, timing: Value| json!({"resourceType": "ServiceRequest", "id": id, "occurrenceTiming": timing});
    let shelf = Shelf::new(&[
        request(
            "bounds",
            json!({"repeat": {"boundsPeriod": {"start": "2027-01-01", "end": "2027-03-31"}}}),
        ),
        request("events", json!({"event": ["2027-02-01", "2027-05-01"]})),
        request("neither", json!({"code": {"text": "daily"}})),
    ]);
    shelf.check(&[
        ("ServiceRequest?occurrence=sa2027-01-15", Some(&["events"])),
        (
            "ServiceRequest?occurrence=lt2027-02-15",
            Some(&["bounds", "events"]),
        ),
        ("ServiceRequest?occurrence=gt2027-04-15", Some(&["events"])),
    ]);
}

#[test]
fn quantities() {
    let age = |value: Value| json!({"onsetAge": {"value": value, "unit": "years", "system": "http://unitsofmeasure.org", "code": "a"}});
    let shelf = conditions(&[
        ("fifty", age(json!(50))),
        ("more", age(json!(50.3))),
        (
            "range",
            json!({"onsetRange": {"low": {"value": 40, "unit": "years"}, "high": {"value": 60}}}),
        ),
        (
            "above",
            json!({"onsetAge": {"value": 70, "comparator": ">", "unit": "years", "system": "http://unitsofmeasure.org", "code": "a"}}),
        ),
        (
            "months",
            json!({"onsetAge": {"value": 50, "unit": "months", "system": "http://unitsofmeasure.org", "code": "mo"}}),
        ),
    ]);
    shelf.check(&[
        ("Condition?onset-age=50", Some(&["fifty", "more", "months"])),
        ("Condition?onset-age=50.0", Some(&["fifty", "months"])),
        (
            "Condition?onset-age=50|http://unitsofmeasure.org|a",
            Some(&["fifty", "more"]),
        ),
        ("Condition?onset-age=50||a", Some(&["fifty", "more"])),
        ("Condition?onset-age=50||years", Some(&["fifty", "more"])),
        ("Condition?onset-age=50|http://other|a", Some(&[])),
        (
            "Condition?onset-age=gt50||years",
            Some(&["more", "range", "above"]),
        ),
        ("Condition?onset-age=lt50||years", Some(&["range"])),
        (
            "Condition?onset-age=ge50.3||years",
            Some(&["more", "range", "above"]),
        ),
        ("Condition?onset-age=sa60||years", Some(&["above"])),
        ("Condition?onset-age=eb50.3||years", Some(&["fifty"])),
        (
            "Condition?onset-age=ap52||years",
            Some(&["fifty", "more", "range"]),
        ),
        ("Condition?onset-age=ne50||a", Some(&["above"])),
        ("Condition?onset-age=5e1||a", Some(&["fifty", "more"])),
        ("Condition?onset-age=fifty", None),
        ("Condition?onset-age=50|a", None),
    ]);
}

#[test]
fn uris_and_canonicals() {
    let plan = |id: &str, url: &str, canonical: &str| json!({"resourceType": "CarePlan", "id": id, "instantiatesUri": [url], "instantiatesCanonical": [canonical], "meta": {"profile": [canonical], "source": url}});
    let shelf = Shelf::new(&[
        plan("a", "http://x/a", "http://x/p|1"),
        plan("b", "http://x/a/b", "http://x/p"),
        plan("c", "urn:oid:1.2", "http://x/q"),
    ]);
    shelf.check(&[
        ("CarePlan?instantiates-uri=http://x/a", Some(&["a"])),
        ("CarePlan?instantiates-uri=http://x", Some(&[])),
        ("CarePlan?instantiates-uri=urn:oid:1.2", Some(&["c"])),
        (
            "CarePlan?instantiates-canonical=http://x/p",
            Some(&["a", "b"]),
        ),
        ("CarePlan?instantiates-canonical=http://x/p|1", Some(&["a"])),
        ("CarePlan?instantiates-canonical=http://x/p|2", Some(&[])),
        ("CarePlan?_profile=http://x/p", Some(&["a", "b"])),
        ("CarePlan?_profile=http://x/p|1", Some(&["a"])),
        ("CarePlan?_source=urn:oid:1.2", Some(&["c"])),
    ]);
}

#[test]
fn references() {
    let task = |id: &str, focus: Value| json!({"resourceType": "Task", "id": id, "focus": focus});
    let shelf = Shelf::new(&[
        task("local", json!({"reference": "Condition/7"})),
        task("version", json!({"reference": "Condition/7/_history/2"})),
        task("other-type", json!({"reference": "Goal/7"})),
        task(
            "absolute",
            json!({"reference": "https://elsewhere.dk/fhir/Condition/7"}),
        ),
        task("not-held", json!({"reference": "Device/7"})),
        task(
            "logical",
            json!({"identifier": {"system": "urn:s", "value": "v"}}),
        ),
        task("contained", json!({"reference": "#x"})),
        task(
            "urn",
            json!({"reference": "urn:uuid:d1a6d1a6-0000-4000-8000-000000000000"}),
        ),
    ]);
    shelf.check(&[
        ("Task?focus=7", Some(&["local", "version", "other-type"])),
        ("Task?focus=Condition/7", Some(&["local", "version"])),
        (
            "Task?focus=http://frist.test/fhir/Condition/7",
            Some(&["local", "version"]),
        ),
        (
            "Task?focus=Condition/7/_history/2",
            Some(&["local", "version"]),
        ),
        (
            "Task?focus=https://elsewhere.dk/fhir/Condition/7",
            Some(&["absolute"]),
        ),
        ("Task?focus=Device/7", Some(&["not-held"])),
        (
            "Task?focus=urn:uuid:d1a6d1a6-0000-4000-8000-000000000000",
            Some(&["urn"]),
        ),
        ("Task?focus:Goal=7", Some(&["other-type"])),
        ("Task?focus:Goal=Condition/7", Some(&[])),
        ("Task?focus:identifier=urn:s|v", Some(&["logical"])),
        ("Task?focus:missing=true", Some(&[])),
        ("Task?focus:Device=7", None),
        ("Task?focus=a b", None),
        ("Task?focus=#x", None),
    ]);
}

#[test]
fn who_is_meant_is_told_by_the_type_in_the_reference() {
    let audit = |id: &str, who: &str| json!({"resourceType": "AuditEvent", "id": id, "agent": [{"who": {"reference": who}}]});
    let shelf = Shelf::new(&[
        audit("person", "Patient/7"),
        audit("elsewhere", "https://elsewhere.dk/fhir/Patient/7"),
        audit("doctor", "Practitioner/7"),
        audit("text", "Patient"),
    ]);
    shelf.check(&[
        ("AuditEvent?patient=7", Some(&["person"])),
        (
            "AuditEvent?patient=https://elsewhere.dk/fhir/Patient/7",
            Some(&["elsewhere"]),
        ),
        ("AuditEvent?patient:missing=true", Some(&["doctor", "text"])),
        ("AuditEvent?agent=Practitioner/7", Some(&["doctor"])),
    ]);
}

#[test]
fn composites_hold_of_one_element() {
    let context = |code: &str, value: u32| json!({"code": {"system": "urn:c", "code": code}, "valueQuantity": {"value": value, "unit": "a"}});
    let plan = |id: &str, contexts: Vec<Value>| json!({"resourceType": "PlanDefinition", "id": id, "useContext": contexts});
    let shelf = Shelf::new(&[
        plan("a", vec![context("age", 5), context("weight", 7)]),
        plan(
            "b",
            vec![
                context("age", 7),
                json!({"code": {"code": "focus"}, "valueCodeableConcept": {"coding": [{"code": "x"}]}}),
            ],
        ),
    ]);
    shelf.check(&[
        ("PlanDefinition?context-type-quantity=age$5", Some(&["a"])),
        ("PlanDefinition?context-type-quantity=age$7", Some(&["b"])),
        (
            "PlanDefinition?context-type-quantity=urn:c|weight$gt5||a",
            Some(&["a"]),
        ),
        (
            "PlanDefinition?context-type-quantity=age$5,age$7",
            Some(&["a", "b"]),
        ),
        ("PlanDefinition?context-type-value=focus$x", Some(&["b"])),
        (r"PlanDefinition?context-type-value=focus\$x", None),
        ("PlanDefinition?context-type-quantity=age", None),
        ("PlanDefinition?context-type-quantity=age$", None),
        ("PlanDefinition?context-quantity=5", Some(&["a"])),
    ]);
}
