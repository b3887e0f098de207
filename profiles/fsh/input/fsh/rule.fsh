Profile: KpRule
Parent: PlanDefinition
Id: kp-rule
Title: "Rule of a right"
Description: "One version of the rule for one target group and one right. A clock is judged by the version with the latest effective start that is on or before the day the clock started."
* insert Definition("Regel for en ret")
* obeys kp-ext-1 and kp-mod-1
* extension contains KpRuleParameters named kp-rule-parameters 1..1 MS
* insert Says(extension[kp-rule-parameters], "What the deadline is computed with", "Det\, som fristen beregnes med")
* url 1..1 MS
* insert Says(url, "The address of the rule\, the same for all its versions", "Reglens adresse\, den samme for alle versioner")
* version 1..1 MS
* insert Says(version, "The version\, as 2027.1", "Versionen\, for eksempel 2027.1")
* status MS
* status = #active (exactly)
* useContext 1..* MS
* useContext ^slicing.discriminator.type = #value
* useContext ^slicing.discriminator.path = "code.code"
* useContext ^slicing.rules = #open
* useContext contains focus 1..1 MS
* insert Says(useContext[focus], "The target group that the rule is for", "Den målgruppe\, reglen gælder")
* useContext[focus].code.system 1..1
* useContext[focus].code.system = $usage-context (exactly)
* useContext[focus].code.code 1..1
* useContext[focus].code.code = #focus (exactly)
* useContext[focus].value[x] only CodeableConcept
* useContext[focus].valueCodeableConcept from KpTargetGroup (required)
* effectivePeriod 1..1 MS
* effectivePeriod.start 1..1 MS
* effectivePeriod.start obeys kp-date-2
* insert Says(effectivePeriod.start, "The first day a clock can start under this version\, a full date", "Den første dag\, en frist kan starte efter denne version: en fuld dato")
