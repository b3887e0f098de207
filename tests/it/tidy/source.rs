//! Reads Rust source as far as the rules of `tidy` need it: words without comments and text, the
//! paths they make, and functions.
//!
//! It is no compiler: it sees what a careful reader sees without knowing types. Macros are read as
//! if their arguments were code.

use std::collections::HashSet;

/// A word or a mark of the source, and its line (1 for the first). Any text or character literal is
/// the word `"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Token<'a> {
    pub(super) line: usize,
    pub(super) text: &'a str,
}

/// A path as `["crate", "fhir", "Id"]`; the leaves of a `use` tree are one path each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Path<'a> {
    pub(super) line: usize,
    pub(super) segments: Vec<&'a str>,
    /// The number of modules written in this file (`mod tests { … }`) that it stands in.
    pub(super) inline_depth: usize,
    /// Set for `::fjall::open`, which names a crate even where a module has the same name.
    pub(super) is_absolute: bool,
    pub(super) role: Role<'a>,
}

/// The part that a path plays in its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role<'a> {
    /// It stands in code.
    Code,
    /// A `use` brings it in under this name.
    Import(&'a str),
    /// A `pub use` hands it on under this name.
    ReExport(&'a str),
}

/// A function with a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    pub(super) line: usize,
    pub(super) lines: usize,
}

/// Returns the words and marks of a source text.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut scanner = Scanner {
        source,
        at: 0,
        line: 1,
        tokens: Vec::new(),
    };
    while scanner.at < source.len() {
        scanner.step();
    }
    scanner.tokens
}

struct Scanner<'a> {
    source: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn skip(&mut self, length: usize) {
        let end = (self.at + length).min(self.source.len());
        self.line += self.source[self.at..end].matches('\n').count();
        self.at = end;
    }

    fn push(&mut self, text: &'a str, length: usize) {
        self.tokens.push(Token {
            line: self.line,
            text,
        });
        self.skip(length);
    }

    fn step(&mut self) {
        let rest = self.rest();
        let first = rest.chars().next().expect("not at the end");
        if first.is_whitespace() {
            self.skip(first.len_utf8());
        } else if rest.starts_with("//") {
            self.skip(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.skip(block_comment_length(rest));
        } else if first == '"' {
            self.push("\"", text_length(rest));
        } else if first == '\'' {
            self.quote(rest);
        } else if is_word(first) {
            self.word(rest);
        } else if rest.starts_with("::") {
            self.push("::", 2);
        } else {
            self.push(&rest[..first.len_utf8()], first.len_utf8());
        }
    }

    /// Reads a character literal, or a lifetime (which is passed over).
    fn quote(&mut self, rest: &'a str) {
        let mut after = rest.char_indices().skip(1);
        let (_, second) = after.next().unwrap_or((1, ' '));
        let third = after.next();
        if second == '\\' {
            let close = rest[3..].find('\'').map_or(rest.len(), |at| 3 + at + 1);
            self.push("\"", close);
        } else if let Some((at, '\'')) = third {
            self.push("\"", at + 1);
        } else {
            self.skip(1 + rest[1..].find(|c| !is_word(c)).unwrap_or(rest.len() - 1));
        }
    }

    /// Reads a word, a raw word (`r#type` is `type`), or a text literal with a prefix.
    fn word(&mut self, rest: &'a str) {
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        let hashes = after.len() - after.trim_start_matches('#').len();
        match word {
            "b" | "c" if after.starts_with('"') => self.push("\"", 1 + text_length(after)),
            "r" | "br" | "cr" if after[hashes..].starts_with('"') => {
                let close = format!("\"{}", "#".repeat(hashes));
                let inside = &after[hashes + 1..];
                let end = inside
                    .find(&close)
                    .map_or(inside.len(), |at| at + close.len());
                self.push("\"", length + hashes + 1 + end);
            }
            "r" if hashes == 1 => self.skip(2),
            _ => self.push(word, length),
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the length of a text literal that begins with its `"`.
fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Returns the length of a block comment; they nest.
fn block_comment_length(rest: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

/// Returns the paths of a source text: those of `use`, and every `a::b` in code.
pub(super) fn paths<'a>(tokens: &[Token<'a>]) -> Vec<Path<'a>> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let (mut found, mut braces, mut at) = (Vec::new(), Vec::new(), 0);
    while at < tokens.len() {
        let inline_depth = braces.iter().filter(|is_module| **is_module).count();
        let path = |segments, is_absolute, role| Path {
            line: tokens[at].line,
            segments,
            inline_depth,
            is_absolute,
            role,
        };
        match text(at) {
            "{" => braces.push(at >= 2 && text(at - 2) == "mod"),
            "}" => drop(braces.pop()),
            "use" if text(at + 1) != "<" => {
                let mut leaves = Vec::new();
                let end = use_tree(tokens, at + 1, &[], &mut leaves);
                let is_absolute = text(at + 1) == "::";
                let is_handed_on = at > 0 && ["pub", ")"].contains(&text(at - 1));
                let role = if is_handed_on {
                    Role::ReExport
                } else {
                    Role::Import
                };
                found.extend(
                    leaves
                        .into_iter()
                        .map(|(leaf, name)| path(leaf, is_absolute, role(name))),
                );
                at = end;
                continue;
            }
            word if word.starts_with(is_word) && text(at + 1) == "::" => {
                let mut segments = vec![word];
                let mut next = at + 1;
                while text(next) == "::" && text(next + 1).starts_with(is_word) {
                    segments.push(text(next + 1));
                    next += 2;
                }
                let is_absolute =
                    at > 0 && text(at - 1) == "::" && !text(at.wrapping_sub(2)).ends_with('>');
                found.push(path(segments, is_absolute, Role::Code));
                at = next;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Reads one branch of a `use` tree and gives the place of the mark that ends it.
fn use_tree<'a>(
    tokens: &[Token<'a>],
    mut at: usize,
    prefix: &[&'a str],
    leaves: &mut Vec<(Vec<&'a str>, &'a str)>,
) -> usize {
    let mut segments = prefix.to_vec();
    let mut alias = None;
    while let Some(token) = tokens.get(at) {
        match token.text {
            "," | "}" | ";" => break,
            "::" => {}
            "as" => {
                at += 1;
                alias = tokens.get(at).map(|token| token.text);
            }
            "{" => {
                while tokens
                    .get(at)
                    .is_some_and(|token| token.text == "{" || token.text == ",")
                {
                    at = use_tree(tokens, at + 1, &segments, leaves);
                }
                return at + 1;
            }
            word => segments.push(word),
        }
        at += 1;
    }
    if segments.len() > prefix.len() {
        let last = segments.iter().rfind(|segment| **segment != "self");
        let name = alias.or(last.copied()).unwrap_or("self");
        leaves.push((segments, name));
    }
    at
}

/// Returns the tokens outside of `#[cfg(test)] mod name { … }`.
pub(super) fn without_tests<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    const OPENING: [&str; 8] = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    let opens = |at: usize| {
        tokens[at..].len() > OPENING.len() + 1
            && tokens[at..]
                .iter()
                .map(|token| token.text)
                .take(OPENING.len())
                .eq(OPENING)
            && tokens[at + OPENING.len() + 1].text == "{"
    };
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if !opens(at) {
            kept.push(tokens[at]);
            at += 1;
            continue;
        }
        let mut depth = 0_usize;
        at += OPENING.len() + 1;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.text {
                "{" => depth += 1,
                "}" if depth == 1 => break,
                "}" => depth -= 1,
                _ => {}
            }
        }
    }
    kept
}

/// Returns the modules that the file declares with `mod name`.
pub(super) fn declared_modules<'a>(tokens: &[Token<'a>]) -> HashSet<&'a str> {
    tokens
        .windows(2)
        .filter(|pair| pair[0].text == "mod")
        .map(|pair| pair[1].text)
        .collect()
}

/// Returns the functions that have a body.
pub(super) fn functions<'a>(tokens: &[Token<'a>]) -> Vec<Function<'a>> {
    let starts = tokens
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair[0].text == "fn" && pair[1].text.starts_with(is_word));
    starts
        .filter_map(|(at, pair)| Some((pair, body_end(tokens, at)?)))
        .map(|(pair, end)| measure(pair, end))
        .collect()
}

fn measure<'a>(pair: &[Token<'a>], end_line: usize) -> Function<'a> {
    Function {
        name: pair[1].text,
        line: pair[0].line,
        lines: end_line - pair[0].line + 1,
    }
}

/// Returns the line on which the body of the function at that place ends; none if it has no body.
fn body_end(tokens: &[Token<'_>], start: usize) -> Option<usize> {
    let (mut brackets, mut braces) = (0_i32, 0_i32);
    for token in &tokens[start..] {
        match token.text {
            "(" | "[" => brackets += 1,
            ")" | "]" => brackets -= 1,
            ";" if brackets == 0 && braces == 0 => return None,
            "{" if brackets == 0 || braces > 0 => braces += 1,
            "}" if braces == 1 => return Some(token.line),
            "}" if braces > 0 => braces -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<&str> {
        tokens(source).into_iter().map(|token| token.text).collect()
    }

    fn joined(source: &str) -> Vec<String> {
        paths(&tokens(source))
            .into_iter()
            .map(|path| path.segments.join("::"))
            .collect()
    }

    #[test]
    fn comments_texts_characters_and_lifetimes_are_no_words() {
        for (source, expected) in [
            ("a // crate::x\nb", vec!["a", "b"]),
            ("a /* x /* y */ crate::x */ b", vec!["a", "b"]),
            (r#"a "crate::x \" {" b"#, vec!["a", "\"", "b"]),
            ("a r#\"x\" crate::y { \"# b", vec!["a", "\"", "b"]),
            ("b\"}\" br\"\\\" c", vec!["\"", "\"", "c"]),
            (
                r"'{' '\'' '\u{7d}' 'æ' x",
                vec!["\"", "\"", "\"", "\"", "x"],
            ),
            ("&'a str<'static>", vec!["&", "str", "<", ">"]),
            ("r#type::x", vec!["type", "::", "x"]),
            ("0..4", vec!["0", ".", ".", "4"]),
        ] {
            assert_eq!(words(source), expected, "{source}");
        }
    }

    #[test]
    fn lines_are_counted_through_texts_and_comments() {
        let found = tokens("a\n\"x\ny\" /* \n */ b\n// c\nd");
        assert_eq!(
            found.iter().map(|token| token.line).collect::<Vec<_>>(),
            [1, 2, 4, 6]
        );
    }

    #[test]
    fn a_use_tree_gives_each_of_its_leaves() {
        let tree = "use crate::{fhir::{Id, key::*}, storage as s, search::{self}};";
        assert_eq!(
            joined(tree),
            [
                "crate::fhir::Id",
                "crate::fhir::key::*",
                "crate::storage",
                "crate::search::self"
            ]
        );
        assert_eq!(joined("pub use a::b as c; use d;"), ["a::b", "d"]);
        assert_eq!(
            joined("fn f<'a>() -> impl Sized + use<'a> { x::y() }"),
            ["x::y"]
        );
    }

    #[test]
    fn a_use_says_under_which_name_it_brings_in_or_hands_on() {
        let source = "use a::{b, c as d, e::{self}}; pub(crate) use f::g; h::i();";
        let roles: Vec<_> = paths(&tokens(source))
            .into_iter()
            .map(|path| path.role)
            .collect();
        let expected = [
            Role::Import("b"),
            Role::Import("d"),
            Role::Import("e"),
            Role::ReExport("g"),
            Role::Code,
        ];
        assert_eq!(roles, expected);
    }

    #[test]
    fn a_module_of_tests_can_be_left_out() {
        let source = "a; #[cfg(test)] mod tests { fn b() { c } } #[cfg(test)] mod d; e";
        let kept = without_tests(&tokens(source));
        let kept: Vec<_> = kept.iter().map(|token| token.text).collect();
        let cfg = ["#", "[", "cfg", "(", "test", ")", "]", "mod", "d", ";"];
        assert_eq!(kept, [&["a", ";"][..], &cfg, &["e"]].concat());
    }

    #[test]
    fn paths_in_code_are_found_wherever_they_stand() {
        let code = "fn f(a: Vec<crate::fhir::Id>) { $crate::x!(); ::sled::open(); #[tokio::test] a.now(); Timestamp::now() }";
        assert_eq!(
            joined(code),
            [
                "crate::fhir::Id",
                "crate::x",
                "sled::open",
                "tokio::test",
                "Timestamp::now"
            ]
        );
    }

    #[test]
    fn a_path_knows_how_many_modules_of_its_file_it_stands_in() {
        let code =
            "mod a { fn f() { super::x::y(); } mod b { use super::super::z; } } use super::q;";
        let depths: Vec<_> = paths(&tokens(code))
            .into_iter()
            .map(|path| path.inline_depth)
            .collect();
        assert_eq!(depths, [1, 2, 0]);
    }

    #[test]
    fn a_function_is_measured_from_its_name_to_its_last_brace() {
        let code = "trait T { fn none(a: [u8; 4]); }\nfn long(f: fn(u8) -> u8)\n{\n  let s = \"}\"; // }\n  if x { y }\n}\nfn short() {}";
        let found: Vec<_> = functions(&tokens(code))
            .into_iter()
            .map(|f| (f.name, f.line, f.lines))
            .collect();
        assert_eq!(found, [("long", 2, 5), ("short", 7, 1)]);
    }
}
