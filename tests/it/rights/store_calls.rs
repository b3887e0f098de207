//! The number of calls of the store that a request makes, one after the other: where the store is
//! another machine, each is a journey there and back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use frist::fhir::{Resource, ResourceKey, ResourceType};
use frist::interactions::change::ChangeTarget;
use frist::interactions::condition::Condition;
use frist::interactions::create::{CreateRequest, create};
use frist::interactions::delete::delete;
use frist::interactions::update::update;
use frist::interactions::{Context, Server, ServerParts, read, rights, transaction};
use frist::storage::{ChangeSet, CommitError, Committed, Store, StoreError};
use serde_json::{Value, json};

use crate::support::facade::{BASE, Facade, guide_validator, transaction_of};
use crate::support::people::{copd, patient, plan, practice, referral, region};
use crate::support::surrounded::{Around, Surrounded};

/// Counts the calls of a store.
#[derive(Default)]
struct Counted(Arc<AtomicUsize>);

impl Around for Counted {
    fn before(&self) -> Result<(), StoreError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn commit(&self, store: &dyn Store, changes: ChangeSet) -> Result<Committed, CommitError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        store.commit(changes)
    }
}

fn resource(value: &Value) -> Resource {
    Resource::from_value(value.clone()).unwrap()
}

fn key(value: &Value) -> ResourceKey {
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    ResourceKey::parse(&format!("{}/{}", text("resourceType"), text("id"))).unwrap()
}

fn post(server: &Server, context: &Context, value: &Value) {
    let resource = resource(value);
    let request = CreateRequest {
        resource_type: resource.type_name().parse::<ResourceType>().unwrap(),
        resource,
        if_none_exist: None,
    };
    create(server, context, request).unwrap();
}

fn put(server: &Server, context: &Context, value: &Value) {
    let target = ChangeTarget::Key(key(value));
    update(server, context, target, resource(value), Condition::ANY).unwrap();
}

/// Makes a clinic with the persons p, q and r, of whom r has a plan.
fn clinic() -> Facade {
    let facade = Facade::at("2027-03-01T09:00:00Z");
    for resource in [practice("gp"), region("region")] {
        facade.put_ok(&resource);
    }
    for person in ["p", "q", "r"] {
        facade.put_ok(&patient(person));
    }
    facade.put_ok(&copd("d", "q", "2027-02-01"));
    facade.put_ok(&copd("e", "r", "2027-02-01"));
    facade.put_ok(&plan("other", "r", "e", "2027-02-10"));
    facade
}

type Request = fn(&Server, &Context);

/// Each request, with the number of its calls.
const REQUESTS: [(&str, usize, Request); 12] = [
    (
        "POST Condition, the first of a person",
        6,
        |server, context| {
            post(server, context, &copd("c", "p", "2027-02-01"));
        },
    ),
    ("PUT CarePlan that stops a clock", 7, |server, context| {
        put(server, context, &plan("plan", "q", "d", "2027-02-10"));
    }),
    ("PUT the same CarePlan again", 4, |server, context| {
        put(server, context, &plan("plan", "q", "d", "2027-02-10"));
    }),
    (
        "PUT Patient with another practice",
        10,
        |server, context| {
            let mut moved = patient("r");
            moved["generalPractitioner"] = json!([{ "reference": "Organization/region" }]);
            put(server, context, &moved);
        },
    ),
    ("DELETE CarePlan", 9, |server, context| {
        let target = ChangeTarget::Key(key(&plan("other", "r", "e", "2027-02-10")));
        delete(server, context, target, Condition::ANY).unwrap();
    }),
    (
        "PUT Organization, the same practice",
        3,
        |server, context| {
            put(server, context, &renamed(practice("gp")));
        },
    ),
    ("PUT Organization, of two persons", 11, |server, context| {
        let mut renumbered = renamed(practice("gp"));
        renumbered["identifier"][1]["value"] = "000001".into();
        put(server, context, &renumbered);
    }),
    (
        "transaction of a new person with a plan",
        7,
        |server, context| {
            let newcomer = [
                patient("new"),
                copd("new", "new", "2027-02-01"),
                referral("new", "new", "new", "2027-02-02"),
                plan("new", "new", "new", "2027-02-10"),
            ];
            let bundle = transaction_of(&newcomer.iter().collect::<Vec<_>>());
            transaction::process(server, context, &resource(&bundle)).unwrap();
        },
    ),
    (
        "transaction of two persons, found by criteria, with what criteria about them find",
        9,
        |server, context| send_conditionally(server, context, 2, 2),
    ),
    (
        "transaction of fifty persons, with three things of each",
        9,
        |server, context| send_conditionally(server, context, 50, 3),
    ),
    ("$rights", 7, |server, context| {
        rights::rights(server, context, &key(&patient("q")), None).unwrap();
    }),
    ("GET Patient", 1, |server, context| {
        read::read(server, context, &key(&patient("q"))).unwrap();
    }),
];

/// Sends persons unless they are there, and Goals of each unless they are there; each Goal names a
/// practice by a search, and its own.
fn send_conditionally(server: &Server, context: &Context, persons: usize, goals: usize) {
    let mut entries = Vec::new();
    for person in 0..persons {
        let number = format!("{persons}-{person}");
        let urn = format!("urn:uuid:{number}");
        let by_number = format!("identifier=https://ehr.test/pid|{number}");
        let mut sent = patient("");
        sent.as_object_mut().unwrap().shift_remove("id");
        sent["identifier"] = json!([{ "system": "https://ehr.test/pid", "value": number }]);
        sent["generalPractitioner"][0]["reference"] =
            "Organization?identifier=urn:oid:1.2.208.176.1.1|61741000016007".into();
        entries.push(json!({ "fullUrl": urn, "resource": sent,
            "request": { "method": "POST", "url": "Patient", "ifNoneExist": by_number } }));
        for goal in 0..goals {
            let value = format!("{number}-{goal}");
            let criteria = format!("identifier=https://ehr.test/id|{value}&subject={urn}");
            let sent = json!({ "resourceType": "Goal", "lifecycleStatus": "active",
                "description": { "text": "Gå en tur" },
                "identifier": [{ "system": "https://ehr.test/id", "value": value }],
                "subject": { "reference": format!("Patient?identifier=https://ehr.test/pid|{number}") } });
            entries.push(json!({ "resource": sent,
                "request": { "method": "POST", "url": "Goal", "ifNoneExist": criteria } }));
        }
    }
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
    transaction::process(server, context, &resource(&bundle)).unwrap();
}

fn renamed(mut practice: Value) -> Value {
    practice["name"] = "Another".into();
    practice
}

#[test]
fn a_request_makes_few_calls_of_the_store() {
    let facade = clinic();
    let counted = Counted::default();
    let calls = Arc::clone(&counted.0);
    let store = Surrounded {
        store: Arc::clone(facade.store()),
        around: counted,
    };
    let parts = ServerParts::shipped(Arc::new(store), guide_validator(), BASE.into());
    let (server, context) = (Server::new(parts), facade.context());
    // The subscriptions are read once.
    put(&server, &context, &copd("first", "q", "2027-01-31"));
    let found = REQUESTS.map(|(name, _, request)| {
        calls.store(0, Ordering::SeqCst);
        request(&server, &context);
        (name, calls.load(Ordering::SeqCst))
    });
    assert_eq!(found, REQUESTS.map(|(name, most, _)| (name, most)));
}
