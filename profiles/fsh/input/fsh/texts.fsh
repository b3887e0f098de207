// What every definition says about itself, and how it says it in two languages: English, and Danish by HL7's translation extension.

RuleSet: Definition(danish)
* ^version = "0.1.0"
* ^experimental = false
* ^date = "2026-11-22"
* ^publisher = "Frist"
* ^jurisdiction = urn:iso:std:iso:3166#DK "Denmark"
* ^language = #en
* ^title.extension.url = "http://hl7.org/fhir/StructureDefinition/translation"
* ^title.extension.extension[0].url = "lang"
* ^title.extension.extension[0].valueCode = #da
* ^title.extension.extension[1].url = "content"
* ^title.extension.extension[1].valueString = {danish}

// What a sender puts into an element: in English, and in Danish.
RuleSet: Says(element, english, danish)
* {element} ^short = {english}
* {element} ^short.extension.url = "http://hl7.org/fhir/StructureDefinition/translation"
* {element} ^short.extension.extension[0].url = "lang"
* {element} ^short.extension.extension[0].valueCode = #da
* {element} ^short.extension.extension[1].url = "content"
* {element} ^short.extension.extension[1].valueString = {danish}
