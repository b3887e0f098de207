//! Tokens: a server that asks who reads it, and a token endpoint that looks closely.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PublicKeyData};
use ring::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};

use super::relay::{Asked, Relay, Told};
use super::{ReadingServer, row, source};

/// The memory of the token endpoint.
#[derive(Default)]
struct Desk {
    given: usize,
    ids: Vec<String>,
}

/// Checks an assertion as SMART asks for it, and returns its id.
fn checked(asked: &Asked, public: &[u8], endpoint: &str) -> String {
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
        json!({ "typ": "JWT", "alg": "ES384", "kid": "key-1" })
    );
    let signed = format!("{}.{}", parts[0], parts[1]);
    UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, public)
        .verify(
            signed.as_bytes(),
            &URL_SAFE_NO_PAD.decode(parts[2]).unwrap(),
        )
        .expect("signed with the key");
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
fn guard(relay: &Relay, public: Vec<u8>, uses: usize) -> Arc<Mutex<Desk>> {
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
        let desk = guard(&relay, key.der_bytes().to_vec(), uses);
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

#[test]
fn a_token_goes_to_the_server_that_was_named_and_to_no_other() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let (relay, elsewhere) = (source(), source());
    guard(&relay, key.der_bytes().to_vec(), 100);
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
    for wrong in [&short.serialize_pem(), &right.public_key_pem(), "", "x"] {
        let why = of(wrong).err().expect("refused");
        assert!(why.contains("P-384"), "{why}");
    }
}
