import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.rest.server.FifoMemoryPagingProvider;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.HashMapResourceProvider;
import java.net.InetSocketAddress;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.hl7.fhir.r4.model.Condition;
import org.hl7.fhir.r4.model.Organization;
import org.hl7.fhir.r4.model.Patient;

/** A server of HAPI FHIR that keeps its resources in memory: {@code java Source.java PORT}. */
public final class Source {
    public static void main(String[] arguments) throws Exception {
        FhirContext context = FhirContext.forR4();
        RestfulServer servlet = new RestfulServer(context);
        servlet.setResourceProviders(
                new HashMapResourceProvider<>(context, Organization.class),
                new HashMapResourceProvider<>(context, Patient.class),
                new HashMapResourceProvider<>(context, Condition.class));
        // Pages of searches alone: what pages a history of these providers has, it has twice.
        servlet.setPagingProvider(new FifoMemoryPagingProvider(100));
        Server server = new Server(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])));
        ServletContextHandler handler = new ServletContextHandler();
        handler.addServlet(new ServletHolder(servlet), "/fhir/*");
        server.setHandler(handler);
        server.start();
        server.join();
    }
}
