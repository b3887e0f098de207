Profile: KpCareplan
Parent: CarePlan
Id: kp-careplan
Title: "Treatment plan of a chronic-care package"
Description: "The personal treatment plan that a general practice draws up together with the person: what fulfils the right to one."
* insert Definition("Behandlingsplan i en kronikerpakke")
* obeys kp-cp-1 and kp-ext-1 and kp-mod-1
* extension contains KpStatusReasonExtension named statusReason 0..1 MS
* insert Says(extension[statusReason], "Why the plan is revoked: required when it is", "Hvorfor planen er ophævet: kræves\, når den er det")
* identifier MS
* insert Says(identifier, "The sender's own number of the plan: by it a later version finds the earlier", "Afsenderens eget nummer på planen: ved det finder en senere version den tidligere")
* status MS
* insert Says(status, "active\, on-hold or completed for a plan that was drawn up; draft until then", "active\, on-hold eller completed for en plan\, der er lagt; draft indtil da")
* intent MS
* intent = #plan (exactly)
* category 1..* MS
* category ^slicing.discriminator.type = #pattern
* category ^slicing.discriminator.path = "$this"
* category ^slicing.rules = #open
* category contains treatmentPlan 1..* MS
* category[treatmentPlan] = $careplan-category#treatment-plan
* insert Says(category[treatmentPlan], "The code treatment-plan: what makes it the plan of the packages", "Koden treatment-plan: det\, der gør den til pakkernes plan")
* subject 1..1 MS
* subject only Reference(KpPatient)
* subject obeys kp-ref-1 and kp-ref-2
* insert Says(subject, "The person whom the plan is for", "Den person\, planen er til")
* created 1..1 MS
* created obeys kp-date-2 and kp-date-5
* insert Says(created, "The day on which the plan was agreed with the person\, a full date", "Den dag\, planen blev aftalt med personen: en fuld dato")
* author 1..1 MS
* author only Reference(KpOrganization or PractitionerRole)
* author obeys kp-ref-1
* insert Says(author, "The general practice that drew up the plan\, or a role there", "Den praksis\, der har lagt planen\, eller en rolle dér")
* addresses 1..* MS
* addresses only Reference(KpCondition)
* addresses obeys kp-ref-1
* insert Says(addresses, "The diagnoses that the plan is for\, of the same person", "De diagnoser\, planen gælder\, hos samme person")
* goal MS
* period MS
