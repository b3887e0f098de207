//! The ranges of index keys in which entries that pass a test stand.

use super::super::index_keys::{
    IndexKind, IndexPrefix, composite, contained_parameter, is_whole, texts_in_index,
};
use super::super::kv::KeyRange;
use super::ends::{EndRange, Line, SpanEnd, ends};
use crate::search::matching::uris_above;
use crate::search::{Clause, SearchQuery, Test, fold, other_spellings};

/// A range of index keys to look through.
pub(super) struct KeySpan {
    pub(super) keys: KeyRange,
    /// True if a resource that a key of this span names meets the condition. Otherwise it may, and
    /// must be looked at.
    pub(super) is_sure: bool,
    pub(super) filter: KeyFilter,
}

/// The keys of a span that count.
pub(super) enum KeyFilter {
    Every,
    /// Texts that have this in them.
    Containing(String),
    /// Codes of this system.
    OfSystem(String),
}

impl KeyFilter {
    /// Tells whether a key counts, and whether that is sure: a text that was cut says nothing for
    /// certain.
    pub(super) fn judge(&self, key: &[u8]) -> Option<bool> {
        if matches!(self, KeyFilter::Every) {
            return Some(true);
        }
        match (self, texts_in_index(key).as_slice()) {
            (KeyFilter::Containing(part), [text, ..]) if is_whole(text) => {
                text.contains(part.as_str()).then_some(true)
            }
            (KeyFilter::OfSystem(wanted), [_, system]) if is_whole(system) => {
                (wanted == system).then_some(true)
            }
            (KeyFilter::Every | KeyFilter::Containing(_) | KeyFilter::OfSystem(_), _) => {
                Some(false)
            }
        }
    }
}

impl KeySpan {
    fn new(keys: KeyRange, is_sure: bool) -> Self {
        KeySpan {
            keys,
            is_sure,
            filter: KeyFilter::Every,
        }
    }

    pub(super) fn prefix(start: &[u8], is_sure: bool) -> Self {
        KeySpan::new(KeyRange::prefix(start), is_sure)
    }
}

/// Returns the ranges of index keys among which all entries that pass the test stand, and perhaps
/// others.
pub(super) fn spans(prefix: &IndexPrefix<'_>, test: &Test) -> Vec<KeySpan> {
    let text =
        |kind: IndexKind, text: &str| KeySpan::prefix(&prefix.text(kind, text), is_whole(text));
    let loose = |start: Vec<u8>| vec![KeySpan::prefix(&start, false)];
    match test {
        Test::Token {
            system,
            code: Some(code),
        } => token_spans(prefix, system.as_deref(), code),
        Test::Token { system, code: None } => {
            let filter = system.as_ref().map_or(KeyFilter::Every, |system| {
                KeyFilter::OfSystem(system.clone())
            });
            vec![KeySpan {
                filter,
                ..KeySpan::prefix(&prefix.kind(IndexKind::Token), true)
            }]
        }
        Test::Reference(target) => vec![text(IndexKind::Reference, target)],
        Test::ReferenceIn(targets) => targets
            .iter()
            .map(|target| text(IndexKind::Reference, target))
            .collect(),
        Test::Contained(query) => contained_spans(prefix, query),
        Test::Uri(address) => vec![text(IndexKind::Uri, address)],
        Test::UriBelow(address) => loose(prefix.text_start(IndexKind::Uri, address)),
        Test::UriAbove(address) => uris_above(address)
            .into_iter()
            .map(|above| KeySpan::prefix(&prefix.text(IndexKind::Uri, above), false))
            .collect(),
        Test::StartsWith(start) => vec![KeySpan::prefix(
            &prefix.text_start(IndexKind::Text, start),
            is_whole(start),
        )],
        Test::Exactly(text) => loose(prefix.text(IndexKind::Text, &fold(text))),
        Test::Contains(part) => {
            vec![KeySpan {
                filter: KeyFilter::Containing(part.clone()),
                ..KeySpan::prefix(&prefix.kind(IndexKind::Text), true)
            }]
        }
        Test::Date { .. } => date_spans(prefix, test),
        Test::Quantity { .. } => quantity_spans(prefix, test),
        Test::Composite(tests) => {
            let parameter = composite(prefix.parameter);
            let prefix = IndexPrefix {
                resource_type: prefix.resource_type,
                parameter: &parameter,
            };
            let first = tests
                .first()
                .map(|first| spans(&prefix, first))
                .unwrap_or_default();
            // The others do not stand in the key.
            first
                .into_iter()
                .map(|span| KeySpan {
                    is_sure: false,
                    ..span
                })
                .collect()
        }
    }
}

/// Returns the ranges of a code; without a system, those of its other spellings with it.
fn token_spans(prefix: &IndexPrefix<'_>, system: Option<&str>, code: &str) -> Vec<KeySpan> {
    let span = |system: Option<&str>, code: &str| {
        let is_sure = is_whole(code) && system.is_none_or(is_whole);
        KeySpan::prefix(&prefix.token(system, code), is_sure)
    };
    let mut spans = vec![span(system, code)];
    if system.is_none() {
        let others = other_spellings(code);
        spans.extend(others.iter().map(|(system, code)| span(Some(system), code)));
    }
    spans
}

/// Returns the ranges of resources that contain one that meets the query; whether the parameter names
/// that one does not stand in the keys.
fn contained_spans(prefix: &IndexPrefix<'_>, query: &SearchQuery) -> Vec<KeySpan> {
    let [Clause::Parameter { code, any_of }] = query.clauses.as_slice() else {
        return vec![anchors(prefix)];
    };
    let mut found = Vec::new();
    for of_type in &query.types {
        let prefix = IndexPrefix {
            resource_type: prefix.resource_type,
            parameter: &contained_parameter(of_type.as_str(), code),
        };
        found.extend(any_of.iter().flat_map(|test| spans(&prefix, test)));
    }
    let loose = |span: KeySpan| KeySpan {
        is_sure: false,
        ..span
    };
    found.into_iter().map(loose).collect()
}

/// Returns the range of references to contained resources.
pub(super) fn anchors(prefix: &IndexPrefix<'_>) -> KeySpan {
    KeySpan::prefix(&prefix.text_start(IndexKind::Reference, "#"), false)
}

fn date_spans(prefix: &IndexPrefix<'_>, test: &Test) -> Vec<KeySpan> {
    let Test::Date {
        prefix: comparison,
        from_us,
        until_us,
    } = test
    else {
        return Vec::new();
    };
    let kinds = (
        IndexKind::DateFrom,
        IndexKind::DateUntil,
        IndexKind::DateBackward,
    );
    let key = |kind, at| prefix.instant(kind, at);
    spans_of_ends(
        prefix,
        kinds,
        ends(*comparison, *from_us, *until_us),
        key,
        true,
    )
}

fn quantity_spans(prefix: &IndexPrefix<'_>, test: &Test) -> Vec<KeySpan> {
    let Test::Quantity {
        prefix: comparison,
        from,
        until,
        system,
        code,
    } = test
    else {
        return Vec::new();
    };
    let kinds = (
        IndexKind::QuantityFrom,
        IndexKind::QuantityUntil,
        IndexKind::QuantityBackward,
    );
    let key = |kind, at| prefix.amount(kind, at);
    // The unit does not stand in the key.
    let can_be_sure = system.is_none() && code.is_none();
    spans_of_ends(
        prefix,
        kinds,
        ends(*comparison, *from, *until),
        key,
        can_be_sure,
    )
}

fn spans_of_ends<T: Line>(
    prefix: &IndexPrefix<'_>,
    (from_kind, until_kind, backward_kind): (IndexKind, IndexKind, IndexKind),
    ends: Vec<EndRange<T>>,
    key: impl Fn(IndexKind, T) -> Vec<u8>,
    can_be_sure: bool,
) -> Vec<KeySpan> {
    let of_end = |range: EndRange<T>| {
        let kind = if range.end == SpanEnd::From {
            from_kind
        } else {
            until_kind
        };
        KeySpan::new(
            KeyRange::prefixes(&key(kind, range.first), &key(kind, range.last)),
            range.is_sure && can_be_sure,
        )
    };
    // What ends before it starts has no ends to look for.
    ends.into_iter()
        .map(of_end)
        .chain([KeySpan::prefix(&prefix.kind(backward_kind), false)])
        .collect()
}
