package dk.kronikerpakker.frist.conformance;

import static org.hl7.fhir.instance.model.api.IBaseBundle.LINK_NEXT;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.rest.api.MethodOutcome;
import ca.uhn.fhir.rest.api.PreferReturnEnum;
import ca.uhn.fhir.rest.api.SearchStyleEnum;
import ca.uhn.fhir.rest.api.SearchTotalModeEnum;
import ca.uhn.fhir.rest.api.SortOrderEnum;
import ca.uhn.fhir.rest.api.SortSpec;
import ca.uhn.fhir.rest.api.SummaryEnum;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.server.exceptions.BaseServerResponseException;
import ca.uhn.fhir.rest.server.exceptions.InvalidRequestException;
import ca.uhn.fhir.rest.server.exceptions.PreconditionFailedException;
import ca.uhn.fhir.rest.server.exceptions.ResourceGoneException;
import ca.uhn.fhir.rest.server.exceptions.ResourceNotFoundException;
import ca.uhn.fhir.rest.server.exceptions.ResourceVersionConflictException;
import ca.uhn.fhir.rest.server.exceptions.UnprocessableEntityException;
import ca.uhn.fhir.util.BundleBuilder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.hl7.fhir.instance.model.api.IIdType;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.Bundle.BundleEntryComponent;
import org.hl7.fhir.r4.model.CapabilityStatement;
import org.hl7.fhir.r4.model.CodeType;
import org.hl7.fhir.r4.model.CodeableConcept;
import org.hl7.fhir.r4.model.Coding;
import org.hl7.fhir.r4.model.Condition;
import org.hl7.fhir.r4.model.DateTimeType;
import org.hl7.fhir.r4.model.DateType;
import org.hl7.fhir.r4.model.HumanName;
import org.hl7.fhir.r4.model.IdType;
import org.hl7.fhir.r4.model.Identifier;
import org.hl7.fhir.r4.model.OperationOutcome;
import org.hl7.fhir.r4.model.OperationOutcome.IssueSeverity;
import org.hl7.fhir.r4.model.Organization;
import org.hl7.fhir.r4.model.Parameters;
import org.hl7.fhir.r4.model.Patient;
import org.hl7.fhir.r4.model.Reference;
import org.hl7.fhir.r4.model.Resource;
import org.hl7.fhir.r4.model.StringType;
import org.hl7.fhir.r4.model.Task;

/** What users of HAPI FHIR's generic client do with a server, and what they must get. A line for each step that is done. */
public final class Client {
    private static final String SENDER = "https://ehr.example.dk/id";
    private static final String TERMINOLOGY = "http://terminology.hl7.org/CodeSystem";
    private static final String SOR = "urn:oid:1.2.208.176.1.1";

    private final FhirContext context = FhirContext.forR4();
    private final IGenericClient client;

    /** The practice, the person and the diagnosis that the later steps are about. */
    private IIdType gp;

    private IIdType karen;
    private IIdType condition;

    private Client(String base) {
        client = context.newRestfulGenericClient(base);
    }

    /** Does all steps; ends with an exception at the first one that is not as promised. */
    public static void main(String[] arguments) {
        Client steps = new Client(System.getenv("FRIST_BASE"));
        step("capabilities", steps::capabilities);
        step("create", steps::create);
        step("conditional create, twice", steps::conditionalCreate);
        step("transaction", steps::transaction);
        step("read", steps::read);
        step("search with paging", steps::paging);
        step("search by POST, chain, date, inclusion, summary and total", steps::search);
        step("operations: $rights, $everything, $validate", steps::operations);
        step("update", steps::update);
        step("update of the right and of the wrong version", steps::updateOfVersion);
        step("conditional update", steps::conditionalUpdate);
        step("patch: JSON Patch and FHIRPath Patch", steps::patch);
        step("vread and history", steps::history);
        step("read of what is known already", steps::knownAlready);
        step("errors", steps::errors);
        step("delete, then read", steps::delete);
        step("conditional delete", steps::conditionalDelete);
    }

    private void capabilities() {
        CapabilityStatement statement = client.capabilities().ofType(CapabilityStatement.class).execute();
        expect("version of FHIR", statement.getFhirVersion().toCode(), "4.0.1");
        expect("types", statement.getRestFirstRep().getResource().stream().anyMatch(resource -> resource.getType().equals("Condition")), true);
    }

    private void create() {
        MethodOutcome outcome = client.create().resource(practice("Lægehuset Møllebakken")).execute();
        expect("is new", outcome.getCreated(), true);
        gp = outcome.getId();
        expect("version", gp.getVersionIdPart(), "1");
        expect("name", ((Organization) outcome.getResource()).getName(), "Lægehuset Møllebakken");

        MethodOutcome minimal = client.create().resource(region("190000016007999")).prefer(PreferReturnEnum.MINIMAL).execute();
        expect("content", minimal.getResource(), null);
        expect("version", minimal.getId().getVersionIdPart(), "1");
        MethodOutcome told = client.create().resource(region("190000016008999")).prefer(PreferReturnEnum.OPERATION_OUTCOME).execute();
        expect("findings", ((OperationOutcome) told.getOperationOutcome()).getIssue().isEmpty(), false);
    }

    private void conditionalCreate() {
        Organization other = practice("Another name");
        MethodOutcome byCriteria = client.create().resource(other).conditional()
                .where(Organization.IDENTIFIER.exactly().systemAndIdentifier(SENDER, "practice")).execute();
        MethodOutcome byUrl = client.create().resource(other).conditionalByUrl("Organization?identifier=" + SENDER + "%7Cpractice").execute();
        for (MethodOutcome outcome : List.of(byCriteria, byUrl)) {
            expect("id", outcome.getId().getIdPart(), gp.getIdPart());
            expect("version", outcome.getId().getVersionIdPart(), "1");
            expect("name", ((Organization) outcome.getResource()).getName(), "Lægehuset Møllebakken");
        }
        expect("organizations", count(Organization.class), 3);
    }

    private void transaction() {
        BundleBuilder builder = new BundleBuilder(context);
        List<String> numbers = List.of("0405440001", "0505550002", "0606660003", "0707770004", "0808880005", "0909990006", "1010000007");
        for (String cpr : numbers) {
            Patient person = person(cpr);
            person.setId(IdType.newRandomUuid());
            person.addGeneralPractitioner(new Reference(gp.toUnqualifiedVersionless()));
            builder.addTransactionCreateEntry(person);
            if (cpr.equals(numbers.get(0))) {
                builder.addTransactionCreateEntry(diagnosis(person.getIdElement().getValue(), "2027-02-15"));
            }
        }
        builder.addTransactionCreateEntry(practice("Another name")).conditional("Organization?identifier=" + SENDER + "|practice");
        Bundle answer = client.transaction().withBundle((Bundle) builder.getBundle()).execute();
        expect("type", answer.getType(), Bundle.BundleType.TRANSACTIONRESPONSE);
        expect("created", answer.getEntry().stream().filter(entry -> entry.getResponse().getStatus().startsWith("201")).count(), 8L);
        expect("found", new IdType(answer.getEntry().get(8).getResponse().getLocation()).getIdPart(), gp.getIdPart());
        karen = new IdType(answer.getEntry().get(0).getResponse().getLocation()).toUnqualifiedVersionless();
        condition = new IdType(answer.getEntry().get(1).getResponse().getLocation()).toUnqualifiedVersionless();
    }

    private void read() {
        Condition found = client.read().resource(Condition.class).withId(condition).execute();
        expect("day", found.getRecordedDateElement().getValueAsString(), "2027-02-15");
        expect("reference that the transaction resolved", found.getSubject().getReferenceElement().toUnqualifiedVersionless(), karen);
        Patient person = client.read().resource(Patient.class).withUrl(client.getServerBase() + "/" + karen.getValue()).execute();
        expect("person", person.getIdentifierFirstRep().getValue(), "0405440001");
    }

    private void paging() {
        Bundle page = client.search().forResource(Patient.class).count(3).sort(new SortSpec("_id", SortOrderEnum.ASC))
                .returnBundle(Bundle.class).execute();
        expect("total", page.getTotal(), 7);
        List<Integer> sizes = new ArrayList<>(List.of(page.getEntry().size()));
        List<String> everyone = new ArrayList<>(ids(page));
        while (page.getLink(LINK_NEXT) != null) {
            page = client.loadPage().next(page).execute();
            sizes.add(page.getEntry().size());
            everyone.addAll(ids(page));
        }
        expect("pages", sizes, List.of(3, 3, 1));
        expect("in order, none twice", everyone, List.copyOf(new TreeSet<>(everyone)));
    }

    private void search() {
        Bundle byCpr = client.search().forResource(Patient.class).where(Patient.IDENTIFIER.exactly().identifier("0405440001"))
                .usingStyle(SearchStyleEnum.POST).returnBundle(Bundle.class).execute();
        expect("found by a form", ids(byCpr), List.of(karen.getIdPart()));
        Bundle included = client.search().forResource(Condition.class)
                .where(Condition.CODE.exactly().systemAndCode("urn:oid:1.2.208.176.2.31", "R95"))
                .and(Condition.PATIENT.hasChainedProperty(Patient.NAME.matches().value("holm")))
                .and(Condition.RECORDED_DATE.afterOrEquals().day("2027-02-01"))
                .include(Condition.INCLUDE_PATIENT).returnBundle(Bundle.class).execute();
        expect("condition and person", Set.copyOf(ids(included)), Set.of(condition.getIdPart(), karen.getIdPart()));
        Bundle reverse = client.search().forResource(Patient.class).where(Patient.RES_ID.exactly().code(karen.getIdPart()))
                .revInclude(Condition.INCLUDE_PATIENT).returnBundle(Bundle.class).execute();
        expect("person and condition", ids(reverse), List.of(karen.getIdPart(), condition.getIdPart()));
        Bundle summary = client.search().forResource(Condition.class).summaryMode(SummaryEnum.TRUE)
                .totalMode(SearchTotalModeEnum.ACCURATE).returnBundle(Bundle.class).execute();
        expect("total", summary.getTotal(), 1);
        Condition part = (Condition) summary.getEntryFirstRep().getResource();
        expect("tag", part.getMeta().getTagFirstRep().getCode(), "SUBSETTED");
        expect("pretty, by name", ids(client.search().byUrl("Condition?_pretty=true&_format=json").returnBundle(Bundle.class).execute()),
                List.of(condition.getIdPart()));
    }

    private void operations() {
        Bundle rights = client.operation().onInstance(karen).named("$rights").withNoParameters(Parameters.class).useHttpGet()
                .returnResourceType(Bundle.class).execute();
        List<String> codes = rights.getEntry().stream().map(BundleEntryComponent::getResource).filter(Task.class::isInstance)
                .map(task -> ((Task) task).getCode().getCoding().get(1).getCode()).toList();
        expect("rights", codes, List.of("treatment-plan"));
        Bundle then = client.operation().onInstance(karen).named("$rights").withParameter(Parameters.class, "as-of", new DateType("2027-02-20"))
                .returnResourceType(Bundle.class).execute();
        expect("rights of a day", then.getEntry().isEmpty(), false);
        Bundle everything = client.operation().onInstance(karen).named("$everything").withNoParameters(Parameters.class)
                .returnResourceType(Bundle.class).execute();
        expect("types", everything.getEntry().stream().map(entry -> entry.getResource().fhirType()).collect(Collectors.toSet()),
                Set.of("Patient", "Condition", "Task", "Organization"));
        MethodOutcome validated = client.validate().resource(diagnosis(karen.getValue(), "2027-03-02")).execute();
        expectIssue((OperationOutcome) validated.getOperationOutcome());
    }

    private void update() {
        Organization practice = client.read().resource(Organization.class).withId(gp.toVersionless()).execute();
        practice.setName("Lægerne Møllebakken");
        MethodOutcome outcome = client.update().resource(practice).execute();
        expect("version", outcome.getId().getVersionIdPart(), "2");
    }

    private void updateOfVersion() {
        // The client sends the version of the id as If-Match.
        Organization seen = client.read().resource(Organization.class).withId(gp.toVersionless()).execute();
        expect("seen", seen.getIdElement().getVersionIdPart(), "2");
        seen.setName("Lægehuset");
        expect("version", client.update().resource(seen).execute().getId().getVersionIdPart(), "3");
        seen.setName("Nobody saw this");
        PreconditionFailedException raised = refused(PreconditionFailedException.class, () -> client.update().resource(seen).execute());
        expect("reason", raised.getMessage().contains("expected version 2, found version 3"), true);
        expect("name", client.read().resource(Organization.class).withId(gp.toVersionless()).execute().getName(), "Lægehuset");
    }

    private void conditionalUpdate() {
        MethodOutcome outcome = client.update().resource(practice("Lægehuset Bakken")).conditional()
                .where(Organization.IDENTIFIER.exactly().systemAndIdentifier(SENDER, "practice")).execute();
        expect("updated", outcome.getId().toUnqualified().getValue(), "Organization/" + gp.getIdPart() + "/_history/4");
    }

    private void patch() {
        MethodOutcome byJson = client.patch().withBody("[{\"op\": \"replace\", \"path\": \"/name\", \"value\": \"Møllebakken\"}]")
                .withId(gp.toUnqualifiedVersionless()).execute();
        expect("name", ((Organization) byJson.getResource()).getName(), "Møllebakken");
        Parameters parameters = new Parameters();
        Parameters.ParametersParameterComponent operation = parameters.addParameter().setName("operation");
        operation.addPart().setName("type").setValue(new CodeType("replace"));
        operation.addPart().setName("path").setValue(new StringType("Organization.name"));
        operation.addPart().setName("value").setValue(new StringType("Bakken"));
        MethodOutcome byPath = client.patch().withFhirPatch(parameters).withId(gp.toUnqualifiedVersionless()).execute();
        expect("name", ((Organization) byPath.getResource()).getName(), "Bakken");
        expect("version", byPath.getId().getVersionIdPart(), "6");
    }

    private void history() {
        Organization first = client.read().resource(Organization.class).withIdAndVersion(gp.getIdPart(), "1").execute();
        expect("first name", first.getName(), "Lægehuset Møllebakken");
        Bundle history = client.history().onInstance(gp.toUnqualifiedVersionless()).returnBundle(Bundle.class).execute();
        expect("versions", history.getEntry().stream().map(entry -> entry.getResource().getIdElement().getVersionIdPart()).toList(),
                List.of("6", "5", "4", "3", "2", "1"));
        Bundle page = client.history().onType(Organization.class).returnBundle(Bundle.class).count(5).execute();
        expect("a page", page.getEntry().size(), 5);
        expect("the next page", client.loadPage().next(page).execute().getEntry().size(), 3);
    }

    private void knownAlready() {
        Organization known = client.read().resource(Organization.class).withId(gp.toUnqualifiedVersionless()).execute();
        Organization same = client.read().resource(Organization.class).withId(gp.toUnqualifiedVersionless())
                .ifVersionMatches(known.getIdElement().getVersionIdPart()).returnResource(known).execute();
        expect("the one at hand", same == known, true);
    }

    private void errors() {
        UnprocessableEntityException raised = refused(UnprocessableEntityException.class,
                () -> client.create().resource(diagnosis(karen.getValue(), "2027-03-02")).execute());
        expectIssue((OperationOutcome) raised.getOperationOutcome());
        expect("message names the element", raised.getMessage().contains("Condition.recordedDate"), true);
        refused(ResourceNotFoundException.class, () -> client.read().resource(Patient.class).withId("nobody").execute());
        InvalidRequestException unknown = refused(InvalidRequestException.class,
                () -> client.search().byUrl("Patient?colour=red").returnBundle(Bundle.class).execute());
        expect("message names the parameter", unknown.getMessage().contains("colour"), true);
    }

    private void delete() {
        ResourceVersionConflictException raised =
                refused(ResourceVersionConflictException.class, () -> client.delete().resourceById(karen).execute());
        expect("who refers to it", raised.getMessage().contains(condition.getValue()), true);
        client.delete().resourceById(condition).execute();
        refused(ResourceGoneException.class, () -> client.read().resource(Condition.class).withId(condition).execute());
        Bundle history = client.history().onInstance(condition).returnBundle(Bundle.class).execute();
        expect("methods", history.getEntry().stream().map(entry -> entry.getRequest().getMethod().toCode()).toList(), List.of("DELETE", "POST"));
    }

    private void conditionalDelete() {
        client.delete().resourceConditionalByType(Organization.class)
                .where(Organization.IDENTIFIER.exactly().systemAndIdentifier(SOR, "190000016008999")).execute();
        expect("organizations", count(Organization.class), 2);
    }

    private int count(Class<? extends Resource> type) {
        return client.search().forResource(type).count(0).returnBundle(Bundle.class).execute().getTotal();
    }

    private static List<String> ids(Bundle page) {
        return page.getEntry().stream().map(entry -> entry.getResource().getIdElement().getIdPart()).toList();
    }

    private static Organization practice(String name) {
        Organization made = region("99000010016005").setName(name);
        made.addIdentifier().setSystem("urn:oid:1.2.208.176.1.4").setValue("990101");
        made.addIdentifier().setSystem(SENDER).setValue("practice");
        return made;
    }

    private static Organization region(String sor) {
        return new Organization().setName("Region").addIdentifier(new Identifier().setSystem(SOR).setValue(sor));
    }

    private static Patient person(String cpr) {
        Patient made = new Patient();
        made.addIdentifier().setUse(Identifier.IdentifierUse.OFFICIAL).setSystem("urn:oid:1.2.208.176.1.2").setValue(cpr);
        made.addName().setUse(HumanName.NameUse.OFFICIAL).setFamily("Holm").addGiven("Karen");
        return made;
    }

    private static Condition diagnosis(String subject, String day) {
        Condition made = new Condition().setSubject(new Reference(subject)).setRecordedDateElement(new DateTimeType(day));
        made.setClinicalStatus(concept(TERMINOLOGY + "/condition-clinical", "active"));
        made.setVerificationStatus(concept(TERMINOLOGY + "/condition-ver-status", "confirmed"));
        made.addCategory(concept(TERMINOLOGY + "/condition-category", "problem-list-item"));
        return made.setCode(concept("urn:oid:1.2.208.176.2.31", "R95"));
    }

    private static CodeableConcept concept(String system, String code) {
        return new CodeableConcept(new Coding(system, code, null));
    }

    private static void step(String name, Runnable step) {
        step.run();
        System.out.println("  " + name);
    }

    private static void expect(String what, Object found, Object expected) {
        if (!Objects.equals(found, expected)) {
            throw new AssertionError(what + ": expected " + expected + ", found " + found);
        }
    }

    private static void expectIssue(OperationOutcome outcome) {
        expect("severity", outcome.getIssueFirstRep().getSeverity(), IssueSeverity.ERROR);
        expect("element", outcome.getIssueFirstRep().getExpression().get(0).getValue(), "Condition.recordedDate");
    }

    /** What the client throws for the call, which must be exactly that. */
    private static <T extends BaseServerResponseException> T refused(Class<T> expected, Runnable call) {
        try {
            call.run();
        } catch (BaseServerResponseException raised) {
            expect("exception", raised.getClass(), expected);
            return expected.cast(raised);
        }
        throw new AssertionError("expected " + expected.getSimpleName() + ", found an answer");
    }
}
