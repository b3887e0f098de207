// Addresses that others have given: identifier systems, code systems and the extensions of R4 that the profiles use.

Alias: $target-group = https://kronikerpakker.dk/fhir/CodeSystem/kp-target-group
Alias: $right = https://kronikerpakker.dk/fhir/CodeSystem/kp-right
Alias: $right-status = https://kronikerpakker.dk/fhir/CodeSystem/kp-right-status
Alias: $right-input = https://kronikerpakker.dk/fhir/CodeSystem/kp-right-input
Alias: $careplan-category = https://kronikerpakker.dk/fhir/CodeSystem/kp-careplan-category
Alias: $status-reason = https://kronikerpakker.dk/fhir/CodeSystem/kp-status-reason
Alias: $referral-kind = https://kronikerpakker.dk/fhir/CodeSystem/kp-referral-kind
Alias: $prevention-offer = https://kronikerpakker.dk/fhir/CodeSystem/kp-prevention-offer

Alias: $assertedDate = http://hl7.org/fhir/StructureDefinition/condition-assertedDate
Alias: $dueTo = http://hl7.org/fhir/StructureDefinition/condition-dueTo
Alias: $statusReason = http://hl7.org/fhir/StructureDefinition/request-statusReason

Alias: $basedOnCarePlan = http://fhir.kl.dk/prevention/StructureDefinition/BasedOnCarePlanExtension

Alias: $sks-d = urn:oid:1.2.208.176.2.4.12
Alias: $icpc-2 = urn:oid:1.2.208.176.2.31
Alias: $sct = http://snomed.info/sct
Alias: $cpr = urn:oid:1.2.208.176.1.2
Alias: $x-ecpr = urn:oid:1.2.208.176.1.6.1.1
Alias: $sor = urn:oid:1.2.208.176.1.1
Alias: $ydernummer = urn:oid:1.2.208.176.1.4
Alias: $cvr = http://cvr.dk
Alias: $kombit = https://kombit.dk/sts/organisation
Alias: $gln = http://www.gs1.org/gln
Alias: $municipality-codes = http://hl7.dk/fhir/core/CodeSystem/dk-core-municipality-codes
Alias: $region-codes = urn:iso:std:iso:3166:-2

Alias: $ver-status = http://terminology.hl7.org/CodeSystem/condition-ver-status
Alias: $clinical = http://terminology.hl7.org/CodeSystem/condition-clinical
Alias: $condition-category = http://terminology.hl7.org/CodeSystem/condition-category
Alias: $task-code = http://hl7.org/fhir/CodeSystem/task-code
Alias: $act-code = http://terminology.hl7.org/CodeSystem/v3-ActCode
Alias: $usage-context = http://terminology.hl7.org/CodeSystem/usage-context-type
