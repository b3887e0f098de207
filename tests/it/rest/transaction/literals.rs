//! References that name one resource in a form that FHIR does not have: what is plainly meant is
//! stored plainly, and all else is refused, alone and in a transaction.

use serde_json::{Value, json};

use super::links::{plan_by, refused_outside};
use super::{post, put, send, statuses};
use crate::rest::{NOW, expect, organization};
use crate::support::facade::{BASE, Facade};
use crate::support::people::{copd, patient, plan, practice, referral, region};

/// Makes servers of either policy with what a plan names.
fn clinics() -> [Facade; 2] {
    let facades = [Facade::at(NOW), Facade::strict(NOW)];
    for facade in &facades {
        for resource in [
            practice("gp"),
            region("region"),
            patient("p"),
            copd("c", "p", "2027-02-20"),
        ] {
            facade.put_ok(&resource);
        }
    }
    facades
}

#[test]
fn what_is_plainly_of_this_server_is_stored_plainly() {
    for facade in clinics() {
        for (address, expected) in [
            ("Organization/gp", "Organization/gp"),
            ("/Organization/gp", "Organization/gp"),
            ("//Organization/gp", "Organization/gp"),
            ("Organization/gp/", "Organization/gp"),
            ("Organization/%67p", "Organization/gp"),
            ("Organization%2Fgp", "Organization/gp"),
            ("/fhir/Organization/gp/", "Organization/gp"),
            ("http://frist.test/fhir/Organization/gp", "Organization/gp"),
            (
                "HTTP://Frist.TEST:80/fhir/Organization/gp/",
                "Organization/gp",
            ),
            (
                "http://frist.test//fhir//Organization/gp",
                "Organization/gp",
            ),
            ("/Organization/gp/_history/1/", "Organization/gp/_history/1"),
        ] {
            let sent = plan_by(address);
            let mut request = referral("s", "p", "c", "2027-02-22");
            request["requester"]["reference"] = address.into();
            for _ in 0..2 {
                facade.put_ok(&sent);
                let reply = send(&facade, vec![put(sent.clone()), put(request.clone())]);
                expect(&reply, 200);
            }
            let stored = facade.get("CarePlan/plan").json();
            assert_eq!(stored["author"]["reference"], expected, "{address}");
            let stored = facade.get("ServiceRequest/s").json();
            assert_eq!(stored["requester"]["reference"], expected, "{address}");
            let reply = facade.send("DELETE", "Organization/gp", &[], "");
            expect(&reply, 409);
        }
    }
}

#[test]
fn an_address_that_leads_nowhere_is_refused_wherever_it_comes() {
    for facade in clinics() {
        facade.put_ok(&plan("plan", "p", "c", "2027-02-25"));
        for address in [
            "Organization/gp?identifier=https://ehr.example/practice|P-1",
            "Organization/gp?x=1",
            "Organization/gp/?x=1",
            "Organization/gp/_history?x",
            "Organization/gp/_history",
            "Organization/gp/_history/",
            "Organization/gp/_history/1?x=1",
            "Organization/gp#a",
            "Organization/gp/partOf",
            "Organization/$x?y=1",
            "Organization&identifier=P-1",
            "Organization;identifier=P-1",
            "Organization:gp",
            "Organization",
            "ORGANIZATION/gp",
            "Praxis/gp",
            "gp",
            "fhir/Organization/gp",
            "frist.test/fhir/Organization/gp",
            "frist.test:80/fhir/Organization/gp",
            "http://frist.test/fhir",
            "http://frist.test/fhir/Organization",
            "http://frist.test/fhir/Organization/gp?x=1",
            "http://frist.test/fhir/Organization/gp#a",
            "http://frist.test/fhir//Organization/gp?x=1",
            "HTTP://FRIST.TEST/fhir/Organization/gp/_history",
            "/fhir/Organization/gp?x=1",
            "URN:uuid:5ad01a0a-6f1c-4c39-94fa-4e5d2b8f1b07",
        ] {
            let sent = plan_by(address);
            refused_outside(&facade, &sent, address);
            let reply = send(&facade, vec![put(sent)]);
            expect(&reply, 422);
            let at = "error value Bundle.entry[0].resource.author.reference".to_owned();
            assert!(reply.issues().contains(&at), "{address}: {}", reply.text);
        }
    }
}

#[test]
fn a_reference_in_what_is_contained_or_an_extension_is_read_too() {
    let [facade, _] = clinics();
    let sent = |address: &str| {
        let mut sent = plan("plan", "p", "c", "2027-02-25");
        sent["contained"] = json!([{ "resourceType": "PractitionerRole", "id": "r", "organization": { "reference": address } }]);
        sent["contributor"] = json!([{ "reference": "#r" }]);
        sent["extension"] =
            json!([{ "url": "https://ehr.test/x", "valueReference": { "reference": address } }]);
        sent
    };
    let reply = facade.put(&sent("Organization/gp?x=1"));
    expect(&reply, 422);
    for at in [
        "error value CarePlan.contained[0].organization.reference",
        "error value CarePlan.extension[0].valueReference.reference",
    ] {
        assert!(
            reply.issues().contains(&at.to_owned()),
            "{at}: {}",
            reply.text
        );
    }
    facade.put_ok(&sent("/Organization/gp"));
    let stored = facade.get("CarePlan/plan").json();
    for pointer in [
        "/contained/0/organization/reference",
        "/extension/0/valueReference/reference",
    ] {
        assert_eq!(stored.pointer(pointer).unwrap(), "Organization/gp");
    }
}

#[test]
fn what_lies_elsewhere_or_is_of_a_type_that_is_not_held_stays() {
    let [facade, _] = clinics();
    for address in [
        "https://ehr.example/fhir/Organization/gp",
        "https://ehr.example/fhir/Organization/gp?x=1",
        "HTTPS://ehr.example/fhir/Organization/gp#a",
        "http://frist.test/other/Organization/gp",
        "http://frist.test:8080/fhir/Organization/gp",
        "Observation/7",
    ] {
        let mut sent = copd("c", "p", "2027-02-20");
        sent["evidence"] = json!([{ "detail": [{ "reference": address }] }]);
        facade.put_ok(&sent);
        let stored = facade.get("Condition/c").json();
        let kept = stored.pointer("/evidence/0/detail/0/reference").unwrap();
        assert_eq!(kept, address);
    }
}

#[test]
fn an_entry_is_named_in_every_spelling_of_its_address_and_never_missed_by_a_little() {
    let elsewhere = "https://ehr.example/fhir";
    for (base, address, is_found) in [
        (elsewhere, "https://ehr.example/fhir/Organization/new", true),
        (elsewhere, "Organization/new", true),
        (elsewhere, "/Organization/new/", true),
        (BASE, "HTTP://frist.test:80/fhir/Organization/new", true),
        (BASE, "http://frist.test/fhir//Organization/new/", true),
        (
            elsewhere,
            "https://ehr.example/fhir/Organization/new?x=1",
            false,
        ),
        (
            elsewhere,
            "https://ehr.example/fhir/Organization/new/",
            false,
        ),
        (
            elsewhere,
            "https://ehr.example/fhir/Organization/new#a",
            false,
        ),
        (elsewhere, "Organization/new?x=1", false),
        (BASE, "http://frist.test/fhir/Organization/new?x=1", false),
    ] {
        let [facade, _] = clinics();
        let mut sent = plan_by(address);
        sent.as_object_mut().unwrap().remove("id");
        let entries = vec![
            post(&format!("{base}/CarePlan/plan"), sent),
            post(&format!("{base}/Organization/new"), organization("", "new")),
        ];
        let reply = send(&facade, entries);
        if !is_found {
            expect(&reply, 422);
            let at = "error value Bundle.entry[0].resource.author.reference".to_owned();
            assert!(reply.issues().contains(&at), "{address}: {}", reply.text);
            continue;
        }
        assert_eq!(statuses(&reply), ["201 Created"; 2], "{address}");
        let named: Value = facade.search_all("CarePlan").remove(0);
        let made = facade.search_all("Organization?name=new").remove(0);
        let key = format!("Organization/{}", made["id"].as_str().unwrap());
        assert_eq!(named["author"]["reference"], key, "{address}");
    }
}
