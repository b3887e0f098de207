// What the server adds to the searches and operations of R4.

RuleSet: TaskSearch(name, code)
* name = "{name}"
* code = #{code}
* url = "https://kronikerpakker.dk/fhir/SearchParameter/Task-{code}"
* insert PublishedInstance
* base = #Task
* multipleOr = true
* multipleAnd = true

RuleSet: PublishedInstance
* language = #en
* version = "0.1.0"
* status = #active
* experimental = false
* date = "2026-11-22"
* publisher = "Frist"
* jurisdiction = urn:iso:std:iso:3166#DK "Denmark"

Instance: Task-due
InstanceOf: SearchParameter
Usage: #definition
* insert TaskSearch(TaskDue, due)
* description = "The day on which the right of a rights Task is due: the last day that belongs to the person responsible. `due=2027-03-31` finds what is due on that day, `due=lt2027-03-31` what was due earlier."
* type = #date
* expression = "Task.restriction.period.end"
* comparator[0] = #eq
* comparator[1] = #ne
* comparator[2] = #gt
* comparator[3] = #ge
* comparator[4] = #lt
* comparator[5] = #le
* comparator[6] = #sa
* comparator[7] = #eb

Instance: Task-right
InstanceOf: SearchParameter
Usage: #definition
* insert TaskSearch(TaskRight, right)
* description = "The right that a rights Task follows: a code of kp-right."
* type = #token
* expression = "Task.code"

Instance: Task-target-group
InstanceOf: SearchParameter
Usage: #definition
* insert TaskSearch(TaskTargetGroup, target-group)
* description = "The target group that a rights Task concerns."
* type = #token
* expression = "Task.extension.where(url = 'https://kronikerpakker.dk/fhir/StructureDefinition/kp-target-group').value"

Instance: Task-forecast
InstanceOf: SearchParameter
Usage: #definition
* insert TaskSearch(TaskForecast, forecast)
* description = "Whether the offer of a rights Task is booked, and in time: a code of kp-forecast."
* type = #token
* expression = "Task.extension.where(url = 'https://kronikerpakker.dk/fhir/StructureDefinition/kp-forecast').value"

Instance: Patient-rights
InstanceOf: OperationDefinition
Usage: #definition
* insert PublishedInstance
* url = "https://kronikerpakker.dk/fhir/OperationDefinition/Patient-rights"
* name = "PatientRights"
* title = "The rights of a person on a day"
* description = "The deadline rights of one person as they stand on a day: what the rules say about that day from what is stored now. Nothing is written."
* comment = "Facts dated after the day are left out. A status carries no date of its own and counts for every day. A right whose trigger does not count, or for which there is no rule, gives no Task in the answer."
* kind = #operation
* affectsState = false
* code = #rights
* resource = #Patient
* system = false
* type = false
* instance = true
* parameter[0]
  * name = #as-of
  * use = #in
  * min = 0
  * max = "1"
  * documentation = "The day that the answer is for, a full date. Today in Copenhagen if it is not given."
  * type = #date
* parameter[1]
  * name = #_reasons
  * use = #in
  * min = 0
  * max = "1"
  * documentation = "true: an OperationOutcome comes too, which says of each diagnosis, referral, plan, contact and booking of the person without effect why it has none. false if it is not given."
  * type = #code
* parameter[2]
  * name = #return
  * use = #out
  * min = 1
  * max = "1"
  * documentation = "A Bundle of type collection with one Task (profile kp-right-task) for each right that the person has on that day."
  * type = #Bundle

Instance: System-reindex
InstanceOf: OperationDefinition
Usage: #definition
* insert PublishedInstance
* url = "https://kronikerpakker.dk/fhir/OperationDefinition/System-reindex"
* name = "SystemReindex"
* title = "Make the search index anew"
* description = "What stored resources are found by is worked out anew from what they say, and the search index is mended where it differs, while the server goes on to answer and to write. It is for the operator, when the index may be damaged; new definitions need nobody to ask for it. No resource is changed."
* comment = "It is always answered later: the request has the header `Prefer: respond-async`, and 202 and Content-Location tell where its status is. To delete the status ends it. One at a time: another one meanwhile is refused with 409. One that ends with the server goes on when it starts again."
* kind = #operation
* affectsState = true
* code = #reindex
* system = true
* type = false
* instance = false
* parameter[0]
  * name = #versions
  * use = #out
  * min = 1
  * max = "1"
  * documentation = "How many versions were looked at: all that are stored, and some of those that were written meanwhile."
  * type = #integer
* parameter[1]
  * name = #mended
  * use = #out
  * min = 1
  * max = "1"
  * documentation = "How many of them were found by something else than they say, or lacked a key of the index."
  * type = #integer
* parameter[2]
  * name = #keys
  * use = #out
  * min = 1
  * max = "1"
  * documentation = "How many keys of the index were held against the resource that they name."
  * type = #integer
* parameter[3]
  * name = #foreign
  * use = #out
  * min = 1
  * max = "1"
  * documentation = "How many of them were removed, because that resource is not found by them."
  * type = #integer

Instance: Subscription-webhook-secret
InstanceOf: OperationDefinition
Usage: #definition
* insert PublishedInstance
* url = "https://kronikerpakker.dk/fhir/OperationDefinition/Subscription-webhook-secret"
* name = "SubscriptionWebhookSecret"
* title = "The secret that messages of a subscription are signed with"
* description = "The secret by which a subscriber checks the signature of each message that is posted to it (Standard Webhooks). It stands in no resource."
* comment = "It is the same as long as the Subscription exists, and another one if it is deleted and created again. Whoever may not change the Subscription has no use for it. The answer is not to be stored on the way."
* kind = #operation
* affectsState = false
* code = #webhook-secret
* resource = #Subscription
* system = false
* type = false
* instance = true
* parameter[0]
  * name = #secret
  * use = #out
  * min = 1
  * max = "1"
  * documentation = "The secret, as whsec_ and Base64."
  * type = #string

Instance: System-intake
InstanceOf: OperationDefinition
Usage: #definition
* insert PublishedInstance
* url = "https://kronikerpakker.dk/fhir/OperationDefinition/System-intake"
* name = "SystemIntake"
* title = "Take what another system sends"
* description = "A document, message or collection in a format of others is read, and what the packages need of it is stored in the profiles of this guide, in one transaction. The answer says of every entry what became of it."
* comment = "A Bundle may also be sent as the body itself. The same Bundle again writes nothing. A Bundle that is refused as a whole is answered with an OperationOutcome, and nothing of it is stored. Each resource that is written or found unchanged gets a Provenance, which names the source and every assumption."
* kind = #operation
* affectsState = true
* code = #intake
* system = true
* type = false
* instance = false
* parameter[0]
  * name = #bundle
  * use = #in
  * min = 1
  * max = "1"
  * documentation = "The Bundle, of type document, message or collection."
  * type = #Bundle
* parameter[1]
  * name = #mode
  * use = #in
  * min = 0
  * max = "1"
  * documentation = "`take`, or `report`: the same answer, and nothing is written. `take` if it is not given."
  * type = #code
* parameter[2]
  * name = #format
  * use = #out
  * min = 1
  * max = "1"
  * documentation = "The format that was recognised."
  * type = #code
  * binding.strength = #required
  * binding.valueSet = "https://kronikerpakker.dk/fhir/ValueSet/kp-intake"
* parameter[3]
  * name = #source
  * use = #out
  * min = 1
  * max = "1"
  * documentation = "What was sent, by the identifier that its sender gave it or that follows from it."
  * type = #Identifier
* parameter[4]
  * name = #person
  * use = #out
  * min = 0
  * max = "1"
  * documentation = "The person, if stored."
  * type = #Reference
  * targetProfile = "https://kronikerpakker.dk/fhir/StructureDefinition/kp-patient"
* parameter[5]
  * name = #count
  * use = #out
  * min = 0
  * max = "*"
  * documentation = "How many entries had an outcome: once for each outcome."
  * part[0]
    * name = #outcome
    * use = #out
    * min = 1
    * max = "1"
    * documentation = "The outcome."
    * type = #code
    * binding.strength = #required
    * binding.valueSet = "https://kronikerpakker.dk/fhir/ValueSet/kp-intake-outcome"
  * part[1]
    * name = #number
    * use = #out
    * min = 1
    * max = "1"
    * documentation = "How many."
    * type = #integer
* parameter[6]
  * name = #entry
  * use = #out
  * min = 1
  * max = "*"
  * documentation = "What became of an entry of the Bundle: once for each, in its order."
  * part[0]
    * name = #fullUrl
    * use = #out
    * min = 0
    * max = "1"
    * documentation = "The address that the entry gave itself."
    * type = #uri
  * part[1]
    * name = #type
    * use = #out
    * min = 0
    * max = "1"
    * documentation = "The type of the resource that was sent."
    * type = #code
  * part[2]
    * name = #outcome
    * use = #out
    * min = 1
    * max = "1"
    * documentation = "What became of it."
    * type = #code
    * binding.strength = #required
    * binding.valueSet = "https://kronikerpakker.dk/fhir/ValueSet/kp-intake-outcome"
  * part[3]
    * name = #reason
    * use = #out
    * min = 0
    * max = "*"
    * documentation = "Why; and what was assumed or noticed besides."
    * type = #code
    * binding.strength = #required
    * binding.valueSet = "https://kronikerpakker.dk/fhir/ValueSet/kp-intake-reason"
  * part[4]
    * name = #hint
    * use = #out
    * min = 0
    * max = "1"
    * documentation = "The target group whose name a text without a code is. It starts nothing."
    * type = #code
    * binding.strength = #required
    * binding.valueSet = "https://kronikerpakker.dk/fhir/ValueSet/kp-target-group"
  * part[5]
    * name = #resource
    * use = #out
    * min = 0
    * max = "1"
    * documentation = "What is stored of it, with its version."
    * type = #Reference
  * part[6]
    * name = #text
    * use = #out
    * min = 0
    * max = "1"
    * documentation = "What to add, in English, without a name, a CPR number or the text of a diagnosis."
    * type = #string
