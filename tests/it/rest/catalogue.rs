//! Everything that can be asked for by itself can be asked for in a Bundle, with the same answer, or
//! is refused there in words (<https://hl7.org/fhir/R4/http.html#transaction>). All rows of the
//! catalogue are gone over, so that a new one is tested without a change here but for its sample.

use axum::body::Body;
use frist::interactions::catalogue::{self, AddressForm, BundleUse, Declaration, Verb};
use serde_json::{Value, json};

use super::{changes, clinic, expect, identified, organization, population, without_id};
use crate::support::facade::{BASE, Facade, Reply};
use crate::support::people::{copd, patient};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const WHOLE: (&str, &str) = ("prefer", "return=representation");

/// A request that can be sent alone and as an entry.
struct Sample {
    url: &'static str,
    body: Value,
    /// The body of a search that is sent alone.
    form: &'static str,
}

fn of(url: &'static str) -> Sample {
    Sample {
        url,
        body: Value::Null,
        form: "",
    }
}

fn with(url: &'static str, body: Value) -> Sample {
    Sample { body, ..of(url) }
}

fn parameters(parameters: Value) -> Value {
    json!({ "resourceType": "Parameters", "parameter": parameters })
}

fn search(url: &'static str, form: &'static str, name: &str, value: &str) -> Sample {
    let body = parameters(json!([{ "name": name, "valueString": value }]));
    Sample {
        form,
        ..with(url, body)
    }
}

fn labels() -> Value {
    parameters(json!([{ "name": "meta", "valueMeta": { "tag": [{ "code": "x" }] } }]))
}

fn translation() -> Value {
    let part = json!([
        { "name": "type", "valueCode": "add" },
        { "name": "path", "valueString": "Condition" },
        { "name": "name", "valueString": "language" },
        { "name": "value", "valueCode": "da" },
    ]);
    parameters(json!([{ "name": "operation", "part": part }]))
}

fn changed(id: &str) -> Value {
    let condition = copd(id, "p", "2027-02-21");
    identified(condition, "Condition-c")
}

fn numbers() -> Value {
    parameters(json!([
        { "name": "eventsSinceNumber", "valueString": "1" },
        { "name": "eventsUntilNumber", "valueString": "1" },
    ]))
}

/// Makes a request that has an answer of every kind in the population.
fn sample(declared: &Declaration, form: AddressForm, verb: Verb) -> Sample {
    match (declared.name, form) {
        ("read", _) => of("Condition/c?_elements=code"),
        ("vread", _) => of("Condition/c/_history/1?_summary=true"),
        ("update", AddressForm::Instance) => with("Condition/new", changed("new")),
        ("update", _) => with("Condition?identifier=Condition-c", without_id(changed(""))),
        ("patch", AddressForm::Instance) => with("Condition/c", translation()),
        ("patch", _) => with("Condition?identifier=Condition-c", translation()),
        ("delete", AddressForm::Instance) => of("Goal/g"),
        ("delete", _) => of("Goal?identifier=Goal-g"),
        ("create", _) => with("Condition?identifier=new", without_id(changed(""))),
        ("history-instance", _) => of("Condition/c/_history"),
        ("history-type", _) => of("Condition/_history?_count=1"),
        ("history-system", _) => of("_history?_count=2&_pretty=true"),
        ("search-type", AddressForm::Type) => of("Condition?_count=1&_format=json"),
        ("search-type", _) => search("Condition/_search?_sort=_id", "_count=1", "_count", "1"),
        ("search-compartment", AddressForm::Compartment) => of("Patient/p/*?_count=2"),
        ("search-compartment", _) => {
            search("Patient/p/Condition/_search", "_count=1", "_count", "1")
        }
        ("search-system", AddressForm::System) => of("?_type=Goal"),
        ("search-system", _) => search("_search", "_type=Goal", "_type", "Goal"),
        ("transaction", _) => with("", json!({ "resourceType": "Bundle", "type": "batch" })),
        ("capabilities", _) => of("metadata"),
        ("job", _) => of("_jobs/nothing"),
        ("job-file", _) => of("_jobs/nothing/Patient.ndjson"),
        ("websocket", _) => of("_websocket"),
        (operation, form) => sample_of_operation(operation, form, verb),
    }
}

fn sample_of_operation(name: &str, form: AddressForm, verb: Verb) -> Sample {
    let posts = verb == Verb::Post;
    match (name, form) {
        ("validate", AddressForm::OfType) => with("Condition/$validate", changed("x")),
        ("validate", _) if posts => with("Condition/x/$validate?mode=update", changed("x")),
        ("validate", _) => of("Condition/c/$validate"),
        ("meta", AddressForm::OfSystem) => of("$meta"),
        ("meta", AddressForm::OfType) => of("Condition/$meta"),
        ("meta", AddressForm::OfInstance) => of("Condition/c/$meta"),
        ("meta", _) => of("Condition/c/_history/1/$meta"),
        ("meta-add", _) => with("Condition/c/$meta-add", labels()),
        ("meta-delete", _) => with("Condition/c/$meta-delete", labels()),
        ("everything", _) if posts => with(
            "Patient/p/$everything",
            parameters(json!([{ "name": "_count", "valueInteger": 2 }])),
        ),
        ("everything", _) => of("Patient/p/$everything?_count=2"),
        ("rights", _) if posts => with(
            "Patient/p/$rights",
            parameters(json!([{ "name": "as-of", "valueDate": "2027-03-10" }])),
        ),
        ("rights", _) => of("Patient/p/$rights?as-of=2027-03-10"),
        ("export", AddressForm::OfType) => of("Patient/$export"),
        ("export", _) => of("$export"),
        ("reindex", _) => of("$reindex"),
        ("intake", _) => with(
            "$intake",
            json!({ "resourceType": "Bundle", "type": "collection" }),
        ),
        ("status", AddressForm::OfType) => of("Subscription/$status?status=requested"),
        ("status", _) => of("Subscription/sub/$status"),
        ("events", _) => of("Subscription/sub/$events?content=empty"),
        ("get-ws-binding-token", AddressForm::OfType) => {
            of("Subscription/$get-ws-binding-token?id=sub")
        }
        ("get-ws-binding-token", _) => of("Subscription/sub/$get-ws-binding-token"),
        ("resend", _) => with("Subscription/sub/$resend", numbers()),
        ("webhook-secret", _) => of("Subscription/sub/$webhook-secret"),
        (name, _) => panic!("a row that this test has no sample of: {name}"),
    }
}

fn send_alone(facade: &Facade, verb: Verb, sample: &Sample) -> Reply {
    let url = format!("/fhir/{}", sample.url).replace("/fhir/?", "/fhir?");
    let url = url.trim_end_matches('/');
    if !sample.form.is_empty() {
        return facade.send(verb.as_str(), url, &[FORM, WHOLE], sample.form);
    }
    let body = if sample.body.is_null() {
        Body::empty()
    } else {
        Body::from(sample.body.to_string())
    };
    facade.send(verb.as_str(), url, &[WHOLE], body)
}

fn entry(method: &str, url: &str, body: &Value) -> Value {
    let mut entry = json!({ "request": { "method": method, "url": url } });
    if !body.is_null() {
        entry["resource"] = body.clone();
    }
    entry
}

fn send(facade: &Facade, kind: &str, entries: &[Value], prefer: &str) -> Reply {
    let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": entries });
    facade.send("POST", "/fhir", &[("prefer", prefer)], bundle.to_string())
}

/// Returns all that is said of what went wrong.
fn words(outcome: &Value) -> String {
    let issues = outcome["issue"].as_array().into_iter().flatten();
    let words = issues.map(|issue| issue["details"]["text"].as_str().unwrap_or_default());
    words.collect::<Vec<_>>().join("\n")
}

/// Checks that the answer to an entry says the same as the answer that came alone.
#[track_caller]
fn check_same(at: &str, alone: &Reply, answer: &Value, is_headless: bool) {
    let response = &answer["response"];
    let status = response["status"].as_str().unwrap();
    assert_eq!(status, alone.status.to_string(), "{at}: {answer:#}");
    let header = |name: &str| match alone.header(name) {
        "" => Value::Null,
        text => Value::from(text),
    };
    assert_eq!(response["etag"], header("etag"), "{at}");
    assert_eq!(response["location"], header("location"), "{at}");
    assert_eq!(
        response["lastModified"].is_null(),
        alone.header("last-modified").is_empty(),
        "{at}"
    );
    if !is_headless {
        assert_eq!(answer["resource"], alone.json(), "{at}");
    }
}

#[test]
fn each_row_is_answered_in_a_bundle_as_it_is_alone_or_refused_in_words() {
    let shared = population();
    let (mut answered, mut refused) = (0, 0);
    for declared in catalogue::all() {
        for (form, verb) in declared
            .places
            .iter()
            .flat_map(|(form, verbs)| verbs.iter().map(move |verb| (*form, *verb)))
        {
            let sample = sample(declared, form, verb);
            let at = format!("{} {} ({})", verb.as_str(), sample.url, declared.name);
            let sent = entry(verb.as_str(), sample.url, &sample.body);
            let own = || declared.changes_state.then(population);
            let (one, two, three) = (own(), own(), own());
            let alone = send_alone(one.as_ref().unwrap_or(&shared), verb, &sample);
            let batch = send(
                two.as_ref().unwrap_or(&shared),
                "batch",
                std::slice::from_ref(&sent),
                WHOLE.1,
            );
            let transaction = send(
                three.as_ref().unwrap_or(&shared),
                "transaction",
                std::slice::from_ref(&sent),
                WHOLE.1,
            );
            expect(&batch, 200);
            let answer = &batch.json()["entry"][0];
            match declared.in_bundle {
                BundleUse::Entry => {
                    assert!(alone.status.is_success(), "{at}: {}", alone.text);
                    check_same(&at, &alone, answer, verb == Verb::Head);
                    expect(&transaction, 200);
                    let answer = &transaction.json()["entry"][0];
                    check_same(&at, &alone, answer, verb == Verb::Head);
                    answered += 1;
                }
                BundleUse::Refused(why) => {
                    assert_ne!(alone.status.as_u16(), 405, "{at}: {}", alone.text);
                    assert_eq!(
                        answer["response"]["status"], "405 Method Not Allowed",
                        "{at}"
                    );
                    let told = words(&answer["response"]["outcome"]);
                    assert!(told.contains(why), "{at}: {told}");
                    expect(&transaction, 405);
                    assert!(words(&transaction.json()).contains(why), "{at}");
                    refused += 1;
                }
            }
        }
    }
    assert!(answered > 50 && refused > 10, "{answered} {refused}");
}

#[test]
fn the_statement_says_which_operations_stand_in_no_bundle() {
    let statement = clinic().get("metadata").json();
    let said = statement["rest"][0]["documentation"].as_str().unwrap();
    let (_, said) = said.split_once("may be an entry").unwrap();
    for declared in catalogue::all().filter(|declared| declared.definition.is_some()) {
        assert_eq!(
            said.contains(&format!("${}", declared.name)),
            declared.in_bundle != BundleUse::Entry,
            "{}",
            declared.name
        );
    }
}

/// Returns the statuses of the answers to entries without bodies.
fn statuses_of(facade: &Facade, kind: &str, urls: &[&str], prefer: &str) -> Vec<String> {
    let entries: Vec<_> = urls
        .iter()
        .map(|url| entry("GET", url, &Value::Null))
        .collect();
    let reply = send(facade, kind, &entries, prefer);
    expect(&reply, 200);
    let bundle = reply.json();
    let answers = bundle["entry"].as_array().unwrap().iter();
    answers
        .map(|answer| answer["response"]["status"].as_str().unwrap()[..3].to_owned())
        .collect()
}

#[test]
fn what_fails_alone_fails_in_a_batch_with_the_same_status() {
    let facade = population();
    expect(&facade.send("DELETE", "/fhir/Goal/g", &[], ""), 204);
    for url in [
        "Patient/nobody",
        "Goal/g",
        "Goal/g/_history/2",
        "Goal/g/$meta",
        "Patient/p?_include=*",
        "Patient/p/_history?name=x",
        "Patient/p?_summary=count",
        "Patient?colour=red",
        "Patient/p/$rights?as-of=soon",
        "Patient/p/$rights?colour=red",
        "Patient/nobody/$rights",
        "Patient/nobody/$everything",
        "Patient/p/_history?_since=soon",
        "Patient/nobody/_history",
        "Condition/c/$meta-add",
        "Observation/$meta",
        "Subscription/$status?status=asleep",
        "Subscription/sub/$events?eventsSinceNumber=2&eventsUntilNumber=1",
        "Patient/p?_format=application/fhir%2Bturtle",
        "Patient/p?_pretty=perhaps",
        "Condition/c/$validate?mode=perhaps",
        "Task/_search",
        "nothing/at/all",
    ] {
        let alone = facade.get(url);
        assert!(alone.status.is_client_error(), "{url}: {}", alone.status);
        let status = alone.status.as_str();
        assert_eq!(statuses_of(&facade, "batch", &[url], ""), [status], "{url}");
        let before = changes(&facade);
        let write = entry("PUT", "Organization/new", &organization("new", "x"));
        let entries = [write, entry("GET", url, &Value::Null)];
        let whole = send(&facade, "transaction", &entries, "");
        assert_eq!(whole.status, alone.status, "{url}: {}", whole.text);
        assert!(
            whole
                .issues()
                .iter()
                .all(|issue| issue.contains("Bundle.entry[1]")),
            "{:?}",
            whole.issues()
        );
        assert_eq!(changes(&facade), before, "{url}");
    }
}

#[test]
fn who_wants_to_be_treated_with_lenience_is_so_in_each_entry() {
    let facade = population();
    let urls = [
        "Patient?colour=red",
        "Patient/p?colour=red",
        "Patient/p/_history?colour=red",
        "Patient/p/$rights?colour=red",
        "$meta?colour=red",
    ];
    assert_eq!(
        statuses_of(&facade, "batch", &urls, "handling=strict"),
        ["400"; 5]
    );
    for kind in ["batch", "transaction"] {
        assert_eq!(
            statuses_of(&facade, kind, &urls, "handling=lenient"),
            ["200"; 5]
        );
    }
}

#[test]
fn looks_of_a_transaction_see_what_it_wrote() {
    let facade = clinic();
    let looks = [
        "Patient/x?_elements=gender",
        "Patient/x/_history",
        "Patient/x/Condition",
        "Patient/x/$everything",
        "Patient/x/$rights",
        "Patient/x/$meta",
        "Condition/_history?_count=1",
        "Condition?subject=Patient/x",
    ];
    let mut entries: Vec<_> = looks
        .iter()
        .map(|url| entry("GET", url, &Value::Null))
        .collect();
    entries.push(entry("PUT", "Patient/x", &patient("x")));
    entries.push(entry("PUT", "Condition/c", &copd("c", "x", "2027-02-20")));
    let reply = send(&facade, "transaction", &entries, "");
    expect(&reply, 200);
    let bundle = reply.json();
    let found = |at: usize| bundle["entry"][at]["resource"].clone();
    assert_eq!(found(0)["id"], "x");
    let counts = [1, 2, 4, 6, 7].map(|at| found(at)["entry"].as_array().unwrap().len());
    assert_eq!(counts, [1; 5], "{bundle:#}");
    let everything = found(3)["entry"].as_array().unwrap().clone();
    let has = |id: &str| everything.iter().any(|entry| entry["resource"]["id"] == id);
    assert!(has("x") && has("c"), "{everything:#?}");
    assert_eq!(found(5)["parameter"][0]["name"], "return");

    // What it deletes is not there afterwards, and that is known before.
    let before = changes(&facade);
    for url in [
        "Patient/x",
        "Patient/x/$everything",
        "Patient/x/*",
        "Patient/x/$meta",
    ] {
        let entries = [
            entry("GET", url, &Value::Null),
            entry("DELETE", "Patient/x", &Value::Null),
            entry("DELETE", "Condition/c", &Value::Null),
        ];
        expect(&send(&facade, "transaction", &entries, ""), 404);
        assert_eq!(changes(&facade), before, "{url}");
    }
}

#[test]
fn a_change_of_labels_is_part_of_the_commit_of_its_transaction() {
    let facade = population();
    let labels = parameters(json!([{ "name": "meta", "valueMeta": { "tag": [{ "code": "x" }] } }]));
    let label = || entry("POST", "Condition/c/$meta-add", &labels);
    let tags = |facade: &Facade| facade.get("Condition/c").json()["meta"]["tag"].clone();

    let before = changes(&facade);
    let wrong = entry(
        "PUT",
        "Organization/gp",
        &json!({ "resourceType": "Organization", "id": "other" }),
    );
    expect(&send(&facade, "transaction", &[label(), wrong], ""), 400);
    let mut stale = label();
    stale["request"]["ifMatch"] = "W/\"9\"".into();
    expect(&send(&facade, "transaction", &[stale], ""), 412);
    let twice = entry("PUT", "Condition/c", &facade.get("Condition/c").json());
    expect(&send(&facade, "transaction", &[label(), twice], ""), 400);
    assert_eq!(changes(&facade), before);

    let write = entry("PUT", "Organization/new", &organization("new", "x"));
    let reply = send(&facade, "transaction", &[label(), write], "");
    expect(&reply, 200);
    let meta = &reply.json()["entry"][0]["resource"]["parameter"][0]["valueMeta"];
    assert_eq!(meta["tag"], json!([{ "code": "x" }]));
    assert_eq!(tags(&facade), json!([{ "code": "x" }]));
    let updated = |path: &str| facade.get(path).json()["meta"]["lastUpdated"].clone();
    assert_eq!(updated("Condition/c"), updated("Organization/new"));
}

#[test]
fn a_search_by_post_has_its_parameters_in_the_address_in_parameters_or_in_both() {
    let facade = population();
    let body = |name: &str, value: Value| {
        let mut parameter = value;
        parameter["name"] = name.into();
        parameters(json!([parameter]))
    };
    let total = |url: &str, body: &Value| {
        let reply = send(&facade, "batch", &[entry("POST", url, body)], "");
        let found = reply.json()["entry"][0].clone();
        (
            found["response"]["status"].clone(),
            found["resource"]["total"].clone(),
        )
    };
    let ok = |count: u64| (json!("200 OK"), json!(count));
    let by_subject = body("subject", json!({ "valueString": "Patient/p" }));
    assert_eq!(total("Condition/_search", &Value::Null), ok(2));
    assert_eq!(
        total("Condition/_search?subject=Patient/q", &Value::Null),
        ok(1)
    );
    assert_eq!(total("Condition/_search", &by_subject), ok(1));
    assert_eq!(total("Condition/_search?_id=d", &by_subject), ok(0));
    let counted = body("_count", json!({ "valueInteger": 0 }));
    assert_eq!(total("Condition/_search", &counted), ok(2));
    let wrong = json!({ "resourceType": "Patient" });
    assert_eq!(total("Condition/_search", &wrong).0, "400 Bad Request");
    let unknown = body("colour", json!({ "valueString": "red" }));
    assert_eq!(total("Condition/_search", &unknown).0, "400 Bad Request");
}

#[test]
fn the_links_of_a_page_in_a_bundle_lead_on_and_say_how_it_is_written() {
    let facade = population();
    let entries = [entry(
        "GET",
        "Condition?_count=1&_pretty=true",
        &Value::Null,
    )];
    let reply = send(&facade, "batch", &entries, "");
    let page = reply.json()["entry"][0]["resource"].clone();
    let next = page["link"].as_array().unwrap();
    let next = next.iter().find(|link| link["relation"] == "next").unwrap();
    let url = next["url"].as_str().unwrap().strip_prefix(BASE).unwrap();
    assert!(url.contains("_pretty=true"), "{url}");
    expect(&facade.get(url.trim_start_matches('/')), 200);
}

#[test]
fn all_that_the_entries_of_one_bundle_find_counts() {
    let facade = clinic();
    let mut large = organization("large", "x");
    large["alias"] = json!(vec!["x".repeat(1_000_000); 4]);
    facade.put_ok(&large);
    for url in [
        "Organization/large/_history",
        "Organization/_history?_count=1",
        "Organization/_search?_id=large",
    ] {
        let method = if url.contains("_search") {
            "POST"
        } else {
            "GET"
        };
        let entries = vec![entry(method, url, &Value::Null); 20];
        let reply = send(&facade, "batch", &entries, "");
        let bundle = reply.json();
        let answers = bundle["entry"].as_array().unwrap().iter();
        let found = answers.filter(|answer| answer["response"]["status"] == "200 OK");
        assert_eq!(found.count(), 16, "{url}");
        expect(&send(&facade, "transaction", &entries, ""), 400);
    }
}

/// The statuses of one entry, in a batch and in a transaction.
fn statuses_in_both(facade: &Facade, entry: &Value, prefer: &str) -> [String; 2] {
    ["batch", "transaction"].map(|kind| {
        let reply = send(facade, kind, std::slice::from_ref(entry), prefer);
        let bundle = reply.json();
        let of_entry = bundle["entry"][0]["response"]["status"].as_str();
        of_entry.map_or(reply.status.as_str().to_owned(), |status| {
            status[..3].to_owned()
        })
    })
}

#[test]
fn the_form_of_an_answer_that_a_search_by_post_asks_for_is_refused_in_an_entry_as_alone() {
    let facade = population();
    for url in [
        "Condition/_search",
        "_search",
        "Patient/p/*/_search",
        "Patient/p/Condition/_search",
    ] {
        for (name, value) in [
            ("_format", "application/fhir+turtle"),
            ("_pretty", "perhaps"),
        ] {
            let form = format!("{name}={}", value.replace('+', "%2B"));
            let alone = facade.send("POST", &format!("/fhir/{url}"), &[FORM], form);
            assert!(alone.status.is_client_error(), "{url} {name}");
            let body = parameters(json!([{ "name": name, "valueString": value }]));
            assert_eq!(
                statuses_in_both(&facade, &entry("POST", url, &body), ""),
                [alone.status.as_str(); 2],
                "{url} {name}"
            );
        }
    }
}

#[test]
fn a_condition_of_an_entry_that_is_no_text_is_never_passed_over() {
    let facade = population();
    let before = changes(&facade);
    for (method, url, name) in [
        ("POST", "Organization", "ifNoneExist"),
        ("PUT", "Organization/gp", "ifMatch"),
        ("PUT", "Organization/gp", "ifNoneMatch"),
    ] {
        for wrong in [
            json!(7),
            json!(true),
            json!(["identifier=x"]),
            json!({ "identifier": "x" }),
        ] {
            let organization = if method == "POST" {
                without_id(organization("", "other"))
            } else {
                organization("gp", "other")
            };
            let mut sent = entry(method, url, &organization);
            sent["request"][name] = wrong.clone();
            assert_eq!(
                statuses_in_both(&facade, &sent, ""),
                ["400"; 2],
                "{name} {wrong}"
            );
        }
    }
    for wrong in [json!(1), json!(false), json!(["urn:uuid:x"]), json!({})] {
        let mut sent = entry("PUT", "Organization/gp", &organization("gp", "other"));
        sent["fullUrl"] = wrong.clone();
        let found = statuses_in_both(&facade, &sent, "");
        assert_eq!(found, ["400"; 2], "fullUrl {wrong}");
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn a_deletion_that_is_told_by_an_outcome_has_the_status_that_it_has_alone() {
    for (prefer, status) in [
        ("return=minimal", "204"),
        ("return=representation", "204"),
        ("return=OperationOutcome", "200"),
    ] {
        for url in ["Goal/g", "Goal/never", "Goal?identifier=Goal-g"] {
            let (one, two) = (population(), population());
            let alone = one.send("DELETE", &format!("/fhir/{url}"), &[("prefer", prefer)], "");
            assert_eq!(alone.status.as_str(), status, "{prefer} {url}");
            let sent = entry("DELETE", url, &Value::Null);
            // The second time there is nothing left to delete.
            assert_eq!(
                statuses_in_both(&two, &sent, prefer),
                [status; 2],
                "{prefer} {url}"
            );
        }
    }
}

#[test]
fn a_look_of_a_transaction_may_name_the_version_or_the_id_that_a_write_makes() {
    let facade = clinic();
    facade.put_ok(&organization("old", "one"));
    expect(
        &facade.send("DELETE", "/fhir/Organization/old", &[], ""),
        204,
    );
    for (method, url, name, look, status) in [
        ("PUT", "gp", "a", "gp/_history/2", 200),
        ("PUT", "gp", "b", "gp/_history/3/$meta", 200),
        ("PUT", "gp", "c", "gp/_history/5", 404),
        ("PUT", "gp", "c", "gp/_history/5/$meta", 404),
        ("PUT", "x", "a", "x/_history/1", 200),
        ("PUT", "y", "a", "y/_history/2", 404),
        ("PUT", "old", "a", "old/_history/2", 410),
        ("PUT", "old", "a", "old/_history/3", 200),
        ("PUT", "?_id=z", "a", "z", 200),
        ("PUT", "?_id=w", "a", "v", 404),
        ("DELETE", "x", "", "x/_history/2", 404),
        ("DELETE", "x", "", "x/_history/1/$meta", 200),
        ("DELETE", "?_id=z", "", "z", 404),
        ("DELETE", "?_id=z", "", "z/$meta", 404),
        ("DELETE", "?_id=z", "", "z/_history", 200),
    ] {
        let before = changes(&facade);
        let id = url.strip_prefix("?_id=").unwrap_or(url);
        let url = format!("Organization/{url}").replace("/?", "?");
        let write = match method {
            "PUT" => entry("PUT", &url, &organization(id, name)),
            _ => entry(method, &url, &Value::Null),
        };
        let look = entry("GET", &format!("Organization/{look}"), &Value::Null);
        let at = format!("{write} {look}");
        let reply = send(&facade, "transaction", &[look, write], "");
        assert_eq!(reply.status.as_u16(), status, "{at}: {}", reply.text);
        if status == 200 {
            let status = &reply.json()["entry"][0]["response"]["status"];
            assert_eq!(status, "200 OK", "{at}");
        } else {
            assert_eq!(changes(&facade), before, "{at}");
        }
    }
}
