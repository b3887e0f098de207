// One of the systems in which organizations give D-eCPR: a slice for each, since a validator can tell them apart by nothing else.
RuleSet: DEcpr(slice, oid)
* insert Says(identifier[{slice}], "A replacement that one organization gives (D-eCPR\): unique within its system only", "Et erstatningsnummer fra én organisation (D-eCPR\): kun entydigt inden for sit system")
* identifier[{slice}].use = #temp (exactly)
* identifier[{slice}].system 1..1
* identifier[{slice}].system = "urn:oid:{oid}" (exactly)
* identifier[{slice}].value 1..1
* identifier[{slice}].value ^maxLength = 10
* identifier[{slice}].value obeys kp-ecpr-2

Profile: KpPatient
Parent: Patient
Id: kp-patient
Title: "Person in a chronic-care package"
Description: "The person whom deadlines belong to, with a CPR number or a replacement for one. It has the constraints of the Danish core profile dk-core-patient (3.7.0): whatever is valid here is valid there."
* insert Definition("Person i en kronikerpakke")
* obeys kp-ecpr-3 and kp-mun-1 and kp-ext-1 and kp-mod-1
* identifier 1..* MS
* insert Says(identifier, "Who the person is: a CPR number or a replacement", "Hvem personen er: et CPR-nummer eller et erstatningsnummer")
* identifier ^slicing.discriminator.type = #value
* identifier ^slicing.discriminator.path = "system"
* identifier ^slicing.rules = #open
* identifier contains
    cpr 0..1 MS and
    x-ecpr 0..1 MS and
    d-ecpr 0..1 MS and
    d-ecpr-177 0..1 MS and
    d-ecpr-179 0..1 MS and
    d-ecpr-181 0..1 MS and
    d-ecpr-183 0..1 MS and
    d-ecpr-187 0..1 MS
* insert Says(identifier[cpr], "The CPR number", "CPR-nummeret")
* identifier[cpr].use = #official (exactly)
* identifier[cpr].system 1..1
* identifier[cpr].system = $cpr (exactly)
* identifier[cpr].value 1..1
* identifier[cpr].value ^maxLength = 10
* identifier[cpr].value obeys kp-cpr-1
* insert Says(identifier[cpr].value, "Ten digits without a hyphen", "Ti cifre uden bindestreg")
* insert Says(identifier[x-ecpr], "The national replacement for a CPR number (X-eCPR\)", "Det nationale erstatningsnummer (X-eCPR\)")
* identifier[x-ecpr].use = #temp (exactly)
* identifier[x-ecpr].system 1..1
* identifier[x-ecpr].system = $x-ecpr (exactly)
* identifier[x-ecpr].value 1..1
* identifier[x-ecpr].value ^maxLength = 10
* identifier[x-ecpr].value obeys kp-ecpr-1
* insert DEcpr(d-ecpr, 1.2.208.176.1.6.1.3)
* insert DEcpr(d-ecpr-177, 1.2.208.176.1.6.1.3.177)
* insert DEcpr(d-ecpr-179, 1.2.208.176.1.6.1.3.179)
* insert DEcpr(d-ecpr-181, 1.2.208.176.1.6.1.3.181)
* insert DEcpr(d-ecpr-183, 1.2.208.176.1.6.1.3.183)
* insert DEcpr(d-ecpr-187, 1.2.208.176.1.6.1.3.187)
* name MS
* name ^slicing.discriminator.type = #value
* name ^slicing.discriminator.path = "use"
* name ^slicing.rules = #open
* name contains official 0..1 MS
* insert Says(name[official], "The name in the civil register", "Navnet i CPR-registeret")
* name[official].use 1..1
* name[official].use = #official (exactly)
* name[official].family 1..1 MS
* name[official].given MS
* birthDate MS
* deceased[x] MS
* insert Says(deceased[x], "That\, or better on which day\, the person died: what is not done by then is no longer due", "At personen er død\, eller bedre hvilken dag: det\, der ikke er gjort da\, forfalder ikke længere")
* deceasedDateTime MS
* deceasedDateTime obeys kp-date-2 and kp-date-5
* address obeys kp-dk-3
* generalPractitioner MS
* generalPractitioner only Reference(KpOrganization or Practitioner or PractitionerRole)
* insert Says(generalPractitioner, "The person's own general practice: who owes the treatment plan\, and whose referral counts", "Personens egen læge: den\, der skal lave behandlingsplanen\, og hvis henvisning tæller")
* generalPractitioner ^slicing.discriminator.type = #value
* generalPractitioner ^slicing.discriminator.path = "identifier.system"
* generalPractitioner ^slicing.rules = #open
* generalPractitioner contains sor 0..* MS
* insert Says(generalPractitioner[sor], "The practice by its SOR code", "Praksis ved dens SOR-kode")
* generalPractitioner[sor].identifier 1..1
* generalPractitioner[sor].identifier.use = #official (exactly)
* generalPractitioner[sor].identifier.system 1..1
* generalPractitioner[sor].identifier.system = $sor (exactly)
* generalPractitioner[sor].identifier.value 1..1
* generalPractitioner[sor].identifier.value obeys kp-sor-1
* managingOrganization only Reference(KpOrganization)
