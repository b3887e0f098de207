//! Work that took longer than its client waits.

use frist::fhir::{Resource, ResourceType};
use frist::interactions::create::{CreateRequest, create};
use frist::interactions::transaction;
use serde_json::json;

use super::{changes, clinic, organization, without_id};

#[test]
fn what_nobody_waits_for_any_more_is_not_committed() {
    let facade = clinic();
    let before = changes(&facade);
    let context = facade.context();
    let create = || {
        let resource = Resource::from_value(without_id(organization("", "x"))).unwrap();
        let request = CreateRequest {
            resource_type: ResourceType::Organization,
            resource,
            if_none_exist: None,
        };
        create(facade.server(), &context, request)
    };
    assert!(create().is_ok());
    assert_eq!(changes(&facade), before + 1);
    context.abandon();
    assert!(create().is_err());
    let entry = json!({ "request": { "method": "PUT", "url": "Organization/a" }, "resource": organization("a", "x") });
    for kind in ["batch", "transaction"] {
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] });
        let _ = transaction::process(
            facade.server(),
            &context,
            &Resource::from_value(bundle).unwrap(),
        );
    }
    assert_eq!(changes(&facade), before + 1);
}
