//! The assertion by which Frist proves to a token endpoint who it is: a JWT signed with its private
//! key (SMART Backend Services, <https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html>).
//! ES384 or RS384, by the kind of the key. Pure.

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Signer};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA384, RsaKeyPair,
};
use serde_json::json;

use super::jwk::{self, PrivateJwk};

/// The time for which an assertion counts: five minutes, the longest that SMART allows.
const LIFETIME: SignedDuration = SignedDuration::from_mins(5);

/// The library's cryptography, done by what TLS is done with already: nothing else has to be
/// compiled in. Frist signs, and never has to verify.
static BY_RING: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: no_verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// A private key that signs assertions.
pub(super) struct AssertionKey {
    key: EncodingKey,
    algorithm: Algorithm,
    key_id: Option<String>,
}

/// The parts of an assertion that differ each time.
pub(super) struct Claimed<'a> {
    /// The id of the client.
    pub(super) client_id: &'a str,
    /// The token endpoint: nobody else can use it.
    pub(super) audience: &'a str,
    /// An id that no other assertion has.
    pub(super) id: &'a str,
    /// When it is made.
    pub(super) now: Timestamp,
}

impl AssertionKey {
    /// Reads a private key (PEM, PKCS#8, or a JSON Web Key): of the curve P-384, or RSA. A JSON Web Key
    /// has its own id, if no other is given.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn read(file: &[u8], key_id: Option<&str>) -> Result<Self, String> {
        // Without an effect if it was done before.
        let _ = BY_RING.install_default();
        let json = crate::fhir::json::parse(file).unwrap_or_default();
        let (keys, own_id) = match jwk::read(&json) {
            Some((PrivateJwk::OfCurve(der), id)) => {
                let key = EncodingKey::from_ec_der(&der);
                (vec![(Algorithm::ES384, key)], id)
            }
            Some((PrivateJwk::OfRsa(der), id)) => {
                let key = EncodingKey::from_rsa_der(&der);
                (vec![(Algorithm::RS384, key)], id)
            }
            None => {
                let of_curve = EncodingKey::from_ec_pem(file).ok();
                let of_rsa = EncodingKey::from_rsa_pem(file).ok();
                let of_curve = of_curve.map(|key| (Algorithm::ES384, key));
                let of_rsa = of_rsa.map(|key| (Algorithm::RS384, key));
                (of_curve.into_iter().chain(of_rsa).collect(), None)
            }
        };
        let read = keys.into_iter().find_map(|(algorithm, key)| {
            signer(&algorithm, &key).ok()?;
            Some(AssertionKey {
                key,
                algorithm,
                key_id: key_id.or(own_id).map(str::to_owned),
            })
        });
        read.ok_or_else(|| {
            "expected a private key in PEM (BEGIN PRIVATE KEY) or as a JSON Web Key: of the curve P-384 (ES384), or RSA of at least 2048 bits (RS384)".to_owned()
        })
    }

    /// Makes an assertion.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub(super) fn sign(&self, claimed: &Claimed<'_>) -> Result<String, String> {
        let until = claimed.now.checked_add(LIFETIME).unwrap_or(claimed.now);
        let header = Header {
            kid: self.key_id.clone(),
            ..Header::new(self.algorithm)
        };
        let claims = json!({
            "iss": claimed.client_id, "sub": claimed.client_id, "aud": claimed.audience, "jti": claimed.id,
            "iat": claimed.now.as_second(), "exp": until.as_second(),
        });
        jsonwebtoken::encode(&header, &claims, &self.key)
            .map_err(|_| "the assertion cannot be signed with this key".to_owned())
    }
}

/// A key of the curve P-384.
struct ByCurve(EcdsaKeyPair);

/// A key of RSA.
struct ByRsa(RsaKeyPair);

impl Signer<Vec<u8>> for ByCurve {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let signed = self.0.sign(&SystemRandom::new(), message);
        signed
            .map(|signed| signed.as_ref().to_vec())
            .map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for ByCurve {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES384
    }
}

impl Signer<Vec<u8>> for ByRsa {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let mut signed = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(
                &RSA_PKCS1_SHA384,
                &SystemRandom::new(),
                message,
                &mut signed,
            )
            .map_err(|_| signature::Error::new())?;
        Ok(signed)
    }
}

impl JwtSigner for ByRsa {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS384
    }
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    match algorithm {
        Algorithm::ES384 => {
            let key = EcdsaKeyPair::from_pkcs8(
                &ECDSA_P384_SHA384_FIXED_SIGNING,
                key.as_bytes(),
                &SystemRandom::new(),
            );
            let key = key.map_err(|_| Error::from(ErrorKind::InvalidEcdsaKey))?;
            Ok(Box::new(ByCurve(key)))
        }
        Algorithm::RS384 => {
            let key = RsaKeyPair::from_der(key.as_bytes())
                .map_err(|_| Error::from(ErrorKind::InvalidKeyFormat))?;
            Ok(Box::new(ByRsa(key)))
        }
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

fn no_verifier(_: &Algorithm, _: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    Err(ErrorKind::InvalidAlgorithm.into())
}
