// What FHIR has no element for.

Extension: KpTargetGroupExtension
Id: kp-target-group
Title: "Target group"
Description: "The target group of the chronic-care packages that a diagnosis belongs to, or that a right is about. At a diagnosis it decides alone: it is how chronic low back pain and complex multimorbidity are said, which no code says."
Context: Condition, Task
* insert Definition("Målgruppe")
* insert Says(., "The target group that the sender asserts", "Den målgruppe\, som afsenderen angiver")
* value[x] 1..1
* value[x] only CodeableConcept
* value[x] from KpTargetGroup (required)
* insert Says(value[x], "A code of kp-target-group", "En kode fra kp-target-group")

Extension: KpPostponement
Id: kp-postponement
Title: "Postponement"
Description: "A period in which the treatment plan or the start of the offer was postponed, and why: at the diagnosis or at the referral."
Context: Condition, ServiceRequest
* insert Definition("Udsættelse")
* insert Says(., "A period in which nothing is to happen\, and why", "En periode\, hvor intet skal ske\, og hvorfor")
* extension contains period 1..1 and reason 1..1
* insert Says(extension[period], "The days that are covered", "De dage\, der er omfattet")
* extension[period].value[x] 1..1
* extension[period].value[x] only Period
* extension[period].valuePeriod.start 1..1
* extension[period].valuePeriod.start obeys kp-date-2
* extension[period].valuePeriod.end obeys kp-date-2
* insert Says(extension[period].valuePeriod.start, "The first day that is covered\, a full date", "Den første dag\, der er omfattet: en fuld dato")
* insert Says(extension[period].valuePeriod.end, "The first day after it\, a full date; left out while it lasts", "Den første dag efter: en fuld dato; udelades\, så længe den varer")
* insert Says(extension[reason], "Who or what asked for a later day", "Hvem eller hvad der gav anledning til en senere dag")
* extension[reason].value[x] 1..1
* extension[reason].value[x] only code
* extension[reason].value[x] from KpPostponementReason (required)

Extension: KpStatusReasonExtension
Id: kp-status-reason
Title: "Reason for the status of a plan"
Description: "Why a treatment plan was revoked. Only a plan that was superseded or has ended counts as having been drawn up."
Context: CarePlan
* insert Definition("Begrundelse for en plans status")
* insert Says(., "Why the plan is revoked", "Hvorfor planen er ophævet")
* value[x] 1..1
* value[x] only CodeableConcept
* value[x] from KpStatusReason (required)
* insert Says(value[x], "A code of kp-status-reason", "En kode fra kp-status-reason")

Extension: KpReceived
Id: kp-received
Title: "Received"
Description: "The day on which a referral was received. The deadline counts from the day it was made, ServiceRequest.authoredOn, unless the rule says that it starts on the receipt."
Context: ServiceRequest
* insert Definition("Modtaget")
* insert Says(., "The day on which the referral was received", "Den dag\, henvisningen blev modtaget")
* value[x] 1..1
* value[x] only date
* value[x] obeys kp-date-2 and kp-date-5

Extension: KpRuleParameters
Id: kp-rule-parameters
Title: "Parameters of a rule"
Description: "What a deadline is computed with: the right, its count of days or months, and what is done about warnings, postponements, the start and the stop."
Context: PlanDefinition
* insert Definition("En regels parametre")
* insert Says(., "What the deadline is computed with", "Det\, som fristen beregnes med")
* extension contains right 1..1 and days 1..1 and unit 0..1 and warn-days 0..1 and pause-policy 0..1 and stop-mode 0..1 and start-on 0..1 and excluded-contact 0..* and attribute-contacts 0..1
* insert Says(extension[right], "Which right the rule gives", "Hvilken ret reglen giver")
* extension[right].value[x] 1..1
* extension[right].value[x] only code
* extension[right].value[x] from KpRight (required)
* insert Says(extension[days], "How many of the unit from the start to the day it is due", "Hvor mange af enheden fra start til forfaldsdagen")
* extension[days].value[x] 1..1
* extension[days].value[x] only integer
* extension[days].valueInteger ^minValueInteger = 1
* extension[days].valueInteger ^maxValueInteger = 3660
* insert Says(extension[unit], "What is counted: calendar days if it is not said", "Hvad der tælles: kalenderdage\, hvis intet er sagt")
* extension[unit].value[x] 1..1
* extension[unit].value[x] only code
* extension[unit].value[x] from KpUnit (required)
* insert Says(extension[warn-days], "For how many days before that day the right is due soon: 7 if it is not said", "Hvor mange dage før forfaldsdagen retten snart forfalder: 7\, hvis intet er sagt")
* extension[warn-days].value[x] 1..1
* extension[warn-days].value[x] only integer
* extension[warn-days].valueInteger ^minValueInteger = 0
* extension[warn-days].valueInteger ^maxValueInteger = 3660
* insert Says(extension[pause-policy], "What postponements do to the due date: shown if it is not said", "Hvad udsættelser gør ved forfaldsdagen: vises\, hvis intet er sagt")
* extension[pause-policy].value[x] 1..1
* extension[pause-policy].value[x] only code
* extension[pause-policy].value[x] from KpPausePolicy (required)
* insert Says(extension[stop-mode], "What fulfils a right to a prevention offer: its start if it is not said", "Hvad der opfylder retten til et forebyggelsestilbud: starten\, hvis intet er sagt")
* extension[stop-mode].value[x] 1..1
* extension[stop-mode].value[x] only code
* extension[stop-mode].value[x] from KpStopMode (required)
* insert Says(extension[start-on], "From which day a prevention offer is counted: the day of the referral if it is not said", "Hvilken dag et forebyggelsestilbud tælles fra: henvisningens dag\, hvis intet er sagt")
* extension[start-on].value[x] 1..1
* extension[start-on].value[x] only code
* extension[start-on].value[x] from KpStartOn (required)
* insert Says(extension[excluded-contact], "A class of contacts that are no start of a prevention offer\, as VR", "En kontaktform\, der ikke er start på et forebyggelsestilbud\, for eksempel VR")
* extension[excluded-contact].value[x] 1..1
* extension[excluded-contact].value[x] only code
* insert Says(extension[attribute-contacts], "Whether a contact that names no referral may start an offer: never if it is not said", "Om en kontakt\, der ikke nævner en henvisning\, kan være start på et tilbud: aldrig\, hvis intet er sagt")
* extension[attribute-contacts].value[x] 1..1
* extension[attribute-contacts].value[x] only code
* extension[attribute-contacts].value[x] from KpAttributeContacts (required)

Extension: KpForecastExtension
Id: kp-forecast
Title: "Forecast of a right"
Description: "Whether a first session is booked for the right to a prevention offer, and in time. It changes no status."
Context: Task
* insert Definition("Prognose for en ret")
* insert Says(., "Whether the offer is booked\, and in time", "Om tilbuddet er booket\, og i tide")
* value[x] 1..1
* value[x] only code
* value[x] from KpForecast (required)
