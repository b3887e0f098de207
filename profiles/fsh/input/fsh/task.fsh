Profile: KpRightTask
Parent: Task
Id: kp-right-task
Title: "Right with a deadline"
Description: "One right of one person, with its start, its due date and how it stands. The server makes and keeps these Tasks; nobody writes them."
* insert Definition("Ret med en frist")
* obeys kp-ext-1
* extension contains
    KpTargetGroupExtension named targetGroup 1..1 MS and
    KpForecastExtension named forecast 0..1 MS
* insert Says(extension[targetGroup], "The target group that gives the right", "Den målgruppe\, der giver retten")
* insert Says(extension[forecast], "Whether the offer is booked\, and in time; absent where nothing is awaited", "Om tilbuddet er booket\, og i tide; mangler\, hvor intet ventes")
* identifier 1..1 MS
* identifier.system 1..1
* identifier.value 1..1
* insert Says(identifier, "Follows from the right\, the person and the group or the referral: stays the same for ever", "Følger af retten\, personen og gruppen eller henvisningen: er altid den samme")
* instantiatesCanonical 1..1 MS
* insert Says(instantiatesCanonical, "The rule and its version", "Reglen og dens version")
* status MS
* statusReason MS
* insert Says(statusReason, "Why the referral is revoked or on hold\, as it says itself", "Hvorfor henvisningen er ophævet eller sat i bero\, som den selv siger")
* businessStatus 1..1 MS
* businessStatus from KpRightStatus (required)
* insert Says(businessStatus, "How the right stands", "Hvordan det står med retten")
* intent MS
* intent = #order (exactly)
* code 1..1 MS
* code.coding 2..*
* code.coding ^slicing.discriminator.type = #value
* code.coding ^slicing.discriminator.path = "system"
* code.coding ^slicing.rules = #open
* code.coding contains fulfill 1..1 MS and right 1..1 MS
* code.coding[fulfill].system 1..1
* code.coding[fulfill].system = $task-code (exactly)
* code.coding[fulfill].code 1..1
* code.coding[fulfill].code = #fulfill (exactly)
* code.coding[right].system 1..1
* code.coding[right].system = $right (exactly)
* code.coding[right].code 1..1
* code.coding[right].code from KpRight (required)
* insert Says(code.coding[right], "Which right it is", "Hvilken ret det er")
* focus 1..1 MS
* focus only Reference(KpCondition or KpReferral)
* focus obeys kp-ref-1
* insert Says(focus, "The diagnosis or the referral that gives the right", "Den diagnose eller henvisning\, der giver retten")
* for 1..1 MS
* for only Reference(KpPatient)
* for obeys kp-ref-1
* insert Says(for, "The person who has the right", "Den person\, der har retten")
* executionPeriod 1..1 MS
* executionPeriod.start 1..1
* executionPeriod.start obeys kp-date-2
* insert Says(executionPeriod, "From the start of the clock to the day on which the duty was fulfilled", "Fra fristens start til den dag\, pligten blev opfyldt")
* lastModified 1..1
* owner MS
* insert Says(owner, "Who owes the fulfilment", "Den\, der skal opfylde retten")
* restriction 1..1 MS
* restriction.period 1..1 MS
* restriction.period.start 1..1
* restriction.period.start obeys kp-date-2
* restriction.period.end 1..1
* restriction.period.end obeys kp-date-2
* insert Says(restriction.period.end, "The day on which the right is due: the whole day belongs to it", "Den dag\, retten forfalder: hele dagen hører med")
* input ^slicing.discriminator.type = #pattern
* input ^slicing.discriminator.path = "type"
* input ^slicing.rules = #open
* input contains clockStart 1..1 MS and days 1..1 MS and grossDue 1..1 MS and netDue 1..1 MS and ownGp 0..1 MS and unit 0..1 MS and startOn 0..1 MS and startAttributed 0..1 MS
* input[clockStart].type = $right-input#clock-start
* input[clockStart].value[x] only date
* insert Says(input[clockStart], "The start of the clock: day 0", "Fristens start: dag 0")
* input[days].type = $right-input#days
* input[days].value[x] only integer
* insert Says(input[days], "How many of the unit the rule has", "Hvor mange af enheden reglen har")
* input[grossDue].type = $right-input#gross-due
* input[grossDue].value[x] only date
* insert Says(input[grossDue], "The due date without postponements", "Forfaldsdagen uden udsættelser")
* input[netDue].type = $right-input#net-due
* input[netDue].value[x] only date
* insert Says(input[netDue], "The due date with postponements", "Forfaldsdagen med udsættelser")
* input[ownGp].type = $right-input#own-gp
* input[ownGp].value[x] only code
* input[ownGp].value[x] from KpOwnGp (required)
* insert Says(input[ownGp], "Whether the plan or referral is known to come from the person's own practice; absent until there is one", "Om planen eller henvisningen vides at komme fra egen læge; mangler\, indtil der er en")
* input[unit].type = $right-input#unit
* input[unit].value[x] only code
* input[unit].value[x] from KpUnit (required)
* insert Says(input[unit], "What is counted\, where it is not calendar days", "Hvad der tælles\, hvor det ikke er kalenderdage")
* input[startOn].type = $right-input#start-on
* input[startOn].value[x] only code
* input[startOn].value[x] from KpStartOn (required)
* insert Says(input[startOn], "The day of the referral that is counted from\, where it is not the day it was made", "Den dag for henvisningen\, der tælles fra\, hvor det ikke er den dag\, den blev lavet")
* input[startAttributed].type = $right-input#start-attributed
* input[startAttributed].value[x] only boolean
* insert Says(input[startAttributed], "The contact that stopped the clock names no referral\, and was attributed to this one", "Kontakten\, der stoppede fristen\, nævner ingen henvisning og er tilskrevet denne")
* output 0..1 MS
* output.value[x] only Reference
* insert Says(output, "What fulfilled the right", "Det\, der opfyldte retten")
