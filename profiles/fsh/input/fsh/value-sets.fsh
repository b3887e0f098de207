// Codes of others that a profile allows: codes alone, no displays.

ValueSet: KpReferralPriority
Id: kp-referral-priority
Title: "Priority of a referral"
Description: "The priorities that a referral to a prevention offer can have."
* insert Published
* ^language = #en
* http://hl7.org/fhir/request-priority#routine
* http://hl7.org/fhir/request-priority#asap

ValueSet: KpDEcprSystem
Id: kp-d-ecpr-system
Title: "Identifier systems of D-eCPR"
Description: "The systems in which organizations give persons a replacement for a CPR number, the common one and those of each region."
* insert Published
* ^language = #en
* urn:ietf:rfc:3986#urn:oid:1.2.208.176.1.6.1.3
* urn:ietf:rfc:3986#urn:oid:1.2.208.176.1.6.1.3.177
* urn:ietf:rfc:3986#urn:oid:1.2.208.176.1.6.1.3.179
* urn:ietf:rfc:3986#urn:oid:1.2.208.176.1.6.1.3.181
* urn:ietf:rfc:3986#urn:oid:1.2.208.176.1.6.1.3.183
* urn:ietf:rfc:3986#urn:oid:1.2.208.176.1.6.1.3.187
