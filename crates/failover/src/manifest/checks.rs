//! A manifest that cannot work is refused before anything is done, with the path of what is wrong.

use super::{Declared, DeclaredReplica, DeclaredSecret, Manifest, Rebuild};
use crate::reference::Reference;
use crate::region::Region;
use replication::names;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use step::{InvalidRequest, MESSAGE_VERSION};

type Checked = Result<(), InvalidRequest>;

/// The kinds of resources that are served.
const KINDS: [&str; 2] = ["rdsReadReplica", "secret"];
/// How many assertions a replica may have.
const MOST_ASSERTIONS: usize = 20;

fn refuse(path: impl Into<String>, message: impl Into<String>) -> Checked {
    Err(InvalidRequest { path: path.into(), message: message.into() })
}

/// Each resource of a manifest as JSON, with its path.
fn resources(manifest: &Value) -> impl Iterator<Item = (String, &Value)> {
    let list = |value: &'_ Value| value.as_array().cloned().unwrap_or_default().len();
    let layers = 0..list(&manifest["layers"]);
    layers.flat_map(move |layer| {
        let resources = &manifest["layers"][layer]["resources"];
        (0..list(resources)).map(move |at| (format!("layers[{layer}].resources[{at}]"), &resources[at]))
    })
}

/// Checks the shape of each resource by itself, because only its kind says which fields it has.
pub fn of_kinds(manifest: &Value) -> Checked {
    for (path, resource) in resources(manifest) {
        let mut fields = resource.clone();
        let kind = fields.as_object_mut().and_then(|it| it.remove("kind"));
        let read = match kind.as_ref().and_then(Value::as_str) {
            Some("rdsReadReplica") => step::parse::<DeclaredReplica>(fields).err(),
            Some("secret") => step::parse::<DeclaredSecret>(fields).err(),
            _ => {
                let kind = kind.unwrap_or(Value::Null);
                let message =
                    format!("{kind} is no kind that Snapferry serves: use one of {}", KINDS.join(", "));
                return refuse(format!("{path}.kind"), message);
            }
        };
        if let Some(InvalidRequest { path: field, message }) = read {
            let path = if field == "." { path } else { format!("{path}.{field}") };
            return refuse(path, message);
        }
    }
    Ok(())
}

/// Checks what no single field shows.
pub fn of_manifest(it: &Manifest) -> Checked {
    if it.version != MESSAGE_VERSION {
        return refuse("version", format!("is {}, but only {MESSAGE_VERSION} is known", it.version));
    }
    let regions: BTreeSet<&Region> = it.regions.iter().collect();
    if it.regions.len() != 2 || regions.len() != 2 {
        return refuse("regions", "must be two different Regions");
    }
    both(&it.regions, "quarantineSecurityGroupIds", &it.quarantine_security_group_ids)?;
    if it.layers.is_empty() {
        return refuse("layers", "must not be empty");
    }
    let mut numbers = BTreeSet::new();
    let mut names: BTreeMap<&str, (u32, bool)> = BTreeMap::new();
    for (at, layer) in it.layers.iter().enumerate() {
        if !numbers.insert(layer.layer) {
            return refuse(format!("layers[{at}].layer"), format!("is {}, as another layer's", layer.layer));
        }
        if layer.resources.is_empty() {
            return refuse(format!("layers[{at}].resources"), "must not be empty");
        }
        for (place, declared) in layer.resources.iter().enumerate() {
            let name = declared.name().as_str();
            let is_replica = matches!(declared, Declared::RdsReadReplica(_));
            if names.insert(name, (layer.layer, is_replica)).is_some() {
                let path = format!("layers[{at}].resources[{place}].name");
                return refuse(path, format!("is {name}, as another resource's"));
            }
        }
    }
    for (at, layer) in it.layers.iter().enumerate() {
        for (place, declared) in layer.resources.iter().enumerate() {
            let path = format!("layers[{at}].resources[{place}]");
            match declared {
                Declared::RdsReadReplica(replica) => of_replica(&it.regions, &path, replica)?,
                Declared::Secret(secret) => {
                    is_secret_name(&format!("{path}.secretId"), &secret.secret_id)?;
                    let followed = names.get(secret.follows.as_str());
                    if !followed.is_some_and(|(number, is_replica)| *is_replica && *number <= layer.layer) {
                        let message = format!(
                            "is {}, but it must name an rdsReadReplica of this layer or an earlier one",
                            secret.follows
                        );
                        return refuse(format!("{path}.follows"), message);
                    }
                }
            }
        }
    }
    of_values(it)
}

fn of_replica(regions: &[Region], path: &str, it: &DeclaredReplica) -> Checked {
    both(regions, &format!("{path}.dbInstance"), &it.db_instance)?;
    both(regions, &format!("{path}.rebuild"), &it.rebuild)?;
    is_secret_name(&format!("{path}.masterSecretId"), &it.master_secret_id)?;
    for (region, Rebuild { vpc_security_group_ids, .. }) in &it.rebuild {
        if vpc_security_group_ids.is_empty() {
            return refuse(format!("{path}.rebuild.{region}.vpcSecurityGroupIds"), "must not be empty");
        }
    }
    let names: BTreeSet<&str> = it.assertions.iter().map(|it| it.name.as_str()).collect();
    match it.assertions.len() {
        count if count > MOST_ASSERTIONS => refuse(format!("{path}.assertions"), "are more than 20"),
        count if count > names.len() => refuse(format!("{path}.assertions"), "have a name twice"),
        _ => Ok(()),
    }
}

/// A value for each of the two Regions, and for no other.
fn both<T>(regions: &[Region], path: &str, values: &BTreeMap<Region, T>) -> Checked {
    if values.len() == 2 && regions.iter().all(|it| values.contains_key(it)) {
        return Ok(());
    }
    let regions: Vec<&str> = regions.iter().map(Region::as_str).collect();
    refuse(path, format!("must say one value for each of {}", regions.join(", ")))
}

/// Source: Secrets Manager API, CreateSecret, `Name`.
fn is_secret_name(path: &str, name: &str) -> Checked {
    let taken = |it: u8| it.is_ascii_alphanumeric() || b"/_+=.@-".contains(&it);
    match (1..=512).contains(&name.len()) && name.bytes().all(taken) {
        true => Ok(()),
        false => refuse(
            path,
            format!(
                "{name:?} is not the name of a secret: the name is the same in both Regions, an ARN is not"
            ),
        ),
    }
}

/// Checks the values that are known: before references are read, only those that are written down.
pub fn of_values(it: &Manifest) -> Checked {
    for (region, id) in &it.quarantine_security_group_ids {
        form(&format!("quarantineSecurityGroupIds.{region}"), id, names::is_security_group, SECURITY_GROUP)?;
    }
    let mut taken = BTreeSet::new();
    for (at, layer) in it.layers.iter().enumerate() {
        for (place, declared) in layer.resources.iter().enumerate() {
            let Declared::RdsReadReplica(replica) = declared else { continue };
            let path = format!("layers[{at}].resources[{place}]");
            for (region, identifier) in &replica.db_instance {
                let path = format!("{path}.dbInstance.{region}");
                form(&path, identifier, names::is_instance, "a DB instance's identifier")?;
                let Reference::Value(identifier) = identifier else { continue };
                if !taken.insert((region, identifier)) {
                    return refuse(path, format!("is {identifier}, as another resource's"));
                }
            }
            for (region, rebuild) in &replica.rebuild {
                of_rebuild(&format!("{path}.rebuild.{region}"), rebuild)?;
            }
        }
    }
    Ok(())
}

const SECURITY_GROUP: &str = "the id of a security group, such as sg-0123456789abcdef0";

fn of_rebuild(path: &str, it: &Rebuild) -> Checked {
    form(
        &format!("{path}.dbSubnetGroupName"),
        &it.db_subnet_group_name,
        names::is_subnet_group,
        "a DB subnet group",
    )?;
    for id in &it.vpc_security_group_ids {
        form(&format!("{path}.vpcSecurityGroupIds"), id, names::is_security_group, SECURITY_GROUP)?;
    }
    let known = |field: &str, value: &Option<Reference>, good: fn(&str) -> bool, what: &str| {
        value.as_ref().map_or(Ok(()), |value| form(&format!("{path}.{field}"), value, good, what))
    };
    known("kmsKeyId", &it.kms_key_id, names::is_key, "the ARN, the id or the alias of a key")?;
    let class = "a DB instance class such as db.r6g.large";
    known("dbInstanceClass", &it.db_instance_class, names::is_class, class)?;
    known("dbParameterGroupName", &it.db_parameter_group_name, names::is_group, "a DB parameter group")
}

fn form(path: &str, value: &Reference, good: impl Fn(&str) -> bool, what: &str) -> Checked {
    match value {
        Reference::Value(text) if !good(text) => {
            refuse(path, format!("{text:?} is not right: it must be {what}"))
        }
        _ => Ok(()),
    }
}
