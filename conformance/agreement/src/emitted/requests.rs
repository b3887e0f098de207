//! Requests whose answers are not plain resources: refusals of every kind, answers by preference,
//! batches, `$rights`.

use serde_json::{Value, json};

use super::server::Server;

/// Asks for all of it, and hands on a name and the body of each answer.
pub(crate) fn ask_all(server: &Server, mut take: impl FnMut(&str, &str)) -> Result<(), String> {
    prepare(server)?;
    for request in writes().into_iter().chain(refusals()).chain(reads()) {
        let headers: Vec<(&str, &str)> = request.header.into_iter().collect();
        let answer = server.ask(request.method, request.path, &headers, &request.body)?;
        if answer.status != request.status {
            return Err(format!(
                "{}: expected {}, found {}: {}",
                request.name, request.status, answer.status, answer.body
            ));
        }
        take(request.name, &answer.body);
    }
    bundles(server, take)
}

/// One request, and the status that it must have: else the list here would prove less than it seems
/// to.
struct Request {
    name: &'static str,
    status: u16,
    method: &'static str,
    path: &'static str,
    header: Option<(&'static str, &'static str)>,
    body: String,
}

fn get(name: &'static str, status: u16, path: &'static str) -> Request {
    Request {
        name,
        status,
        method: "GET",
        path,
        header: None,
        body: String::new(),
    }
}

fn put(name: &'static str, status: u16, path: &'static str, body: &Value) -> Request {
    Request {
        name,
        status,
        method: "PUT",
        path,
        header: None,
        body: body.to_string(),
    }
}

fn post(name: &'static str, status: u16, path: &'static str, body: &Value) -> Request {
    Request {
        method: "POST",
        ..put(name, status, path, body)
    }
}

impl Request {
    fn with(self, name: &'static str, value: &'static str) -> Request {
        Request {
            header: Some((name, value)),
            ..self
        }
    }

    fn by(self, method: &'static str) -> Request {
        Request { method, ..self }
    }

    fn saying(self, body: &str) -> Request {
        Request {
            body: body.to_owned(),
            ..self
        }
    }
}

fn organization() -> Value {
    json!({ "resourceType": "Organization", "id": "asked", "name": "Lægehuset",
        "identifier": [{ "system": "urn:oid:1.2.208.176.1.1", "value": "99000010016005" }, { "system": "urn:oid:1.2.208.176.1.4", "value": "990101" }] })
}

/// Returns the person `asked`.
pub(crate) fn patient() -> Value {
    json!({ "resourceType": "Patient", "id": "asked", "name": [{ "use": "official", "family": "Test", "given": ["Asked"] }],
        "identifier": [{ "use": "official", "system": "urn:oid:1.2.208.176.1.2", "value": "0703579000" }],
        "generalPractitioner": [{ "reference": "Organization/asked" }] })
}

/// Makes a diagnosis of the person `asked`.
pub(crate) fn condition(id: &str, day: &str) -> Value {
    let concept =
        |system: &str, code: &str| json!({ "coding": [{ "system": system, "code": code }] });
    json!({ "resourceType": "Condition", "id": id,
        "clinicalStatus": concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
        "verificationStatus": concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
        "category": [concept("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")],
        "code": concept("urn:oid:1.2.208.176.2.31", "R95"), "subject": { "reference": "Patient/asked" }, "recordedDate": day })
}

fn care_plan(id: &str) -> Value {
    json!({ "resourceType": "CarePlan", "id": id, "meta": { "profile": ["http://example.org/unknown"] }, "status": "active", "intent": "plan",
        "category": [{ "coding": [{ "system": "https://kronikerpakker.dk/fhir/CodeSystem/kp-careplan-category", "code": "treatment-plan" }] }],
        "subject": { "reference": "Patient/asked" }, "addresses": [{ "reference": "Condition/not-yet" }], "created": "2033-03-20",
        "author": { "reference": "Organization/asked" } })
}

/// Makes a subscription of a websocket: nothing is sent anywhere.
fn subscription() -> Value {
    let guide = |name: &str| {
        format!("http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/{name}")
    };
    json!({ "resourceType": "Subscription", "id": "asked", "status": "requested", "reason": "To be asked about",
        "criteria": "https://kronikerpakker.dk/fhir/SubscriptionTopic/right-status",
        "_criteria": { "extension": [{ "url": guide("backport-filter-criteria"), "valueString": "Task?patient=Patient/asked" }] },
        "channel": { "type": "websocket", "payload": "application/fhir+json",
            "extension": [{ "url": guide("backport-heartbeat-period"), "valueUnsignedInt": 3600 }],
            "_payload": { "extension": [{ "url": guide("backport-payload-content"), "valueCode": "id-only" }] } } })
}

/// Makes a person to ask about.
fn prepare(server: &Server) -> Result<(), String> {
    for resource in [
        subscription(),
        organization(),
        patient(),
        condition("asked", "2033-02-15"),
        condition("deleted", "2033-02-16"),
    ] {
        let path = format!(
            "/{}/{}",
            resource["resourceType"].as_str().unwrap_or_default(),
            resource["id"].as_str().unwrap_or_default()
        );
        let answer = server.ask("PUT", &path, &[], &resource.to_string())?;
        if answer.status != 201 {
            return Err(format!("PUT {path}: {} {}", answer.status, answer.body));
        }
    }
    Ok(())
}

fn writes() -> Vec<Request> {
    let changed = condition("asked", "2033-02-17");
    let new = condition("new", "2033-02-18");
    let mut nameless = condition("x", "2033-02-19");
    nameless
        .as_object_mut()
        .map(|members| members.shift_remove("id"));
    vec![
        put("write/representation", 200, "/Condition/asked", &changed)
            .with("Prefer", "return=representation"),
        put("write/outcome", 201, "/Condition/new", &new).with("Prefer", "return=OperationOutcome"),
        put("write/outcome-of-nothing-new", 200, "/Condition/new", &new)
            .with("Prefer", "return=OperationOutcome"),
        put(
            "write/minimal",
            200,
            "/Condition/asked",
            &condition("asked", "2033-02-20"),
        )
        .with("Prefer", "return=minimal"),
        post("write/created", 201, "/Condition", &nameless).with("Prefer", "return=representation"),
        put(
            "write/warnings",
            201,
            "/CarePlan/warned",
            &care_plan("warned"),
        )
        .with("Prefer", "return=OperationOutcome"),
        get("write/deleted", 204, "/Condition/deleted").by("DELETE"),
    ]
}

fn refusals() -> Vec<Request> {
    let mut refusals = refused_requests();
    refusals.extend(refused_resources());
    refusals
}

/// Requests that are refused before the resource, if there is one, is looked at.
fn refused_requests() -> Vec<Request> {
    vec![
        post("refused/not-json", 400, "/Patient", &Value::Null).saying("{\"resourceType\":"),
        post("refused/duplicate-key", 400, "/Patient", &Value::Null)
            .saying(r#"{"resourceType":"Patient","id":"x","id":"y"}"#),
        post(
            "refused/other-type",
            400,
            "/Patient",
            &condition("x", "2033-01-01"),
        ),
        post(
            "refused/not-a-bundle",
            400,
            "",
            &json!({ "resourceType": "Bundle", "type": "collection" }),
        ),
        put("refused/if-match", 400, "/Patient/asked", &patient()).with("If-Match", "x"),
        get("refused/parameter", 400, "/Task?foo=bar"),
        get("refused/values", 400, "/Task?due=xx&_sort=zz&status="),
        get("refused/history-parameter", 400, "/_history?_count=q&foo=1"),
        get(
            "refused/rights-parameter",
            400,
            "/Patient/asked/$rights?as-of=xx&foo=1",
        ),
        get("refused/not-found", 404, "/Patient/nobody"),
        get("refused/no-such-type", 404, "/Observation"),
        get("refused/no-such-operation", 404, "/Patient/asked/$nothing"),
        get("refused/no-such-version", 404, "/Patient/asked/_history/99"),
        post(
            "refused/read-only-type",
            405,
            "/Task",
            &json!({ "resourceType": "Task" }),
        ),
        get("refused/metadata-post", 405, "/metadata").by("POST"),
        get("refused/not-acceptable", 406, "/Patient/asked").with("Accept", "text/turtle"),
        get("refused/delete-of-a-named-one", 409, "/Patient/asked").by("DELETE"),
        get("refused/gone", 410, "/Condition/deleted"),
        put("refused/other-version", 412, "/Patient/asked", &patient())
            .with("If-Match", "W/\"77\""),
        put("refused/exists", 412, "/Patient/asked", &patient()).with("If-None-Match", "*"),
        post("refused/media-type", 415, "/Patient", &patient()).with("Content-Type", "text/plain"),
        get(
            "refused/status-parameter",
            400,
            "/Subscription/$status?status=x",
        ),
        get(
            "refused/events-parameter",
            400,
            "/Subscription/asked/$events?eventsSinceNumber=x",
        ),
    ]
}

/// Requests that are refused for what is wrong with the resource.
fn refused_resources() -> Vec<Request> {
    let typed = |kind: &str| json!({ "resourceType": kind });
    vec![
        post(
            "refused/condition-empty",
            422,
            "/Condition",
            &typed("Condition"),
        ),
        post(
            "refused/care-plan-empty",
            422,
            "/CarePlan",
            &typed("CarePlan"),
        ),
        post(
            "refused/referral-empty",
            422,
            "/ServiceRequest",
            &typed("ServiceRequest"),
        ),
        post(
            "refused/encounter-empty",
            422,
            "/Encounter",
            &typed("Encounter"),
        ),
        post(
            "refused/organization-empty",
            422,
            "/Organization",
            &typed("Organization"),
        ),
        post(
            "refused/patient-wrong",
            422,
            "/Patient",
            &json!({ "resourceType": "Patient", "gender": "x", "name": [{ "use": "official" }],
            "identifier": [{ "system": "urn:oid:1.2.208.176.1.2", "value": "9999" }], "unknown": 1 }),
        ),
        post(
            "refused/referral-wrong",
            422,
            "/ServiceRequest",
            &json!({ "resourceType": "ServiceRequest", "status": "revoked",
            "intent": "proposal", "priority": "stat", "subject": { "reference": "Patient/nobody" }, "authoredOn": "2027" }),
        ),
        post(
            "refused/subscription-wrong",
            422,
            "/Subscription",
            &json!({ "resourceType": "Subscription", "status": "active", "reason": "x", "criteria": "Task?status=requested",
            "channel": { "type": "email", "payload": "text/plain" } }),
        ),
        put("refused/no-group", 422, "/Condition/asthma", &{
            let mut asthma = condition("asthma", "2033-02-15");
            asthma["code"]["coding"][0]["code"] = json!("R96");
            asthma["onsetString"] = json!("x");
            asthma["onsetDateTime"] = json!("2027");
            asthma
        }),
    ]
}

fn reads() -> Vec<Request> {
    vec![
        get("read/of-version", 200, "/Condition/asked/_history/1"),
        get("read/history", 200, "/Condition/asked/_history"),
        get(
            "read/history-page",
            200,
            "/Condition/asked/_history?_count=1",
        ),
        get(
            "read/history-with-deletion",
            200,
            "/Condition/deleted/_history",
        ),
        get("read/history-empty", 200, "/_history?_since=2099-01-01"),
        get(
            "search/nothing",
            200,
            "/Task?business-status=overdue&due=lt1990-01-01",
        ),
        get("search/count-alone", 200, "/Task?_count=0"),
        get("search/lenient", 200, "/Task?foo=bar&_count=2").with("Prefer", "handling=lenient"),
        get("search/lenient-nothing", 200, "/Patient?foo=bar&_id=nobody")
            .with("Prefer", "handling=lenient"),
        get(
            "search/by-right",
            200,
            "/Task?right=treatment-plan&_sort=due&_count=3",
        ),
        get("search/by-post", 200, "/Task/_search")
            .by("POST")
            .saying("_count=2&right=treatment-plan")
            .with("Content-Type", "application/x-www-form-urlencoded"),
        get("subscription/read", 200, "/Subscription/asked"),
        get("subscription/status", 200, "/Subscription/asked/$status"),
        get("subscription/statuses", 200, "/Subscription/$status"),
        get(
            "subscription/no-status",
            200,
            "/Subscription/$status?id=nothing",
        ),
        get("subscription/events", 200, "/Subscription/asked/$events"),
        get(
            "subscription/events-empty",
            200,
            "/Subscription/asked/$events?content=empty",
        ),
        get(
            "subscription/events-full-resource",
            200,
            "/Subscription/asked/$events?content=full-resource",
        ),
        get(
            "subscription/no-events",
            200,
            "/Subscription/asked/$events?eventsSinceNumber=999",
        ),
        get(
            "rights/of-a-day",
            200,
            "/Patient/asked/$rights?as-of=2033-06-30",
        ),
        post(
            "rights/by-post",
            200,
            "/Patient/asked/$rights",
            &json!({ "resourceType": "Parameters", "parameter": [{ "name": "as-of", "valueDate": "2033-05-01" }] }),
        ),
    ]
}

/// Batches and transactions, with each preference, that go well and that do not.
fn bundles(server: &Server, mut take: impl FnMut(&str, &str)) -> Result<(), String> {
    for (at, kind) in ["batch", "transaction"].into_iter().enumerate() {
        for (number, prefer) in [
            "return=minimal",
            "return=representation",
            "return=OperationOutcome",
        ]
        .into_iter()
        .enumerate()
        {
            let id = format!("b{at}{number}");
            let entry =
                |method: &str, url: &str| json!({ "request": { "method": method, "url": url } });
            let write = |url: &str, resource: Value| json!({ "request": { "method": "PUT", "url": url }, "resource": resource });
            let mut entries = vec![
                write(&format!("Condition/{id}"), condition(&id, "2033-03-01")),
                entry("DELETE", "Condition/new"),
                entry("GET", "Patient/asked"),
                entry("GET", "Patient/asked/_history/1"),
                entry("GET", "Task?_count=2"),
            ];
            if kind == "batch" {
                let empty = json!({ "resourceType": "CarePlan" });
                entries.extend([
                    entry("GET", "Patient/nobody"),
                    entry("GET", "Condition/deleted"),
                    entry("GET", "Task?foo=1"),
                    entry("PATCH", "Patient/asked"),
                ]);
                entries.extend([
                    json!({ "request": { "method": "POST", "url": "CarePlan" }, "resource": empty }),
                    write("CarePlan/warned", care_plan("warned")),
                ]);
            }
            let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": entries });
            let answer = server.ask("POST", "", &[("Prefer", prefer)], &bundle.to_string())?;
            if answer.status != 200 {
                return Err(format!(
                    "{kind} with {prefer}: {} {}",
                    answer.status, answer.body
                ));
            }
            take(
                &format!("{kind}/{}", prefer.trim_start_matches("return=")),
                &answer.body,
            );
        }
        let empty = json!({ "resourceType": "Bundle", "type": kind }).to_string();
        take(
            &format!("{kind}/empty"),
            &server.ask("POST", "", &[], &empty)?.body,
        );
    }
    let refused = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "request": { "method": "POST", "url": "CarePlan" }, "resource": { "resourceType": "CarePlan" } },
        { "request": { "method": "POST", "url": "Task" }, "resource": { "resourceType": "Task" } }] });
    take(
        "transaction/refused",
        &server.ask("POST", "", &[], &refused.to_string())?.body,
    );
    Ok(())
}
