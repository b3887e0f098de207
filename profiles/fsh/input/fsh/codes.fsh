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
Description: "What marks a care plan as the treatment plan of the chronic-care packages."
* insert Codes(kp-careplan-category, KpCareplanCategory)
* #treatment-plan "Behandlingsplan" "The personal treatment plan that a general practice draws up together with the person."
* #treatment-plan insert English("Treatment plan")

ValueSet: KpCareplanCategory
Id: kp-careplan-category
Title: "Category of a care plan"
Description: "All codes of the code system kp-careplan-category. What marks a care plan as the treatment plan of the chronic-care packages."
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
* #clock-start "Urets start" "The day of the diagnosis or of the referral: day 0 (valueDate)."
* #clock-start insert English("Start of the clock")
* #days "Reglens dage" "The calendar days from the start of the clock to the day it is due (valueInteger)."
* #days insert English("Days of the rule")
* #gross-due "Frist uden udsættelser" "The start of the clock plus the days of the rule (valueDate)."
* #gross-due insert English("Due date without postponements")
* #net-due "Frist med udsættelser" "The day on which as many days are counted as the rule has, if days covered by a postponement do not count (valueDate)."
* #net-due insert English("Due date with postponements")
* #own-gp "Egen læge" "Whether the person's general practice is the one that made the plan or the referral: verified or unverified (valueCode)."
* #own-gp insert English("Own general practice")

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
