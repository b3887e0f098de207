// Codes of others that a profile allows: codes alone, no displays.

ValueSet: KpReferralPriority
Id: kp-referral-priority
Title: "Priority of a referral"
Description: "The priorities that a referral to a prevention offer can have."
* insert Published
* ^language = #en
* http://hl7.org/fhir/request-priority#routine
* http://hl7.org/fhir/request-priority#asap
