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

Instance: Subscription-webhook-secret
InstanceOf: OperationDefinition
Usage: #definition
* insert PublishedInstance
* url = "https://kronikerpakker.dk/fhir/OperationDefinition/Subscription-webhook-secret"
* name = "SubscriptionWebhookSecret"
* title = "The secret by which notifications of a subscription are signed"
* description = "The secret of one Subscription: with it a subscriber checks the header webhook-signature of each notification, as Standard Webhooks has it (https://www.standardwebhooks.com/)."
* comment = "The secret is the same for as long as the Subscription exists. A Subscription may be created with status off, so that its secret is known before the first message comes, and then be requested. Whoever knows the secret can sign as the server does: it is for the subscriber alone, and never stands in the Subscription or in a log."
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
  * documentation = "The secret as Standard Webhooks writes it: whsec_ and the bytes in base64."
  * type = #string
