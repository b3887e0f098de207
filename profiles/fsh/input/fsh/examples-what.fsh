// What is sent about the invented people: diagnoses, plans, referrals and first contacts.

Instance: diagnosis-small
InstanceOf: KpCondition
Usage: #example
Title: "A diagnosis, as little as is needed"
Description: "COPD, diagnosed by a general practice and recorded on the same day."
* verificationStatus = $ver-status#confirmed
* category = $condition-category#encounter-diagnosis
* code.coding[icpc-2] = $icpc-2#R95
* subject = Reference(person-small)
* clinicalStatus = $clinical#active
* recordedDate = "2027-03-01"

Instance: diagnosis-full
InstanceOf: KpCondition
Usage: #example
Title: "A diagnosis"
Description: "COPD in two terminologies: made by a hospital, recorded two days later, and its plan postponed for a while at the person's wish."
* extension[assertedDate].valueDateTime = "2027-04-20T10:15:00+02:00"
* extension[postponement].extension[period].valuePeriod.start = "2027-05-01"
* extension[postponement].extension[period].valuePeriod.end = "2027-05-08"
* extension[postponement].extension[reason].valueCode = #patient
* identifier.system = "https://ehr.example.org/id"
* identifier.value = "diagnosis-7"
* clinicalStatus = $clinical#active
* verificationStatus = $ver-status#confirmed
* category = $condition-category#problem-list-item
* code.coding[sks-d] = $sks-d#DJ449
* code.coding[icpc-2] = $icpc-2#R95
* code.text = "KOL"
* subject = Reference(person-full)
* onsetDateTime = "2026"
* recordedDate = "2027-04-22T08:30:00+02:00"
* recorder.identifier.system = $sor
* recorder.identifier.value = "99000010046005"
* asserter.display = "En læge på Regionshospitalet Vesterlund"

Instance: diagnosis-by-group
InstanceOf: KpCondition
Usage: #example
Title: "A diagnosis whose group no code says"
Description: "Chronic low back pain: its target group is asserted."
* extension[targetGroup].valueCodeableConcept = $target-group#low-back-pain "Kroniske lænderygsmerter"
* identifier.system = "https://ehr.example.org/id"
* identifier.value = "diagnosis-8"
* clinicalStatus = $clinical#active
* verificationStatus = $ver-status#confirmed
* category = $condition-category#problem-list-item
* code.coding[icpc-2] = $icpc-2#L84
* code.text = "Kroniske lænderygsmerter"
* subject = Reference(person-full)
* recordedDate = "2027-06-14"

Instance: plan-small
InstanceOf: KpCareplan
Usage: #example
Title: "A treatment plan, as little as is needed"
Description: "Agreed with the person; its author is known by the ydernummer."
* status = #active
* category[treatmentPlan] = $careplan-category#treatment-plan
* subject = Reference(person-small)
* created = "2027-03-20"
* author.identifier.system = $ydernummer
* author.identifier.value = "990101"
* addresses = Reference(diagnosis-small)

Instance: plan-full
InstanceOf: KpCareplan
Usage: #example
Title: "A treatment plan that was superseded"
Description: "One plan for two diagnoses. It was drawn up and later gave way to another: it still fulfilled the right."
* extension[statusReason].valueCodeableConcept = $status-reason#superseded "Erstattet"
* identifier.system = "https://ehr.example.org/id"
* identifier.value = "plan-7"
* status = #revoked
* category[treatmentPlan] = $careplan-category#treatment-plan "Behandlingsplan"
* title = "Personlig behandlingsplan"
* subject = Reference(person-full)
* period.start = "2027-05-12"
* period.end = "2027-11-30"
* created = "2027-05-12T11:00:00+02:00"
* author = Reference(practice-full)
* addresses[0] = Reference(diagnosis-full)
* addresses[1] = Reference(diagnosis-by-group)
* note.text = "Planen er gennemgået sammen med patienten."

Instance: referral-small
InstanceOf: KpReferral
Usage: #example
Title: "A referral, as little as is needed"
Description: "To smoking cessation, for a diagnosis that was sent before."
* status = #active
* code = $prevention-offer#nicotine-cessation
* subject = Reference(person-small)
* authoredOn = "2027-03-20"
* requester.identifier.system = $ydernummer
* requester.identifier.value = "990101"
* reasonReference = Reference(diagnosis-small)

Instance: referral-first
InstanceOf: KpReferral
Usage: #example
Title: "A referral that another one replaced"
Description: "It was revoked when it was sent again; the deadline still counts from it."
* extension[statusReason].valueCodeableConcept = $status-reason#superseded "Erstattet"
* identifier.system = "https://ehr.example.org/id"
* identifier.value = "referral-6"
* status = #revoked
* priority = #routine
* code = $prevention-offer#physical-activity "Fysisk aktivitet"
* subject = Reference(person-full)
* authoredOn = "2027-05-12"
* requester = Reference(practice-full)
* performer = Reference(municipality)
* reasonCode.coding[icpc-2] = $icpc-2#R95

Instance: referral-full
InstanceOf: KpReferral
Usage: #example
Title: "A referral on hold"
Description: "Sent again in place of an earlier one, received the day after, a time offered, and then put off at the person's wish."
* extension[statusReason].valueCodeableConcept = $status-reason#patient-postponed "Udskudt efter patientens ønske"
* extension[received].valueDate = "2027-05-21"
* extension[postponement].extension[period].valuePeriod.start = "2027-05-28"
* extension[postponement].extension[reason].valueCode = #patient
* identifier.system = "https://ehr.example.org/id"
* identifier.value = "referral-7"
* replaces = Reference(referral-first)
* status = #on-hold
* priority = #asap
* code = $prevention-offer#physical-activity "Fysisk aktivitet"
* subject = Reference(person-full)
* occurrencePeriod.start = "2027-06-01T09:00:00+02:00"
* occurrencePeriod.end = "2027-06-01T10:00:00+02:00"
* authoredOn = "2027-05-20T14:05:00+02:00"
* requester = Reference(practice-full)
* performer = Reference(municipality)
* reasonCode.coding[sks-d] = $sks-d#DJ449
* reasonCode.coding[sct] = $sct#13645005
* reasonCode.coding[icpc-2] = $icpc-2#R95
* reasonReference = Reference(diagnosis-full)

Instance: contact-small
InstanceOf: KpOfferEncounter
Usage: #example
Title: "The start of an offer, as little as is needed"
Description: "The first contact, under way."
* status = #in-progress
* class = $act-code#AMB
* type = $prevention-offer#nicotine-cessation
* subject = Reference(person-small)
* basedOn = Reference(referral-small)
* period.start = "2027-04-06"

Instance: contact-full
InstanceOf: KpOfferEncounter
Usage: #example
Title: "The start of an offer"
Description: "The first contact, finished, at the municipality."
* extension[0].url = "http://hl7.dk/fhir/core/StructureDefinition/dk-core-planned-start-date"
* extension[0].valueDateTime = "2027-06-21T09:00:00+02:00"
* identifier.system = "https://ehr.example.org/id"
* identifier.value = "contact-7"
* status = #finished
* class = $act-code#AMB "ambulatory"
* type = $prevention-offer#physical-activity "Fysisk aktivitet"
* subject = Reference(person-full)
* basedOn = Reference(referral-full)
* period.start = "2027-06-21T09:00:00+02:00"
* period.end = "2027-06-21T10:00:00+02:00"
* serviceProvider = Reference(municipality)

Instance: booking-small
InstanceOf: KpAppointment
Usage: #example
Title: "A booked first session, as little as is needed"
Description: "The day of the session, for the person who was referred."
* status = #booked
* start = "2027-04-06T09:00:00+02:00"
* end = "2027-04-06T10:00:00+02:00"
* basedOn = Reference(referral-small)
* participant.actor = Reference(person-small)
* participant.status = #accepted

Instance: booking-full
InstanceOf: KpAppointment
Usage: #example
Title: "A booked first session"
Description: "Booked by the municipality two weeks ahead, with the person and a service."
* identifier.system = "https://ehr.example.org/id"
* identifier.value = "booking-7"
* status = #booked
* serviceType = $prevention-offer#physical-activity "Fysisk aktivitet"
* start = "2027-06-21T09:00:00+02:00"
* end = "2027-06-21T10:00:00+02:00"
* created = "2027-06-07T13:20:00+02:00"
* basedOn = Reference(referral-full)
* participant[0].actor = Reference(person-full)
* participant[0].status = #accepted
* participant[1].actor.display = "Hold for motion, Vesterlund Kommune"
* participant[1].status = #accepted

Instance: referral-received
InstanceOf: KpReferral
Usage: #example
Title: "A record that a referral was received"
Description: "What the municipality keeps of the practice's referral: it joins its deadline and starts none."
* extension[received].valueDate = "2027-05-14"
* identifier.system = "https://omsorg.example.org/id"
* identifier.value = "receipt-7"
* status = #active
* category = $referral-kind#received-record "Registreret modtagelse"
* code = $prevention-offer#physical-activity "Fysisk aktivitet"
* subject = Reference(person-full)
* authoredOn = "2027-05-14"
* requester = Reference(practice-full)
* performer = Reference(municipality)
* reasonCode = $target-group#copd "KOL"

Instance: offer-small
InstanceOf: KpOfferPlan
Usage: #example
Title: "The plan of an offer, as little as is needed"
Description: "A municipality plans something for the person; no deadline stops by it."
* status = #active
* category[preventionOffer] = $careplan-category#prevention-offer
* subject = Reference(person-small)
* author = Reference(municipality)

Instance: offer-full
InstanceOf: KpOfferPlan
Usage: #example
Title: "The plan of an offer"
Description: "Training for some weeks, with the code of the municipality's record beside it."
* identifier.system = "https://omsorg.example.org/id"
* identifier.value = "offer-7"
* status = #active
* category[preventionOffer] = $careplan-category#prevention-offer "Forebyggelsestilbud"
* subject = Reference(person-full)
* period.start = "2027-06-21"
* period.end = "2027-08-30"
* author = Reference(municipality)
* activity.detail.code = $prevention-offer#physical-activity "Fysisk aktivitet"
* activity.detail.status = #in-progress

Instance: contact-of-plan
InstanceOf: KpOfferEncounter
Usage: #example
Title: "A contact that names a plan and no referral"
Description: "As many municipal records have it: which referral it answers is not said."
* extension[0].url = $basedOnCarePlan
* extension[0].valueReference = Reference(offer-full)
* status = #finished
* class = $act-code#AMB "ambulatory"
* type = $prevention-offer#physical-activity "Fysisk aktivitet"
* subject = Reference(person-full)
* period.start = "2027-06-28T09:00:00+02:00"
* period.end = "2027-06-28T10:00:00+02:00"
