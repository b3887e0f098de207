// Rules about one resource that need neither a clock nor a store. What needs one is checked by the server alone: a fact in the future
// (kp-date-3), the group of a diagnosis (kp-group-1), references between resources (kp-person-1 to kp-person-3).

Invariant: kp-cpr-1
Description: "Expected a CPR number: ten digits, of which the first four are a day and a month that exist."
Severity: #error
Expression: "matches('^(((0[1-9]|[12][0-9])(0[1-9]|1[0-2]))|(30(0[13-9]|1[0-2]))|(31(0[13578]|1[02])))[0-9]{6}$')"

Invariant: kp-ecpr-1
Description: "Expected an X-eCPR: a day and a month, two digits of the year, 1 or 7, two capital letters and a digit."
Severity: #error
Expression: "matches('^(((0[1-9]|[12][0-9])(0[1-9]|1[0-2]))|(30(0[13-9]|1[0-2]))|(31(0[13578]|1[02])))[0-9]{2}[17][A-Z]{2}[0-9]$')"

Invariant: kp-ecpr-2
Description: "Expected a D-eCPR: a day and a month, two digits of the year, 0, 5 or 6, two capital letters and a digit."
Severity: #error
Expression: "matches('^(((0[1-9]|[12][0-9])(0[1-9]|1[0-2]))|(30(0[13-9]|1[0-2]))|(31(0[13578]|1[02])))[0-9]{2}[056][A-Z]{2}[0-9]$')"

Invariant: kp-ecpr-3
Description: "Expected at most one D-eCPR, of whatever system."
Severity: #error
Expression: "identifier.where(system = 'urn:oid:1.2.208.176.1.6.1.3' or system.startsWith('urn:oid:1.2.208.176.1.6.1.3.')).count() <= 1"

Invariant: kp-sor-1
Description: "Expected a SOR code: eleven digits or more."
Severity: #error
Expression: "matches('^[0-9]{11,}$')"

Invariant: kp-cvr-1
Description: "Expected a CVR number: eight digits whose sum, weighted with 2, 7, 6, 5, 4, 3, 2 and 1, is divisible by 11."
Severity: #error
Expression: "matches('^[0-9]{8}$') and ((substring(0, 1).toInteger() * 2 + substring(1, 1).toInteger() * 7 + substring(2, 1).toInteger() * 6 + substring(3, 1).toInteger() * 5 + substring(4, 1).toInteger() * 4 + substring(5, 1).toInteger() * 3 + substring(6, 1).toInteger() * 2 + substring(7, 1).toInteger()) mod 11 = 0)"

Invariant: kp-kombit-1
Description: "Expected the KOMBIT identifier of an organization: urn:uuid: and a UUID in lower case."
Severity: #error
Expression: "matches('^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')"

Invariant: kp-gln-1
Description: "Expected a GLN: thirteen digits, of which the last is the check digit."
Severity: #error
Expression: "matches('^[0-9]{13}$') and ((substring(0, 1).toInteger() + substring(2, 1).toInteger() + substring(4, 1).toInteger() + substring(6, 1).toInteger() + substring(8, 1).toInteger() + substring(10, 1).toInteger() + substring(12, 1).toInteger() + (substring(1, 1).toInteger() + substring(3, 1).toInteger() + substring(5, 1).toInteger() + substring(7, 1).toInteger() + substring(9, 1).toInteger() + substring(11, 1).toInteger()) * 3) mod 10 = 0)"

Invariant: kp-org-1
Description: "Expected at least one identifier of SOR (urn:oid:1.2.208.176.1.1), KOMBIT (https://kombit.dk/sts/organisation) or CVR (http://cvr.dk). A ydernummer alone is not enough."
Severity: #error
Expression: "identifier.exists() implies identifier.where(system = 'urn:oid:1.2.208.176.1.1' or system = 'https://kombit.dk/sts/organisation' or system = 'http://cvr.dk').exists()"

Invariant: kp-org-2
Description: "Expected at most one ydernummer, also where its system is written urn:oid.1.2.208.176.1.4."
Severity: #error
Expression: "identifier.where(system = 'urn:oid:1.2.208.176.1.4' or system = 'urn:oid.1.2.208.176.1.4').count() <= 1"

Invariant: kp-cp-1
Description: "Expected the extension kp-status-reason, because the plan is revoked: it says why."
Severity: #error
Expression: "status.where($this = 'revoked').exists() implies extension.where(url = 'https://kronikerpakker.dk/fhir/StructureDefinition/kp-status-reason').exists()"

Invariant: kp-sr-1
Description: "Expected a reasonReference to the diagnosis, or a reasonCode."
Severity: #error
Expression: "reasonReference.exists() or reasonCode.exists()"

Invariant: kp-sr-2
Description: "Expected the extension request-statusReason, because the referral is revoked or on hold: it says why."
Severity: #error
Expression: "status.where($this = 'revoked' or $this = 'on-hold').exists() implies extension.where(url = 'http://hl7.org/fhir/StructureDefinition/request-statusReason').exists()"

Invariant: kp-enc-1
Description: "Expected at least one type with a code of the system https://kronikerpakker.dk/fhir/CodeSystem/kp-prevention-offer."
Severity: #error
Expression: "type.exists() implies type.coding.where(system = 'https://kronikerpakker.dk/fhir/CodeSystem/kp-prevention-offer' and code.exists()).exists()"

Invariant: kp-enc-2
Description: "Expected basedOn with the referral, or the extension http://fhir.kl.dk/prevention/StructureDefinition/BasedOnCarePlanExtension with a reference to the plan that the contact belongs to."
Severity: #error
Expression: "basedOn.exists() or extension.where(url = 'http://fhir.kl.dk/prevention/StructureDefinition/BasedOnCarePlanExtension').value.ofType(Reference).where(reference.exists() or identifier.value.exists()).exists()"

Invariant: kp-cp-2
Description: "Expected no category treatment-plan beside prevention-offer: what is planned for an offer is never a treatment plan. Send the treatment plan as a CarePlan of its own."
Severity: #error
Expression: "category.coding.where(system = 'https://kronikerpakker.dk/fhir/CodeSystem/kp-careplan-category' and code = 'treatment-plan').empty()"

Invariant: kp-app-1
Description: "Expected a participant whose actor is the person: a reference to a stored Patient."
Severity: #error
Expression: "participant.exists() implies participant.actor.where(type = 'Patient' or reference.startsWith('Patient/') or reference.startsWith('Patient?') or reference.contains('/Patient/') or reference.startsWith('urn:') or (reference.empty() and (identifier.system = 'urn:oid:1.2.208.176.1.2' or identifier.system.startsWith('urn:oid:1.2.208.176.1.6.1.')))).exists()"

Invariant: kp-ref-1
Description: "Expected a reference with 'reference', or with an 'identifier' that has a value: a display alone names nobody and nothing."
Severity: #error
Expression: "reference.exists() or identifier.value.exists()"

Invariant: kp-ref-2
Description: "Expected a reference to a Patient of its own, not to a contained one: a deadline belongs to a person who is stored."
Severity: #error
Expression: "reference.where($this.startsWith('#')).empty()"

Invariant: kp-date-2
Description: "Expected a full date: year, month and day."
Severity: #error
Expression: "toString().length() >= 10"

Invariant: kp-date-5
Description: "Expected the day on which it happened, from 1900 on: an earlier date stands for one that is not known."
Severity: #error
Expression: "toString().substring(0, 4) >= '1900'"

Invariant: kp-ext-1
Description: "Expected an extension of the packages to be one of those that exist: kp-target-group, kp-postponement, kp-status-reason, kp-received, kp-rule-parameters or kp-forecast. One that is misspelt would be passed over."
Severity: #error
Expression: "extension.where(url.startsWith('https://kronikerpakker.dk/fhir/')).all(url = 'https://kronikerpakker.dk/fhir/StructureDefinition/kp-target-group' or url = 'https://kronikerpakker.dk/fhir/StructureDefinition/kp-postponement' or url = 'https://kronikerpakker.dk/fhir/StructureDefinition/kp-status-reason' or url = 'https://kronikerpakker.dk/fhir/StructureDefinition/kp-received' or url = 'https://kronikerpakker.dk/fhir/StructureDefinition/kp-rule-parameters' or url = 'https://kronikerpakker.dk/fhir/StructureDefinition/kp-forecast')"

Invariant: kp-mod-1
Description: "Expected no modifierExtension and no implicitRules, here or in any part: what changes the meaning of a resource in a way that the receiver does not know must not be processed (https://hl7.org/fhir/R4/extensibility.html#modifierExtension), for a deadline might be told that the sender does not mean."
Severity: #error
Expression: "modifierExtension.empty() and implicitRules.empty() and descendants().modifierExtension.empty() and descendants().implicitRules.empty()"

Invariant: kp-mun-1
Description: "Expected the four digits of a Danish or Greenlandic municipality, as 0851."
Severity: #error
Expression: "(identifier.where(system = 'http://hl7.dk/fhir/core/CodeSystem/dk-core-municipality-codes').value | address.extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/dk-core-municipalityCodes').value.ofType(CodeableConcept).coding.code).all(toString().matches('^(0101|0147|0151|0153|0155|0157|0159|0161|0163|0165|0167|0169|0173|0175|0183|0185|0187|0190|0201|0210|0217|0219|0223|0230|0240|0250|0253|0259|0260|0265|0269|0270|0306|0316|0320|0326|0329|0330|0336|0340|0350|0360|0370|0376|0390|0400|0410|0411|0420|0430|0440|0450|0461|0479|0480|0482|0492|0510|0530|0540|0550|0561|0563|0573|0575|0580|0607|0615|0621|0630|0657|0661|0665|0671|0706|0707|0710|0727|0730|0740|0741|0746|0751|0756|0760|0766|0773|0779|0787|0791|0810|0813|0820|0825|0840|0846|0849|0851|0860|0955|0956|0957|0959|0960)$'))"

// Extensions that the Danish core profiles define, and this package does not: as often as there, with the type that they have there.

Invariant: kp-dk-1
Description: "Expected the extensions ConditionLastAssertedDate and NotFollowedAnymore at most once each, with a valueDateTime."
Severity: #error
Expression: "extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/ConditionLastAssertedDate').count() <= 1 and extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/ConditionLastAssertedDate').all(value.ofType(dateTime).exists() and extension.empty()) and extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/NotFollowedAnymore').count() <= 1 and extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/NotFollowedAnymore').all(value.ofType(dateTime).exists() and extension.empty())"

Invariant: kp-dk-2
Description: "Expected the extensions dk-core-planned-start-date and dk-core-planned-end-date (valueDateTime) and dk-core-care-provider (valueReference) at most once each."
Severity: #error
Expression: "extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/dk-core-planned-start-date').count() <= 1 and extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/dk-core-planned-start-date').all(value.ofType(dateTime).exists() and extension.empty()) and extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/dk-core-planned-end-date').count() <= 1 and extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/dk-core-planned-end-date').all(value.ofType(dateTime).exists() and extension.empty()) and extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/dk-core-care-provider').count() <= 1 and extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/dk-core-care-provider').all(value.ofType(Reference).exists() and extension.empty())"

Invariant: kp-dk-3
Description: "Expected the extensions dk-core-municipalityCodes, dk-core-RegionalSubDivisionCodes (DK-81 to DK-85) and address-official at most once each in an address, the first two with a valueCodeableConcept."
Severity: #error
Expression: "extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/dk-core-municipalityCodes').count() <= 1 and extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/dk-core-municipalityCodes').all(value.ofType(CodeableConcept).exists() and extension.empty()) and extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/dk-core-municipalityCodes').value.ofType(CodeableConcept).coding.all(system = 'http://hl7.dk/fhir/core/CodeSystem/dk-core-municipality-codes' or system = 'http://hl7.dk/fhir/core/CodeSystem/dk-core-municipality-codes-greenland') and extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/dk-core-RegionalSubDivisionCodes').count() <= 1 and extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/dk-core-RegionalSubDivisionCodes').all(value.ofType(CodeableConcept).exists() and extension.empty()) and extension.where(url = 'http://hl7.dk/fhir/core/StructureDefinition/dk-core-RegionalSubDivisionCodes').value.ofType(CodeableConcept).coding.all(system = 'urn:iso:std:iso:3166:-2' and code.toString().matches('^DK-8[1-5]$')) and extension.where(url = 'http://hl7.org/fhir/StructureDefinition/address-official').count() <= 1"
