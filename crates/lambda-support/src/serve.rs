//! What every function's `main` does.

use crate::client::{Config, config};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::Value;

/// Runs a function: `wire` makes its clients once per cold start, `handle` does the work of one call.
///
/// `handle` gets the event as `Value` and parses it itself, so that bad input gets our own error name.
pub async fn serve<C, R, E>(
    wire: impl FnOnce(&Config) -> C,
    handle: impl AsyncFn(&C, Value) -> Result<R, E>,
) -> Result<(), Error>
where
    R: Serialize,
    E: Into<Diagnostic> + std::fmt::Debug,
{
    lambda_runtime::tracing::init_default_subscriber();
    let clients = wire(&config().await);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| handle(&clients, event.payload).await))
        .await
}
