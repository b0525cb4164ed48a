//! Finds the keys of the application's secret that would still lead to the database that goes out of service; sees only
//! its arguments.

use replication::{ReplicationName, Run};
use secret::SecretValue;
use serde_json::Value;
use std::collections::BTreeSet;

/// The connection keys: what a promotion writes leads to the copy. `engine` leads nowhere, but may be the wrong word.
const WRITTEN: [&str; 8] =
    ["engine", "host", "port", "username", "password", "dbname", "dbInstanceIdentifier", "masterarn"];

/// A password of so many characters is found anywhere in a text. A shorter one may be part of any word, and is found
/// only where a connection text has its password.
const LONG: usize = 12;

/// The paths of the keys in `promoted` that are stale: they hold something of the outgoing database in `current`.
pub fn stale_keys(
    replication: &ReplicationName,
    current: &SecretValue,
    promoted: &SecretValue,
    engine: &str,
    accepted: &BTreeSet<String>,
) -> Vec<String> {
    let outgoing = Outgoing::of(replication, current, promoted);
    let is_stale = |path: &str, value: &Value| match path {
        "engine" => value.as_str().is_some_and(|word| !is_word_for(word, engine)),
        path => !WRITTEN.contains(&path) && outgoing.is_in(value),
    };
    let leaves = promoted.leaves().into_iter();
    let stale = leaves.filter(|(path, value)| !accepted.contains(path) && is_stale(path, value));
    BTreeSet::from_iter(stale.map(|(path, _)| path)).into_iter().collect()
}

/// What leads to the database that goes out of service, and is not what leads to the copy.
struct Outgoing<'a> {
    replication: &'a ReplicationName,
    /// In lower case, without a port.
    host: Option<String>,
    new_host: String,
    password: Option<&'a str>,
    /// The user, the database, the DB instance and the port: a key is stale when it holds one of them and nothing else.
    whole: Vec<String>,
}

impl<'a> Outgoing<'a> {
    fn of(replication: &'a ReplicationName, current: &'a SecretValue, promoted: &SecretValue) -> Self {
        let changed =
            |key: &&str| current.leaf(key).is_some() && text(current.leaf(key)) != text(promoted.leaf(key));
        let whole = ["username", "dbname", "dbInstanceIdentifier", "port"].into_iter().filter(changed);
        let new_host = promoted.text_of("host").map(host_name).unwrap_or_default();
        Self {
            replication,
            host: current.text_of("host").map(host_name).filter(|it| *it != new_host),
            new_host,
            password: current.text_of("password").filter(|it| promoted.text_of("password") != Some(it)),
            whole: whole.filter_map(|key| text(current.leaf(key))).filter(|it| !it.is_empty()).collect(),
        }
    }

    fn is_in(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => match serde_json::from_str(text) {
                Ok(inner @ (Value::Object(_) | Value::Array(_))) => self.is_in(&inner),
                _ => self.is_in_text(text),
            },
            Value::Number(_) => text(Some(value)).is_some_and(|it| self.whole.contains(&it)),
            Value::Array(items) => items.iter().any(|it| self.is_in(it)),
            Value::Object(keys) => keys.values().any(|it| self.is_in(it)),
            Value::Null | Value::Bool(_) => false,
        }
    }

    fn is_in_text(&self, text: &str) -> bool {
        let decoded = percent_decoded(text);
        [text, &decoded, &decoded.replace('+', " ")].into_iter().any(|text| {
            let lower = text.to_lowercase();
            self.whole.iter().any(|it| it == text)
                || self.host.as_ref().is_some_and(|host| holds_host(&lower, host))
                || self.password.is_some_and(|password| holds_password(text, password))
                || rds_addresses(&lower).any(|it| self.is_address_of_outgoing(it))
        })
    }

    /// Whether an address of RDS leads there: a reader or cluster of the same name, a copy of this replication, a proxy
    /// (nobody can tell by its name what lies behind it), or any address when the secret names no host.
    fn is_address_of_outgoing(&self, address: &str) -> bool {
        let mut labels = address.split('.');
        let (name, kind) = (labels.next().unwrap_or_default(), labels.next().unwrap_or_default());
        let is_copy = Run::from_identifier(name).is_some_and(|it| it.replication == *self.replication);
        let same_name = |host: &String| host.contains(".rds.") && host.split('.').next() == Some(name);
        address != self.new_host
            && (is_copy || kind.starts_with("proxy-") || self.host.as_ref().is_none_or(same_name))
    }
}

/// A text or a number, as text.
fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// In lower case, without a port and without the dot of the root.
fn host_name(host: &str) -> String {
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|it| it.is_ascii_digit()) => name,
        _ => host,
    };
    host.trim_end_matches('.').to_lowercase()
}

/// Whether a host is named, and not as a part of a longer name. A name of one label may be any word: then it counts only
/// alone or where a connection text has its host.
fn holds_host(text: &str, host: &str) -> bool {
    let is_word = |it: char| it.is_alphanumeric() || it == '-' || it == '_';
    host_name(text) == host
        || text.match_indices(host).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + host.len()..]);
            let begins = match host.contains('.') {
                true => !before.ends_with(|it| is_word(it) || it == '.'),
                false => before.ends_with(['@', '/', '=', ',']),
            };
            let mut after = after.chars();
            let ends = match after.next() {
                Some('.') => !after.next().is_some_and(is_word),
                next => !next.is_some_and(is_word),
            };
            begins && ends
        })
}

fn holds_password(text: &str, password: &str) -> bool {
    text == password
        || text.match_indices(password).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + password.len()..]);
            let quotes = ['"', '\''];
            let ends = after.is_empty() || after.starts_with(['@', '&', ';', ' ', ',', '"', '\'']);
            let begins = before.trim_end_matches(quotes).ends_with([':', '=']);
            password.chars().count() >= LONG || (begins && ends)
        })
}

/// Every address in RDS's form, in any partition.
fn rds_addresses(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|it: char| !(it.is_ascii_alphanumeric() || it == '.' || it == '-'));
    words.map(|it| it.trim_end_matches('.')).filter(|it| it.contains(".rds.") && it.contains(".amazonaws."))
}

/// Bytes that are no UTF-8 become replacement characters.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend(before.bytes());
        match after.get(..2).and_then(|it| u8::from_str_radix(it, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend(rest.bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether applications or rotation functions mean this engine of RDS by a word: `aurora-postgresql` and a driver's
/// `django.db.backends.postgresql` mean `postgres`.
fn is_word_for(word: &str, engine: &str) -> bool {
    const WORDS: [(&str, &[&str]); 6] = [
        ("postgres", &["postgres", "pgsql", "psycopg"]),
        ("mysql", &["mysql", "mariadb"]),
        ("mariadb", &["mysql", "mariadb"]),
        ("sqlserver", &["sqlserver", "mssql"]),
        ("oracle", &["oracle"]),
        ("db2", &["db2"]),
    ];
    let word = word.to_lowercase();
    let words = WORDS.iter().find(|(family, _)| engine.contains(family)).map_or(&[][..], |it| it.1);
    word.is_empty() || word == engine || words.iter().any(|it| word.contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const OLD: &str = "Orders-20261119t160812z-1111.abc.eu-central-1.rds.amazonaws.com";
    const NEW: &str = "orders-20261120t160812z-3f9a.abc.eu-central-1.rds.amazonaws.com";
    const PASSWORD: &str = "p@ss/w%rd+ü12345";

    fn stale(current: &Value, promoted: &Value) -> Vec<String> {
        let [current, promoted] = [current, promoted].map(|it| SecretValue::parse(&it.to_string()).unwrap());
        let replication = ReplicationName::try_from("orders".to_owned()).unwrap();
        stale_keys(&replication, &current, &promoted, "postgres", &BTreeSet::from(["ACCEPTED".to_owned()]))
    }

    fn connection(host: &str, user: &str, password: &str, port: u16, identifier: &str) -> Value {
        json!({
            "engine": "postgres", "host": host, "port": port, "username": user, "password": password,
            "dbname": "orders", "dbInstanceIdentifier": identifier,
        })
    }

    /// Whether a key that others wrote is stale, after a promotion from this connection.
    fn check_from(mut current: Value, value: &Value, expected: bool) {
        let mut promoted = connection(NEW, "app", "new", 5433, "orders-20261120t160812z-3f9a");
        for secret in [&mut current, &mut promoted] {
            secret["KEY"] = value.clone();
            secret["ACCEPTED"] = value.clone();
        }
        let found = stale(&current, &promoted);
        assert_eq!(found, if expected { vec!["KEY"] } else { vec![] }, "{value}");
    }

    fn check(value: &Value, expected: bool) {
        let outgoing = connection(OLD, "old_user", PASSWORD, 5432, "orders-20261119t160812z-1111");
        check_from(outgoing, value, expected);
    }

    // field 4: `url`, `DATABASE_URL`, `jdbcUrl`, `DB_HOST` and `DB_PASSWORD` stay stale after the promotion.
    #[test]
    fn a_key_that_holds_the_outgoing_host_password_user_or_port_is_stale() {
        for host in [
            OLD.to_owned(),
            OLD.to_lowercase(),
            OLD.to_uppercase(),
            format!("{OLD}:5432"),
            format!("{OLD}."),
            format!("postgres://u:p@{OLD}:5432/orders"),
            format!("jdbc:postgresql://{OLD}/orders?user=u"),
            format!("host={OLD} port=5432"),
            format!("other.example,{OLD}"),
            OLD.replace('.', "%2E"),
            json!({"nested": {"host": OLD}}).to_string(),
            OLD.to_lowercase().replace("1111.", "1111.cluster-ro-"),
        ] {
            check(&json!(host), true);
        }
        for password in [
            PASSWORD.to_owned(),
            format!("x{PASSWORD}x"),
            "p%40ss%2Fw%25rd%2B%C3%BC12345".to_owned(),
            "p%40ss%2fw%25rd%2b%c3%bc12345".to_owned(),
        ] {
            check(&json!(password), true);
        }
        for whole in [json!("old_user"), json!("orders-20261119t160812z-1111"), json!(5432), json!("5432")] {
            check(&whole, true);
        }
    }

    #[test]
    fn a_key_that_leads_elsewhere_is_not_stale() {
        for value in [
            json!("k"),
            json!(""),
            json!(null),
            json!(true),
            json!(54321),
            json!("postgres"),
            json!(format!("x{OLD}")),
            json!(format!("postgres://u:p@{NEW}:5433/orders")),
            json!("https://api.example/?q=100%"),
            json!("reports.abc.eu-central-1.rds.amazonaws.com"),
            json!("payroll-20261119t160812z-1111.abc.eu-central-1.rds.amazonaws.com"),
            json!("the old_user of before"),
            // They are the copy's too.
            json!("orders"),
        ] {
            check(&value, false);
        }
    }

    #[test]
    fn an_address_of_an_older_copy_or_of_a_proxy_is_stale() {
        check(&json!("orders-20250101t000000z-0000.abc.eu-central-1.rds.amazonaws.com"), true);
        check(&json!("orders-20250101t000000z-0000.abc.rds.cn-north-1.amazonaws.com.cn"), true);
        check(&json!("orders.proxy-abc.eu-central-1.rds.amazonaws.com"), true);
    }

    #[test]
    fn without_a_host_to_compare_with_every_address_of_rds_is_stale() {
        let url = json!("postgres://u:p@orders-prod.abc.eu-central-1.rds.amazonaws.com/orders");
        check_from(json!({}), &url, true);
        let legacy = json!({"host": "legacy.example"});
        for value in [url, json!("legacy.example.com"), json!("xlegacy.example"), json!("x.legacy.example")] {
            check_from(legacy.clone(), &value, false);
        }
        check_from(json!({}), &json!("postgres://u:p@localhost/orders"), false);
    }

    #[test]
    fn a_short_host_or_password_is_found_where_a_connection_text_has_it_and_not_in_words() {
        let outgoing = json!({"host": "db", "password": "pw"});
        for (value, expected) in [
            ("db", true),
            ("DB:5432", true),
            ("postgres://u@db/orders", true),
            ("jdbc:postgresql://db:5432/orders", true),
            ("host=db", true),
            ("the db of orders", false),
            ("db.example", false),
            ("postgres://dbadmin@other/", false),
            ("pw", true),
            ("postgres://u:pw@other/", true),
            ("password='pw' host=other", true),
            ("a pw", false),
            ("wpwp", false),
        ] {
            check_from(outgoing.clone(), &json!(value), expected);
        }
    }

    #[test]
    fn nested_keys_are_named_by_their_path_and_no_connection_key_is_stale() {
        let mut current = connection(OLD, "u", PASSWORD, 5432, "x");
        current["database"] = json!({"url": OLD, "hosts": ["a", OLD], "engine": "mysql"});
        let mut promoted = connection(NEW, "app", "new", 5433, "y");
        promoted["database"] = current["database"].clone();
        promoted["masterarn"] = json!("arn");
        assert_eq!(stale(&current, &promoted), ["database/hosts/1", "database/url"]);
    }

    #[test]
    fn the_word_for_the_engine_is_stale_when_it_means_another_engine() {
        for (word, engine, expected) in [
            ("postgres", "postgres", true),
            ("aurora-postgresql", "postgres", true),
            ("django.db.backends.postgresql", "postgres", true),
            ("mysql", "postgres", false),
            ("mysql", "mariadb", true),
            ("aurora-mysql", "mysql", true),
            ("MSSQL", "sqlserver-se", true),
            ("oracle", "oracle-ee-cdb", true),
            ("oracle", "custom-oracle-ee", true),
            ("db2-se", "db2-se", true),
            ("postgres", "oracle-ee", false),
            ("new-engine", "new-engine", true),
        ] {
            assert_eq!(is_word_for(word, engine), expected, "{word} for {engine}");
        }
        let current = json!({"engine": "mysql"});
        let promoted = json!({"engine": "mysql", "host": NEW});
        assert_eq!(stale(&current, &promoted), ["engine"]);
    }
}
