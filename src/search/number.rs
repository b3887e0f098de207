//! Numbers as spans, with the precision that was written (<https://hl7.org/fhir/R4/search.html#number>).

/// The digits after the point that count; further ones are cut off, here and in the values
/// compared.
const PLACES: i32 = 12;
/// The greatest amount; greater ones count as this.
const GREATEST: i128 = i128::MAX / 8;

/// A decimal as a whole number of 10⁻¹², and half a unit of its last written digit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ScaledNumber {
    pub(super) scaled: i128,
    pub(super) half_step: i128,
}

impl ScaledNumber {
    /// Reads a decimal as FHIR writes it: digits, perhaps with a sign, a point and an exponent.
    pub(super) fn parse(text: &str) -> Option<ScaledNumber> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (
                mantissa,
                exponent
                    .parse::<i32>()
                    .ok()
                    .filter(|exponent| exponent.abs() <= 1_000)?,
            ),
            None => (text, 0),
        };
        let (is_negative, digits) = match mantissa.strip_prefix(['-', '+']) {
            Some(digits) => (mantissa.starts_with('-'), digits),
            None => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let has_fraction = digits.contains('.');
        if whole.is_empty()
            || !all_digits(whole)
            || !all_digits(fraction)
            || has_fraction == fraction.is_empty()
        {
            return None;
        }
        // The place of the last digit, as a power of ten.
        let last = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        let amount = whole
            .bytes()
            .chain(fraction.bytes())
            .try_fold(0_i128, |amount, digit| {
                amount
                    .checked_mul(10)?
                    .checked_add(i128::from(digit - b'0'))
                    .filter(|amount| *amount <= GREATEST)
            });
        let scaled = scale(amount.unwrap_or(GREATEST), last);
        Some(ScaledNumber {
            scaled: if is_negative { -scaled } else { scaled },
            half_step: scale(5, last - 1),
        })
    }

    /// Returns the span of all numbers that are written the same when rounded to as many digits:
    /// the first, and the first one after it.
    pub(super) fn rounded_span(self) -> (i128, i128) {
        (
            self.scaled - self.half_step,
            (self.scaled + self.half_step).max(self.scaled - self.half_step + 1),
        )
    }

    /// Returns the span of the number alone.
    pub(super) fn exact_span(self) -> (i128, i128) {
        (self.scaled, self.scaled + 1)
    }

    /// Returns the span of a tenth of the number to either side, and no less than its precision.
    pub(super) fn approximate_span(self) -> (i128, i128) {
        let reach = (self.scaled.abs() / 10).max(self.half_step);
        (self.scaled - reach, self.scaled + reach + 1)
    }
}

fn scale(amount: i128, place: i32) -> i128 {
    let mut amount = amount;
    let mut places = PLACES + place;
    while places > 0 && amount != 0 && amount < GREATEST {
        amount = amount.saturating_mul(10).min(GREATEST);
        places -= 1;
    }
    while places < 0 && amount != 0 {
        amount /= 10;
        places += 1;
    }
    amount
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ONE: i128 = 1_000_000_000_000;

    #[test]
    fn a_number_stands_for_what_is_rounded_to_it() {
        for (text, from, until) in [
            ("100", 99 * ONE + ONE / 2, 100 * ONE + ONE / 2),
            ("100.00", 100 * ONE - ONE / 200, 100 * ONE + ONE / 200),
            ("1e2", 50 * ONE, 150 * ONE),
            ("5.40e-3", 5_395_000_000, 5_405_000_000),
            ("-5", -5 * ONE - ONE / 2, -5 * ONE + ONE / 2),
            ("+5", 5 * ONE - ONE / 2, 5 * ONE + ONE / 2),
        ] {
            assert_eq!(
                ScaledNumber::parse(text).unwrap().rounded_span(),
                (from, until),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_number_is_none_and_what_is_too_great_is_cut() {
        for text in [
            "", "-", ".5", "5.", "1e", "e5", "1,5", "0x5", "1e9999", "--1", "1 ", "٣",
        ] {
            assert_eq!(ScaledNumber::parse(text), None, "{text}");
        }
        for text in [
            "1e900",
            "9999999999999999999999999999999999999999999999",
            "1e-900",
            "0e900",
        ] {
            let (from, until) = ScaledNumber::parse(text).unwrap().rounded_span();
            assert!(from < until, "{text}");
            let _ = ScaledNumber::parse(text).unwrap().approximate_span();
        }
    }
}
