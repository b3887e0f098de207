//! Tests of dates and quantities, by one end of the spans that pass.

use crate::search::Prefix;

/// The end by which a span of time or numbers is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SpanEnd {
    From,
    Until,
}

/// A range of spans whose one end lies from `first` to `last`, both included.
pub(super) struct EndRange<T> {
    pub(super) end: SpanEnd,
    pub(super) first: T,
    pub(super) last: T,
    /// True if they pass the test; otherwise they may.
    pub(super) is_sure: bool,
}

/// A line on which ends lie.
pub(super) trait Line: Ord + Copy {
    const MIN: Self;
    const MAX: Self;
    fn before(self) -> Option<Self>;
    fn after(self) -> Option<Self>;
}

impl Line for i64 {
    const MIN: Self = i64::MIN;
    const MAX: Self = i64::MAX;
    fn before(self) -> Option<Self> {
        self.checked_sub(1)
    }
    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Line for i128 {
    const MIN: Self = i128::MIN;
    const MAX: Self = i128::MAX;
    fn before(self) -> Option<Self> {
        self.checked_sub(1)
    }
    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// Returns the table of prefixes (<https://hl7.org/fhir/R4/search.html#prefix>), by one end of the
/// spans that pass, of those that do not end before they start.
pub(super) fn ends<T: Line>(comparison: Prefix, from: T, until: T) -> Vec<EndRange<T>> {
    let range = |end, first, last, is_sure| EndRange {
        end,
        first,
        last,
        is_sure,
    };
    let above = until
        .after()
        .map(|first| range(SpanEnd::Until, first, T::MAX, true));
    let below = from
        .before()
        .map(|last| range(SpanEnd::From, T::MIN, last, true));
    match comparison {
        Prefix::Eq => vec![range(SpanEnd::From, from, until, false)],
        Prefix::Ne => vec![range(SpanEnd::From, T::MIN, T::MAX, false)],
        Prefix::Gt => above.into_iter().collect(),
        Prefix::Lt => below.into_iter().collect(),
        // Beyond the value asked for, or within it.
        Prefix::Ge => above
            .into_iter()
            .chain([range(SpanEnd::Until, from, until, false)])
            .collect(),
        Prefix::Le => below
            .into_iter()
            .chain([range(SpanEnd::From, from, until, false)])
            .collect(),
        Prefix::Sa => vec![range(SpanEnd::From, until, T::MAX, true)],
        Prefix::Eb => vec![range(SpanEnd::Until, T::MIN, from, true)],
        Prefix::Ap => vec![range(SpanEnd::Until, from, T::MAX, false)],
    }
}
