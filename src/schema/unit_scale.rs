//! The size of units of UCUM that differ by a factor alone, so that amounts in them can be compared:
//! prefixes, powers, products and quotients, litres, and the units of time.
//!
//! Everything else is itself: a pound and a kilogram are not compared. All factors are exact.
//! <https://ucum.org/ucum>

use std::collections::BTreeMap;

use super::code_system::CodeStanding;
use super::units::{is_symbol, is_with_prefix, standing};

/// The prefixes that are powers of ten.
const POWERS: &[(&str, i64)] = &[
    ("Y", 24),
    ("Z", 21),
    ("E", 18),
    ("P", 15),
    ("T", 12),
    ("G", 9),
    ("M", 6),
    ("k", 3),
    ("h", 2),
    ("da", 1),
    ("d", -1),
    ("c", -2),
    ("m", -3),
    ("u", -6),
    ("n", -9),
    ("p", -12),
    ("f", -15),
    ("a", -18),
    ("z", -21),
    ("y", -24),
];

/// A symbol that others define: the factor, the power of ten, and the symbols that it is, with their
/// exponents.
type Definition = (&'static str, u128, i64, &'static [(&'static str, i64)]);

const DEFINED: &[Definition] = &[
    ("min", 60, 0, &[("s", 1)]),
    ("h", 3_600, 0, &[("s", 1)]),
    ("d", 86_400, 0, &[("s", 1)]),
    ("wk", 604_800, 0, &[("s", 1)]),
    ("mo", 2_629_800, 0, &[("s", 1)]),
    ("mo_j", 2_629_800, 0, &[("s", 1)]),
    ("a", 31_557_600, 0, &[("s", 1)]),
    ("a_j", 31_557_600, 0, &[("s", 1)]),
    ("l", 1, -3, &[("m", 3)]),
    ("L", 1, -3, &[("m", 3)]),
    ("t", 1, 6, &[("g", 1)]),
    ("[iU]", 1, 0, &[("[IU]", 1)]),
    ("%", 1, -2, &[]),
    ("[ppth]", 1, -3, &[]),
    ("[ppm]", 1, -6, &[]),
    ("10*", 1, 1, &[]),
    ("10^", 1, 1, &[]),
];

/// The exact factor between two units: `numerator` / `denominator`, times a power of ten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnitRatio {
    /// The factor above the line.
    pub numerator: u128,
    /// The factor below the line.
    pub denominator: u128,
    /// The exponent of ten.
    pub exponent: i64,
}

impl UnitRatio {
    /// The ratio of a unit to itself.
    pub const ONE: UnitRatio = UnitRatio {
        numerator: 1,
        denominator: 1,
        exponent: 0,
    };

    /// Returns how many of the other unit one of this unit is, by their codes in UCUM; none if they
    /// cannot be compared, or not here.
    pub fn between(unit: &str, other: &str) -> Option<UnitRatio> {
        let (one, other) = (UnitScale::of(unit)?, UnitScale::of(other)?);
        if one.symbols != other.symbols {
            return None;
        }
        Some(UnitRatio {
            numerator: one.factors.0.checked_mul(other.factors.1)?,
            denominator: one.factors.1.checked_mul(other.factors.0)?,
            exponent: one.exponent - other.exponent,
        })
    }
}

/// A unit, as factors and symbols that are not taken apart further.
#[derive(Debug)]
struct UnitScale {
    /// The factors above and below the line.
    factors: (u128, u128),
    exponent: i64,
    /// The exponent of each symbol; none is 0.
    symbols: BTreeMap<String, i64>,
}

impl UnitScale {
    fn of(code: &str) -> Option<UnitScale> {
        if standing(code) != CodeStanding::Valid || code.contains(['(', ')']) {
            return None;
        }
        let mut scale = UnitScale {
            factors: (1, 1),
            exponent: 0,
            symbols: BTreeMap::new(),
        };
        for (component, sign) in components(code) {
            scale.take(&component, sign)?;
        }
        scale.symbols.retain(|_, exponent| *exponent != 0);
        Some(scale)
    }

    /// Takes one component in, as `mmol` or `m2`, which stands above the line if the sign is 1.
    fn take(&mut self, component: &str, sign: i64) -> Option<()> {
        if component.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.multiply(component.parse().ok()?, sign);
        }
        let base = component.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = &component[base.len()..];
        let (base, negative) = match base.strip_suffix(['+', '-']) {
            Some(rest) if !digits.is_empty() => (rest, base.ends_with('-')),
            _ => (base, false),
        };
        let power: i64 = if digits.is_empty() {
            1
        } else {
            digits.parse().ok()?
        };
        let power = if negative { -power } else { power } * sign;
        if power.abs() > 40 {
            return None;
        }
        let (base, prefix) = without_prefix(base)?;
        self.exponent += prefix * power;
        let Some((_, factor, exponent, symbols)) = DEFINED.iter().find(|(of, ..)| *of == base)
        else {
            *self.symbols.entry(base.to_owned()).or_default() += power;
            return Some(());
        };
        self.exponent += exponent * power;
        for (symbol, of_it) in *symbols {
            *self.symbols.entry((*symbol).to_owned()).or_default() += of_it * power;
        }
        self.multiply(*factor, power)
    }

    fn multiply(&mut self, factor: u128, power: i64) -> Option<()> {
        let product = factor.checked_pow(u32::try_from(power.abs()).ok()?)?;
        let side = if power < 0 {
            &mut self.factors.1
        } else {
            &mut self.factors.0
        };
        *side = side.checked_mul(product).filter(|product| *product > 0)?;
        Some(())
    }
}

/// Splits a unit into components, without annotations, each with 1 or, after a `/`, -1.
fn components(code: &str) -> Vec<(String, i64)> {
    let (mut found, mut component, mut sign, mut is_annotation) =
        (Vec::new(), String::new(), 1, false);
    for letter in code.chars() {
        match letter {
            '{' => is_annotation = true,
            '}' => is_annotation = false,
            _ if is_annotation => {}
            '.' | '/' if !component.contains('[') || component.contains(']') => {
                found.push((std::mem::take(&mut component), sign));
                sign = if letter == '/' { -1 } else { 1 };
            }
            _ => component.push(letter),
        }
    }
    found.push((component, sign));
    found.retain(|(component, _)| !component.is_empty());
    found
}

/// Returns a symbol without its prefix, and the power of ten that this is; none for a binary one.
fn without_prefix(symbol: &str) -> Option<(&str, i64)> {
    if is_symbol(symbol) {
        return Some((symbol, 0));
    }
    POWERS.iter().find_map(|(prefix, power)| {
        let rest = symbol.strip_prefix(prefix)?;
        is_with_prefix(rest).then_some((rest, *power))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_that_differ_by_a_factor_are_compared() {
        let ratio = |numerator, denominator, exponent| {
            Some(UnitRatio {
                numerator,
                denominator,
                exponent,
            })
        };
        for (unit, other, expected) in [
            ("kg", "kg", ratio(1, 1, 0)),
            ("kg", "g", ratio(1, 1, 3)),
            ("mg/dL", "g/L", ratio(1, 1, -2)),
            ("mg/dl", "ug/mL", ratio(1, 1, 1)),
            ("mmol/L", "umol/mL", ratio(1, 1, 0)),
            ("mmol/l", "mg/dL", None),
            ("mL", "cm3", ratio(1, 1, 0)),
            ("h", "min", ratio(3_600, 60, 0)),
            ("/min", "/h", ratio(3_600, 60, 0)),
            ("a", "mo", ratio(31_557_600, 2_629_800, 0)),
            ("10*9/L", "10*3/uL", ratio(1, 1, 0)),
            ("m/s2", "km.s-2", ratio(1, 1, -3)),
            ("%", "1", ratio(1, 1, -2)),
            ("{score}", "1", ratio(1, 1, 0)),
            ("kg{wet}", "g", ratio(1, 1, 3)),
            ("[iU]/L", "k[IU]/L", ratio(1, 1, -3)),
            ("mm[Hg]", "kPa", None),
            ("[lb_av]", "kg", None),
            ("Cel", "[degF]", None),
            ("year", "a", None),
            ("m(s)", "s(m)", None),
            ("", "", None),
        ] {
            assert_eq!(UnitRatio::between(unit, other), expected, "{unit} {other}");
        }
    }
}
