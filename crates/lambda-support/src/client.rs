//! The SDK's configuration with one HTTPS stack for all clients of a process.

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector, http_client_fn};
use std::time::Duration;

/// Loads the SDK's configuration from the Lambda's environment.
///
/// The HTTPS connector is built here, at init, and shared by all clients: it parses the root certificates once, and
/// while the function still has a whole core. It runs on ring, because aws-lc spends about 30 ms of a full core on
/// entropy before a process's first request.
pub async fn sdk_config() -> SdkConfig {
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
    // A step makes up to five calls in the 50 s of its function: a slow call must fail by its own name before that.
    let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(9)).build();
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .load()
        .await
}
