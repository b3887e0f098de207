Profile: KpOrganization
Parent: Organization
Id: kp-organization
Title: "Organization in a chronic-care package"
Description: "A general practice, a municipality, a region, a hospital or another organization that makes diagnoses, plans, referrals or offers. It has the constraints of the Danish core profile dk-core-organization (3.7.0): whatever is valid here is valid there."
* insert Definition("Organisation i en kronikerpakke")
* obeys kp-org-1 and kp-org-2 and kp-mun-1 and kp-ext-1 and kp-mod-1
* identifier 1..*
* insert Says(identifier, "What the organization is called in national registers: one of SOR\, KOMBIT and CVR\, and of a practice its ydernummer", "Organisationens nationale numre: et af SOR\, KOMBIT og CVR\, og for en praksis dens ydernummer")
* identifier ^slicing.discriminator.type = #value
* identifier ^slicing.discriminator.path = "system"
* identifier ^slicing.rules = #open
* identifier contains
    sor 0..1 MS and
    kombit 0..1 MS and
    cvr 0..1 MS and
    gln 0..1 and
    ydernummer 0..1 MS and
    ydernummer-typo 0..1 and
    municipality 0..1 and
    region 0..1 and
    producer 0..1
* insert Says(identifier[sor], "The SOR code", "SOR-koden")
* identifier[sor].use = #official (exactly)
* identifier[sor].system 1..1
* identifier[sor].system = $sor (exactly)
* identifier[sor].value 1..1
* identifier[sor].value obeys kp-sor-1
* insert Says(identifier[kombit], "The UUID in KOMBIT's register", "UUID i KOMBITs organisationsregister")
* identifier[kombit].use = #official (exactly)
* identifier[kombit].system 1..1
* identifier[kombit].system = $kombit (exactly)
* identifier[kombit].value 1..1
* identifier[kombit].value obeys kp-kombit-1
* insert Says(identifier[cvr], "The CVR number", "CVR-nummeret")
* identifier[cvr].use = #official (exactly)
* identifier[cvr].system 1..1
* identifier[cvr].system = $cvr (exactly)
* identifier[cvr].value 1..1
* identifier[cvr].value obeys kp-cvr-1
* insert Says(identifier[gln], "The GLN (EAN number\)", "GLN (EAN-nummeret\)")
* identifier[gln].use = #official (exactly)
* identifier[gln].system 1..1
* identifier[gln].system = $gln (exactly)
* identifier[gln].value 1..1
* identifier[gln].value obeys kp-gln-1
* insert Says(identifier[ydernummer], "The ydernummer: what makes it a general practice", "Ydernummeret: det\, der gør den til en praksis")
* identifier[ydernummer].system 1..1
* identifier[ydernummer].system = $ydernummer (exactly)
* identifier[ydernummer].value 1..1
* insert Says(identifier[ydernummer-typo], "The ydernummer\, its system as one platform writes it: read\, better not sent", "Ydernummeret\, som én platform skriver dets system: læses\, men bør ikke sendes")
* identifier[ydernummer-typo].system 1..1
* identifier[ydernummer-typo].system = "urn:oid.1.2.208.176.1.4" (exactly)
* identifier[ydernummer-typo].value 1..1
* insert Says(identifier[municipality], "The code of a municipality", "Kommunekoden")
* identifier[municipality].system 1..1
* identifier[municipality].system = $municipality-codes (exactly)
* identifier[municipality].value 1..1
* insert Says(identifier[region], "The code of a region\, as DK-84", "Regionskoden\, for eksempel DK-84")
* identifier[region].system 1..1
* identifier[region].system = $region-codes (exactly)
* identifier[region].value 1..1
* insert Says(identifier[producer], "The producer of laboratory results", "Producent-id for laboratoriesvar")
* identifier[producer].use = #official (exactly)
* identifier[producer].system 1..1
* identifier[producer].system = "http://medcomfhir.dk/ig/terminology/CodeSystem/MedComProducentID" (exactly)
* identifier[producer].value 1..1
* active MS
* name MS
* type MS
* partOf only Reference(KpOrganization)
