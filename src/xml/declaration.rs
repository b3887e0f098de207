//! The declaration with which a document may begin (<https://www.w3.org/TR/xml/#NT-XMLDecl>).

use super::characters::is_blank;

/// The things that a declaration may say, in their order.
const PARTS: &[&str] = &["version", "encoding", "standalone"];

const SHAPE: &str =
    "expected <?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"…\"?>, the last two if at all";

/// Returns what is wrong with a declaration, given as what stands between `<?` and `?>`; none if it
/// is right.
pub(super) fn declaration_fault(text: &str) -> Option<&'static str> {
    let mut rest = text.strip_prefix("xml")?;
    let mut next = 0;
    while !rest.trim_matches(is_blank).is_empty() {
        let Some((name, value, after)) = pseudo_attribute(rest) else {
            return Some(SHAPE);
        };
        let Some(at) = PARTS.iter().position(|part| *part == name) else {
            return Some(SHAPE);
        };
        if next == 0 && at > 0 {
            return Some("expected XML 1.0, found another version or none");
        }
        if at < next {
            return Some(SHAPE);
        }
        next = at + 1;
        rest = after;
        match name {
            "version" if value != "1.0" => {
                return Some("expected XML 1.0, found another version or none");
            }
            "encoding" if !value.eq_ignore_ascii_case("utf-8") => {
                return Some("expected encoding UTF-8, found another");
            }
            "standalone" if !matches!(value, "yes" | "no") => {
                return Some("expected standalone=\"yes\" or \"no\", found another value");
            }
            _ => {}
        }
    }
    (next == 0).then_some("expected XML 1.0, found another version or none")
}

/// Reads a name and its quoted value, with a blank before them; returns what comes after, too.
fn pseudo_attribute(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text
        .strip_prefix(is_blank)?
        .trim_start_matches(is_blank)
        .split_once('=')?;
    let rest = rest.trim_start_matches(is_blank);
    let quote = rest
        .chars()
        .next()
        .filter(|first| matches!(first, '"' | '\''))?;
    let (value, after) = rest[1..].split_once(quote)?;
    Some((name.trim_end_matches(is_blank), value, after))
}
