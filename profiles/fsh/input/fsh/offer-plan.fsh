Profile: KpOfferPlan
Parent: CarePlan
Id: kp-offer-plan
Title: "Plan of a prevention offer"
Description: "What a municipality or region plans for a person in a prevention offer. It is evidence for the contacts that follow, and never a treatment plan: no status of it stops a deadline."
* insert Definition("Plan i et forebyggelsestilbud")
* obeys kp-cp-2 and kp-ext-1 and kp-mod-1
* identifier MS
* insert Says(identifier, "The sender's own number of the plan: by it a later version finds the earlier", "Afsenderens eget nummer på planen: ved det finder en senere version den tidligere")
* status MS
* intent MS
* intent = #plan (exactly)
* category 1..* MS
* category ^slicing.discriminator.type = #pattern
* category ^slicing.discriminator.path = "$this"
* category ^slicing.rules = #open
* category contains preventionOffer 1..* MS
* category[preventionOffer] = $careplan-category#prevention-offer
* insert Says(category[preventionOffer], "The code prevention-offer: what tells it from a treatment plan", "Koden prevention-offer: det\, der skiller den fra en behandlingsplan")
* subject 1..1 MS
* subject only Reference(KpPatient)
* subject obeys kp-ref-1 and kp-ref-2
* insert Says(subject, "The person whom the offer is for", "Den person\, tilbuddet er til")
* author 1..1 MS
* author only Reference(KpOrganization or PractitionerRole)
* author obeys kp-ref-1
* insert Says(author, "The municipality or region that gives the offer\, or a role there", "Den kommune eller region\, der giver tilbuddet\, eller en rolle dér")
* period MS
* insert Says(period, "When the offer is given\, as far as it is known", "Hvornår tilbuddet gives\, så vidt det vides")
* activity MS
* activity.detail MS
