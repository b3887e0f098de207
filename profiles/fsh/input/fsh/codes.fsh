// The codes of the packages: displays are Danish, their English designations and the definitions beside them.
// Each code system has a value set of all its codes.

RuleSet: Published
* ^version = "0.1.0"
* ^status = #active
* ^experimental = false
* ^date = "2026-11-22"
* ^publisher = "Frist"
* ^jurisdiction = urn:iso:std:iso:3166#DK "Denmark"

RuleSet: Codes(id, name)
* ^name = "{name}"
* insert Published
* ^url = "https://kronikerpakker.dk/fhir/CodeSystem/{id}"
* ^caseSensitive = true
* ^valueSet = "https://kronikerpakker.dk/fhir/ValueSet/{id}"

RuleSet: AllCodesOf(id, name)
* ^name = "{name}"
* insert Published
* ^language = #en
* include codes from system https://kronikerpakker.dk/fhir/CodeSystem/{id}

RuleSet: English(text)
* ^designation.language = #en
* ^designation.value = {text}

CodeSystem: KpTargetGroupCodes
Id: kp-target-group
Title: "Target groups of the chronic-care packages"
Description: "The groups of persons for whom the chronic-care packages (kronikerpakker) give rights."
* insert Codes(kp-target-group, KpTargetGroup)
* #copd "KOL" "Persons with chronic obstructive pulmonary disease. The rights exist from 2027."
* #copd insert English("COPD")
* #low-back-pain "Kroniske lænderygsmerter" "Persons with chronic low back pain. No diagnosis code says that the pain is chronic, so the group is asserted. The rights exist from 2027."
* #low-back-pain insert English("Chronic low back pain")
* #type-2-diabetes "Type 2-diabetes" "Persons with type 2 diabetes. The rights exist from 2028."
* #type-2-diabetes insert English("Type 2 diabetes")
* #heart-disease "Hjertesygdom" "Persons with ischaemic heart disease, heart failure or atrial fibrillation. The rights exist from 2029."
* #heart-disease insert English("Heart disease")
* #complex-multimorbidity "Kompleks multisygdom" "Persons with several chronic diseases at once whose course is complex. The group is asserted. The rights exist from 2031."
* #complex-multimorbidity insert English("Complex multimorbidity")

ValueSet: KpTargetGroup
Id: kp-target-group
Title: "Target groups of the chronic-care packages"
Description: "All codes of the code system kp-target-group. The groups of persons for whom the chronic-care packages (kronikerpakker) give rights."
* insert AllCodesOf(kp-target-group, KpTargetGroup)

CodeSystem: KpRightCodes
Id: kp-right
Title: "Rights of the chronic-care packages"
Description: "The rights with a deadline that a person in a target group has."
* insert Codes(kp-right, KpRight)
* #treatment-plan "Behandlingsplan" "The person's own general practice draws up a personal treatment plan together with the person, within 30 calendar days after the diagnosis."
* #treatment-plan insert English("Treatment plan")
* #prevention-start "Start på forebyggelsestilbud" "A patient-directed prevention offer starts within 21 calendar days after the referral from the person's own general practice."
* #prevention-start insert English("Start of a prevention offer")

ValueSet: KpRight
Id: kp-right
Title: "Rights of the chronic-care packages"
Description: "All codes of the code system kp-right. The rights with a deadline that a person in a target group has."
* insert AllCodesOf(kp-right, KpRight)

CodeSystem: KpCareplanCategoryCodes
Id: kp-careplan-category
Title: "Category of a care plan"
Description: "What marks a care plan as the treatment plan of the chronic-care packages, or as the plan of a prevention offer."
* insert Codes(kp-careplan-category, KpCareplanCategory)
* #treatment-plan "Behandlingsplan" "The personal treatment plan that a general practice draws up together with the person."
* #treatment-plan insert English("Treatment plan")
* #prevention-offer "Forebyggelsestilbud" "What a municipality or region plans for a person in a prevention offer: never a treatment plan."
* #prevention-offer insert English("Prevention offer")

ValueSet: KpCareplanCategory
Id: kp-careplan-category
Title: "Category of a care plan"
Description: "All codes of the code system kp-careplan-category. What marks a care plan as the treatment plan of the chronic-care packages, or as the plan of a prevention offer."
* insert AllCodesOf(kp-careplan-category, KpCareplanCategory)

CodeSystem: KpRightStatusCodes
Id: kp-right-status
Title: "Deadline status of a right"
Description: "How a right stands on a day: the business status of its Task."
* insert Codes(kp-right-status, KpRightStatus)
* #running "Fristen løber" "The deadline lies ahead."
* #running insert English("Running")
* #due-soon "Fristen udløber snart" "The deadline is near: no more days are left than the rule's days of warning."
* #due-soon insert English("Due soon")
* #overdue "Fristen er overskredet" "The deadline has passed and the duty stands."
* #overdue insert English("Overdue")
* #postponed-patient "Udskudt efter patientens ønske" "The day is covered by a postponement that the person asked for."
* #postponed-patient insert English("Postponed by the patient")
* #postponed-clinical "Udskudt af kliniske grunde" "The day is covered by a postponement for clinical reasons."
* #postponed-clinical insert English("Postponed for clinical reasons")
* #met "Overholdt" "The duty was fulfilled no later than on the day it was due."
* #met insert English("Met")
* #met-late "Opfyldt for sent" "The duty was fulfilled after the day it was due."
* #met-late insert English("Met late")
* #declined "Afslået af patienten" "The person does not want what the right gives."
* #declined insert English("Declined by the patient")
* #void "Bortfaldet" "What gave the right is there no more: an error, a withdrawn referral, or the person's death."
* #void insert English("Void")
* #not-applicable "Ikke omfattet" "No rule gives the right for what is recorded."
* #not-applicable insert English("Not applicable")

ValueSet: KpRightStatus
Id: kp-right-status
Title: "Deadline status of a right"
Description: "All codes of the code system kp-right-status. How a right stands on a day: the business status of its Task."
* insert AllCodesOf(kp-right-status, KpRightStatus)

CodeSystem: KpRightInputCodes
Id: kp-right-input
Title: "Inputs of a rights Task"
Description: "What the deadline of a right was computed from: the types of the inputs of its Task."
* insert Codes(kp-right-input, KpRightInput)
* #clock-start "Urets start" "The day of the diagnosis, or of the referral or its receipt: day 0 (valueDate)."
* #clock-start insert English("Start of the clock")
* #days "Reglens dage" "How many of the rule's unit there are from the start of the clock to the day it is due (valueInteger)."
* #days insert English("Days of the rule")
* #gross-due "Frist uden udsættelser" "The start of the clock plus the days of the rule (valueDate)."
* #gross-due insert English("Due date without postponements")
* #net-due "Frist med udsættelser" "The day on which as many days are counted as the rule has, if days covered by a postponement do not count (valueDate)."
* #net-due insert English("Due date with postponements")
* #own-gp "Egen læge" "Whether the person's general practice is the one that made the plan or the referral: verified or unverified (valueCode)."
* #own-gp insert English("Own general practice")
* #unit "Enhed" "What is counted, where it is not calendar days: a code of kp-unit (valueCode)."
* #unit insert English("Unit")
* #start-on "Hvad der tælles fra" "From which day of a referral is counted, where it is not the day it was made: a code of kp-start-on (valueCode)."
* #start-on insert English("What is counted from")
* #start-attributed "Starten er tilskrevet" "The contact that stopped the clock names no referral, and was attributed to this one by the rule (valueBoolean)."
* #start-attributed insert English("The start is attributed")

ValueSet: KpRightInput
Id: kp-right-input
Title: "Inputs of a rights Task"
Description: "All codes of the code system kp-right-input. What the deadline of a right was computed from: the types of the inputs of its Task."
* insert AllCodesOf(kp-right-input, KpRightInput)

CodeSystem: KpStatusReasonCodes
Id: kp-status-reason
Title: "Reason for a status"
Description: "Why a plan or a referral was revoked or put on hold."
* insert Codes(kp-status-reason, KpStatusReason)
* #superseded "Erstattet" "Another one has taken its place."
* #superseded insert English("Superseded")
* #ended "Afsluttet" "It was in force and has come to its end."
* #ended insert English("Ended")
* #abandoned "Opgivet" "It was given up and never came into force."
* #abandoned insert English("Abandoned")
* #patient-declined "Afslået af patienten" "The person does not want it."
* #patient-declined insert English("Declined by the patient")
* #patient-postponed "Udskudt efter patientens ønske" "The person asked for a later time."
* #patient-postponed insert English("Postponed at the patient's wish")
* #clinical "Kliniske grunde" "The person's health does not allow it now."
* #clinical insert English("Clinical reasons")
* #transferred "Overdraget" "Someone else is responsible now."
* #transferred insert English("Transferred")
* #no-longer-needed "Ikke længere nødvendig" "There is no need for it any more."
* #no-longer-needed insert English("No longer needed")
* #sent-in-error "Sendt ved en fejl" "It was sent by mistake."
* #sent-in-error insert English("Sent in error")
* #refused-capacity "Afvist: manglende kapacitet" "The receiver has no room. It ends nothing: the right stands."
* #refused-capacity insert English("Refused: no capacity")
* #refused-wrong-receiver "Afvist: forkert modtager" "It was sent to someone who does not give the offer. It ends nothing: the right stands."
* #refused-wrong-receiver insert English("Refused: wrong receiver")
* #refused-not-indicated "Afvist: ikke omfattet" "The receiver finds the person outside the group."
* #refused-not-indicated insert English("Refused: not indicated")
* #awaiting-supplement "Afventer supplerende oplysninger" "The receiver has asked for more. It pauses nothing."
* #awaiting-supplement insert English("Awaiting a supplement")
* #not-stated "Ikke oplyst" "Nobody said why. It ends nothing: the right stands."
* #not-stated insert English("Not stated")
* #no-show "Udeblevet" "The person did not come. It ends nothing: the right stands."
* #no-show insert English("No show")
* #recalled "Tilbagekaldt" "Who sent it has taken it back."
* #recalled insert English("Recalled")

ValueSet: KpStatusReason
Id: kp-status-reason
Title: "Reason for a status"
Description: "All codes of the code system kp-status-reason. Why a plan or a referral was revoked or put on hold."
* insert AllCodesOf(kp-status-reason, KpStatusReason)

CodeSystem: KpPreventionOfferCodes
Id: kp-prevention-offer
Title: "Patient-directed prevention offers"
Description: "What a person is referred to, and what starts with an encounter."
* insert Codes(kp-prevention-offer, KpPreventionOffer)
* #clarifying-conversation "Afklarende samtale" "A conversation that finds out which offers fit the person. It is not yet the offer."
* #clarifying-conversation insert English("Clarifying conversation")
* #disease-management "Sygdomsmestring" "Learning to live with the disease."
* #disease-management insert English("Disease management")
* #physical-activity "Fysisk aktivitet" "Training under guidance."
* #physical-activity insert English("Physical activity")
* #nutrition "Ernæring" "Guidance on food and weight."
* #nutrition insert English("Nutrition")
* #nicotine-cessation "Nikotinafvænning" "Help to stop using nicotine."
* #nicotine-cessation insert English("Nicotine cessation")
* #alcohol-conversation "Samtale om alkohol" "A conversation about the person's use of alcohol."
* #alcohol-conversation insert English("Conversation about alcohol")

ValueSet: KpPreventionOffer
Id: kp-prevention-offer
Title: "Patient-directed prevention offers"
Description: "All codes of the code system kp-prevention-offer. What a person is referred to, and what starts with an encounter."
* insert AllCodesOf(kp-prevention-offer, KpPreventionOffer)

CodeSystem: KpPostponementReasonCodes
Id: kp-postponement-reason
Title: "Reason for a postponement"
Description: "Why something was postponed: who or what asked for a later day."
* insert Codes(kp-postponement-reason, KpPostponementReason)
* #patient "Patientens ønske" "The person asked for a later time."
* #patient insert English("The person's wish")
* #clinical "Kliniske grunde" "The person's health did not allow it."
* #clinical insert English("Clinical reasons")

ValueSet: KpPostponementReason
Id: kp-postponement-reason
Title: "Reason for a postponement"
Description: "All codes of the code system kp-postponement-reason. Why something was postponed: who or what asked for a later day."
* insert AllCodesOf(kp-postponement-reason, KpPostponementReason)

CodeSystem: KpOwnGpCodes
Id: kp-own-gp
Title: "Own general practice"
Description: "Whether the plan or the referral is known to come from the person's own general practice."
* insert Codes(kp-own-gp, KpOwnGp)
* #verified "Bekræftet" "The Patient's generalPractitioner names the practice that made the plan or the referral."
* #verified insert English("Verified")
* #unverified "Ikke bekræftet" "The Patient's generalPractitioner names no practice, or another one."
* #unverified insert English("Unverified")

ValueSet: KpOwnGp
Id: kp-own-gp
Title: "Own general practice"
Description: "All codes of the code system kp-own-gp. Whether the plan or the referral is known to come from the person's own general practice."
* insert AllCodesOf(kp-own-gp, KpOwnGp)

CodeSystem: KpPausePolicyCodes
Id: kp-pause-policy
Title: "What postponements do"
Description: "What postponements do to the day on which a right is due: a parameter of a rule."
* insert Codes(kp-pause-policy, KpPausePolicy)
* #tag "Vises" "Postponements are shown, and the due date stands."
* #tag insert English("Shown")
* #deduct "Trækkes fra" "Days that a postponement covers are not counted."
* #deduct insert English("Deducted")

ValueSet: KpPausePolicy
Id: kp-pause-policy
Title: "What postponements do"
Description: "All codes of the code system kp-pause-policy. What postponements do to the day on which a right is due: a parameter of a rule."
* insert AllCodesOf(kp-pause-policy, KpPausePolicy)

CodeSystem: KpStopModeCodes
Id: kp-stop-mode
Title: "What fulfils a prevention right"
Description: "What stops the clock of a right to a prevention offer: a parameter of a rule."
* insert Codes(kp-stop-mode, KpStopMode)
* #started "Tilbuddet er startet" "The first contact of the offer has begun."
* #started insert English("Started")
* #offered "En tid er tilbudt" "A time for the first contact has been offered."
* #offered insert English("Offered")

ValueSet: KpStopMode
Id: kp-stop-mode
Title: "What fulfils a prevention right"
Description: "All codes of the code system kp-stop-mode. What stops the clock of a right to a prevention offer: a parameter of a rule."
* insert AllCodesOf(kp-stop-mode, KpStopMode)

CodeSystem: KpForecastCodes
Id: kp-forecast
Title: "Forecast of a right"
Description: "Whether a first session is booked for a right to a prevention offer, and in time."
* insert Codes(kp-forecast, KpForecast)
* #unbooked "Ikke booket" "No first session is booked."
* #unbooked insert English("Unbooked")
* #booked-in-time "Booket i tide" "The earliest booking is on or before the day the right is due."
* #booked-in-time insert English("Booked in time")
* #booked-late "Booket for sent" "The earliest booking is after the day the right is due: it will be broken unless somebody acts."
* #booked-late insert English("Booked late")

ValueSet: KpForecast
Id: kp-forecast
Title: "Forecast of a right"
Description: "All codes of the code system kp-forecast. Whether a first session is booked for a right to a prevention offer, and in time."
* insert AllCodesOf(kp-forecast, KpForecast)

CodeSystem: KpUnitCodes
Id: kp-unit
Title: "Unit of a rule"
Description: "What a rule counts from the start to the day it is due: a parameter of a rule."
* insert Codes(kp-unit, KpUnit)
* #day "Kalenderdage" "Each day after the start."
* #day insert English("Calendar days")
* #working-day "Hverdage" "Monday to Friday without the Danish public holidays."
* #working-day insert English("Working days")
* #month "Måneder" "To the same day of a later month, or its last day where there is no such day."
* #month insert English("Months")

ValueSet: KpUnit
Id: kp-unit
Title: "Unit of a rule"
Description: "All codes of the code system kp-unit. What a rule counts from the start to the day it is due: a parameter of a rule."
* insert AllCodesOf(kp-unit, KpUnit)

CodeSystem: KpStartOnCodes
Id: kp-start-on
Title: "What a prevention right is counted from"
Description: "The day of a referral from which is counted: a parameter of a rule."
* insert Codes(kp-start-on, KpStartOn)
* #authored "Den dag, henvisningen blev lavet" "The day on which the referral was made."
* #authored insert English("Authored")
* #received "Den dag, henvisningen blev modtaget" "The earliest day on which the referral was received, where it is said; else the day on which it was made."
* #received insert English("Received")

ValueSet: KpStartOn
Id: kp-start-on
Title: "What a prevention right is counted from"
Description: "All codes of the code system kp-start-on. The day of a referral from which is counted: a parameter of a rule."
* insert AllCodesOf(kp-start-on, KpStartOn)

CodeSystem: KpAttributeContactsCodes
Id: kp-attribute-contacts
Title: "Attribution of contacts"
Description: "Whether a contact that names no referral may start an offer: a parameter of a rule."
* insert Codes(kp-attribute-contacts, KpAttributeContacts)
* #never "Aldrig" "Only a contact that names the referral starts the offer."
* #never insert English("Never")
* #single-chain "Når kun én henvisning passer" "A contact of a plan that names no referral starts the offer of the only referral that fits."
* #single-chain insert English("Where one referral fits")

ValueSet: KpAttributeContacts
Id: kp-attribute-contacts
Title: "Attribution of contacts"
Description: "All codes of the code system kp-attribute-contacts. Whether a contact that names no referral may start an offer: a parameter of a rule."
* insert AllCodesOf(kp-attribute-contacts, KpAttributeContacts)

CodeSystem: KpReferralKindCodes
Id: kp-referral-kind
Title: "Kind of a referral"
Description: "What a referral is, beside a referral."
* insert Codes(kp-referral-kind, KpReferralKind)
* #received-record "Registreret modtagelse" "It says that somebody received a referral, not that there is another one."
* #received-record insert English("Record of receipt")

ValueSet: KpReferralKind
Id: kp-referral-kind
Title: "Kind of a referral"
Description: "All codes of the code system kp-referral-kind. What a referral is, beside a referral."
* insert AllCodesOf(kp-referral-kind, KpReferralKind)

CodeSystem: KpIntakeCodes
Id: kp-intake
Title: "Formats of an intake"
Description: "The formats of which something is taken by $intake."
* insert Codes(kp-intake, KpIntake)
* #conditionlist "MedCom ConditionList" "A document with the diagnoses that a general practice shares."
* #conditionlist insert English("MedCom ConditionList")
* #kl-119 "KL § 119-indberetning" "What a municipality reports of preventive offers."
* #kl-119 insert English("KL § 119 delivery report")
* #fut "Den nationale infrastruktur for telemedicin" "Telemedicine, as evidence only."
* #fut insert English("National telemedicine infrastructure")
* #referral "MedCom-henvisning (udkast)" "Messages about referrals, as the draft has them."
* #referral insert English("MedCom referral\, draft")
* #hospital-notification "MedCom Sygehusadvis" "Messages about stays, of which only a death is taken."
* #hospital-notification insert English("MedCom HospitalNotification")

ValueSet: KpIntake
Id: kp-intake
Title: "Formats of an intake"
Description: "All codes of the code system kp-intake. The formats of which something is taken by $intake."
* insert AllCodesOf(kp-intake, KpIntake)

CodeSystem: KpIntakeOutcomeCodes
Id: kp-intake-outcome
Title: "Outcome of an entry of an intake"
Description: "What became of one entry of a Bundle that was sent to $intake."
* insert Codes(kp-intake-outcome, KpIntakeOutcome)
* #created "Oprettet" "It is stored, and was not before."
* #created insert English("Created")
* #updated "Opdateret" "It is stored, in a new version."
* #updated insert English("Updated")
* #unchanged "Uændret" "It was stored so, and no version was written."
* #unchanged insert English("Unchanged")
* #older "Ældre" "A later statement of the same sender about the same thing is stored; nothing was written."
* #older insert English("Older")
* #left-out "Udeladt" "It is rightly not stored; the reason says why."
* #left-out insert English("Left out")
* #needs "Mangler noget" "It may be of the packages, but something is missing, which the reason names; nothing was written."
* #needs insert English("Needs something")

ValueSet: KpIntakeOutcome
Id: kp-intake-outcome
Title: "Outcome of an entry of an intake"
Description: "All codes of the code system kp-intake-outcome. What became of one entry of a Bundle that was sent to $intake."
* insert AllCodesOf(kp-intake-outcome, KpIntakeOutcome)

CodeSystem: KpIntakeReasonCodes
Id: kp-intake-reason
Title: "Reason of an outcome"
Description: "Why an entry of a Bundle was not stored, what it needs, or what was assumed of it."
* insert Codes(kp-intake-reason, KpIntakeReason)
* #older-than-stored "Ældre end det gemte" "A later statement of the same sender is stored."
* #older-than-stored insert English("Older than what is stored")
* #other-diagnosis "En anden diagnose" "The diagnosis is of none of the target groups."
* #other-diagnosis insert English("Another diagnosis")
* #not-confirmed "Ikke bekræftet" "The diagnosis is refuted or entered in error, and is not stored."
* #not-confirmed insert English("Not confirmed")
* #reason-of-referral "Henvisningens grund" "A copy of the diagnosis of a referral: it stands in the referral."
* #reason-of-referral insert English("Reason of a referral")
* #not-prevention "Ikke forebyggelse" "It is about another service than prevention."
* #not-prevention insert English("Not prevention")
* #not-an-offer "Ikke et tilbud" "A contact that is no part of an offer."
* #not-an-offer insert English("Not an offer")
* #no-referral "Ingen henvisning" "No referral of the person is stored or sent."
* #no-referral insert English("No referral")
* #telemedicine-plan "Plan for telemedicin" "A plan of telemedicine is no treatment plan."
* #telemedicine-plan insert English("Plan of telemedicine")
* #measurement "Måling" "A request for measurements is no referral."
* #measurement insert English("Measurement")
* #known-already "Allerede kendt" "The person has a confirmed diagnosis of the group."
* #known-already insert English("Known already")
* #stay-is-no-postponement "Et ophold er ingen udsættelse" "A stay in a hospital says where a person is, not that the offer cannot start."
* #stay-is-no-postponement insert English("A stay is no postponement")
* #person-not-known "Personen er ikke kendt" "The person is not stored, and the format does not make one."
* #person-not-known insert English("Person not known")
* #not-understood "Ikke forstået" "It holds something that changes its meaning and is not understood, or the whole is withdrawn."
* #not-understood insert English("Not understood")
* #not-needed "Ikke nødvendig" "The packages do not need it."
* #not-needed insert English("Not needed")
* #nothing-of-the-packages "Intet om pakkerne" "Nothing else of the Bundle was stored, so neither was the person."
* #nothing-of-the-packages insert English("Nothing of the packages")
* #code "Kode" "A code is missing."
* #code insert English("Code")
* #code-system "Kodesystem" "The system of a code is missing or not known."
* #code-system insert English("Code system")
* #diagnosis-date "Diagnosedato" "The date of the diagnosis is missing, or is not a full date from 1900 to today."
* #diagnosis-date insert English("Date of the diagnosis")
* #requester "Henviser" "Who referred is missing."
* #requester insert English("Requester")
* #reason-code "Grundens kode" "The code of the reason is missing."
* #reason-code insert English("Code of the reason")
* #offer-type "Tilbuddets type" "Which offer it is cannot be told."
* #offer-type insert English("Type of the offer")
* #profile "Profil" "The profile of this guide refuses what it becomes; the text says why."
* #profile insert English("Profile")
* #verification-assumed "Bekræftelse antaget" "Nothing was said of the verification: what the own general practice shares counts as confirmed."
* #verification-assumed insert English("Verification assumed")
* #received-as-authored "Modtagelsen som henvisningens dag" "The day of the receipt stands as the day of the referral, which is not sent."
* #received-as-authored insert English("Receipt as the day of the referral")
* #practice-unknown "Praksis ikke kendt" "Nothing says that who referred is a general practice."
* #practice-unknown insert English("Practice not known")
* #person-differs "Personoplysninger afviger" "What was sent of the person differs from what is stored, which stays."
* #person-differs insert English("Person differs")
* #other-practice "En anden praksis" "The person is stored with another general practice, which stays."
* #other-practice insert English("Another practice")
* #vanished "Ikke længere på listen" "A stored diagnosis of this sender is not in the list any more, and stays."
* #vanished insert English("No longer in the list")
* #reason-not-stated "Grund ikke oplyst" "No reason was sent for an end or a pause."
* #reason-not-stated insert English("Reason not stated")

ValueSet: KpIntakeReason
Id: kp-intake-reason
Title: "Reason of an outcome"
Description: "All codes of the code system kp-intake-reason. Why an entry of a Bundle was not stored, what it needs, or what was assumed of it."
* insert AllCodesOf(kp-intake-reason, KpIntakeReason)
