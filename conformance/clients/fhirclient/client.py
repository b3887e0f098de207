"""What users of fhirclient (the SMART client of Boston Children's Hospital) do with a server, and what they must get."""

import os

from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle, BundleEntry, BundleEntryRequest
from fhirclient.models.careplan import CarePlan
from fhirclient.models.codeableconcept import CodeableConcept
from fhirclient.models.condition import Condition
from fhirclient.models.fhirdatetime import FHIRDateTime
from fhirclient.models.fhirreference import FHIRReference
from fhirclient.models.identifier import Identifier
from fhirclient.models.operationoutcome import OperationOutcome
from fhirclient.models.organization import Organization
from fhirclient.models.patient import Patient
from fhirclient.models.task import Task
from fhirclient.server import FHIRNotFoundException
from requests.exceptions import HTTPError

from steps import expect, refused, step

SENDER = "https://ehr.example.dk/id"
CODES = "https://kronikerpakker.dk/fhir/CodeSystem"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"

smart = FHIRClient(settings={"app_id": "frist", "api_base": os.environ["FRIST_BASE"]})
server = smart.server


def identifier(system, value, use=None):
    made = Identifier()
    made.system, made.value, made.use = system, value, use
    return made


def concept(system, code):
    return CodeableConcept({"coding": [{"system": system, "code": code}]})


def reference(text):
    return FHIRReference({"reference": text})


def practice(name):
    made = Organization()
    made.name = name
    made.identifier = [identifier("urn:oid:1.2.208.176.1.1", "99000010016005"), identifier("urn:oid:1.2.208.176.1.4", "990101"),
                       identifier(SENDER, "practice")]
    return made


def person(cpr, gp=None):
    made = Patient({"name": [{"use": "official", "family": "Holm", "given": ["Karen"]}]})
    made.identifier = [identifier("urn:oid:1.2.208.176.1.2", cpr, "official")]
    if gp:
        made.generalPractitioner = [reference(gp)]
    return made


def diagnosis(subject, day):
    made = Condition()
    made.subject = reference(subject)
    made.clinicalStatus = concept(f"{TERMINOLOGY}/condition-clinical", "active")
    made.verificationStatus = concept(f"{TERMINOLOGY}/condition-ver-status", "confirmed")
    made.category = [concept(f"{TERMINOLOGY}/condition-category", "problem-list-item")]
    made.code = concept("urn:oid:1.2.208.176.2.31", "R95")
    made.recordedDate = FHIRDateTime(day)
    return made


def posted(resource, full_url=None):
    entry = BundleEntry()
    entry.resource, entry.fullUrl = resource, full_url
    entry.request = BundleEntryRequest({"method": "POST", "url": resource.resource_type})
    return entry


class Header:
    """The client's session sends the header while this is open."""

    def __init__(self, name, value):
        self.name, self.value = name, value

    def __enter__(self):
        server.session.headers[self.name] = self.value

    def __exit__(self, *_):
        del server.session.headers[self.name]


def outcome(error):
    return OperationOutcome(error.response.json()).issue[0]


with step("capabilities"):
    expect("ready", smart.prepare(), True)
    statement = server.capabilityStatement
    expect("version of FHIR", statement.fhirVersion, "4.0.1")
    expect("types", {"Condition", "Task"} <= {resource.type for resource in statement.rest[0].resource}, True)

with step("create"):
    created = practice("Lægehuset Møllebakken").create(server)
    gp_id = created["id"]
    expect("version", created["meta"]["versionId"], "1")

with step("conditional create, twice"):
    region = Organization({"name": "Region", "identifier": [{"system": "urn:oid:1.2.208.176.1.1", "value": "190000016007999"}]})
    with Header("If-None-Exist", "identifier=urn:oid:1.2.208.176.1.1|190000016007999"):
        first, second = region.create(server), region.create(server)
    expect("the same", second["id"], first["id"])
    expect("the same version", second["meta"], first["meta"])

with step("transaction"):
    cprs = ["0405440001", "0505550002", "0606660003", "0707770004", "0808880005", "0909990006", "1010000007"]
    bundle = Bundle()
    bundle.type = "transaction"
    urns = [f"urn:uuid:00000000-0000-4000-8000-00000000000{at}" for at in range(len(cprs))]
    bundle.entry = [posted(person(cpr, f"Organization/{gp_id}"), urn) for cpr, urn in zip(cprs, urns)]
    bundle.entry.append(posted(diagnosis(urns[0], "2027-02-15")))
    answer = Bundle(bundle.create(server))
    expect("type", answer.type, "transaction-response")
    expect("statuses", {entry.response.status.split()[0] for entry in answer.entry}, {"201"})
    condition_id = answer.entry[-1].response.location.split("/")[-3]

with step("read"):
    condition = Condition.read(condition_id, server)
    expect("day", condition.recordedDate.as_json(), "2027-02-15")
    karen = condition.subject.resolved(Patient)
    expect("person", karen.identifier[0].value, "0405440001")
    expect("name", smart.human_name(karen.name[0]), "Karen Holm")
    expect("practice", karen.generalPractitioner[0].resolved(Organization).name, "Lægehuset Møllebakken")

with step("search with paging"):
    search = Patient.where({"_count": "3", "_sort": "_id"})
    pages = [[entry.resource.id for entry in page.entry] for page in search.perform_iter(server)]
    expect("pages", [len(page) for page in pages], [3, 3, 1])
    everyone = [patient.id for patient in search.perform_resources_iter(server)]
    expect("in order, none twice", everyone, sorted(set(everyone)))
    expect("the same", everyone, sum(pages, []))

with step("search by token, chain, date and inclusion"):
    found = list(Condition.where({"code": "urn:oid:1.2.208.176.2.31|R95", "subject:Patient.name": "holm", "recorded-date": "ge2027-02-01"})
                 .include("subject").perform_resources_iter(server))
    expect("found", sorted(each.relativePath() for each in found), sorted([condition.relativePath(), karen.relativePath()]))
    found = list(Task.where({"patient": karen.relativePath(), "right": "treatment-plan", "business-status": "running"}).perform_resources_iter(server))
    expect("end of the right", [task.restriction.period.end.as_json() for task in found], ["2027-03-17"])
    found = list(Patient.where({"family": {"$exact": "Holm"}}).perform_resources_iter(server))
    expect("persons", len(found), 7)

with step("operations: $rights, $everything, $validate"):
    rights = Bundle.read_from(f"{karen.relativePath()}/$rights", server)
    codes = [entry.resource.code.coding[1].code for entry in rights.entry if isinstance(entry.resource, Task)]
    expect("rights", codes, ["treatment-plan"])
    everything = Bundle.read_from(f"{karen.relativePath()}/$everything", server)
    expect("types", {entry.resource.resource_type for entry in everything.entry}, {"Patient", "Condition", "Task", "Organization"})
    found = OperationOutcome(server.post_json("Condition/$validate", diagnosis(karen.relativePath(), "2027-03-02").as_json()).json())
    expect("finding", (found.issue[0].severity, found.issue[0].expression), ("error", ["Condition.recordedDate"]))

with step("a plan, which meets the right"):
    plan = CarePlan({"status": "active", "intent": "plan", "subject": {"reference": karen.relativePath()}})
    plan.category = [concept(f"{CODES}/kp-careplan-category", "treatment-plan")]
    plan.addresses = [reference(condition.relativePath())]
    plan.author = reference(f"Organization/{gp_id}")
    plan.created = FHIRDateTime("2027-03-01")
    plan = CarePlan(plan.create(server))
    found = list(Task.where({"patient": karen.relativePath(), "business-status": "met"}).perform_resources_iter(server))
    expect("met", [task.status for task in found], ["completed"])

with step("update"):
    gp = Organization.read(gp_id, server)
    gp.name = "Lægerne Møllebakken"
    expect("version", gp.update()["meta"]["versionId"], "2")

with step("update of the right and of the wrong version"):
    gp.name = "Lægehuset"
    with Header("If-Match", 'W/"2"'):
        expect("version", gp.update()["meta"]["versionId"], "3")
        gp.name = "Nobody saw this"
        raised = refused(HTTPError, gp.update)
    expect("status", raised.response.status_code, 412)
    expect("reason", outcome(raised).code, "conflict")
    expect("name", Organization.read(gp_id, server).name, "Lægehuset")

with step("patch"):
    # The client has no patch: its session sends one.
    path = f"{server.base_uri}{gp.relativePath()}"
    step_of_patch = [{"op": "replace", "path": "/name", "value": "Møllebakken"}]
    patched = server.session.patch(path, json=step_of_patch, headers={"Content-Type": "application/json-patch+json"})
    server.raise_for_status(patched)
    expect("name", Organization(patched.json()).name, "Møllebakken")

with step("vread and history"):
    expect("first name", Organization.read_from(f"{gp.relativePath()}/_history/1", server).name, "Lægehuset Møllebakken")
    history = Bundle.read_from(f"{gp.relativePath()}/_history", server)
    expect("versions", [entry.resource.meta.versionId for entry in history.entry], ["4", "3", "2", "1"])
    expect("names", history.entry[0].resource.name, "Møllebakken")

with step("errors"):
    raised = refused(HTTPError, lambda: diagnosis(karen.relativePath(), "2027-03-02").create(server))
    expect("status", raised.response.status_code, 422)
    expect("issue", (outcome(raised).severity, outcome(raised).expression), ("error", ["Condition.recordedDate"]))
    refused(FHIRNotFoundException, lambda: Patient.read("nobody", server))
    raised = refused(HTTPError, lambda: list(Patient.where({"colour": "red"}).perform_resources_iter(server)))
    expect("status", (raised.response.status_code, outcome(raised).code), (400, "not-supported"))

with step("delete, then read"):
    raised = refused(HTTPError, condition.delete)
    expect("status", raised.response.status_code, 409)
    expect("who refers to it", plan.relativePath() in outcome(raised).details.text, True)
    plan.delete(server)
    condition.delete()
    raised = refused(HTTPError, lambda: Condition.read(condition_id, server))
    expect("status", raised.response.status_code, 410)
