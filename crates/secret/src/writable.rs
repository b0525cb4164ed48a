//! Whether applications may write where a secret leads: the keys that a failover changes.

use crate::value::SecretValue;
use serde_json::Value;

/// The key that says whether applications may write where the secret leads.
const WRITABLE: &str = "writable";

impl SecretValue {
    /// Whether the value says that applications may write where it leads; `None` when it says nothing of that.
    pub fn writable(&self) -> Option<bool> {
        self.0.get(WRITABLE)?.as_bool()
    }

    /// The same value, which says whether applications may write where it leads.
    pub fn with_writable(&self, writable: bool) -> Self {
        let mut merged = self.0.clone();
        merged.insert(WRITABLE.to_owned(), Value::Bool(writable));
        Self(merged)
    }

    /// The same value with another way to a database, whose logins are the same. A port that is a text stays one.
    pub fn with_endpoint(&self, host: &str, port: u16, db_instance_identifier: &str) -> Self {
        let mut merged = self.0.clone();
        let port = match self.0.get("port") {
            Some(Value::String(_)) => Value::from(port.to_string()),
            _ => Value::from(port),
        };
        merged.insert("host".to_owned(), Value::from(host));
        merged.insert("port".to_owned(), port);
        merged.insert("dbInstanceIdentifier".to_owned(), Value::from(db_instance_identifier));
        Self(merged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> SecretValue {
        SecretValue::parse(text).unwrap()
    }

    #[test]
    fn a_failover_changes_the_way_and_the_right_to_write_and_nothing_else() {
        let before = value(r#"{"host": "old", "port": "1", "password": "p", "dbname": "shop"}"#);
        assert_eq!(before.writable(), None);
        let after = before.with_endpoint("new", 5432, "billing").with_writable(true);
        let expected = r#"{"host": "new", "port": "5432", "password": "p", "dbname": "shop",
            "dbInstanceIdentifier": "billing", "writable": true}"#;
        assert_eq!((after.writable(), &after), (Some(true), &value(expected)));
        assert_eq!(after.with_writable(false).writable(), Some(false));
        assert_eq!(value("{}").with_endpoint("h", 1, "i").endpoint(), Some(("h", Some(1))));
        assert_eq!(value(r#"{"writable": "yes"}"#).writable(), None);
    }
}
