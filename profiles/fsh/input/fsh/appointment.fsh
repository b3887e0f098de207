Profile: KpAppointment
Parent: Appointment
Id: kp-appointment
Title: "Booked first session of a prevention offer"
Description: "A time at which a prevention offer is to start, booked for a person: what a forecast is made of. It stops no deadline; the contact that follows does."
* insert Definition("Booket tid til et forebyggelsestilbud")
* obeys kp-app-1 and kp-ext-1 and kp-mod-1
* identifier MS
* insert Says(identifier, "The sender's own number of the booking: by it a later version finds the earlier", "Afsenderens eget nummer på bookingen: ved det finder en senere version den tidligere")
* status MS
* insert Says(status, "booked\, arrived or checked-in for a time that stands; cancelled or noshow for one that does not", "booked\, arrived eller checked-in for en tid\, der står; cancelled eller noshow for en\, der ikke gør")
* serviceType MS
* serviceType from KpPreventionOffer (extensible)
* insert Says(serviceType, "The offer that is to start", "Det tilbud\, der skal starte")
* start 1..1 MS
* insert Says(start, "When the session begins", "Hvornår mødet begynder")
* end MS
* insert Says(end, "When it ends: R4 asks for both\, or for neither", "Hvornår det slutter: R4 kræver begge eller ingen")
* created MS
* created obeys kp-date-2 and kp-date-5
* insert Says(created, "The day on which the time was booked: before it\, nobody knew of it", "Den dag\, tiden blev booket: før den kendte ingen til den")
* basedOn 1..* MS
* basedOn only Reference(KpReferral)
* basedOn obeys kp-ref-1
* insert Says(basedOn, "The referral that the offer answers", "Den henvisning\, tilbuddet svarer på")
* participant MS
* participant.actor MS
* insert Says(participant.actor, "The person who is to come; others may take part", "Den person\, der skal komme; andre kan deltage")
