//! Subscriptions of R4 at a server that is read (<https://hl7.org/fhir/R4/subscription.html>): its
//! notifications carry nothing and are believed nothing. One makes a round begin at once, and what
//! is new is read as ever; so one that is lost, doubled or made up costs or gains time alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use xxhash_rust::xxh3::xxh3_64;

use super::fhir_client::{RequestKind, Setback};
use super::round::Round;
use super::settings::{Notified, Upstream};
use crate::fhir::json;
use crate::storage::SECRET_BYTES;

/// The purpose of the derivation: another use of the store's secret gives other bytes.
const PURPOSE: &[u8] = b"frist upstream notification 1\0";

/// Returns the path at which a server notifies, beside the base.
pub fn notified_path(name: &str) -> String {
    format!("/upstreams/{name}/notified")
}

/// Returns what a server must say with its notifications.
pub(super) fn secret_of(store_secret: &[u8; SECRET_BYTES], upstream: &Upstream) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(store_secret) else {
        unreachable!("HMAC takes a key of any length");
    };
    mac.update(PURPOSE);
    mac.update(upstream.name.as_str().as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

impl Round<'_> {
    /// Sees to it that the server notifies of each of these criteria, and returns how that stands.
    ///
    /// # Errors
    /// If the server does not answer.
    pub(super) async fn subscribe(
        &self,
        notified: &Notified,
        secret: &str,
    ) -> Result<String, Setback> {
        let mut worst = "active".to_owned();
        for criteria in &notified.criteria {
            let status = self.subscribe_to(notified, criteria, secret).await?;
            if status != "active" {
                worst = status;
            }
        }
        Ok(worst)
    }

    async fn subscribe_to(
        &self,
        notified: &Notified,
        criteria: &str,
        secret: &str,
    ) -> Result<String, Setback> {
        let endpoint = notified.root.as_str().trim_end_matches('/');
        let endpoint = format!("{endpoint}{}", notified_path(self.upstream.name.as_str()));
        let of = xxh3_64(format!("{endpoint} {criteria}").as_bytes());
        let id = format!("frist-{of:016x}");
        let address = self.client.below(&format!("Subscription/{id}"))?;
        let context = (self.now)();
        let stored = self
            .client
            .get(&address, RequestKind::Resource, &context)
            .await?;
        let stored = (stored.status == 200).then(|| json::parse(&stored.body).unwrap_or_default());
        let status = stored.as_ref().and_then(|stored| stored["status"].as_str());
        if let Some(status @ ("active" | "requested")) = status {
            return Ok(status.to_owned());
        }
        let asked = json!({
            "resourceType": "Subscription", "id": id, "status": "requested",
            "reason": "Frist reads at once what is new", "criteria": criteria,
            "channel": { "type": "rest-hook", "endpoint": endpoint, "header": [format!("Authorization: Bearer {secret}")] }
        });
        let answer = self
            .client
            .update(&address, &asked.to_string(), &context)
            .await?;
        if !(200..300).contains(&answer.status) {
            return Ok(format!("refused with {}", answer.status));
        }
        let stored = json::parse(&answer.body).unwrap_or_default();
        Ok(stored["status"].as_str().unwrap_or("requested").to_owned())
    }
}
