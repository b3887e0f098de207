//! Code systems that no package contains, whose codes follow a rule or are few: languages, media
//! types, currencies, countries, units, states of the USA.
//!
//! A code that fits the rule is accepted even where the registry behind it says more. The lists
//! contain the codes of the standards alone, without names.

use super::code_system::CodeStanding;
use super::shelf::CORE;
use super::units;

/// The codes of ISO 639-1 (<https://www.loc.gov/standards/iso639-2/php/code_list.php>).
const LANGUAGES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en \
    eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl \
    km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os \
    pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug \
    uk ur uz ve vi vo wa wo xh yi yo za zh zu";

/// The codes of ISO 4217, with those that went out of use since 2008.
const CURRENCIES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD \
    CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD \
    HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK \
    MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG \
    SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VEF VES VND \
    VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWG ZWL";

/// The codes of three letters of ISO 3166-1; those of two letters stand in a value set of the core
/// package.
const COUNTRIES: &str = "ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR BHR BHS BIH \
    BLM BLR BLZ BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL COM CPV CRI CUB CUW CXR CYM CYP CZE DEU \
    DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK FRA FRO FSM GAB GBR GEO GGY GHA GIB GIN GLP GMB GNB GNQ GRC GRD GRL GTM \
    GUF GUM GUY HKG HMD HND HRV HTI HUN IDN IMN IND IOT IRL IRN IRQ ISL ISR ITA JAM JEY JOR JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO LBN \
    LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC MAF MAR MCO MDA MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG MNP MOZ MRT MSR MTQ MUS MWI MYS MYT \
    NAM NCL NER NFK NGA NIC NIU NLD NOR NPL NRU NZL OMN PAK PAN PCN PER PHL PLW PNG POL PRI PRK PRT PRY PSE PYF QAT REU ROU RUS RWA SAU \
    SDN SEN SGP SGS SHN SJM SLB SLE SLV SMR SOM SPM SRB SSD STP SUR SVK SVN SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK TKL TKM TLS TON TTO \
    TUN TUR TUV TWN TZA UGA UKR UMI URY USA UZB VAT VCT VEN VGB VIR VNM VUT WLF WSM YEM ZAF ZMB ZWE";

/// The states and territories that the United States Postal Service has codes for.
const STATES: &str = "AK AL AR AS AZ CA CO CT DC DE FL FM GA GU HI IA ID IL IN KS KY LA MA MD ME MH MI MN MO MP MS MT NC ND NE NH NJ NM \
    NV NY OH OK OR PA PR PW RI SC SD TN TX UM UT VA VI VT WA WI WV WY";

/// Tells whether a code belongs to a system; none if the system is not one of these.
pub(super) fn standing(system: &str, code: &str) -> Option<CodeStanding> {
    let listed = |list: &str| {
        if code.len() >= 2 && list.split(' ').any(|known| known == code) {
            CodeStanding::Valid
        } else {
            CodeStanding::Invalid
        }
    };
    match system {
        // Media types are registered by the thousand, and anyone may make one up (RFC 6838).
        "urn:ietf:bcp:13" => Some(CodeStanding::Valid),
        "urn:ietf:bcp:47" => Some(if is_language_tag(code) {
            CodeStanding::Valid
        } else {
            CodeStanding::Invalid
        }),
        "urn:iso:std:iso:4217" => Some(listed(CURRENCIES)),
        "urn:iso:std:iso:3166" if is_country(code) => Some(CodeStanding::Valid),
        "urn:iso:std:iso:3166" => Some(listed(COUNTRIES)),
        "https://www.usps.com/" => Some(listed(STATES)),
        "http://unitsofmeasure.org" => Some(units::standing(code)),
        _ => None,
    }
}

/// Returns true for a code of two letters of ISO 3166-1.
fn is_country(code: &str) -> bool {
    let countries = CORE.value_set("http://hl7.org/fhir/ValueSet/iso3166-1-2");
    countries.is_some_and(|countries| {
        countries.include.iter().any(|part| {
            part.codes
                .as_ref()
                .is_some_and(|codes| codes.contains(code))
        })
    })
}

/// Returns true for a tag built as in RFC 5646 whose language and country are known. Languages of
/// three letters are too many to list.
fn is_language_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_known = match language.len() {
        2 => LANGUAGES.split(' ').any(|known| known == language),
        3 => language.bytes().all(|letter| letter.is_ascii_lowercase()),
        _ => false,
    };
    let mut is_plain = true;
    is_known
        && parts.all(|part| {
            // The parts after one of a single letter belong to an extension.
            is_plain &= part.len() > 1;
            let is_country_or_other =
                !is_plain || part.len() != 2 || is_country(&part.to_ascii_uppercase());
            (1..=8).contains(&part.len())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && is_country_or_other
        })
}
