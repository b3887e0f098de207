// The keys of the rules by which content is refused or warned about.

CodeSystem: KpFindingCodes
Id: kp-finding
Title: "Rules that a finding can name"
Description: "The keys of the rules by which the server refuses content or warns: the coding of OperationOutcome.issue.details. A fragment: the keys of the invariants of R4 (as con-3) and of any package that the server has loaded are used as codes of this system too."
* insert Codes(kp-finding, KpFinding)
* ^content = #fragment
* #kp-cpr-1 "CPR-nummer" "A CPR number is ten digits, of which the first four are a day and a month that exist. Modulus 11 is not asked for."
* #kp-cpr-1 insert English("CPR number")
* #kp-org-1 "National identifikation af en organisation" "An organization has at least one identifier of SOR, KOMBIT or CVR."
* #kp-org-1 insert English("National identifier of an organization")
* #kp-group-1 "Målgruppe for en diagnose" "The target group of a Condition can be determined, by the extension kp-target-group or by its code."
* #kp-group-1 insert English("Target group of a diagnosis")
* #kp-cp-1 "Begrundelse for en ophævet plan" "A revoked CarePlan has the extension kp-status-reason."
* #kp-cp-1 insert English("Reason for a revoked plan")
* #kp-sr-1 "Grund til en henvisning" "A ServiceRequest has a reasonReference or a reasonCode."
* #kp-sr-1 insert English("Reason for a referral")
* #kp-sr-2 "Begrundelse for en ophævet eller udskudt henvisning" "A ServiceRequest that is revoked or on hold has the extension request-statusReason."
* #kp-sr-2 insert English("Reason for a revoked or paused referral")
* #kp-date-1 "En dato, der findes" "A date has the form that FHIR gives it, and its day exists."
* #kp-date-1 insert English("A date that exists")
* #kp-date-2 "En fuld dato" "A date that a clock reads has a year, a month and a day."
* #kp-date-2 insert English("A full date")
* #kp-date-3 "Ingen kendsgerning i fremtiden" "What has happened is not dated later than today in Copenhagen."
* #kp-date-3 insert English("No fact in the future")
* #kp-date-4 "Et år, der kan være ment" "A date has a year from 1800 on: an earlier one is most often a mistake. A warning."
* #kp-date-4 insert English("A year that can be meant")
* #kp-date-5 "En dag i nogens liv" "What has happened has a date from 1900 on: an earlier one stands for a date that is not known."
* #kp-date-5 insert English("A day in someone's life")
* #kp-person-1 "Én person" "All references in a resource that belong to a person name the same person."
* #kp-person-1 insert English("One person")
* #kp-person-2 "En gemt patient" "The Patient whom a resource is about is stored before it."
* #kp-person-2 insert English("A stored Patient")
* #kp-person-3 "Endnu ikke gemt" "A resource that is named is not stored: it counts from when it is. A warning."
* #kp-person-3 insert English("Not yet stored")
* #kp-ecpr-1 "X-eCPR" "An X-eCPR is a day and a month, two digits of the year, 1 or 7, two capital letters and a digit."
* #kp-ecpr-1 insert English("X-eCPR")
* #kp-ecpr-2 "D-eCPR" "A D-eCPR is a day and a month, two digits of the year, 0, 5 or 6, two capital letters and a digit."
* #kp-ecpr-2 insert English("D-eCPR")
* #kp-ecpr-3 "Én D-eCPR" "A person has at most one D-eCPR, of whatever system."
* #kp-ecpr-3 insert English("One D-eCPR")
* #kp-org-2 "Ét ydernummer" "An organization has at most one ydernummer, whichever way its system is written."
* #kp-org-2 insert English("One ydernummer")
* #kp-sor-1 "SOR-kode" "A SOR code is eleven digits or more."
* #kp-sor-1 insert English("SOR code")
* #kp-cvr-1 "CVR-nummer" "A CVR number is eight digits whose weighted sum is divisible by 11."
* #kp-cvr-1 insert English("CVR number")
* #kp-kombit-1 "KOMBIT-id" "A KOMBIT identifier is urn:uuid: and a UUID in lower case."
* #kp-kombit-1 insert English("KOMBIT identifier")
* #kp-gln-1 "GLN" "A GLN is thirteen digits, of which the last is the check digit."
* #kp-gln-1 insert English("GLN")
* #kp-mun-1 "Kommunekode" "A municipality is one of those that exist, by its four digits."
* #kp-mun-1 insert English("Municipality code")
* #kp-enc-1 "Hvilket tilbud, der startede" "An Encounter has at least one type of the system kp-prevention-offer."
* #kp-enc-1 insert English("Which offer started")
* #kp-enc-2 "Hvad en kontakt hører til" "An Encounter has basedOn with a referral, or KL's extension with a plan."
* #kp-enc-2 insert English("What a contact belongs to")
* #kp-cp-2 "Tilbud er ingen behandlingsplan" "A CarePlan is either a treatment plan or the plan of an offer."
* #kp-cp-2 insert English("An offer is no treatment plan")
* #kp-app-1 "Hvem tiden er booket til" "An Appointment has a participant that is the person."
* #kp-app-1 insert English("Whom the time is booked for")
* #kp-ref-1 "En henvisning til noget" "A reference that must be there has a reference, or an identifier with a value."
* #kp-ref-1 insert English("A reference to something")
* #kp-ref-2 "En selvstændig patient" "The Patient whom a resource is about is not contained in it."
* #kp-ref-2 insert English("A Patient of its own")
* #kp-ext-1 "En udvidelse, der findes" "An extension below the address of the packages is one of theirs."
* #kp-ext-1 insert English("An extension that exists")
* #kp-mod-1 "Intet, der ændrer betydningen" "A resource by which deadlines or messages go has no modifierExtension and no implicitRules in any part: the server understands none, and must not process what it may misread."
* #kp-mod-1 insert English("Nothing that changes the meaning")
* #kp-dk-1 "Nationale udvidelser af en diagnose" "The extensions that the Danish core profile of a Condition has are there as often and with the type as it says."
* #kp-dk-1 insert English("National extensions of a diagnosis")
* #kp-dk-2 "Nationale udvidelser af en kontakt" "The extensions that the Danish core profile of an Encounter has are there as often and with the type as it says."
* #kp-dk-2 insert English("National extensions of a contact")
* #kp-dk-3 "Nationale udvidelser af en adresse" "The extensions that the Danish core profile of a Patient has at an address are there as often and with the type as it says."
* #kp-dk-3 insert English("National extensions of an address")
* #bundle-type "Typen af en Bundle" "What is sent to $intake is a Bundle of type document, message or collection."
* #bundle-type insert English("Type of a Bundle")
* #bundle-form "Formen af en Bundle" "A document begins with a Composition, a message with a MessageHeader; there are entries, and nothing that changes the meaning of the whole."
* #bundle-form insert English("Form of a Bundle")
* #format-unknown "Ukendt format" "A Bundle that is sent to $intake is recognised by what its guide says of itself."
* #format-unknown insert English("Unknown format")
* #format-not-taken "Format, der ikke tages imod" "A Bundle of a format that is known and of which nothing is of the packages."
* #format-not-taken insert English("Format that is not taken")
* #format-draft "Format i udkast" "A Bundle of a format that is a draft, and that the operator has not switched on."
* #format-draft insert English("Draft format")
* #person-count "Én patient i en Bundle" "A Bundle that is sent to $intake has exactly one Patient."
* #person-count insert English("One Patient in a Bundle")
* #person-other "En anden person" "All entries of a Bundle that is sent to $intake are about its Patient."
* #person-other insert English("Another person")
* #person-identifier "Patientens identifikation" "The Patient of a Bundle has a CPR number, or where the format allows it an eCPR."
* #person-identifier insert English("Identifier of the Patient")
* #person-ambiguous "Flere patienter" "Only one stored Patient has an identifier."
* #person-ambiguous insert English("Several Patients")
* #document-status "Et dokuments status" "A document is final or amended."
* #document-status insert English("Status of a document")
* #document-author "Et dokuments forfatter" "A document has exactly one author that is an Organization."
* #document-author insert English("Author of a document")
* #sender "Afsenderen" "The sender of a Bundle is the organization of who sends it."
* #sender insert English("The sender")

ValueSet: KpFinding
Id: kp-finding
Title: "Rules that a finding can name"
Description: "All codes of the code system kp-finding. The keys of the rules by which the server refuses content or warns: the coding of OperationOutcome.issue.details."
* insert AllCodesOf(kp-finding, KpFinding)
