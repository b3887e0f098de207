package dk.kronikerpakker.frist.conformance;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.parser.IParser;
import ca.uhn.fhir.parser.StrictErrorHandler;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Resources from one form to the other, by the parsers of HAPI FHIR.
 *
 * <p>Reads one JSON object a line, {@code {"name", "json", "xml"}}, the two forms of one resource as texts. Writes one object a line, in the same
 * order: {@code {"name", "json", "xml"}}, the JSON that HAPI FHIR makes of the XML and the XML that it makes of the JSON; and {@code "crash"}
 * where it makes none.
 */
public final class Convert {

    private static final ObjectMapper JSON = new ObjectMapper();

    private final FhirContext context = FhirContext.forR4();

    private Convert() {
        // Nothing may be mended on the way.
        context.setParserErrorHandler(new StrictErrorHandler());
        context.getParserOptions().setOverrideResourceIdWithBundleEntryFullUrl(false);
        context.getParserOptions().setStripVersionsFromReferences(false);
    }

    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 1) {
            System.err.println("usage: run --convert FILE.ndjson");
            System.exit(2);
        }
        Convert convert = new Convert();
        try (PrintWriter out = new PrintWriter(new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8)))) {
            for (String line : Files.readAllLines(Path.of(arguments[0]))) {
                out.println(JSON.writeValueAsString(convert.one(JSON.readTree(line))));
            }
        }
    }

    private ObjectNode one(JsonNode pair) {
        ObjectNode answer = JSON.createObjectNode();
        answer.put("name", pair.path("name").asText());
        IParser json = context.newJsonParser();
        IParser xml = context.newXmlParser();
        try {
            answer.put("json", json.encodeResourceToString(xml.parseResource(pair.path("xml").asText())));
            answer.put("xml", xml.encodeResourceToString(json.parseResource(pair.path("json").asText())));
        } catch (RuntimeException | StackOverflowError | AssertionError failure) {
            answer.put("crash", failure.toString());
        }
        return answer;
    }
}
