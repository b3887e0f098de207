//! Exact decimal numbers: as many digits as FHIR allows, never a binary fraction.

use std::cmp::Ordering;
use std::fmt;

/// `coefficient` × 10^`exponent`. The scale is kept, so that `1.00` is written as it was read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Decimal {
    coefficient: i128,
    exponent: i32,
}

/// The most digits of a coefficient, so that two can always be brought to one scale.
const DIGITS_MAX: u32 = 36;
/// The greatest distance of an exponent from zero.
const EXPONENT_MAX: i32 = 1_000;
/// The digits after the point to which a quotient is computed.
const QUOTIENT_SCALE: i32 = 17;

impl Decimal {
    /// Reads a number of JSON or FHIRPath; none if it has more digits than are computed with.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() || digits.ends_with('.') {
            return None;
        }
        let mut coefficient: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            if !digit.is_ascii_digit() {
                return None;
            }
            coefficient = coefficient
                .checked_mul(10)?
                .checked_add(i128::from(digit - b'0'))?;
        }
        let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        Decimal {
            coefficient: if negative { -coefficient } else { coefficient },
            exponent,
        }
        .bounded()
    }

    /// Returns this number, unless it is too long to compute with.
    fn bounded(self) -> Option<Self> {
        let fits = digits(self.coefficient) <= DIGITS_MAX && self.exponent.abs() <= EXPONENT_MAX;
        fits.then_some(self)
    }

    /// Returns the number that a binary fraction is written as; none for infinities and NaN.
    pub(super) fn from_f64(value: f64) -> Option<Self> {
        value
            .is_finite()
            .then(|| format!("{value:e}"))
            .and_then(|text| Decimal::parse(&text))
            .map(Decimal::plain)
    }

    /// Writes the point out instead of an exponent, where there is room for it.
    fn plain(self) -> Self {
        if self.exponent <= 0 {
            return self;
        }
        self.rescaled(0).unwrap_or(self)
    }

    pub(super) fn to_f64(self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// Returns the same number with another exponent; none if digits other than zero would be lost
    /// or there is no room.
    fn rescaled(self, exponent: i32) -> Option<Self> {
        let coefficient = if exponent <= self.exponent {
            self.coefficient
                .checked_mul(power_of_ten(self.exponent.checked_sub(exponent)?)?)?
        } else {
            let divisor = power_of_ten(exponent.checked_sub(self.exponent)?)?;
            if self.coefficient % divisor != 0 {
                return None;
            }
            self.coefficient / divisor
        };
        Some(Decimal {
            coefficient,
            exponent,
        })
    }

    /// Removes the zeros at the end of the fraction.
    fn trimmed(mut self) -> Self {
        while self.exponent < 0 && self.coefficient % 10 == 0 {
            self.coefficient /= 10;
            self.exponent += 1;
        }
        self
    }

    /// Returns both coefficients with the smaller of the exponents.
    fn aligned(self, other: Self) -> Option<(i128, i128, i32)> {
        let exponent = self.exponent.min(other.exponent);
        Some((
            self.rescaled(exponent)?.coefficient,
            other.rescaled(exponent)?.coefficient,
            exponent,
        ))
    }

    pub(super) fn compare(self, other: Self) -> Ordering {
        if let Some((left, right, _)) = self.aligned(other) {
            return left.cmp(&right);
        }
        // So far apart that the number of digits before the point decides.
        let signs = self.coefficient.signum().cmp(&other.coefficient.signum());
        let magnitude =
            |decimal: Self| i64::from(digits(decimal.coefficient)) + i64::from(decimal.exponent);
        let magnitudes = magnitude(self).cmp(&magnitude(other));
        signs.then(if self.coefficient < 0 {
            magnitudes.reverse()
        } else {
            magnitudes
        })
    }

    pub(super) fn add(self, other: Self) -> Option<Self> {
        let (left, right, exponent) = self.aligned(other)?;
        Decimal {
            coefficient: left.checked_add(right)?,
            exponent,
        }
        .bounded()
    }

    pub(super) fn negate(self) -> Self {
        Decimal {
            coefficient: -self.coefficient,
            exponent: self.exponent,
        }
    }

    pub(super) fn multiply(self, other: Self) -> Option<Self> {
        let coefficient = self.coefficient.checked_mul(other.coefficient)?;
        Decimal {
            coefficient,
            exponent: self.exponent.checked_add(other.exponent)?,
        }
        .bounded()
    }

    /// Returns the quotient, rounded towards zero after [`QUOTIENT_SCALE`] digits; none for a
    /// division by zero.
    pub(super) fn divide(self, other: Self) -> Option<Self> {
        if other.coefficient == 0 {
            return None;
        }
        let scale = QUOTIENT_SCALE
            .checked_add(self.exponent)?
            .checked_sub(other.exponent)?;
        let coefficient = if scale >= 0 {
            self.coefficient.checked_mul(power_of_ten(scale)?)? / other.coefficient
        } else {
            self.coefficient / other.coefficient.checked_mul(power_of_ten(-scale)?)?
        };
        Decimal {
            coefficient,
            exponent: -QUOTIENT_SCALE,
        }
        .trimmed()
        .bounded()
    }

    /// Returns the remainder of the division with a whole quotient; none for a division by zero.
    pub(super) fn remainder(self, other: Self) -> Option<Self> {
        let (left, right, exponent) = self.aligned(other)?;
        (right != 0).then(|| Decimal {
            coefficient: left % right,
            exponent,
        })
    }

    /// Returns the whole quotient, rounded towards zero.
    pub(super) fn whole_quotient(self, other: Self) -> Option<Self> {
        let (left, right, _) = self.aligned(other)?;
        left.checked_div(right).map(|coefficient| Decimal {
            coefficient,
            exponent: 0,
        })
    }

    /// Returns the number without its fraction.
    pub(super) fn truncate(self) -> Option<Self> {
        self.whole_quotient(Decimal::from(1))
    }

    /// Returns the greatest whole number that is not greater.
    pub(super) fn floor(self) -> Option<Self> {
        let whole = self.truncate()?;
        if self.compare(whole).is_lt() {
            whole.add(Decimal::from(-1))
        } else {
            Some(whole)
        }
    }

    /// Rounds half away from zero to this many digits after the point.
    pub(super) fn round(self, scale: u32) -> Option<Self> {
        let exponent = -i32::try_from(scale).ok()?;
        if self.exponent >= exponent {
            return Some(self);
        }
        let divisor = power_of_ten(exponent.checked_sub(self.exponent)?)?;
        let (quotient, rest) = (self.coefficient / divisor, self.coefficient % divisor);
        let away = if rest.abs() >= divisor - rest.abs() {
            self.coefficient.signum()
        } else {
            0
        };
        Some(Decimal {
            coefficient: quotient + away,
            exponent,
        })
    }

    /// Returns the number of digits after the point.
    pub(super) fn scale(self) -> u32 {
        (-self.exponent).max(0).unsigned_abs()
    }

    /// Returns the number without its sign.
    pub(super) fn absolute(self) -> Self {
        Decimal {
            coefficient: self.coefficient.abs(),
            exponent: self.exponent,
        }
    }

    /// Returns the number as a whole one; none if it has a fraction or is out of range.
    pub(super) fn to_whole(self) -> Option<i64> {
        i64::try_from(self.rescaled(0)?.coefficient).ok()
    }

    /// Returns the number as an integer of FHIRPath; none if it has a fraction or is out of range.
    pub(super) fn to_integer(self) -> Option<i32> {
        i32::try_from(self.rescaled(0)?.coefficient).ok()
    }
}

impl From<i32> for Decimal {
    fn from(value: i32) -> Self {
        Decimal {
            coefficient: i128::from(value),
            exponent: 0,
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.coefficient < 0 { "-" } else { "" };
        let digits = self.coefficient.unsigned_abs().to_string();
        let Ok(scale) = usize::try_from(-self.exponent) else {
            let zeros = if digits == "0" {
                0
            } else {
                usize::try_from(self.exponent).unwrap_or(0)
            };
            return write!(f, "{sign}{digits}{}", "0".repeat(zeros));
        };
        if scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        write!(f, "{sign}{whole}.{fraction}")
    }
}

fn digits(value: i128) -> u32 {
    value
        .unsigned_abs()
        .checked_ilog10()
        .map_or(1, |log| log + 1)
}

fn power_of_ten(exponent: i32) -> Option<i128> {
    10_i128.checked_pow(u32::try_from(exponent).ok()?)
}
