//! The SDK's configuration with one HTTPS stack for all clients of a process.

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector, http_client_fn};
use std::ops::Deref;
use std::time::Duration;

/// How long a call may take, with all its attempts. A step makes up to five calls in the 50 s of its function: a slow call
/// must fail by its own name before that.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(9);

/// The SDK's configuration, and the connections that all clients of the process share.
#[derive(Debug, Clone)]
pub struct Config {
    /// For the SDK's clients.
    pub sdk: SdkConfig,
    /// For [`crate::SignedClient`].
    pub connector: SharedHttpConnector,
}

impl Config {
    /// The same for the clients of another Region.
    pub fn in_region(&self, region: &str) -> Self {
        let sdk = self.sdk.to_builder().region(Region::new(region.to_owned())).build();
        Self { sdk, connector: self.connector.clone() }
    }
}

/// The SDK's clients take it as it is.
impl Deref for Config {
    type Target = SdkConfig;

    fn deref(&self) -> &SdkConfig {
        &self.sdk
    }
}

/// Loads the configuration from the Lambda's environment.
///
/// The HTTPS connector is built here, at init, and shared by all clients: it parses the root certificates once, and
/// while the function still has a whole core. It runs on ring, because aws-lc spends about 30 ms of a full core on
/// entropy before a process's first request.
pub async fn config() -> Config {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(Duration::from_secs(3))
        .read_timeout(Duration::from_secs(6))
        .build();
    let connector = SharedHttpConnector::new(
        Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .connector_settings(settings)
            .build(),
    );
    let timeouts = TimeoutConfig::builder().operation_timeout(CALL_TIMEOUT).build();
    let shared = connector.clone();
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .http_client(http_client_fn(move |_, _| shared.clone()))
        .load()
        .await;
    Config { sdk, connector }
}
