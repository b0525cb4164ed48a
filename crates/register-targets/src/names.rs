//! Resolves the names of databases.

use database::Endpoint;
use std::collections::BTreeSet;

/// The addresses that a name leads to; none when it leads nowhere.
pub(crate) async fn addresses(endpoint: &Endpoint) -> BTreeSet<String> {
    let found = tokio::net::lookup_host((endpoint.address.as_str(), endpoint.port)).await;
    found.into_iter().flatten().map(|it| it.ip().to_string()).collect()
}
