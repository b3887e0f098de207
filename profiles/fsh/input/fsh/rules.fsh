// The rules: one PlanDefinition for each target group, right and rule version. The server reads them; a change of days is a new
// version with a later effective start, never an edit of one that has counted.

RuleSet: RuleOf(right, days, group, name, danish, year, title, duty)
* language = #da
* extension[kp-rule-parameters].extension[right].valueCode = #{right}
* extension[kp-rule-parameters].extension[days].valueInteger = {days}
* extension[kp-rule-parameters].extension[warn-days].valueInteger = 7
* extension[kp-rule-parameters].extension[pause-policy].valueCode = #tag
* extension[kp-rule-parameters].extension[stop-mode].valueCode = #started
* url = "https://kronikerpakker.dk/fhir/PlanDefinition/{group}-{right}"
* version = "2027.1"
* name = "{name}"
* title = "{title}: {danish}"
* type = http://terminology.hl7.org/CodeSystem/plan-definition-type#workflow-definition
* status = #active
* experimental = false
* date = "2026-11-22"
* publisher = "Frist"
* description = "{duty} Retten findes for {danish} fra 1. januar {year}."
* useContext[focus].code = http://terminology.hl7.org/CodeSystem/usage-context-type#focus
* useContext[focus].valueCodeableConcept = $target-group#{group} "{danish}"
* jurisdiction = urn:iso:std:iso:3166#DK
* effectivePeriod.start = "{year}-01-01"

RuleSet: TreatmentPlanRule(group, name, danish, year)
* insert RuleOf(treatment-plan, 30, {group}, {name}TreatmentPlan, {danish}, {year}, Behandlingsplan, [[Den praktiserende læge udarbejder en personlig behandlingsplan sammen med patienten senest 30 kalenderdage efter diagnosen. Gælder nydiagnosticerede. Diagnosedagen er dag 0; hele forfaldsdagen hører med til fristen.]])

RuleSet: PreventionStartRule(group, name, danish, year)
* insert RuleOf(prevention-start, 21, {group}, {name}PreventionStart, {danish}, {year}, Start på forebyggelsestilbud, [[Et patientrettet forebyggelsestilbud starter senest 21 kalenderdage efter henvisning fra egen læge. Gælder alle i målgruppen. Henvisningsdagen er dag 0; hele forfaldsdagen hører med til fristen.]])

Instance: copd-treatment-plan-2027.1
InstanceOf: KpRule
Usage: #definition
* insert TreatmentPlanRule(copd, Copd, KOL, 2027)

Instance: copd-prevention-start-2027.1
InstanceOf: KpRule
Usage: #definition
* insert PreventionStartRule(copd, Copd, KOL, 2027)

Instance: low-back-pain-treatment-plan-2027.1
InstanceOf: KpRule
Usage: #definition
* insert TreatmentPlanRule(low-back-pain, LowBackPain, Kroniske lænderygsmerter, 2027)

Instance: low-back-pain-prevention-start-2027.1
InstanceOf: KpRule
Usage: #definition
* insert PreventionStartRule(low-back-pain, LowBackPain, Kroniske lænderygsmerter, 2027)

Instance: type-2-diabetes-treatment-plan-2027.1
InstanceOf: KpRule
Usage: #definition
* insert TreatmentPlanRule(type-2-diabetes, Type2Diabetes, Type 2-diabetes, 2028)

Instance: type-2-diabetes-prevention-start-2027.1
InstanceOf: KpRule
Usage: #definition
* insert PreventionStartRule(type-2-diabetes, Type2Diabetes, Type 2-diabetes, 2028)

Instance: heart-disease-treatment-plan-2027.1
InstanceOf: KpRule
Usage: #definition
* insert TreatmentPlanRule(heart-disease, HeartDisease, Hjertesygdom, 2029)

Instance: heart-disease-prevention-start-2027.1
InstanceOf: KpRule
Usage: #definition
* insert PreventionStartRule(heart-disease, HeartDisease, Hjertesygdom, 2029)

Instance: complex-multimorbidity-treatment-plan-2027.1
InstanceOf: KpRule
Usage: #definition
* insert TreatmentPlanRule(complex-multimorbidity, ComplexMultimorbidity, Kompleks multisygdom, 2031)

Instance: complex-multimorbidity-prevention-start-2027.1
InstanceOf: KpRule
Usage: #definition
* insert PreventionStartRule(complex-multimorbidity, ComplexMultimorbidity, Kompleks multisygdom, 2031)
