//! Decides which secret changes next; sees only its arguments.

use crate::Error;
use database::DatabaseSeen;
use failover::Run;
use secret::{SecretValue, Version};

/// The status of a look that did without the old Region.
pub const SILENT: &str = "opened without the old Region";

/// Where applications are led.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The DB instance.
    pub db_instance_identifier: String,
    /// The endpoint's address.
    pub host: String,
    /// The endpoint's port.
    pub port: u16,
}

/// The old Region's secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Old {
    /// Its current version.
    Seen(Version),
    /// An unplanned failover does without it.
    Silent,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Make this value current in the old Region.
    CloseOld(SecretValue),
    /// Make this value current in the new Region.
    OpenNew(SecretValue),
    /// Nothing.
    Done,
}

/// The way to the DB instance that this failover promoted; `None` while it does not serve.
pub fn way(run: &Run, seen: &DatabaseSeen) -> Result<Option<Way>, Error> {
    let database = seen.database.to_string();
    let is_ours = run.has_taken(&database, &seen.tags)?;
    if !is_ours || seen.read_replica_source.is_some() {
        return Err(Error::NotPromoted(database));
    }
    let endpoint = seen.endpoint.as_ref().filter(|_| seen.condition().serves());
    Ok(endpoint.map(|it| Way {
        db_instance_identifier: seen.database.identifier().to_owned(),
        host: it.address.clone(),
        port: it.port,
    }))
}

/// Decides on the current versions of both secrets. A secret that does not say whether it is writable counts as if it were.
pub fn plan(old: &Old, new: &Version, way: &Way) -> Plan {
    if let Old::Seen(old) = old
        && old.value.writable() != Some(false)
    {
        return Plan::CloseOld(old.value.with_writable(false));
    }
    let wanted =
        new.value.with_endpoint(&way.host, way.port, &way.db_instance_identifier).with_writable(true);
    if wanted == new.value { Plan::Done } else { Plan::OpenNew(wanted) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use database::{Database, Endpoint};
    use failover::Mode;
    use proptest::prelude::*;

    fn version(text: &str) -> Version {
        let value = SecretValue::parse(text).unwrap();
        Version { version_id: "v".to_owned(), arn: String::new(), value }
    }

    fn new_way() -> Way {
        Way { db_instance_identifier: "billing".to_owned(), host: "new".to_owned(), port: 5432 }
    }

    const LED: &str = r#"{"host": "new", "port": 5432, "dbInstanceIdentifier": "billing", "writable": true}"#;

    #[test]
    fn the_old_secret_is_closed_before_the_new_one_opens() {
        let check = |old: Option<&str>, new: &str, expected: &str| {
            let old = old.map_or(Old::Silent, |text| Old::Seen(version(text)));
            let got = match plan(&old, &version(new), &new_way()) {
                Plan::CloseOld(value) => {
                    assert_eq!(value.writable(), Some(false));
                    "close"
                }
                Plan::OpenNew(value) => {
                    assert_eq!((value.writable(), value.endpoint()), (Some(true), Some(("new", Some(5432)))));
                    "open"
                }
                Plan::Done => "done",
            };
            assert_eq!(got, expected, "{new}");
        };
        let open = r#"{"host": "old", "writable": true}"#;
        let closed = r#"{"host": "old", "writable": false}"#;
        check(Some(open), r#"{"host": "new", "writable": false}"#, "close");
        check(Some(r#"{"host": "old"}"#), "{}", "close");
        check(Some(r#"{"writable": "false"}"#), "{}", "close");
        // Both say that they are writable: the old one is closed first, whatever the new one says.
        check(Some(open), LED, "close");
        check(Some(closed), "{}", "open");
        check(Some(closed), &LED.replace("5432", "1"), "open");
        check(Some(closed), &LED.replace("true", "false"), "open");
        check(Some(closed), LED, "done");
        check(None, "{}", "open");
        check(None, LED, "done");
    }

    proptest! {
        // Never 1: two writable primaries that the application can reach.
        #[test]
        fn a_planned_failover_never_has_two_writable_secrets_of_its_own_making(
            old in prop::option::of(any::<bool>()), new in prop::option::of(any::<bool>()), is_led in any::<bool>(),
        ) {
            let secret = |writable: Option<bool>, text: &str| {
                let it = version(text);
                let value = writable.map_or(it.value.clone(), |writable| it.value.with_writable(writable));
                Version { value, ..it }
            };
            let mut old = secret(old, r#"{"host": "old"}"#);
            let mut new = secret(new, if is_led { LED } else { r#"{"host": "new"}"# });
            for _ in 0..3 {
                match plan(&Old::Seen(old.clone()), &new, &new_way()) {
                    Plan::CloseOld(value) => old.value = value,
                    Plan::OpenNew(value) => {
                        prop_assert_eq!(old.value.writable(), Some(false));
                        new.value = value;
                    }
                    Plan::Done => break,
                }
            }
            prop_assert_eq!((old.value.writable(), new.value.writable()), (Some(false), Some(true)));
        }
    }

    #[test]
    fn only_what_this_failover_promoted_is_led_to() {
        let run = Run {
            group: "shop".to_owned().try_into().unwrap(),
            epoch: "7-eu-west-1".to_owned().try_into().unwrap(),
            mode: Mode::Unplanned,
        };
        let check = |status: &str, source: Option<&str>, epoch: &str, expected: &str| {
            let tags = [("snapferry:group", "shop"), ("snapferry:epoch", epoch)];
            let seen = DatabaseSeen {
                status: status.to_owned(),
                read_replica_source: source.map(str::to_owned),
                endpoint: Some(Endpoint { address: "new".to_owned(), port: 5432 }),
                tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
                ..DatabaseSeen::named(Database::Instance("billing".to_owned()))
            };
            let got = match way(&run, &seen) {
                Ok(Some(it)) => {
                    assert_eq!(it, new_way());
                    "led"
                }
                Ok(None) => "waits",
                Err(error) => error.name().as_str(),
            };
            assert_eq!(got, expected, "{status} {source:?} {epoch}");
        };
        check("available", None, "7-eu-west-1", "led");
        check("backing-up", None, "7-eu-west-1", "led");
        check("rebooting", None, "7-eu-west-1", "waits");
        check("available", Some("arn"), "7-eu-west-1", "Snapferry.NotPromoted");
        check("available", None, "6-eu-central-1", "Snapferry.NotPromoted");
        check("available", None, "8-eu-central-1", "Snapferry.NewerEpoch");
    }
}
