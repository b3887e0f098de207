//! A clock as a FHIR Task (deadline-rules, section 6; <https://hl7.org/fhir/R4/task.html>).

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::clock::Clock;
use super::words::{BusinessStatus, Group, StartOn, Unit};
use crate::fhir::dates::format_instant;
use crate::fhir::{Id, names};

/// The project's namespace of derived ids. Changing it changes the id of every Task.
pub const NAMESPACE: Uuid = Uuid::from_u128(0x5f77_7675_bc4a_4f89_bde6_d063_fcff_dc9c);

/// Returns the id of the Task for a person's treatment plan for a group.
pub fn treatment_plan_task_id(patient: &Id, group: Group) -> Id {
    Uuid::new_v5(
        &NAMESPACE,
        format!("treatment-plan|{patient}|{group}").as_bytes(),
    )
    .into()
}

/// Returns the id of the Task for the referral chain with that root.
pub fn prevention_start_task_id(root: &Id) -> Id {
    Uuid::new_v5(&NAMESPACE, format!("prevention-start|{root}").as_bytes()).into()
}

/// Builds the Task of a clock, without version and `lastUpdated`, its elements in the order of R4.
///
/// `last_modified` is the instant of the change: of the write that caused it, or the beginning of
/// the day if the calendar did.
pub fn task(clock: &Clock, last_modified: Timestamp) -> Value {
    let mut task = Map::new();
    let mut set = |name: &str, value: Value| {
        task.insert(name.to_owned(), value);
    };
    set("resourceType", json!("Task"));
    set("id", json!(clock.task_id.as_str()));
    set("meta", json!({ "profile": [names::PROFILE_RIGHT_TASK] }));
    let group = concept(
        names::CS_TARGET_GROUP,
        clock.group.code(),
        clock.group.danish(),
    );
    let group = json!({ "url": names::EXT_TARGET_GROUP, "valueCodeableConcept": group });
    let forecast = clock
        .forecast
        .map(|forecast| json!({ "url": names::EXT_FORECAST, "valueCode": forecast.code() }));
    let extensions = std::iter::once(group).chain(forecast);
    set("extension", extensions.collect());
    let system = format!("{}/sid/right-task", names::CANONICAL_BASE);
    set(
        "identifier",
        json!([{ "system": system, "value": clock.task_id.as_str() }]),
    );
    set("instantiatesCanonical", json!(clock.rule));
    set("status", json!(clock.status.code()));
    if let Some(reason) = &clock.status_reason {
        set("statusReason", reason.clone());
    }
    set("businessStatus", business_status(clock.business_status));
    set("intent", json!("order"));
    let (code, display) = (clock.right.code(), clock.right.danish());
    let right = json!({ "system": names::CS_RIGHT, "code": code, "display": display });
    set(
        "code",
        json!({ "coding": [{ "system": names::TASK_CODE, "code": "fulfill" }, right] }),
    );
    set("focus", json!({ "reference": clock.focus.to_string() }));
    set("for", json!({ "reference": clock.patient.to_string() }));
    let mut execution = json!({ "start": clock.start.to_string() });
    if let Some(stop) = &clock.stop {
        execution["end"] = json!(stop.date.to_string());
    }
    set("executionPeriod", execution);
    set("lastModified", json!(format_instant(last_modified)));
    if let Some(owner) = &clock.owner {
        set("owner", owner.to_reference());
    }
    set(
        "restriction",
        json!({ "period": { "start": clock.start.to_string(), "end": clock.due.to_string() } }),
    );
    set("input", inputs(clock));
    if let Some(stop) = &clock.stop {
        let by = json!({ "reference": stop.by.to_string() });
        set(
            "output",
            json!([{ "type": { "text": "Fristen er stoppet af" }, "valueReference": by }]),
        );
    }
    Value::Object(task)
}

fn inputs(clock: &Clock) -> Value {
    let input = |code: &str, value_element: &str, value: Value| {
        let mut input =
            json!({ "type": { "coding": [{ "system": names::CS_RIGHT_INPUT, "code": code }] } });
        input[value_element] = value;
        input
    };
    let mut inputs = vec![
        input("clock-start", "valueDate", json!(clock.start.to_string())),
        input("days", "valueInteger", json!(clock.days)),
        input("gross-due", "valueDate", json!(clock.gross_due.to_string())),
        input("net-due", "valueDate", json!(clock.net_due.to_string())),
    ];
    let own_gp = clock.own_gp_verified.map(|is_verified| {
        let code = if is_verified {
            "verified"
        } else {
            "unverified"
        };
        input("own-gp", "valueCode", json!(code))
    });
    inputs.extend(own_gp);
    if clock.unit != Unit::Day {
        inputs.push(input("unit", "valueCode", json!(clock.unit.code())));
    }
    if clock.start_on != StartOn::Authored {
        inputs.push(input("start-on", "valueCode", json!(clock.start_on.code())));
    }
    if clock.start_attributed {
        inputs.push(input("start-attributed", "valueBoolean", json!(true)));
    }
    Value::Array(inputs)
}

/// Takes the forecast away from a Task that nothing is owed by any more.
pub(super) fn without_forecast(task: &mut Value) {
    if let Some(extensions) = task["extension"].as_array_mut() {
        extensions.retain(|extension| extension["url"] != names::EXT_FORECAST);
    }
}

/// Builds the `Task.businessStatus` of a deadline status.
pub(super) fn business_status(status: BusinessStatus) -> Value {
    concept(names::CS_RIGHT_STATUS, status.code(), status.danish())
}

fn concept(system: &str, code: &str, display: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code, "display": display }] })
}
