//! The options of subscriptions.

use std::path::PathBuf;

use clap::Args;

use crate::subscriptions::endpoint::Allowed;

/// The options of subscriptions. Notifications are sent by https to the public internet; these
/// allow more.
#[derive(Args, Clone, Debug)]
pub struct SubscriptionOptions {
    /// Let subscriptions send to this machine itself, also by http: for trying things out.
    #[arg(long, env = "FRIST_SUBSCRIPTION_HTTP_LOOPBACK")]
    pub subscription_http_loopback: bool,
    /// A host (`hooks.region.dk`) or network (`10.20.0.0/16`) that subscriptions may send to
    /// although its addresses are private; repeatable.
    #[arg(
        long,
        value_name = "HOST|CIDR",
        env = "FRIST_SUBSCRIPTION_ALLOW",
        value_delimiter = ','
    )]
    pub subscription_allow: Vec<Allowed>,
    /// A file of certificates (PEM) of authorities to trust for endpoints, besides those that this
    /// machine trusts.
    #[arg(long, value_name = "FILE.pem", env = "FRIST_SUBSCRIPTION_CA")]
    pub subscription_ca: Option<PathBuf>,
    /// The number of minutes for which a failing notification is retried before its subscription is
    /// in error.
    #[arg(long, value_name = "MINUTES", default_value_t = 24 * 60, env = "FRIST_SUBSCRIPTION_RETRY_WINDOW")]
    pub subscription_retry_window: u64,
}
