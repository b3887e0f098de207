//! The setup of the delivery of notifications.

use std::sync::Arc;
use std::time::Duration;

use super::exit_error::ExitError;
use crate::config::SubscriptionOptions;
use crate::subscriptions::EndpointPolicy;
use crate::subscriptions::delivery::{Client, DeliverySignals, Pace};

/// The parts with which delivery begins.
pub(super) struct DeliverySetup {
    pub(super) client: Client,
    pub(super) pace: Pace,
    pub(super) signals: Arc<DeliverySignals>,
}

impl DeliverySetup {
    /// Reads the options; returns also where notifications may be sent.
    pub(super) fn read(options: &SubscriptionOptions) -> Result<(Self, EndpointPolicy), ExitError> {
        let policy = EndpointPolicy {
            http_loopback: options.subscription_http_loopback,
            allowed: options.subscription_allow.clone(),
        };
        let wrong = |why: String| match &options.subscription_ca {
            Some(path) => ExitError::usage(format!("--subscription-ca {}: {why}", path.display())),
            None => ExitError::failed(why),
        };
        let authorities = options
            .subscription_ca
            .as_ref()
            .map(std::fs::read)
            .transpose()
            .map_err(|error| wrong(error.to_string()))?;
        let client = Client::new(policy.clone(), authorities.as_deref()).map_err(wrong)?;
        let retry_window =
            Duration::from_secs(options.subscription_retry_window.saturating_mul(60));
        let pace = Pace {
            retry_window,
            ..Pace::default()
        };
        let setup = DeliverySetup {
            client,
            pace,
            signals: Arc::default(),
        };
        Ok((setup, policy))
    }
}
