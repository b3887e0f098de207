//! Tokens: a server that asks who reads it, and a token endpoint that looks closely.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PublicKeyData};
use ring::signature::{
    ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA384, RsaKeyPair, UnparsedPublicKey,
    VerificationAlgorithm,
};
use serde_json::{Value, json};

use super::relay::{Asked, Relay, Told};
use super::{ReadingServer, row, source};

/// The memory of the token endpoint.
#[derive(Default)]
struct Desk {
    given: usize,
    ids: Vec<String>,
}

/// The public half of a key, as a server has it.
struct PublicKey {
    algorithm: &'static str,
    bytes: Vec<u8>,
}

impl PublicKey {
    fn of_curve(key: &KeyPair) -> Self {
        PublicKey {
            algorithm: "ES384",
            bytes: key.der_bytes().to_vec(),
        }
    }

    fn of_rsa() -> Self {
        let pair = RsaKeyPair::from_pkcs8(&rsa_key()).unwrap();
        PublicKey {
            algorithm: "RS384",
            bytes: pair.public().as_ref().to_vec(),
        }
    }

    fn verify(&self, message: &[u8], signature: &[u8]) {
        let by: &dyn VerificationAlgorithm = match self.algorithm {
            "ES384" => &ECDSA_P384_SHA384_FIXED,
            _ => &RSA_PKCS1_2048_8192_SHA384,
        };
        UnparsedPublicKey::new(by, &self.bytes)
            .verify(message, signature)
            .expect("signed with the key");
    }
}

const RSA_PEM: &str = include_str!("rsa-key-of-this-test.pem");

/// Returns the bytes of the key of RSA (PKCS#8).
fn rsa_key() -> Vec<u8> {
    let lines = RSA_PEM.lines().filter(|line| !line.starts_with('-'));
    STANDARD.decode(lines.collect::<String>()).unwrap()
}

/// Checks an assertion as SMART asks for it, and returns its id.
fn checked(asked: &Asked, public: &PublicKey, endpoint: &str) -> String {
    let form: BTreeMap<_, _> = form_urlencoded::parse(asked.body.as_bytes())
        .into_owned()
        .collect();
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["scope"], "system/*.rs");
    assert_eq!(
        form["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    let parts: Vec<_> = form["client_assertion"].split('.').collect();
    let read = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let (header, claims) = (read(parts[0]), read(parts[1]));
    assert_eq!(
        header,
        json!({ "typ": "JWT", "alg": public.algorithm, "kid": "key-1" })
    );
    let signed = format!("{}.{}", parts[0], parts[1]);
    let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    public.verify(signed.as_bytes(), &signature);
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&json!("frist"), &json!("frist"))
    );
    assert_eq!(claims["aud"], endpoint);
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert!(lifetime > 0 && lifetime <= 300, "{claims}");
    claims["jti"].as_str().unwrap().to_owned()
}

/// Makes a server ask for tokens; each is taken so many times.
fn guard(relay: &Relay, public: PublicKey, uses: usize) -> Arc<Mutex<Desk>> {
    let desk = Arc::new(Mutex::new(Desk::default()));
    let seen = Arc::clone(&desk);
    let endpoint = format!("{}/token", relay.base);
    let (mut token, mut left) = (String::new(), 0);
    relay.answer(move |asked| {
        if asked.target.ends_with("/.well-known/smart-configuration") {
            return Some(Told::of(
                200,
                &json!({ "token_endpoint": endpoint }).to_string(),
            ));
        }
        if asked.target.ends_with("/token") {
            let mut desk = seen.lock().unwrap();
            desk.ids.push(checked(asked, &public, &endpoint));
            desk.given += 1;
            token = format!("token-{}", desk.given);
            left = uses;
            return Some(Told::of(
                200,
                &json!({ "access_token": token, "token_type": "bearer", "expires_in": 900 })
                    .to_string(),
            ));
        }
        let is_right = asked.headers.get("authorization") == Some(&format!("Bearer {token}"));
        if !is_right || left == 0 {
            return Some(Told::of(401, ""));
        }
        left -= 1;
        None
    });
    desk
}

fn guarded(relay: &Relay) -> Value {
    let mut upstream = row(relay, &json!([{ "search": "Condition" }]));
    upstream["auth"] =
        json!({ "clientId": "frist", "key": "x.pem", "keyId": "key-1", "scope": "system/*.rs" });
    upstream
}

#[test]
fn a_token_is_had_by_a_signed_assertion_kept_and_renewed() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    for (uses, least) in [(100, 1), (2, 2)] {
        let relay = source();
        let desk = guard(&relay, PublicKey::of_curve(&key), uses);
        let reading = ReadingServer::new();
        let poller = reading.poller(&guarded(&relay), Some(&key.serialize_pem()));
        for _ in 0..2 {
            let outlook = reading.round(&poller);
            assert_eq!((outlook.taken[0], outlook.errors), (3, 0), "{outlook:?}");
        }
        let mut desk = desk.lock().unwrap();
        assert_eq!((desk.given >= least, desk.given == 1), (true, uses == 100));
        desk.ids.sort();
        desk.ids.dedup();
        assert_eq!(desk.ids.len(), desk.given, "no assertion is made twice");
    }
}

/// Returns the content of a DER element, and what stands after it.
fn der(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = match bytes[1] {
        short if short < 0x80 => (usize::from(short), &bytes[2..]),
        long => {
            let (length, rest) = bytes[2..].split_at(usize::from(long - 0x80));
            let length = length
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (length, rest)
        }
    };
    rest.split_at(length)
}

/// Writes the key of the curve as a JSON Web Key.
fn jwk_of_curve(key: &KeyPair) -> Value {
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let point = key.der_bytes();
    // PKCS#8: the number, within the octets within the last part.
    let whole = key.serialize_der();
    let (_version, rest) = der(der(&whole).0);
    let (_algorithm, rest) = der(rest);
    let inner = der(der(rest).0).0;
    let (_version, rest) = der(inner);
    let d = der(rest).0;
    json!({ "kty": "EC", "crv": "P-384", "d": number(d), "x": number(&point[1..49]),
        "y": number(&point[49..]), "kid": "key-1", "key_ops": ["sign"] })
}

/// Writes the key of RSA as a JSON Web Key.
fn jwk_of_rsa() -> Value {
    let whole = rsa_key();
    let (_version, rest) = der(der(&whole).0);
    let (_algorithm, rest) = der(rest);
    let (_version, mut rest) = der(der(der(rest).0).0);
    let mut jwk = json!({ "kty": "RSA", "alg": "RS384", "kid": "key-1" });
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let (number, after) = der(rest);
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        jwk[name] = URL_SAFE_NO_PAD.encode(&number[zeros..]).into();
        rest = after;
    }
    jwk
}

#[test]
fn an_assertion_of_each_kind_of_key_is_verified_with_its_public_half() {
    let curve = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let keys = [
        (
            "PEM, the curve",
            curve.serialize_pem(),
            PublicKey::of_curve(&curve),
        ),
        ("PEM, RSA", RSA_PEM.to_owned(), PublicKey::of_rsa()),
        (
            "JWK, the curve",
            jwk_of_curve(&curve).to_string(),
            PublicKey::of_curve(&curve),
        ),
        ("JWK, RSA", jwk_of_rsa().to_string(), PublicKey::of_rsa()),
    ];
    let reading = ReadingServer::new();
    for (what, key, public) in keys {
        let relay = source();
        let desk = guard(&relay, public, 100);
        let mut upstream = guarded(&relay);
        // A JSON Web Key says its own id.
        if what.starts_with("JWK") {
            upstream["auth"].as_object_mut().unwrap().remove("keyId");
        }
        let poller = reading.poller(&upstream, Some(&key));
        let outlook = reading.round(&poller);
        assert_eq!(outlook.trouble, None, "{what}");
        assert_eq!(desk.lock().unwrap().given, 1, "{what}");
    }
}

#[test]
fn a_token_goes_to_the_server_that_was_named_and_to_no_other() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let (relay, elsewhere) = (source(), source());
    guard(&relay, PublicKey::of_curve(&key), 100);
    let other = elsewhere.base.clone();
    relay.change(move |asked, told| {
        if asked.target.starts_with("/fhir/Condition?") {
            let page = json!({ "resourceType": "Bundle", "type": "searchset", "link": [{ "relation": "next", "url": format!("{other}/Condition?x") }] });
            told.body = page.to_string();
        }
    });
    let reading = ReadingServer::new();
    let outlook = reading.round(&reading.poller(&guarded(&relay), Some(&key.serialize_pem())));
    assert_eq!(outlook.errors, 1);
    assert!(elsewhere.asked().is_empty());
}

#[test]
fn only_keys_that_servers_must_know_are_taken() {
    let file = json!({ "upstreams": [guarded(&source())] }).to_string();
    let upstream = frist::upstream::read(file.as_bytes()).unwrap().remove(0);
    let of = |pem: &str| frist::upstream::FhirClient::new(&upstream, Some(pem.as_bytes()), None);
    let right = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    assert!(of(&right.serialize_pem()).is_ok());
    assert!(of(include_str!("rsa-key-of-this-test.pem")).is_ok());
    let short = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut public = jwk_of_curve(&right);
    public.as_object_mut().unwrap().remove("d");
    let mut half = jwk_of_rsa();
    half["q"] = json!("AQAB");
    assert!(of(&jwk_of_curve(&right).to_string()).is_ok());
    for wrong in [
        &short.serialize_pem(),
        &right.public_key_pem(),
        &public.to_string(),
        &half.to_string(),
        "",
        "x",
        "{}",
    ] {
        let why = of(wrong).err().expect("refused");
        assert!(why.contains("P-384"), "{why}");
    }
}
