// Invented people and places. No CPR number here can belong to anyone: nobody was born on those days.

Instance: practice-small
InstanceOf: KpOrganization
Usage: #example
Title: "A general practice, as little as is needed"
Description: "Its SOR code says that it exists, its ydernummer that it is a general practice."
* identifier[sor].value = "99000010016005"
* identifier[ydernummer].value = "990101"

Instance: practice-full
InstanceOf: KpOrganization
Usage: #example
Title: "A general practice"
Description: "The person's own general practice, with all its numbers and its region above it."
* identifier[sor].use = #official
* identifier[sor].value = "99000010026005"
* identifier[ydernummer].value = "990102"
* identifier[cvr].use = #official
* identifier[cvr].value = "99000007"
* identifier[gln].use = #official
* identifier[gln].value = "5790000990009"
* active = true
* type = $sct#394761003
* name = "Lægehuset Møllebakken"
* telecom.system = #phone
* telecom.value = "+45 00 00 00 00"
* telecom.use = #work
* address.use = #work
* address.line = "Møllebakken 1"
* address.city = "Nordåby"
* address.country = "DK"
* partOf = Reference(region)

Instance: municipality
InstanceOf: KpOrganization
Usage: #example
Title: "A municipality"
Description: "Who gives the prevention offers, by its number in KOMBIT's register, its CVR number and its code."
* identifier[kombit].use = #official
* identifier[kombit].value = "urn:uuid:5f7f3b39-27a9-4dbe-9d3c-3a2fbb94e6c1"
* identifier[cvr].use = #official
* identifier[cvr].value = "99000015"
* identifier[municipality].value = "0411"
* active = true
* name = "Nordåby Kommune"

Instance: region
InstanceOf: KpOrganization
Usage: #example
Title: "A region"
Description: "The region that the practice and the hospital belong to."
* identifier[sor].use = #official
* identifier[sor].value = "99000010036005"
* identifier[region].value = "DK-82"
* active = true
* name = "Region Vesterlund"

Instance: hospital
InstanceOf: KpOrganization
Usage: #example
Title: "A hospital"
Description: "Where a diagnosis was made; it is no general practice."
* identifier[sor].use = #official
* identifier[sor].value = "99000010046005"
* identifier[producer].use = #official
* identifier[producer].value = "VLH"
* active = true
* type = $sct#22232009
* name = "Regionshospitalet Vesterlund"
* partOf = Reference(region)

Instance: person-small
InstanceOf: KpPatient
Usage: #example
Title: "A person, as little as is needed"
Description: "A CPR number, and nothing else."
* identifier[cpr].value = "2902440001"

Instance: person-full
InstanceOf: KpPatient
Usage: #example
Title: "A person"
Description: "A person with an own general practice."
* identifier[cpr].use = #official
* identifier[cpr].value = "2902410001"
* active = true
* name[official].use = #official
* name[official].family = "Eksempelsen"
* name[official].given[0] = "Karen"
* name[official].given[1] = "Test"
* name[1].use = #usual
* name[1].text = "Karen"
* gender = #female
* birthDate = "1941-02-28"
* address.use = #home
* address.line = "Birkevej 7"
* address.city = "Nordåby"
* address.country = "DK"
* generalPractitioner = Reference(practice-full)
* managingOrganization = Reference(region)

Instance: person-without-cpr
InstanceOf: KpPatient
Usage: #example
Title: "A person without a CPR number"
Description: "A national and a regional replacement number, a practice that is known by its SOR code only, and a death whose day is known."
* identifier[x-ecpr].use = #temp
* identifier[x-ecpr].value = "2902411AA1"
* identifier[d-ecpr-179].use = #temp
* identifier[d-ecpr-179].value = "2902410AA1"
* name[official].use = #official
* name[official].family = "Eksempelsen"
* deceasedDateTime = "2027-05-02"
* generalPractitioner[sor].identifier.use = #official
* generalPractitioner[sor].identifier.value = "99000010016005"
