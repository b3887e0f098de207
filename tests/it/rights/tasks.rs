//! The Tasks as clients meet them: read-only, found by every parameter, each version with its
//! Provenance; and what is refused before a clock could depend on it (deadline-rules, section 6;
//! fhir-profiles, sections 2 to 4).

use std::collections::BTreeSet;

use frist::fhir::names;
use serde_json::{Value, json};

use super::stories::{server, with};
use super::{rights, status, stored_tasks, versions};
use crate::support::facade::Facade;
use crate::support::people::{copd, patient, plan, practice, referral};

/// Makes a server with the rights of `p` (plan running, offer not yet started) and of `q` (plan
/// made).
fn with_rights() -> Facade {
    let facade = server("2027-03-01T10:00:00Z");
    let q = with(
        patient("q"),
        "generalPractitioner",
        json!([{ "reference": "Organization/other" }]),
    );
    let reply = facade.transaction(&[
        &practice("other"),
        &q,
        &copd("c", "p", "2027-03-01"),
        &referral("s", "p", "c", "2027-03-01"),
        &copd("cq", "q", "2027-02-01"),
        &plan("plan", "q", "cq", "2027-02-10"),
    ]);
    assert!(reply.status.is_success(), "{}", reply.text);
    facade
}

/// Checks the focus of every Task that the query finds.
fn check(facade: &Facade, query: &str, expected: &[&str]) {
    let found: BTreeSet<String> = facade
        .search_all(&format!("Task?{query}"))
        .iter()
        .map(|task| task["focus"]["reference"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        found,
        expected.iter().map(|focus| (*focus).to_owned()).collect(),
        "{query}"
    );
}

#[test]
fn tasks_are_found_by_everything_that_a_work_list_asks_for() {
    let facade = with_rights();
    let (plan_p, start_p, plan_q) = ("Condition/c", "ServiceRequest/s", "Condition/cq");
    let (cs_right, cs_group, cs_status) = (
        names::CS_RIGHT,
        names::CS_TARGET_GROUP,
        names::CS_RIGHT_STATUS,
    );
    for (query, expected) in [
        ("patient=Patient/p", vec![plan_p, start_p]),
        ("patient=q", vec![plan_q]),
        ("subject=Patient/q", vec![plan_q]),
        ("owner=Organization/gp", vec![plan_p]),
        ("owner=Organization/other", vec![plan_q]),
        ("owner=Organization/region", vec![start_p]),
        ("focus=ServiceRequest/s", vec![start_p]),
        ("focus=Condition/c,Condition/cq", vec![plan_p, plan_q]),
        ("business-status=met", vec![plan_q]),
        (
            &format!("business-status={cs_status}|running"),
            vec![plan_p, start_p],
        ),
        ("business-status=overdue", vec![]),
        ("due=2027-03-31", vec![plan_p]),
        ("due=lt2027-03-31", vec![start_p, plan_q]),
        ("due=ge2027-03-22&due=le2027-03-31", vec![plan_p, start_p]),
        ("target-group=copd", vec![plan_p, start_p, plan_q]),
        (&format!("target-group={cs_group}|low-back-pain"), vec![]),
        ("right=prevention-start", vec![start_p]),
        (
            &format!("right={cs_right}|treatment-plan&patient=Patient/p"),
            vec![plan_p],
        ),
        ("code=treatment-plan", vec![plan_p, plan_q]),
        ("code=fulfill", vec![plan_p, start_p, plan_q]),
        ("status=completed", vec![plan_q]),
        (
            "status=requested&owner=Organization/gp&due=le2027-04-30",
            vec![plan_p],
        ),
    ] {
        check(&facade, query, &expected);
    }
    // The index follows the calendar.
    facade.advance("2027-03-26T10:00:00Z");
    check(&facade, "business-status=overdue", &[start_p]);
    check(&facade, "business-status=due-soon", &[plan_p]);
    check(&facade, "business-status=running", &[]);
}

#[test]
fn clients_cannot_write_tasks_or_provenances() {
    let facade = with_rights();
    let task = stored_tasks(&facade, "q").into_values().next().unwrap();
    let path = format!("Task/{}", task["id"].as_str().unwrap());
    let mut changed = task.clone();
    changed["businessStatus"]["coding"][0]["code"] = "overdue".into();
    for (method, path) in [
        ("PUT", path.as_str()),
        ("DELETE", path.as_str()),
        ("PATCH", path.as_str()),
        ("POST", "Task"),
        ("POST", "Provenance"),
    ] {
        let reply = facade.send(method, path, &[], changed.to_string());
        assert_eq!(reply.status, 405, "{method} {path}: {}", reply.text);
        assert!(reply.header("allow").starts_with("GET"), "{method} {path}");
    }
    let entry = json!({ "resource": changed, "request": { "method": "PUT", "url": path } });
    let reply =
        facade.post(&json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] }));
    assert_eq!(reply.status, 405, "{}", reply.text);
    assert_eq!(
        stored_tasks(&facade, "q").into_values().next().unwrap(),
        task
    );
}

#[test]
fn every_version_of_a_task_says_what_it_was_computed_from() {
    let facade = with_rights();
    facade.advance("2027-04-10T10:00:00Z");
    facade.put_ok(&plan("late", "p", "c", "2027-04-10"));
    let tasks = stored_tasks(&facade, "p");
    let task = tasks
        .values()
        .find(|task| task["focus"]["reference"] == "Condition/c")
        .unwrap();
    let id = task["id"].as_str().unwrap();
    let found = facade.search_all(&format!("Provenance?target=Task/{id}"));
    let of_version = |number: usize| {
        let target = format!("Task/{id}/_history/{number}");
        let mut of = found
            .iter()
            .filter(|provenance| provenance["target"][0]["reference"] == target.as_str());
        let only = of
            .next()
            .unwrap_or_else(|| panic!("no Provenance of {target}"));
        assert!(of.next().is_none(), "two Provenances of {target}");
        only
    };
    let versions = versions(&facade, task);
    let statuses: Vec<String> = versions.iter().map(status).collect();
    assert_eq!(
        statuses,
        [
            "requested/running",
            "requested/due-soon",
            "requested/overdue",
            "completed/met-late"
        ]
    );
    assert_eq!(found.len(), versions.len());
    let expected_days = ["2027-03-01", "2027-03-24", "2027-04-01", "2027-04-10"];
    for (at, (version, day)) in versions.iter().zip(expected_days).enumerate() {
        let provenance = of_version(at + 1);
        assert_eq!(
            (&provenance["occurredDateTime"], &provenance["policy"][0]),
            (&json!(day), &version["instantiatesCanonical"])
        );
        let inputs: Vec<&str> = provenance["entity"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entity| entity["what"]["reference"].as_str().unwrap())
            .collect();
        for input in &inputs {
            assert_eq!(facade.get(input).status, 200, "{input}");
        }
        assert!(
            inputs.contains(&"Condition/c/_history/1") && inputs.contains(&"Patient/p/_history/1"),
            "{inputs:?}"
        );
        assert_eq!(
            inputs.contains(&"CarePlan/late/_history/1"),
            at == 3,
            "{inputs:?}"
        );
    }
}

#[test]
fn rights_are_asked_for_a_day_and_nothing_else() {
    let facade = with_rights();
    assert_eq!(
        rights(&facade, "q", Some("2027-02-09"))
            .iter()
            .map(status)
            .collect::<Vec<_>>(),
        ["requested/running"]
    );
    assert!(rights(&facade, "q", Some("2027-01-31")).is_empty());
    assert_eq!(rights(&facade, "p", Some("9999-12-30")).len(), 2);
    for (query, expected) in [
        ("as-of=2027-02", 400),
        ("as-of=9999-12-31", 400),
        ("as-of=", 400),
        ("day=2027-02-01", 400),
        ("as-of=0001-01-01", 200),
        ("as-of=2027-02-01&as-of=2027-02-02", 400),
    ] {
        assert_eq!(
            facade.get(&format!("Patient/p/$rights?{query}")).status,
            expected,
            "{query}"
        );
    }
    assert_eq!(facade.get("Patient/nobody/$rights").status, 404);
    let sent = json!({ "resourceType": "Parameters", "parameter": [{ "name": "as-of", "valueDate": "2027-02-09" }] });
    let reply = facade.send("POST", "Patient/q/$rights", &[], sent.to_string());
    assert_eq!(reply.resources(), rights(&facade, "q", Some("2027-02-09")));
}

/// Checks that the resource is refused with exactly these issues, and nothing is stored.
fn check_refused(facade: &Facade, resource: &Value, expected: &[&str]) {
    let before = facade.store().last_commit().unwrap();
    let reply = facade.put(resource);
    assert_eq!(
        (reply.status.as_u16(), reply.issues()),
        (
            422,
            expected.iter().map(|issue| (*issue).to_owned()).collect()
        ),
        "{resource}"
    );
    assert_eq!(facade.store().last_commit().unwrap(), before);
}

#[test]
fn what_no_clock_could_use_is_refused() {
    let facade = with_rights();
    check_refused(
        &facade,
        &copd("n", "p", "2027-03-02"),
        &["error business-rule Condition.recordedDate"],
    );
    check_refused(
        &facade,
        &copd("n", "p", "2027-03"),
        &["error invariant Condition.recordedDate"],
    );
    check_refused(
        &facade,
        &plan("n", "p", "c", "2027"),
        &["error invariant CarePlan.created"],
    );
    check_refused(
        &facade,
        &copd("n", "nobody", "2027-03-01"),
        &["error business-rule Condition.subject"],
    );
    let asthma = with(
        copd("n", "p", "2027-03-01"),
        "code",
        json!({ "coding": [{ "system": "urn:oid:1.2.208.176.2.4.12", "code": "DJ45" }] }),
    );
    check_refused(&facade, &asthma, &["error business-rule Condition.code"]);
    check_refused(
        &facade,
        &plan("n", "p", "cq", "2027-03-01"),
        &["error business-rule CarePlan.addresses[0]"],
    );
    check_refused(
        &facade,
        &referral("n", "q", "c", "2027-03-01"),
        &["error business-rule ServiceRequest.reasonReference[0]"],
    );
}

#[test]
fn what_no_clock_could_use_is_refused_with_all_findings_at_once() {
    let facade = with_rights();
    let asthma = with(
        copd("n", "p", "2027-03-01"),
        "code",
        json!({ "coding": [{ "system": "urn:oid:1.2.208.176.2.4.12", "code": "DJ45" }] }),
    );
    // Everything at once; the month is no day, and all of it is still to come.
    let mut wrong = with(asthma, "recordedDate", "2027-12".into());
    wrong["subject"]["reference"] = "Patient/nobody".into();
    let expected = [
        "business-rule code",
        "business-rule recordedDate",
        "business-rule subject",
        "invariant recordedDate",
    ]
    .map(|line| format!("error {}", line.replace(' ', " Condition.")));
    let reply = facade.put(&wrong);
    let mut issues = reply.issues();
    issues.sort();
    assert_eq!((reply.status.as_u16(), issues), (422, expected.to_vec()));
    // And in a transaction, of all of its entries, with none of them written.
    let reply = facade.transaction(&[
        &copd("good", "p", "2027-03-01"),
        &wrong,
        &plan("n", "p", "cq", "2028-01-01"),
    ]);
    let mut issues = reply.issues();
    issues.sort();
    let expected = [
        "error business-rule Bundle.entry[1].resource.code",
        "error business-rule Bundle.entry[1].resource.recordedDate",
        "error business-rule Bundle.entry[1].resource.subject",
        "error business-rule Bundle.entry[2].resource.addresses[0]",
        "error business-rule Bundle.entry[2].resource.created",
        "error invariant Bundle.entry[1].resource.recordedDate",
    ];
    assert_eq!(
        (reply.status.as_u16(), issues),
        (422, expected.map(str::to_owned).to_vec())
    );
    assert_eq!(facade.get("Condition/good").status, 404);
}
