Profile: KpOfferEncounter
Parent: Encounter
Id: kp-offer-encounter
Title: "First contact of a prevention offer"
Description: "A contact at which a prevention offer starts: what fulfils the right to one. A clarifying conversation is not yet the offer. It has the constraints of the Danish core profile dk-core-encounter (3.7.0): whatever is valid here is valid there."
* insert Definition("Første kontakt i et forebyggelsestilbud")
* obeys kp-enc-1 and kp-enc-2 and kp-dk-2 and kp-ext-1 and kp-mod-1
* identifier MS
* insert Says(identifier, "The sender's own number of the contact: by it a later version finds the earlier", "Afsenderens eget nummer på kontakten: ved det finder en senere version den tidligere")
* status MS
* insert Says(status, "in-progress or finished for an offer that has started; planned until then", "in-progress eller finished for et tilbud\, der er startet; planned indtil da")
* type 1..* MS
* type from KpPreventionOffer (extensible)
* insert Says(type, "The offer that started", "Det tilbud\, der startede")
* subject 1..1 MS
* subject only Reference(KpPatient)
* subject obeys kp-ref-1 and kp-ref-2
* insert Says(subject, "The person who came", "Den person\, der kom")
* basedOn MS
* basedOn only Reference(KpReferral)
* basedOn obeys kp-ref-1
* insert Says(basedOn, "The referral that the offer answers; left out only where the extension BasedOnCarePlanExtension of KL names a plan", "Den henvisning\, tilbuddet svarer på; udelades kun\, hvor KL's udvidelse BasedOnCarePlanExtension nævner en plan")
* period 1..1 MS
* period.start 1..1 MS
* period.start obeys kp-date-2
* insert Says(period.start, "The day on which the offer started\, at least a full date", "Den dag\, tilbuddet startede\, mindst en fuld dato")
* serviceProvider MS
* serviceProvider only Reference(KpOrganization)
