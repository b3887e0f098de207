package dk.kronikerpakker.frist.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;

/** What a validator has to know of a FHIR package: a {@code .tgz} of the NPM layout, or a folder of JSON files. Examples are not read. */
final class PackageFile {

    private static final Set<String> TYPES = Set.of("StructureDefinition", "ValueSet", "CodeSystem", "SearchParameter");
    private static final ObjectMapper JSON = new ObjectMapper();

    private PackageFile() {}

    /** The texts of its definitions and code systems, in the order of their file names. */
    static List<String> conformanceResources(Path path) throws IOException {
        List<String> found = new ArrayList<>();
        if (Files.isDirectory(path)) {
            List<Path> files;
            try (Stream<Path> list = Files.list(path)) {
                files = list.filter(file -> file.toString().endsWith(".json")).sorted().toList();
            }
            for (Path file : files) {
                addIfConformance(Files.readString(file), found);
            }
        } else {
            try (InputStream file = Files.newInputStream(path);
                    TarArchiveInputStream tar = new TarArchiveInputStream(new GZIPInputStream(file))) {
                for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
                    if (entry.isFile() && entry.getName().matches("package/[^/]+\\.json")) {
                        addIfConformance(new String(tar.readAllBytes(), StandardCharsets.UTF_8), found);
                    }
                }
            }
        }
        if (found.isEmpty()) {
            throw new IOException("no definitions found in " + path);
        }
        return found;
    }

    private static void addIfConformance(String text, List<String> found) throws IOException {
        JsonNode resource = JSON.readTree(text);
        if (TYPES.contains(resource.path("resourceType").asText()) && resource.hasNonNull("url")) {
            found.add(text);
        }
    }
}
