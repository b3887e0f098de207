//! `integer`, `positiveInt`, `unsignedInt` and `decimal`, by the digits that were sent.

use std::cmp::Ordering;

use super::report::{ValueReport, refuse, warn};

/// The most digits, before and after the point together, that most receivers keep.
const PORTABLE_DIGITS_MAX: usize = 18;
/// The most digits of an exponent that most receivers keep.
const PORTABLE_EXPONENT_DIGITS_MAX: usize = 4;

/// Checks a JSON number, which has no form that JSON forbids (leading zeros, `+1`, `.5`).
pub(super) fn check(type_name: &str, digits: &str, report: &mut ValueReport<'_>) {
    match type_name {
        "decimal" => check_decimal(digits, report),
        "integer" => check_integer(digits, i32::MIN, "a whole number", report),
        "positiveInt" => check_integer(digits, 1, "a whole number from 1", report),
        // The pattern of unsignedInt has no sign, so that -0 is not one; an integer may be.
        "unsignedInt" if digits.starts_with('-') => refuse(
            report,
            "expected a whole number from 0 without a sign, found a sign",
        ),
        _ => check_integer(digits, 0, "a whole number from 0", report),
    }
}

fn check_integer(digits: &str, least: i32, expected: &str, report: &mut ValueReport<'_>) {
    if digits.contains(['.', 'e', 'E']) {
        return refuse(
            report,
            &format!("expected {expected}, written without point and exponent; found one"),
        );
    }
    match digits.parse::<i32>() {
        Err(_) => refuse(
            report,
            &format!("expected {expected} of 32 bits (at most 2147483647), found one beyond"),
        ),
        Ok(number) if number < least => {
            refuse(report, &format!("expected {expected}, found a smaller one"))
        }
        Ok(_) => {}
    }
}

fn check_decimal(digits: &str, report: &mut ValueReport<'_>) {
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, ""));
    let count = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    if count(mantissa) > PORTABLE_DIGITS_MAX || count(exponent) > PORTABLE_EXPONENT_DIGITS_MAX {
        warn(
            report,
            "expected a decimal of at most 18 digits and an exponent of at most 4, found more than \
             receivers may keep",
        );
    }
}

/// Compares two JSON numbers exactly, whatever their size and precision.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (DecimalDigits::read(one), DecimalDigits::read(other));
    match (one.sign(), other.sign()) {
        (a, b) if a != b => a.cmp(&b),
        (0, _) => Ordering::Equal,
        (sign, _) if sign < 0 => other.compare_size(&one),
        _ => one.compare_size(&other),
    }
}

/// Returns the product of a JSON number and a factor, times a power of ten; none if its exponent is
/// out of all bounds.
pub(super) fn product(number: &str, factor: u128, exponent: i64) -> Option<String> {
    let digits = DecimalDigits::read(number);
    let (mut product, mut carry) = (Vec::new(), 0_u128);
    for digit in digits.digits().rev() {
        carry = u128::from(digit - b'0')
            .checked_mul(factor)?
            .checked_add(carry)?;
        product.push(b'0' + u8::try_from(carry % 10).ok()?);
        carry /= 10;
    }
    let mut text = String::from(if digits.negative { "-" } else { "" });
    text += &carry.to_string();
    text.extend(product.iter().rev().map(|digit| char::from(*digit)));
    let fraction = i64::try_from(digits.fraction.len()).ok()?;
    let exponent = digits
        .exponent
        .checked_add(exponent)?
        .checked_sub(fraction)?;
    Some(format!("{text}e{exponent}"))
}

/// The digits of a number, and the place of its point.
struct DecimalDigits<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a> DecimalDigits<'a> {
    fn read(text: &'a str) -> Self {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (negative, mantissa) = mantissa
            .strip_prefix('-')
            .map_or((false, mantissa), |rest| (true, rest));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        // An exponent that does not fit is further away than any other.
        let beyond = if exponent.starts_with('-') {
            i64::MIN / 4
        } else {
            i64::MAX / 4
        };
        let exponent = exponent
            .parse::<i64>()
            .unwrap_or(beyond)
            .clamp(i64::MIN / 4, i64::MAX / 4);
        DecimalDigits {
            negative,
            whole: whole.as_bytes(),
            fraction: fraction.as_bytes(),
            exponent,
        }
    }

    /// Returns the digits without leading and trailing zeros.
    fn significant(&self) -> impl Iterator<Item = u8> {
        let leading = self.leading_zeros();
        let trailing = self
            .digits()
            .rev()
            .take_while(|digit| *digit == b'0')
            .count();
        let count = self
            .length()
            .saturating_sub(leading)
            .saturating_sub(trailing);
        self.digits().skip(leading).take(count)
    }

    fn digits(&self) -> impl DoubleEndedIterator<Item = u8> {
        self.whole.iter().chain(self.fraction).copied()
    }

    fn length(&self) -> usize {
        self.whole.len() + self.fraction.len()
    }

    fn leading_zeros(&self) -> usize {
        self.digits().take_while(|digit| *digit == b'0').count()
    }

    fn sign(&self) -> i8 {
        match (self.digits().all(|digit| digit == b'0'), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    /// Returns the place of the point, counted from the first digit that is not zero.
    fn magnitude(&self) -> i64 {
        let before_point = i64::try_from(self.whole.len()).unwrap_or(i64::MAX / 4);
        let zeros = i64::try_from(self.leading_zeros()).unwrap_or(i64::MAX / 4);
        before_point - zeros + self.exponent
    }

    fn compare_size(&self, other: &DecimalDigits<'_>) -> Ordering {
        self.magnitude()
            .cmp(&other.magnitude())
            .then_with(|| self.significant().cmp(other.significant()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_by_value() {
        for (one, other, expected) in [
            ("0", "-0.00", Ordering::Equal),
            ("1", "1.000", Ordering::Equal),
            ("100", "1e2", Ordering::Equal),
            ("0.01", "1E-2", Ordering::Equal),
            ("120", "12e1", Ordering::Equal),
            ("2", "10", Ordering::Less),
            ("-2", "-10", Ordering::Greater),
            ("-1", "0.5", Ordering::Less),
            ("0.09", "0.1", Ordering::Less),
            ("1.05", "1.5", Ordering::Less),
            (
                "12345678901234567890123",
                "12345678901234567890124",
                Ordering::Less,
            ),
            ("1e99999999999999999999", "1e12345", Ordering::Greater),
            ("1e-99999999999999999999", "1e-12345", Ordering::Less),
            ("0e5", "0", Ordering::Equal),
        ] {
            assert_eq!(compare(one, other), expected, "{one} and {other}");
            assert_eq!(compare(other, one), expected.reverse(), "{other} and {one}");
        }
    }

    #[test]
    fn a_product_beyond_all_bounds_is_none() {
        assert_eq!(product("-1.5", 4, 2).as_deref(), Some("-060e1"));
        // Each digit has a product; with what is carried it is one too many.
        assert!(product("9", u128::MAX / 9, 0).is_some());
        assert_eq!(product("99", u128::MAX / 9, 0), None);
    }
}
