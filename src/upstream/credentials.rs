//! Credentials: the way in which a token is asked for, and the one at hand (SMART Backend Services). It makes
//! and reads bytes; `fhir_client` sends them.

use std::sync::{Mutex, PoisonError};

use form_urlencoded::Serializer;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::Url;

use super::assertion::{AssertionKey, Claimed};
use super::settings::{UpstreamAuth, is_safe, is_this_machine};
use crate::interactions::Context;

/// The time before its end from which a token is no longer used.
const EARLY: SignedDuration = SignedDuration::from_secs(30);
/// The time for which a token counts whose end is not told.
const LIFETIME_S: i64 = 300;

/// The credentials for one server, with the token that is at hand.
pub(super) struct Credentials {
    client_id: String,
    scope: String,
    key: AssertionKey,
    /// The token endpoint of the file.
    named: Option<Url>,
    /// The one that was found.
    found: Mutex<Option<Url>>,
    token: Mutex<Option<(String, Timestamp)>>,
}

impl Credentials {
    /// Makes them of what the file says and the bytes of the key.
    ///
    /// # Errors
    /// If the key is none.
    pub(super) fn new(auth: &UpstreamAuth, pem: &[u8]) -> Result<Self, String> {
        Ok(Credentials {
            client_id: auth.client_id.clone(),
            scope: auth.scope.clone(),
            key: AssertionKey::read(pem, auth.key_id.as_deref())?,
            named: auth.token_endpoint.clone(),
            found: Mutex::default(),
            token: Mutex::default(),
        })
    }

    /// Returns the token at hand, while it counts.
    pub(super) fn token(&self, now: Timestamp) -> Option<String> {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let (text, until) = token.as_ref()?;
        (*until > now).then(|| text.clone())
    }

    /// Forgets the token: the server does not take it any more.
    pub(super) fn drop_token(&self) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns the token endpoint, if it is known.
    pub(super) fn endpoint(&self) -> Option<Url> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        self.named.clone().or_else(|| found.clone())
    }

    /// Forgets the token endpoint that was found: it gives no token, and may have moved.
    pub(super) fn drop_endpoint(&self) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Reads the token endpoint from a server's `.well-known/smart-configuration`.
    ///
    /// # Errors
    /// If there is none, or one to which nothing may be sent.
    pub(super) fn discover(&self, configuration: &[u8], base: &Url) -> Result<Url, String> {
        let configuration: Value = serde_json::from_slice(configuration).unwrap_or_default();
        let endpoint = configuration["token_endpoint"].as_str();
        let endpoint = endpoint.and_then(|text| Url::parse(text).ok());
        let endpoint = endpoint.filter(|found| may_lead_to(base, found)).ok_or(
            "its .well-known/smart-configuration has no token_endpoint with https: set auth.tokenEndpoint",
        )?;
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(endpoint.clone());
        Ok(endpoint)
    }

    /// Makes the form by which a token is asked for at that endpoint.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub(super) fn form(&self, endpoint: &Url, context: &Context) -> Result<String, String> {
        let assertion = self.key.sign(&Claimed {
            client_id: &self.client_id,
            audience: endpoint.as_str(),
            id: (context.new_id)().as_str(),
            now: context.now,
        })?;
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        Ok(Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", &self.scope)
            .append_pair("client_assertion_type", kind)
            .append_pair("client_assertion", &assertion)
            .finish())
    }

    /// Keeps the token of an answer, and returns it.
    ///
    /// # Errors
    /// If the answer holds none.
    pub(super) fn keep(&self, answer: &[u8], now: Timestamp) -> Result<String, String> {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let is_bearer = answer["token_type"]
            .as_str()
            .is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
        let text = answer["access_token"].as_str().filter(|text| {
            is_bearer && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
        });
        let text = text.ok_or("the token endpoint's answer has no bearer token")?;
        let lifetime = answer["expires_in"].as_i64().unwrap_or(LIFETIME_S);
        let lifetime = SignedDuration::from_secs(lifetime.clamp(0, 86_400));
        let until = now.checked_add(lifetime - EARLY).unwrap_or(now);
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some((text.to_owned(), until));
        Ok(text.to_owned())
    }
}

/// Tells whether a server with that base may send Frist to an address: to this machine only if it is
/// on it, so that no other server reaches what listens here.
fn may_lead_to(base: &Url, found: &Url) -> bool {
    is_safe(found) && (is_this_machine(base) || !is_this_machine(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_elsewhere_leads_to_nothing_on_this_machine() {
        for (base, found, may) in [
            (
                "https://ehr.example.dk/fhir",
                "https://login.example.dk/token",
                true,
            ),
            (
                "https://ehr.example.dk/fhir",
                "http://login.example.dk/token",
                false,
            ),
            (
                "https://ehr.example.dk/fhir",
                "http://127.0.0.1:9200/",
                false,
            ),
            (
                "https://ehr.example.dk/fhir",
                "https://localhost/token",
                false,
            ),
            ("https://ehr.example.dk/fhir", "http://[::1]/token", false),
            (
                "http://127.0.0.1:8081/fhir",
                "http://127.0.0.1:8081/token",
                true,
            ),
            (
                "http://localhost/fhir",
                "https://login.example.dk/token",
                true,
            ),
        ] {
            let [from, to] = [base, found].map(|text| Url::parse(text).expect("an address"));
            assert_eq!(may_lead_to(&from, &to), may, "{base} {found}");
        }
    }
}
