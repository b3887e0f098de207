//! The addresses in `a href` and `img src`.

use crate::validation::primitives;

/// Names the fault of an address, if it has one, apart from fragments, which the caller looks up.
pub(super) fn fault(element: &str, address: &str) -> Option<&'static str> {
    if address.is_empty() {
        return Some("an empty one");
    }
    let scheme = address.split_once(':').map_or("", |(scheme, _)| scheme);
    if is_active(address) {
        return Some("active content");
    }
    if scheme == "data" {
        return data_fault(&address["data:".len()..]);
    }
    if element == "a" && matches!(scheme, "urn" | "cid") && address.len() > scheme.len() + 1 {
        return Some("one that nobody can follow (urn: or cid:)");
    }
    let fits = |character: char| {
        character.is_alphanumeric() || ";?:@&=+$.,/%-_~#[]!'()*|".contains(character)
    };
    (!address.chars().all(fits)).then_some("one with characters that an address may not have")
}

/// Tells whether an address is a program, in any spelling: the HL7 validator knows only the
/// lower-case names, and only in `a href`.
pub(super) fn is_active(address: &str) -> bool {
    let scheme = address
        .trim_start()
        .split_once(':')
        .map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("javascript") || scheme.eq_ignore_ascii_case("vbscript")
}

/// Names the fault of `data:[type][;base64],content`.
fn data_fault(rest: &str) -> Option<&'static str> {
    let (kind, content) = rest.split_once(',').unwrap_or((rest, ""));
    if content.is_empty() || content.contains(',') {
        return Some("a data: address without content, or with more than one comma");
    }
    let (kind, is_base64) = kind
        .strip_suffix(";base64")
        .map_or((kind, false), |kind| (kind, true));
    if is_base64 && primitives::decoded_length(content).is_none() {
        return Some("a data: address whose content is not Base64");
    }
    let media_type = kind.split(';').next().unwrap_or("").trim();
    let is_type = media_type
        .split_once('/')
        .is_some_and(|(main, sub)| !main.is_empty() && !sub.is_empty());
    (!kind.trim().is_empty() && !is_type)
        .then_some("a data: address whose type is not a media type")
}
