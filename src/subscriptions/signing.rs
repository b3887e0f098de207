//! Signatures of notifications (<https://www.standardwebhooks.com/>, <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>):
//! with them a subscriber verifies that this server sent a message, when, and that nothing in it
//! was changed.
//!
//! The secret of a subscription is derived from that of the store. It stands in no resource and in
//! no log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::fhir::Id;
use crate::storage::SECRET_BYTES;

/// The prefix of a secret in its text form.
const SECRET_PREFIX: &str = "whsec_";
/// The purpose of the derivation: another use of the store's secret gives other bytes.
const PURPOSE: &[u8] = b"frist webhook secret 1\0";

/// The key that signs the messages of one life of a subscription.
pub(super) struct WebhookKey(Vec<u8>);

impl WebhookKey {
    /// Derives the bytes from the store's secret.
    pub(super) fn derive(store_secret: &[u8; SECRET_BYTES], subscription: &Id, life: u64) -> Self {
        // The id has no NUL, so that what is fed is read in one way only.
        WebhookKey(
            mac(
                store_secret,
                &[
                    PURPOSE,
                    subscription.as_str().as_bytes(),
                    b"\0",
                    &life.to_be_bytes(),
                ],
            )
            .to_vec(),
        )
    }

    /// Returns the value of `webhook-signature` for an attempt at that instant.
    pub(super) fn sign(&self, message_id: &str, attempted: Timestamp, body: &[u8]) -> String {
        let seconds = attempted.as_second().to_string();
        let signature = mac(
            &self.0,
            &[message_id.as_bytes(), b".", seconds.as_bytes(), b".", body],
        );
        format!("v1,{}", STANDARD.encode(signature))
    }
}

/// Returns the secret with which the subscriber verifies signatures, as `whsec_…`. Subscriptions
/// that have the same id one after the other have different secrets; the secret of one of them
/// never changes.
pub fn webhook_secret(store_secret: &[u8; SECRET_BYTES], subscription: &Id, life: u64) -> String {
    format!(
        "{SECRET_PREFIX}{}",
        STANDARD.encode(WebhookKey::derive(store_secret, subscription, life).0)
    )
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)
        .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_as_the_specification_shows_it() {
        // The example of the specification's reference libraries.
        let key = WebhookKey(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let signature = key.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            at,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_life_of_each_subscription_has_its_own_secret() {
        let id = |text: &str| Id::parse(text).unwrap();
        let (one, other) = ([1; SECRET_BYTES], [2; SECRET_BYTES]);
        let told = [
            (&one, "a", 0),
            (&one, "a", 1),
            (&one, "b", 0),
            (&other, "a", 0),
        ]
        .map(|(secret, name, life)| webhook_secret(secret, &id(name), life));
        let distinct: std::collections::BTreeSet<_> = told.iter().collect();
        assert_eq!(distinct.len(), told.len());
        assert_eq!(told[0], webhook_secret(&one, &id("a"), 0));
        assert!(told.iter().all(|secret| {
            secret
                .strip_prefix(SECRET_PREFIX)
                .is_some_and(|text| STANDARD.decode(text).unwrap().len() == 32)
        }));
    }
}
