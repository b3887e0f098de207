//! Private keys as JSON Web Keys (RFC 7517, RFC 7518): the form in which SMART servers make them. They
//! become the DER that a PEM file holds. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The bytes of a number of the curve P-384.
const P384_BYTES: usize = 48;
/// The DER of a private key of the curve P-384 (PKCS#8), up to the private number.
const P384_BEFORE: &[u8] = &[
    0x30, 0x81, 0xb6, 0x02, 0x01, 0x00, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
    0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x04, 0x81, 0x9e, 0x30, 0x81, 0x9b, 0x02, 0x01,
    0x01, 0x04, 0x30,
];
/// The DER between the private number and the public point.
const P384_BETWEEN: &[u8] = &[0xa1, 0x64, 0x03, 0x62, 0x00, 0x04];

/// A private key.
pub(super) enum PrivateJwk {
    /// Of the curve P-384: PKCS#8.
    OfCurve(Vec<u8>),
    /// Of RSA: PKCS#1.
    OfRsa(Vec<u8>),
}

/// Reads a key, with its id if it has one; none if it is no private key of these kinds.
pub(super) fn read(jwk: &Value) -> Option<(PrivateJwk, Option<&str>)> {
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str()?).ok();
    let key = match (jwk["kty"].as_str()?, jwk["crv"].as_str()) {
        ("EC", Some("P-384")) => {
            let of_curve = |name: &str| number(name).filter(|bytes| bytes.len() == P384_BYTES);
            let (d, x, y) = (of_curve("d")?, of_curve("x")?, of_curve("y")?);
            let parts: [&[u8]; 5] = [P384_BEFORE, &d, P384_BETWEEN, &x, &y];
            PrivateJwk::OfCurve(parts.concat())
        }
        ("RSA", _) => {
            let numbers = ["n", "e", "d", "p", "q", "dp", "dq", "qi"].map(number);
            let mut all = der_integer(&[0]);
            for number in numbers {
                all.extend(der_integer(&number?));
            }
            PrivateJwk::OfRsa(der(0x30, &all))
        }
        _ => return None,
    };
    Some((key, jwk["kid"].as_str()))
}

/// Writes a whole number of no sign.
fn der_integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = number.get(zeros..).unwrap_or_default();
    let needs_zero = digits.first().is_none_or(|first| *first >= 0x80);
    let mut content = if needs_zero { vec![0] } else { Vec::new() };
    content.extend_from_slice(digits);
    der(0x02, &content)
}

/// Writes a tag, a length and the content.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let bytes = content.len().to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let length = bytes.get(zeros..).unwrap_or_default();
    let mut written = vec![tag];
    match length {
        [] => written.push(0),
        [short] if *short < 0x80 => written.push(*short),
        long => {
            written.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            written.extend_from_slice(long);
        }
    }
    written.extend_from_slice(content);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_der_has_them() {
        for (number, expected) in [
            (&[][..], &[2, 1, 0][..]),
            (&[0, 0], &[2, 1, 0]),
            (&[1], &[2, 1, 1]),
            (&[0, 0x7f], &[2, 1, 0x7f]),
            (&[0x80], &[2, 2, 0, 0x80]),
        ] {
            assert_eq!(der_integer(number), expected);
        }
        assert_eq!(der(0x30, &[1; 0x80])[..3], [0x30, 0x81, 0x80]);
        assert_eq!(der(0x30, &[1; 0x100])[..4], [0x30, 0x82, 1, 0]);
    }
}
