Profile: KpCondition
Parent: Condition
Id: kp-condition
Title: "Diagnosis of a chronic-care package"
Description: "A diagnosis that starts the deadline of a treatment plan. Its group follows from its code, or from the extension kp-target-group. It has the constraints of the Danish core profile dk-core-condition (3.7.0): whatever is valid here is valid there, provided that a code of SNOMED CT is of a clinical finding."
* insert Definition("Diagnose i en kronikerpakke")
* obeys kp-dk-1 and kp-ext-1 and kp-mod-1
* extension contains
    $assertedDate named assertedDate 0..1 MS and
    KpTargetGroupExtension named targetGroup 0..* MS and
    KpPostponement named postponement 0..* MS and
    $dueTo named dueTo 0..1
* insert Says(extension[assertedDate], "The day on which the diagnosis was made\, if it is not the day on which it was recorded: a full date", "Den dag\, diagnosen blev stillet\, hvis det ikke er den dag\, den blev registreret: en fuld dato")
* extension[assertedDate].value[x] obeys kp-date-2 and kp-date-5
* insert Says(extension[targetGroup], "The target group\, where no code says it", "Målgruppen\, hvor ingen kode siger den")
* insert Says(extension[postponement], "A period in which the plan was postponed", "En periode\, hvor planen var udsat")
* identifier MS
* insert Says(identifier, "The sender's own number of the diagnosis: by it a later version finds the earlier", "Afsenderens eget nummer på diagnosen: ved det finder en senere version den tidligere")
* clinicalStatus MS
* verificationStatus 1..1 MS
* insert Says(verificationStatus, "How sure the diagnosis is: only a confirmed one starts a deadline", "Hvor sikker diagnosen er: kun en bekræftet starter en frist")
* category 1..* MS
* insert Says(category, "What kind of record it is\, as problem-list-item or encounter-diagnosis", "Hvilken slags registrering det er\, for eksempel problem-list-item eller encounter-diagnosis")
* code 1..1 MS
* insert Says(code, "The diagnosis: by SKS\, ICPC-2 or SNOMED CT\, at most once by each", "Diagnosen: ved SKS\, ICPC-2 eller SNOMED CT\, højst én gang ved hver")
* code.coding ^slicing.discriminator.type = #value
* code.coding ^slicing.discriminator.path = "system"
* code.coding ^slicing.rules = #open
* code.coding contains sks-d 0..1 MS and icpc-2 0..1 MS and sct 0..1 MS and fs3 0..1 and ffb 0..1
* insert Says(code.coding[sks-d], "The hospital's code\, from D", "Sygehusets kode\, med D foran")
* code.coding[sks-d].system 1..1
* code.coding[sks-d].system = $sks-d
* insert Says(code.coding[icpc-2], "The general practice's code", "Den praktiserende læges kode")
* code.coding[icpc-2].system 1..1
* code.coding[icpc-2].system = $icpc-2
* insert Says(code.coding[sct], "The code of SNOMED CT\, of a clinical finding", "SNOMED CT-koden for et klinisk fund")
* code.coding[sct].system 1..1
* code.coding[sct].system = $sct
* insert Says(code.coding[fs3], "The code of the municipality's nursing record (FSIII\)", "Kommunens tilstandskode (FSIII\)")
* code.coding[fs3].system 1..1
* code.coding[fs3].system = "urn:oid:1.2.208.176.2.21"
* insert Says(code.coding[ffb], "The code of the municipality's social record (FFB\)", "Kommunens tilstandskode (FFB\)")
* code.coding[ffb].system 1..1
* code.coding[ffb].system = "urn:oid:1.2.208.176.2.22"
* subject 1..1 MS
* subject only Reference(KpPatient)
* subject obeys kp-ref-1 and kp-ref-2
* insert Says(subject, "The person who has the diagnosis", "Den person\, der har diagnosen")
* recordedDate 1..1 MS
* recordedDate obeys kp-date-2 and kp-date-5
* insert Says(recordedDate, "The day on which the diagnosis was recorded\, a full date: the deadline counts from it unless the extension assertedDate says another", "Den dag\, diagnosen blev registreret: en fuld dato; fristen tæller fra den\, medmindre assertedDate siger en anden")
* recorder MS
* asserter MS
* asserter only Reference(Practitioner or PractitionerRole)
* insert Says(asserter, "Who made the diagnosis", "Den\, der stillede diagnosen")
