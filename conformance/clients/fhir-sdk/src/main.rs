//! The steps that users of the fhir-sdk client (Rust, its R4B types) take with a server, and the
//! answers that they must get. Prints a line for each step that is done.

use std::error::Error as StdError;
use std::fmt::Debug;

use fhir_sdk::client::r4b::DateSearch;
use fhir_sdk::client::{
    Client, Error, RequestSettings, ResourceWrite, SearchParameters, TokenSearch,
};
use fhir_sdk::r4b::codes::{
    BundleType, HTTPVerb, IdentifierUse, IssueSeverity, NameUse, SearchComparator,
};
use fhir_sdk::r4b::resources::{
    Bundle, BundleEntry, BundleEntryRequest, Condition, OperationOutcome, OperationOutcomeIssue,
    Organization, ParametersParameter, ParametersParameterValue, Patient, Resource, ResourceType,
    Task,
};
use fhir_sdk::r4b::types::{CodeableConcept, Coding, HumanName, Identifier, Reference};
use fhir_sdk::version::FhirR4B;
use fhir_sdk::{HeaderValue, StatusCode, TryStreamExt, header};

type Outcome<T = ()> = Result<T, Box<dyn StdError>>;

const SENDER: &str = "https://ehr.example.dk/id";
const TERMINOLOGY: &str = "http://terminology.hl7.org/CodeSystem";
const KP_RIGHT: &str = "https://kronikerpakker.dk/fhir/CodeSystem/kp-right";
const CPR_NUMBERS: [&str; 7] = [
    "0405440001",
    "0505550002",
    "0606660003",
    "0707770004",
    "0808880005",
    "0909990006",
    "1010000007",
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let base = std::env::var("FRIST_BASE")?;
    let client: Client<FhirR4B> = Client::new(base.parse()?)?;
    capabilities(&client).await?;
    let mut gp = create(&client).await?;
    conditional_create(&base, &client, &gp).await?;
    let (karen, condition) = transaction(&client, &gp).await?;
    read(&client, &gp, &karen, &condition).await?;
    paging(&client).await?;
    search(&client, &karen, &condition).await?;
    operations(&client, &base, &karen).await?;
    update(&client, &mut gp).await?;
    patch(&client, id_of(&gp.id)?).await?;
    history(&client, id_of(&gp.id)?).await?;
    errors(&client, &karen).await?;
    delete(&client, &karen, &condition).await
}

async fn capabilities(client: &Client<FhirR4B>) -> Outcome {
    let statement = client.capabilities().await?;
    expect("version of FHIR", statement.fhir_version.as_ref(), "4.0.1")?;
    done("capabilities")
}

async fn create(client: &Client<FhirR4B>) -> Outcome<Organization> {
    let mut gp = practice("Lægehuset Møllebakken")?;
    let id = gp.create(client).await?;
    expect("id", gp.id.as_deref(), Some(id.as_str()))?;
    expect(
        "version",
        gp.meta.as_ref().and_then(|meta| meta.version_id.as_deref()),
        Some("1"),
    )?;
    done("create")?;
    Ok(gp)
}

async fn conditional_create(base: &str, client: &Client<FhirR4B>, gp: &Organization) -> Outcome {
    let criteria = HeaderValue::from_str(&format!("identifier={SENDER}|practice"))?;
    let settings = RequestSettings::default().header("if-none-exist".parse()?, criteria);
    let conditional: Client<FhirR4B> = Client::builder()
        .base_url(base.parse()?)
        .request_settings(settings)
        .build()?;
    for name in ["Another name", "A third name"] {
        let (id, version) = conditional.create(&practice(name)?).await?;
        expect("id", Some(id), gp.id.clone())?;
        expect("version", version.as_deref(), Some("1"))?;
    }
    expect(
        "name",
        name_of(client, id_of(&gp.id)?).await?.as_deref(),
        Some("Lægehuset Møllebakken"),
    )?;
    done("conditional create, twice")
}

/// The ids of the person and the diagnosis that it makes.
async fn transaction(client: &Client<FhirR4B>, gp: &Organization) -> Outcome<(String, String)> {
    let mut transaction = client.transaction();
    let mut urns = Vec::new();
    for cpr in CPR_NUMBERS {
        urns.push(transaction.create(person(cpr, id_of(&gp.id)?)?));
    }
    transaction.create(diagnosis(&urns[0], "2027-02-15")?);
    let once = BundleEntryRequest::builder()
        .method(HTTPVerb::Post)
        .url("Organization".to_owned());
    let once = once
        .if_none_exist(format!("identifier={SENDER}|practice"))
        .build()?;
    transaction.with_raw(
        BundleEntry::builder()
            .request(once)
            .resource(practice("Another name")?.into())
            .build()?,
    );
    let answer = transaction.send().await?;
    expect("type", answer.r#type, BundleType::TransactionResponse)?;
    let responses = answer
        .entry
        .iter()
        .flatten()
        .flat_map(|entry| &entry.response);
    let told: Vec<_> = responses
        .map(|response| {
            (
                &response.status[..3],
                response.location.clone().unwrap_or_default(),
            )
        })
        .collect();
    expect(
        "created",
        told.iter().filter(|(status, _)| *status == "201").count(),
        8,
    )?;
    expect("found", told[8].0, "200")?;
    let id = |location: &str| location.rsplit('/').nth(2).unwrap_or_default().to_owned();
    expect("the practice", Some(id(&told[8].1)), gp.id.clone())?;
    done("transaction")?;
    Ok((id(&told[0].1), id(&told[7].1)))
}

async fn read(
    client: &Client<FhirR4B>,
    gp: &Organization,
    karen: &str,
    condition: &str,
) -> Outcome {
    let found: Condition = client
        .read(condition)
        .await?
        .ok_or("expected the diagnosis")?;
    expect(
        "day",
        found.recorded_date.clone(),
        Some("2027-02-15".parse()?),
    )?;
    let Resource::Patient(person) = client.read_referenced(&found.subject).await? else {
        return Err("expected a Patient".into());
    };
    expect("person", person.id.as_deref(), Some(karen))?;
    expect(
        "identifier",
        identifiers(&person),
        vec![CPR_NUMBERS[0].to_owned()],
    )?;
    let owner = person
        .general_practitioner
        .first()
        .and_then(Option::as_ref)
        .ok_or("expected a practice")?;
    let Resource::Organization(owner) = client.read_referenced(owner).await? else {
        return Err("expected an Organization".into());
    };
    expect("practice", owner.id.clone(), gp.id.clone())?;
    expect(
        "what is not there",
        client.read::<Patient>("nobody").await?,
        None,
    )?;
    done("read")
}

async fn paging(client: &Client<FhirR4B>) -> Outcome {
    let page = client
        .search::<Patient>(
            SearchParameters::empty()
                .and_raw("_count", 3)
                .and_raw("_sort", "_id"),
        )
        .await?;
    expect("total", page.total(), Some(7))?;
    expect("a page", page.matches().count(), 3)?;
    let all: Vec<Patient> = page.all_matches().try_collect().await?;
    let ids: Vec<_> = all.iter().map(|person| person.id.clone()).collect();
    let mut once = ids.clone();
    once.sort();
    once.dedup();
    expect("persons", ids.len(), 7)?;
    expect("in order, none twice", ids, once)?;
    done("search with paging")
}

async fn search(client: &Client<FhirR4B>, karen: &str, condition: &str) -> Outcome {
    let code = TokenSearch::Standard {
        name: "code",
        system: Some("urn:oid:1.2.208.176.2.31"),
        code: Some("R95"),
        not: false,
    };
    let since = DateSearch {
        name: "recorded-date",
        comparator: Some(SearchComparator::Ge),
        value: "2027-02-01",
    };
    let parameters = SearchParameters::empty()
        .and(code)
        .and(since)
        .and_raw("_include", "Condition:subject");
    let page = client.search::<Condition>(parameters).await?;
    expect(
        "matches",
        page.matches().map(|found| found.id.clone()).collect(),
        vec![Some(condition.to_owned())],
    )?;
    let included = page.entries().filter(|resource| matches!(resource, Resource::Patient(person) if person.id.as_deref() == Some(karen)));
    expect("included", included.count(), 1)?;
    let everything = client
        .search_all(SearchParameters::empty().and_raw("_type", "Patient,Organization"))
        .await?;
    expect("of two types", everything.total(), Some(8))?;
    let form = client.search_custom::<Patient, _>(|http| {
        let url = client.base_url().as_str().trim_end_matches('/').to_owned() + "/Patient/_search";
        http.post(url).form(&[("identifier", CPR_NUMBERS[0])])
    });
    expect(
        "by a form",
        form.await?
            .matches()
            .map(|found| found.id.clone())
            .collect(),
        vec![Some(karen.to_owned())],
    )?;
    done("search by token, date, inclusion, of the system and by POST")
}

async fn operations(client: &Client<FhirR4B>, base: &str, karen: &str) -> Outcome {
    let everything = client.operation_patient_everything(karen).await?;
    let types = |bundle: &Bundle| {
        bundle
            .entry
            .iter()
            .flatten()
            .flat_map(|entry| &entry.resource)
            .map(Resource::resource_type)
            .collect::<Vec<_>>()
    };
    for wanted in [
        ResourceType::Patient,
        ResourceType::Condition,
        ResourceType::Task,
        ResourceType::Organization,
    ] {
        expect(
            "everything has it",
            types(&everything).contains(&wanted),
            true,
        )?;
    }
    let rights = client
        .send_custom_request(|http| http.get(format!("{base}/Patient/{karen}/$rights")))
        .await?;
    let rights: Bundle = serde_json::from_slice(&rights.bytes().await?)?;
    let tasks = rights
        .0
        .entry
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.resource)
        .filter_map(|resource| Task::try_from(resource).ok());
    let codes: Vec<_> = tasks
        .map(|task| {
            task.code
                .as_ref()
                .and_then(|code| code.code_with_system(KP_RIGHT).map(str::to_owned))
        })
        .collect();
    expect("rights", codes, vec![Some("treatment-plan".to_owned())])?;
    let wrong = serde_json::to_vec(&diagnosis(&format!("Patient/{karen}"), "2027-03-02")?)?;
    let sent = client.send_custom_request(|http| {
        http.post(format!("{base}/Condition/$validate"))
            .header(header::CONTENT_TYPE, "application/fhir+json")
            .body(wrong)
    });
    let found: OperationOutcome = serde_json::from_slice(&sent.await?.bytes().await?)?;
    expect_issue(first_issue(&found)?)?;
    done("operations: $rights, $everything, $validate")
}

async fn update(client: &Client<FhirR4B>, gp: &mut Organization) -> Outcome {
    let mut seen_before = gp.clone();
    gp.name = Some("Lægehuset".to_owned());
    expect("is new", gp.update(true, client).await?, false)?;
    expect(
        "version",
        gp.meta.as_ref().and_then(|meta| meta.version_id.as_deref()),
        Some("2"),
    )?;
    seen_before.name = Some("Nobody saw this".to_owned());
    let (status, outcome) = refused(seen_before.update(true, client).await)?;
    expect("status", status, StatusCode::PRECONDITION_FAILED)?;
    expect(
        "severity",
        first_issue(&outcome)?.severity,
        IssueSeverity::Error,
    )?;
    expect(
        "name",
        name_of(client, id_of(&gp.id)?).await?.as_deref(),
        Some("Lægehuset"),
    )?;
    done("update of the right and of the wrong version")
}

async fn patch(client: &Client<FhirR4B>, id: &str) -> Outcome {
    client
        .patch_via_json(ResourceType::Organization, id)
        .replace("/name", "Møllebakken")?
        .send()
        .await?;
    expect(
        "name",
        name_of(client, id).await?.as_deref(),
        Some("Møllebakken"),
    )?;
    let value = ParametersParameter::builder()
        .name("value".to_owned())
        .value(ParametersParameterValue::String("Bakken".to_owned()));
    client
        .patch_via_fhir(ResourceType::Organization, id)
        .replace("Organization.name", value.build()?)
        .send()
        .await?;
    expect(
        "name",
        name_of(client, id).await?.as_deref(),
        Some("Bakken"),
    )?;
    let tested = client
        .patch_via_json(ResourceType::Organization, id)
        .test("/name", "Another name")?
        .send()
        .await;
    expect(
        "a test that fails",
        refused(tested)?.0,
        StatusCode::UNPROCESSABLE_ENTITY,
    )?;
    done("patch: JSON Patch and FHIRPath Patch")
}

async fn history(client: &Client<FhirR4B>, id: &str) -> Outcome {
    let first: Organization = client
        .read_version(id, "1")
        .await?
        .ok_or("expected the first version")?;
    expect(
        "first name",
        first.name.as_deref(),
        Some("Lægehuset Møllebakken"),
    )?;
    let history = client.history::<Organization>(Some(id)).await?.into_inner();
    let versions: Vec<_> = history
        .entry
        .iter()
        .flatten()
        .flat_map(|entry| &entry.resource)
        .map(version_of)
        .collect();
    expect(
        "versions",
        versions,
        ["4", "3", "2", "1"]
            .map(|version| Some(version.to_owned()))
            .to_vec(),
    )?;
    done("vread and history")
}

async fn errors(client: &Client<FhirR4B>, karen: &str) -> Outcome {
    let wrong = diagnosis(&format!("Patient/{karen}"), "2027-03-02")?;
    let (status, outcome) = refused(client.create(&wrong).await)?;
    expect("status", status, StatusCode::UNPROCESSABLE_ENTITY)?;
    expect_issue(first_issue(&outcome)?)?;
    let unknown = client
        .search::<Patient>(SearchParameters::empty().and_raw("colour", "red"))
        .await;
    expect("status", refused(unknown)?.0, StatusCode::BAD_REQUEST)?;
    done("errors")
}

async fn delete(client: &Client<FhirR4B>, karen: &str, condition: &str) -> Outcome {
    let (status, outcome) = refused(client.delete(ResourceType::Patient, karen).await)?;
    expect("status", status, StatusCode::CONFLICT)?;
    let told = first_issue(&outcome)?
        .diagnostics
        .clone()
        .unwrap_or_default();
    expect(
        "who refers to it",
        told.contains(&format!("Condition/{condition}")),
        true,
    )?;
    client.delete(ResourceType::Condition, condition).await?;
    // The client calls what was deleted, as what was never there, None; so the history tells.
    expect(
        "what was deleted",
        client.read::<Condition>(condition).await?,
        None,
    )?;
    let history = client
        .history::<Condition>(Some(condition))
        .await?
        .into_inner();
    let methods: Vec<_> = history
        .entry
        .iter()
        .flatten()
        .flat_map(|entry| &entry.request)
        .map(|request| request.method)
        .collect();
    expect("methods", methods, vec![HTTPVerb::Delete, HTTPVerb::Post])?;
    done("delete, then read")
}

async fn name_of(client: &Client<FhirR4B>, id: &str) -> Outcome<Option<String>> {
    let stored: Organization = client.read(id).await?.ok_or("expected the practice")?;
    Ok(stored.name.clone())
}

fn practice(name: &str) -> Outcome<Organization> {
    let identifiers = [
        ("urn:oid:1.2.208.176.1.1", "99000010016005"),
        ("urn:oid:1.2.208.176.1.4", "990101"),
        (SENDER, "practice"),
    ];
    let identifiers = identifiers.map(|(system, value)| {
        Identifier::builder()
            .system(system.to_owned())
            .value(value.to_owned())
            .build()
            .ok()
    });
    Ok(Organization::builder()
        .name(name.to_owned())
        .identifier(identifiers.to_vec())
        .build()?)
}

fn person(cpr: &str, gp: &str) -> Outcome<Patient> {
    let official = Identifier::builder()
        .r#use(IdentifierUse::Official)
        .system("urn:oid:1.2.208.176.1.2".to_owned())
        .value(cpr.to_owned());
    let name = HumanName::builder()
        .r#use(NameUse::Official)
        .family("Holm".to_owned())
        .given(vec![Some("Karen".to_owned())]);
    let patient = Patient::builder()
        .identifier(vec![Some(official.build()?)])
        .name(vec![Some(name.build()?)]);
    Ok(patient
        .general_practitioner(vec![Some(reference(&format!("Organization/{gp}"))?)])
        .build()?)
}

fn diagnosis(subject: &str, day: &str) -> Outcome<Condition> {
    let condition = Condition::builder()
        .subject(reference(subject)?)
        .recorded_date(day.parse()?);
    let condition = condition.clinical_status(concept(
        &format!("{TERMINOLOGY}/condition-clinical"),
        "active",
    )?);
    let condition = condition.verification_status(concept(
        &format!("{TERMINOLOGY}/condition-ver-status"),
        "confirmed",
    )?);
    let condition = condition.category(vec![Some(concept(
        &format!("{TERMINOLOGY}/condition-category"),
        "problem-list-item",
    )?)]);
    Ok(condition
        .code(concept("urn:oid:1.2.208.176.2.31", "R95")?)
        .build()?)
}

fn concept(system: &str, code: &str) -> Outcome<CodeableConcept> {
    let coding = Coding::builder()
        .system(system.to_owned())
        .code(code.to_owned())
        .build()?;
    Ok(CodeableConcept::builder()
        .coding(vec![Some(coding)])
        .build()?)
}

fn reference(text: &str) -> Outcome<Reference> {
    Ok(Reference::builder().reference(text.to_owned()).build()?)
}

fn identifiers(person: &Patient) -> Vec<String> {
    person
        .identifier
        .iter()
        .flatten()
        .filter_map(|identifier| identifier.value.clone())
        .collect()
}

fn version_of(resource: &Resource) -> Option<String> {
    resource
        .as_base_resource()
        .meta()
        .as_ref()
        .and_then(|meta| meta.version_id.clone())
}

fn id_of(id: &Option<String>) -> Outcome<&str> {
    Ok(id.as_deref().ok_or("expected an id")?)
}

/// The status and the findings of a call that must have been refused with an OperationOutcome.
fn refused<T: Debug>(answer: Result<T, Error>) -> Outcome<(StatusCode, OperationOutcome)> {
    match answer {
        Err(Error::OperationOutcomeR4B(status, outcome)) => Ok((status, outcome)),
        other => Err(format!("expected an OperationOutcome, found {other:?}").into()),
    }
}

fn first_issue(outcome: &OperationOutcome) -> Outcome<&OperationOutcomeIssue> {
    Ok(outcome
        .issue
        .iter()
        .flatten()
        .next()
        .ok_or("expected an issue")?)
}

fn expect_issue(issue: &OperationOutcomeIssue) -> Outcome {
    expect("severity", issue.severity, IssueSeverity::Error)?;
    expect(
        "element",
        issue.expression.clone(),
        vec![Some("Condition.recordedDate".to_owned())],
    )
}

fn expect<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Outcome {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, found {found:?}").into())
    }
}

fn done(step: &str) -> Outcome {
    println!("  {step}");
    Ok(())
}
