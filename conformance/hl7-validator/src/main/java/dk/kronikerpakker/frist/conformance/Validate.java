package dk.kronikerpakker.frist.conformance;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import ca.uhn.fhir.validation.ValidationOptions;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.r5.utils.validation.constants.BestPracticeWarningLevel;

/**
 * The findings of the public HL7 validator about many resources, without network and without a terminology server.
 *
 * <p>Reads one JSON object a line, {@code {"name", "profiles", "resource"}}, where {@code resource} is the text of a resource as a string:
 * only so do duplicate keys, forms of numbers and whatever else a parser would mend reach the validator. Writes one object a line, in the same
 * order: {@code {"name", "issues": [{"severity", "location", "id", "message"}]}}, and {@code "crash"} where the validator itself failed, which
 * ends neither the run nor counts as a verdict.
 */
public final class Validate {

    private static final ObjectMapper JSON = new ObjectMapper();

    private final FhirValidator validator;

    private Validate(List<Path> packages) throws IOException {
        FhirContext context = FhirContext.forR4();
        PrePopulatedValidationSupport definitions = new PrePopulatedValidationSupport(context);
        for (Path path : packages) {
            for (String text : PackageFile.conformanceResources(path)) {
                definitions.addResource(context.newJsonParser().parseResource(text));
            }
        }
        LastingValidator module = new LastingValidator(new ValidationSupportChain(
                new DefaultProfileValidationSupport(context),
                definitions,
                // For definitions that say only what they change.
                new SnapshotGeneratingValidationSupport(context),
                new CommonCodeSystemsTerminologyService(context),
                new InMemoryTerminologyServerValidationSupport(context)));
        // As HAPI has it: an extension without a known definition is told of, and is no error.
        module.setAnyExtensionsAllowed(true);
        // A meta.profile that is not loaded is a warning (fhir-profiles.md, section 4).
        module.setErrorForUnknownProfiles(false);
        // Patient/7 is a Patient: else no reference would be checked for the type that it names.
        module.setAssumeValidRestReferences(true);
        // Advice is no finding about conformance.
        module.setBestPracticeWarningLevel(BestPracticeWarningLevel.Ignore);
        validator = context.newValidator().registerValidatorModule(module);
    }

    public static void main(String[] arguments) throws IOException {
        // Messages are compared between machines.
        Locale.setDefault(Locale.ENGLISH);
        List<Path> packages = new ArrayList<>();
        List<Path> files = new ArrayList<>();
        for (int i = 0; i < arguments.length; i++) {
            if (arguments[i].equals("--package") && i + 1 < arguments.length) {
                packages.add(Path.of(arguments[++i]));
            } else if (arguments[i].startsWith("-")) {
                System.err.println("usage: run [--package FILE.tgz|DIR]... [FILE.ndjson]    (standard input if no file is named)");
                System.exit(2);
            } else {
                files.add(Path.of(arguments[i]));
            }
        }
        Validate validate = new Validate(packages);
        try (PrintWriter out = new PrintWriter(new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8)))) {
            if (files.isEmpty()) {
                validate.all(System.in, out);
            }
            for (Path file : files) {
                try (InputStream in = Files.newInputStream(file)) {
                    validate.all(in, out);
                }
            }
        }
    }

    private void all(InputStream in, PrintWriter out) throws IOException {
        BufferedReader lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
        long since = System.nanoTime();
        int done = 0;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (!line.isBlank()) {
                out.println(JSON.writeValueAsString(one(JSON.readTree(line))));
                done++;
            }
        }
        out.flush();
        System.err.printf(Locale.ROOT, "validated %d resources in %.1f s%n", done, (System.nanoTime() - since) / 1e9);
    }

    private ObjectNode one(JsonNode request) {
        ObjectNode answer = JSON.createObjectNode();
        answer.put("name", request.path("name").asText());
        ValidationOptions options = new ValidationOptions();
        request.path("profiles").forEach(profile -> options.addProfile(profile.asText()));
        try {
            for (SingleValidationMessage message : validator.validateWithResult(request.path("resource").asText(), options).getMessages()) {
                ObjectNode issue = answer.withArray("issues").addObject();
                issue.put("severity", message.getSeverity().getCode());
                issue.put("location", message.getLocationString());
                issue.put("id", message.getMessageId());
                issue.put("message", message.getMessage());
            }
            answer.withArray("issues");
        } catch (RuntimeException | StackOverflowError | AssertionError failure) {
            answer.remove("issues");
            answer.put("crash", failure.toString());
        }
        return answer;
    }
}
