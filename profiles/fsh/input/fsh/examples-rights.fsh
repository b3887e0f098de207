// What the server makes of it: rights as Tasks, and rules of an operator's own.

Instance: right-small
InstanceOf: KpRightTask
Usage: #example
Title: "A right whose deadline runs"
Description: "The treatment plan for COPD, on 2 March 2027."
* extension[targetGroup].valueCodeableConcept = $target-group#copd "KOL"
* identifier.system = "https://kronikerpakker.dk/fhir/sid/right-task"
* identifier.value = "right-small"
* instantiatesCanonical = "https://kronikerpakker.dk/fhir/PlanDefinition/copd-treatment-plan|2027.1"
* status = #requested
* businessStatus = $right-status#running "Fristen løber"
* code.coding[right] = $right#treatment-plan "Behandlingsplan"
* focus = Reference(diagnosis-small)
* for = Reference(person-small)
* executionPeriod.start = "2027-03-01"
* lastModified = "2027-03-01T23:00:00.000000Z"
* restriction.period.start = "2027-03-01"
* restriction.period.end = "2027-03-31"
* input[clockStart].valueDate = "2027-03-01"
* input[days].valueInteger = 30
* input[grossDue].valueDate = "2027-03-31"
* input[netDue].valueDate = "2027-03-31"
* input[ownGp].valueCode = #unverified

Instance: right-full
InstanceOf: KpRightTask
Usage: #example
Title: "A right that was fulfilled late"
Description: "The start of a prevention offer: referred on 12 May 2027, due on 2 June, put off for a while, started on 21 June."
* extension[targetGroup].valueCodeableConcept = $target-group#copd "KOL"
* identifier.system = "https://kronikerpakker.dk/fhir/sid/right-task"
* identifier.value = "right-full"
* instantiatesCanonical = "https://kronikerpakker.dk/fhir/PlanDefinition/copd-prevention-start|2027.1"
* status = #completed
* businessStatus = $right-status#met-late "Opfyldt for sent"
* code.coding[right] = $right#prevention-start "Start på forebyggelsestilbud"
* focus = Reference(referral-full)
* for = Reference(person-full)
* executionPeriod.start = "2027-05-12"
* executionPeriod.end = "2027-06-21"
* lastModified = "2027-06-21T08:12:30.000000Z"
* owner = Reference(municipality)
* restriction.period.start = "2027-05-12"
* restriction.period.end = "2027-06-02"
* input[clockStart].valueDate = "2027-05-12"
* input[days].valueInteger = 21
* input[grossDue].valueDate = "2027-06-02"
* input[netDue].valueDate = "2027-06-27"
* input[ownGp].valueCode = #verified
* output.type.text = "Fristen er stoppet af"
* output.valueReference = Reference(contact-full)

Instance: right-booked
InstanceOf: KpRightTask
Usage: #example
Title: "A right whose offer is booked too late"
Description: "Eight working days from the receipt of a referral that its receiver refused for lack of capacity: the duty stands, and what is booked is after the day it is due."
* extension[targetGroup].valueCodeableConcept = $target-group#copd "KOL"
* extension[forecast].valueCode = #booked-late
* identifier.system = "https://kronikerpakker.dk/fhir/sid/right-task"
* identifier.value = "right-booked"
* instantiatesCanonical = "https://kronikerpakker.dk/fhir/PlanDefinition/copd-prevention-start|2030.1"
* status = #requested
* statusReason = $status-reason#refused-capacity "Afvist: manglende kapacitet"
* businessStatus = $right-status#running "Fristen løber"
* code.coding[right] = $right#prevention-start "Start på forebyggelsestilbud"
* focus = Reference(referral-full)
* for = Reference(person-full)
* executionPeriod.start = "2027-05-21"
* lastModified = "2027-05-21T08:12:30.000000Z"
* owner = Reference(municipality)
* restriction.period.start = "2027-05-21"
* restriction.period.end = "2027-06-02"
* input[clockStart].valueDate = "2027-05-21"
* input[days].valueInteger = 8
* input[grossDue].valueDate = "2027-06-02"
* input[netDue].valueDate = "2027-06-02"
* input[ownGp].valueCode = #verified
* input[unit].valueCode = #working-day
* input[startOn].valueCode = #received

Instance: rule-received
InstanceOf: KpRule
Usage: #example
Title: "A rule of working days from the receipt"
Description: "Eight working days from the day the referral was received; a meeting on a screen is no start, and a contact that names no referral may be one."
* extension[kp-rule-parameters].extension[right].valueCode = #prevention-start
* extension[kp-rule-parameters].extension[days].valueInteger = 8
* extension[kp-rule-parameters].extension[unit].valueCode = #working-day
* extension[kp-rule-parameters].extension[start-on].valueCode = #received
* extension[kp-rule-parameters].extension[excluded-contact][0].valueCode = #VR
* extension[kp-rule-parameters].extension[excluded-contact][+].valueCode = #124be95d-6924-4609-9d2a-e7c73ae3ab3d
* extension[kp-rule-parameters].extension[attribute-contacts].valueCode = #single-chain
* url = "https://kronikerpakker.dk/fhir/PlanDefinition/copd-prevention-start"
* version = "2030.1"
* useContext[focus].valueCodeableConcept = $target-group#copd
* effectivePeriod.start = "2030-01-01"

Instance: rule-small
InstanceOf: KpRule
Usage: #example
Title: "A rule, as little as is needed"
Description: "Fourteen days to the start of an offer from 2029 on: the announced ambition, if it becomes the rule."
* extension[kp-rule-parameters].extension[right].valueCode = #prevention-start
* extension[kp-rule-parameters].extension[days].valueInteger = 14
* url = "https://kronikerpakker.dk/fhir/PlanDefinition/copd-prevention-start"
* version = "2029.1"
* useContext[focus].valueCodeableConcept = $target-group#copd
* effectivePeriod.start = "2029-01-01"

Instance: rule-full
InstanceOf: KpRule
Usage: #example
Title: "A rule under which postponements count"
Description: "Days that a postponement covers are not counted, and an offered time fulfils the right."
* language = #da
* extension[kp-rule-parameters].extension[right].valueCode = #prevention-start
* extension[kp-rule-parameters].extension[days].valueInteger = 21
* extension[kp-rule-parameters].extension[warn-days].valueInteger = 5
* extension[kp-rule-parameters].extension[pause-policy].valueCode = #deduct
* extension[kp-rule-parameters].extension[stop-mode].valueCode = #offered
* url = "https://kronikerpakker.dk/fhir/PlanDefinition/heart-disease-prevention-start"
* version = "2031.1"
* name = "HeartDiseasePreventionStart"
* title = "Start på forebyggelsestilbud: Hjertesygdom"
* type = http://terminology.hl7.org/CodeSystem/plan-definition-type#workflow-definition
* experimental = true
* date = "2026-11-22"
* publisher = "Frist"
* description = "Et eksempel: udsættelser tæller ikke med, og en tilbudt tid opfylder retten."
* useContext[focus].valueCodeableConcept = $target-group#heart-disease "Hjertesygdom"
* effectivePeriod.start = "2031-01-01"
* effectivePeriod.end = "2033-12-31"
