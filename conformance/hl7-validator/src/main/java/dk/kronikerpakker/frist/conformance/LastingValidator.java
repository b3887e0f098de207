package dk.kronikerpakker.frist.conformance;

import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.validation.IValidationContext;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.r5.context.IWorkerContext;
import org.hl7.fhir.r5.elementmodel.Manager.FhirFormat;
import org.hl7.fhir.r5.model.StructureDefinition;
import org.hl7.fhir.r5.utils.validation.ValidatorSession;
import org.hl7.fhir.r5.utils.validation.constants.IdStatus;
import org.hl7.fhir.r5.utils.xver.XVerExtensionManagerOld;
import org.hl7.fhir.utilities.i18n.I18nConstants;
import org.hl7.fhir.utilities.validation.ValidationMessage;
import org.hl7.fhir.utilities.validation.ValidationMessage.IssueSeverity;
import org.hl7.fhir.validation.ValidatorSettings;
import org.hl7.fhir.validation.instance.InstanceValidator;

/**
 * HAPI's module, but with an InstanceValidator that serves many resources.
 *
 * <p>HAPI makes a new one for each, and each reads a list of 21,000 OIDs: four fifths of the time went there. The InstanceValidator clears
 * what it knows of a resource when the next one comes. It is made anew now and then all the same, since it keeps a list of the codes it saw.
 * The settings are those of HAPI's own wrapper.
 */
final class LastingValidator extends FhirInstanceValidator {

    private static final int RESOURCES_MAX = 500;

    private InstanceValidator current;
    private int resources;

    LastingValidator(IValidationSupport support) {
        super(support);
    }

    @Override
    protected List<ValidationMessage> validate(IValidationContext<?> resource) {
        IWorkerContext context = provideWorkerContext();
        if (current == null || resources++ % RESOURCES_MAX == 0) {
            current = make(context);
        }
        String text = resource.getResourceAsString();
        List<ValidationMessage> messages = new ArrayList<>();
        List<StructureDefinition> profiles = new ArrayList<>();
        Set<String> named = new LinkedHashSet<>(resource.getOptions().getProfiles());
        for (String url : named) {
            StructureDefinition profile = context.fetchResource(StructureDefinition.class, url);
            if (profile == null) {
                throw new IllegalArgumentException("no such profile is loaded: " + url);
            }
            profiles.add(profile);
        }
        current.validate(null, messages, new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)), FhirFormat.JSON, profiles);
        // As HAPI's wrapper has it: media types are a code system without a list, and not finding its value set says nothing.
        messages.removeIf(message -> I18nConstants.TERMINOLOGY_TX_VALUESET_NOTFOUND.equals(message.getMessageId())
                && message.getMessage().contains("http://hl7.org/fhir/ValueSet/mimetypes"));
        // An unknown profile is of the severity that this module was told.
        for (ValidationMessage message : messages) {
            if (I18nConstants.VALIDATION_VAL_PROFILE_UNKNOWN.equals(message.getMessageId())
                    || I18nConstants.VALIDATION_VAL_PROFILE_UNKNOWN_NOT_POLICY.equals(message.getMessageId())) {
                message.setLevel(isErrorForUnknownProfiles() ? IssueSeverity.ERROR : IssueSeverity.WARNING);
            }
        }
        return messages;
    }

    private InstanceValidator make(IWorkerContext context) {
        InstanceValidator made = new InstanceValidator(
                context,
                new FhirInstanceValidator.NullEvaluationContext(),
                new XVerExtensionManagerOld(context),
                new ValidatorSession(),
                new ValidatorSettings());
        made.setAnyExtensionsAllowed(isAnyExtensionsAllowed());
        made.setAssumeValidRestReferences(isAssumeValidRestReferences());
        made.setBestPracticeWarningLevel(getBestPracticeWarningLevel());
        made.setErrorForUnknownProfiles(isErrorForUnknownProfiles());
        made.setFetcher(getValidatorResourceFetcher());
        made.setPolicyAdvisor(getValidatorPolicyAdvisor());
        made.setResourceIdRule(IdStatus.OPTIONAL);
        made.setUnknownCodeSystemsCauseErrors(true);
        return made;
    }
}
