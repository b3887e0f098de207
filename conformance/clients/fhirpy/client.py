"""What users of fhirpy do with a server, and what they must get."""

import os

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound
from fhirpy.base.searchset import Raw

from steps import expect, refused, step

BASE = os.environ["FRIST_BASE"]
SENDER = "https://ehr.example.dk/id"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"

client = SyncFHIRClient(BASE)


def concept(system, code):
    return {"coding": [{"system": system, "code": code}]}


def practice(name):
    identifiers = [("urn:oid:1.2.208.176.1.1", "99000010016005"), ("urn:oid:1.2.208.176.1.4", "990101"), (SENDER, "practice")]
    return client.resource("Organization", name=name, identifier=[{"system": system, "value": value} for system, value in identifiers])


def person(cpr):
    official = {"use": "official", "system": "urn:oid:1.2.208.176.1.2", "value": cpr}
    return {"resourceType": "Patient", "identifier": [official], "name": [{"use": "official", "family": "Holm", "given": ["Karen"]}]}


def diagnosis(patient, day):
    return client.resource(
        "Condition",
        subject=patient,
        clinicalStatus=concept(f"{TERMINOLOGY}/condition-clinical", "active"),
        verificationStatus=concept(f"{TERMINOLOGY}/condition-ver-status", "confirmed"),
        category=[concept(f"{TERMINOLOGY}/condition-category", "problem-list-item")],
        code=concept("urn:oid:1.2.208.176.2.31", "R95"),
        recordedDate=day,
    )


with step("capabilities"):
    statement = client.execute("metadata", method="get")
    expect("version of FHIR", statement.fhirVersion, "4.0.1")
    expect("types", "Condition" in [resource.type for resource in statement.rest[0].resource], True)

with step("create"):
    gp = practice("Lægehuset Møllebakken").save()
    expect("version", gp.meta.versionId, "1")
    expect("name", gp.name, "Lægehuset Møllebakken")

with step("conditional create, which makes nothing new"):
    same = client.resources("Organization").search(identifier=f"{SENDER}|practice")
    found, is_new = same.get_or_create(practice("Another name"))
    expect("is new", is_new, False)
    expect("id", found.id, gp.id)
    expect("name", found.name, "Lægehuset Møllebakken")
    expect("organizations", client.resources("Organization").count(), 1)

with step("conditional create, which makes it"):
    region = client.resource("Organization", name="Region", identifier=[{"system": "urn:oid:1.2.208.176.1.1", "value": "190000016007999"},
                                                                        {"system": SENDER, "value": "region"}])
    made, is_new = client.resources("Organization").search(identifier=f"{SENDER}|region").get_or_create(region)
    expect("is new", is_new, True)
    expect("organizations", client.resources("Organization").count(), 2)

with step("transaction"):
    people = [person(cpr) for cpr in ["0405440001", "0505550002", "0606660003", "0707770004", "0808880005", "0909990006", "1010000007"]]
    entries = [{"fullUrl": f"urn:uuid:00000000-0000-4000-8000-00000000000{at}", "resource": someone, "request": {"method": "POST", "url": "Patient"}}
               for at, someone in enumerate(people)]
    people[0]["generalPractitioner"] = [gp.to_reference()]
    condition = diagnosis({"reference": entries[0]["fullUrl"]}, "2027-02-15")
    entries.append({"resource": condition.serialize(), "request": {"method": "POST", "url": "Condition"}})
    bundle = client.resource("Bundle", type="transaction", entry=entries)
    answer = client.execute("", data=bundle.serialize())
    expect("type", answer.type, "transaction-response")
    expect("statuses", {entry.response.status.split()[0] for entry in answer.entry}, {"201"})
    condition_id = answer.entry[-1].response.location.split("/Condition/")[1].split("/")[0]

with step("read"):
    condition = client.reference("Condition", condition_id).to_resource()
    karen = condition.subject.to_resource()
    expect("reference that the transaction resolved", karen.identifier[0]["value"], "0405440001")
    expect("the same by get", client.get("Patient", karen.id)["identifier"], [dict(karen.identifier[0])])

with step("search with paging"):
    patients = client.resources("Patient").sort("_id").limit(3)
    expect("a page", len(patients.fetch()), 3)
    everyone = [patient.id for patient in patients]
    expect("persons", len(everyone), 7)
    expect("in order, none twice", everyone, sorted(set(everyone)))
    expect("count", client.resources("Patient").count(), 7)

with step("search by chain, inclusion and elements"):
    by_cpr = Raw(**{"subject:Patient.name": "holm"})
    expect("chain", [found.id for found in client.resources("Condition").search(by_cpr)], [condition_id])
    expect("_has", [found.id for found in client.resources("Patient").has("Condition", "patient", code="R95")], [karen.id])
    raw = client.resources("Condition").include("Condition", "subject").fetch_raw()
    expect("included", sorted(entry.resource.resourceType for entry in raw.entry), ["Condition", "Patient"])
    part = client.resources("Condition").elements("recordedDate").first()
    expect("elements", (part.recordedDate, part.get("category")), ("2027-02-15", None))

with step("operations: $rights, $everything, $validate"):
    rights = karen.execute("$rights", method="get")
    expect("code of the right", [entry.resource.code.coding[1].code for entry in rights.entry if entry.resource.resourceType == "Task"],
           ["treatment-plan"])
    everything = karen.execute("$everything", method="get")
    expect("types", {entry.resource.resourceType for entry in everything.entry}, {"Patient", "Condition", "Task", "Organization"})
    expect("is valid", condition.is_valid(), True)
    expect("is not valid", diagnosis(karen, "2027-03-02").is_valid(), False)

with step("update"):
    gp["name"] = "Lægerne Møllebakken"
    gp.update()
    expect("version", gp.meta.versionId, "2")

with step("update of the right and of the wrong version"):
    seen = SyncFHIRClient(BASE, extra_headers={"If-Match": 'W/"2"'})
    mine = seen.resource("Organization", **{**gp, "name": "Lægehuset"}).save()
    expect("version", mine.meta.versionId, "3")
    # The client calls every 412 so, and hands on what the server says.
    raised = refused(MultipleResourcesFound, seen.resource("Organization", **{**gp, "name": "Nobody saw this"}).save)
    expect("the reason", "expected version 2, found version 3" in str(raised), True)
    expect("name", gp.refresh().name, "Lægehuset")

with step("conditional update"):
    updated, is_new = same.update(practice("Lægehuset Bakken"))
    expect("is new", is_new, False)
    expect("version", (updated.id, updated.meta.versionId), (gp.id, "4"))

with step("patch: JSON Merge Patch and FHIRPath Patch"):
    expect("version", gp.refresh().meta.versionId, "4")
    gp.patch(name="Bakken", active=True)
    expect("patched", (gp.name, gp.active, gp.meta.versionId), ("Bakken", True, "5"))
    merged = client.patch("Organization", gp.id, active=None)
    expect("patched", (merged["name"], merged.get("active"), merged["meta"]["versionId"]), ("Bakken", None, "6"))
    operation = {"name": "operation", "part": [{"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Organization.name"},
                                               {"name": "value", "valueString": "Møllebakken"}]}
    patched = client.execute(gp.reference, method="patch", data={"resourceType": "Parameters", "parameter": [operation]})
    expect("patched", (patched.name, patched.meta.versionId), ("Møllebakken", "7"))

with step("vread and history"):
    expect("first name", client.execute(f"{gp.reference}/_history/1", method="get").name, "Lægehuset Møllebakken")
    history = client.execute(f"{gp.reference}/_history", method="get")
    expect("versions", [entry.resource.meta.versionId for entry in history.entry], ["7", "6", "5", "4", "3", "2", "1"])

with step("errors"):
    raised = refused(OperationOutcome, diagnosis(karen, "2027-03-02").save)
    issue = raised.resource["issue"][0]
    expect("issue", (issue["severity"], issue["expression"]), ("error", ["Condition.recordedDate"]))
    raised = refused(OperationOutcome, client.resources("Patient").search(colour="red").fetch)
    expect("unknown parameter", raised.resource["issue"][0]["severity"], "error")
    refused(ResourceNotFound, client.reference("Patient", "nobody").to_resource)

with step("delete, then read"):
    raised = refused(OperationOutcome, karen.delete)
    expect("who refers to it", f"Condition/{condition_id}" in str(raised), True)
    condition.delete()
    refused(ResourceNotFound, client.reference("Condition", condition_id).to_resource)
    history = client.execute(f"Condition/{condition_id}/_history", method="get")
    expect("methods", [entry.request.method for entry in history.entry], ["DELETE", "POST"])

with step("conditional delete"):
    client.resources("Organization").search(identifier=f"{SENDER}|region").delete()
    expect("organizations", client.resources("Organization").count(), 1)
