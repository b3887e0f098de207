Profile: KpReferral
Parent: ServiceRequest
Id: kp-referral
Title: "Referral to a prevention offer"
Description: "The referral to a patient-directed prevention offer: what starts the deadline of the offer's start. One that is sent again names in replaces the one before it and starts nothing anew. It has the constraints of the Danish core profile dk-core-person-servicerequest (3.7.0): whatever is valid here is valid there."
* insert Definition("Henvisning til et forebyggelsestilbud")
* obeys kp-sr-1 and kp-sr-2 and kp-ext-1 and kp-mod-1
* extension contains
    $statusReason named statusReason 0..1 MS and
    KpReceived named received 0..1 MS and
    KpPostponement named postponement 0..* MS
* insert Says(extension[statusReason], "Why the referral is revoked or on hold: required when it is; a code of kp-status-reason", "Hvorfor henvisningen er ophævet eller sat i bero: kræves\, når den er det; en kode fra kp-status-reason")
* extension[statusReason].value[x] from KpStatusReason (extensible)
* insert Says(extension[received], "The day on which the referral was received", "Den dag\, henvisningen blev modtaget")
* insert Says(extension[postponement], "A period in which the offer was postponed", "En periode\, hvor tilbuddet var udsat")
* identifier MS
* insert Says(identifier, "The sender's own number of the referral: by it a later version finds the earlier", "Afsenderens eget nummer på henvisningen: ved det finder en senere version den tidligere")
* replaces MS
* insert Says(replaces, "The referral that this one takes the place of: the deadline still counts from the first", "Den henvisning\, som denne erstatter: fristen tæller stadig fra den første")
* status MS
* intent MS
* intent = #order (exactly)
* doNotPerform = false (exactly)
* insert Says(doNotPerform, "Not true: a request not to do something is no referral\, and starts no deadline", "Ikke true: en anmodning om at undlade noget er ingen henvisning og starter ingen frist")
* priority MS
* priority from KpReferralPriority (required)
* insert Says(priority, "routine or asap", "routine eller asap")
* category MS
* insert Says(category, "The code received-record of kp-referral-kind for a record that somebody received a referral", "Koden received-record fra kp-referral-kind for en registrering af\, at nogen har modtaget en henvisning")
* code 1..1 MS
* code from KpPreventionOffer (extensible)
* insert Says(code, "The offer that the person is referred to", "Det tilbud\, personen er henvist til")
* subject 1..1 MS
* subject only Reference(KpPatient)
* subject obeys kp-ref-1 and kp-ref-2
* insert Says(subject, "The person who is referred", "Den person\, der er henvist")
* occurrence[x] MS
* occurrence[x] only dateTime or Period
* insert Says(occurrence[x], "The time offered for the first contact", "Den tid\, der er tilbudt til første kontakt")
* occurrenceDateTime MS
* occurrenceDateTime obeys kp-date-2
* occurrencePeriod MS
* occurrencePeriod.start obeys kp-date-2
* occurrencePeriod.end obeys kp-date-2
* authoredOn 1..1 MS
* authoredOn obeys kp-date-2 and kp-date-5
* insert Says(authoredOn, "The day on which the referral was made\, not the day it was received: a full date", "Den dag\, henvisningen blev lavet\, ikke den dag\, den blev modtaget: en fuld dato")
* requester 1..1 MS
* requester only Reference(KpOrganization or PractitionerRole)
* requester obeys kp-ref-1
* insert Says(requester, "The practice or hospital that refers\, or a role there", "Den praksis eller det sygehus\, der henviser\, eller en rolle dér")
* performer MS
* insert Says(performer, "Who is to give the offer", "Den\, der skal give tilbuddet")
* reasonCode MS
* insert Says(reasonCode, "The diagnosis by code\, where it was not sent as a Condition; or a code of kp-target-group", "Diagnosen ved kode\, hvor den ikke er sendt som Condition; eller en kode fra kp-target-group")
* reasonCode.coding ^slicing.discriminator.type = #value
* reasonCode.coding ^slicing.discriminator.path = "system"
* reasonCode.coding ^slicing.rules = #open
* reasonCode.coding contains sks-d 0..1 MS and icpc-2 0..1 MS and sct 0..1 MS and fs3 0..1 and ffb 0..1
* insert Says(reasonCode.coding[sks-d], "The hospital's code\, from D", "Sygehusets kode\, med D foran")
* reasonCode.coding[sks-d].system 1..1
* reasonCode.coding[sks-d].system = $sks-d
* insert Says(reasonCode.coding[icpc-2], "The general practice's code", "Den praktiserende læges kode")
* reasonCode.coding[icpc-2].system 1..1
* reasonCode.coding[icpc-2].system = $icpc-2
* insert Says(reasonCode.coding[sct], "The code of SNOMED CT", "SNOMED CT-koden")
* reasonCode.coding[sct].system 1..1
* reasonCode.coding[sct].system = $sct
* insert Says(reasonCode.coding[fs3], "The code of the municipality's nursing record (FSIII\)", "Kommunens tilstandskode (FSIII\)")
* reasonCode.coding[fs3].system 1..1
* reasonCode.coding[fs3].system = "urn:oid:1.2.208.176.2.21"
* insert Says(reasonCode.coding[ffb], "The code of the municipality's social record (FFB\)", "Kommunens tilstandskode (FFB\)")
* reasonCode.coding[ffb].system 1..1
* reasonCode.coding[ffb].system = "urn:oid:1.2.208.176.2.22"
* reasonReference MS
* reasonReference only Reference(KpCondition or Observation or DiagnosticReport or DocumentReference)
* insert Says(reasonReference, "The diagnosis that the person is referred for", "Den diagnose\, personen er henvist for")
