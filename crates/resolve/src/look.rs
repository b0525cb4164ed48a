//! What is read of the two Regions.

use crate::Clients;
use failover::{Epochs, GroupName, Manifest, Reference, Region, Values};
use lambda_support::{CallFailed, SignedClient, find_parameter, parameters_below, texts};
use std::collections::BTreeMap;

/// The epochs that the Regions know.
pub async fn epochs(
    clients: &Clients,
    group: &GroupName,
    regions: [&Region; 2],
) -> Result<Epochs, CallFailed> {
    let mut epochs = Epochs::default();
    for region in regions {
        let below = parameters_below(&clients.ssm(region), &group.epochs_path()).await?;
        epochs = epochs.and(Epochs::of(group, below.iter().map(String::as_str)));
    }
    Ok(epochs)
}

/// The value of every reference that there is.
pub async fn values(clients: &Clients, manifest: &Manifest) -> Result<Values, CallFailed> {
    let (mut values, mut exports) = (Values::new(), BTreeMap::new());
    for (region, reference) in manifest.references() {
        let read_in = reference.read_in(&region).clone();
        let value = match &reference {
            Reference::Value(text) => Some(text.clone()),
            Reference::Ssm(path) => find_parameter(&clients.ssm(&read_in), path).await?,
            Reference::Import(name, _) => {
                if !exports.contains_key(&read_in) {
                    let all = list_exports(&clients.cloudformation(&read_in)).await?;
                    exports.insert(read_in.clone(), all);
                }
                exports.get(&read_in).and_then(|all| all.get(name)).cloned()
            }
        };
        values.extend(value.map(|value| ((region, reference), value)));
    }
    Ok(values)
}

/// Every export of a Region by its name.
///
/// Source: CloudFormation API `ListExports`.
async fn list_exports(cloudformation: &SignedClient) -> Result<BTreeMap<String, String>, CallFailed> {
    let (mut all, mut parameters) = (BTreeMap::new(), Vec::new());
    loop {
        let page = cloudformation.query("ListExports", &parameters).await?;
        all.extend(texts(&page, "Name").into_iter().zip(texts(&page, "Value")));
        match texts(&page, "NextToken").into_iter().find(|it| !it.is_empty()) {
            Some(token) => parameters = vec![("NextToken".to_owned(), token)],
            None => return Ok(all),
        }
    }
}
