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
