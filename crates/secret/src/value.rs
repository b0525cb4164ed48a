//! What a secret says: the connection keys, which are Snapferry's, and all others, which are not.

use crate::connection::Connection;
use crate::unusable::Unusable;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// A password; nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(secret)")
    }
}

impl Password {
    /// The password, for the call that sets it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The longest value. Source: Secrets Manager User Guide, "AWS Secrets Manager quotas".
const LIMIT_BYTES: usize = 65_536;

/// A secret's value: a JSON object.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(Map<String, Value>);

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(secret)")
    }
}

impl SecretValue {
    /// A value of connection keys alone.
    pub fn of(connection: &Connection) -> Self {
        Self(Map::new()).with(connection)
    }

    /// Reads a secret's text; `None` when the text is not a JSON object.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// As text.
    pub fn text(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// As text for this secret, unless it is too long for any.
    pub fn text_for(&self, secret: &str) -> Result<String, Unusable> {
        let text = self.text();
        match text.len() {
            0..=LIMIT_BYTES => Ok(text),
            bytes => Err(Unusable::TooLarge { secret: secret.to_owned(), bytes }),
        }
    }

    /// The text under a key; `None` when there is none, or an empty one.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str().filter(|it| !it.is_empty())
    }

    /// The DB instance that the value names.
    pub fn db_instance_identifier(&self) -> Option<&str> {
        self.text_of("dbInstanceIdentifier")
    }

    /// The host and the port that the value names.
    pub fn endpoint(&self) -> Option<(&str, Option<i64>)> {
        Some((self.text_of("host")?, self.0.get("port").and_then(Value::as_i64)))
    }

    /// All connection keys that a login needs, when they are all there.
    pub fn connection(&self) -> Option<Connection> {
        serde_json::from_value(Value::Object(self.0.clone())).ok()
    }

    /// The same value with the connection keys put over it; other keys stay as they are.
    pub fn with(&self, connection: &Connection) -> Self {
        let mut merged = self.0.clone();
        // Keys of a connection that this one does not have would lead to another database.
        merged.remove("dbname");
        merged.remove("dbClusterIdentifier");
        if let Ok(Value::Object(keys)) = serde_json::to_value(connection) {
            merged.extend(keys);
        }
        Self(merged)
    }

    /// The password, when it is there with its user name.
    pub fn password(&self) -> Option<Password> {
        self.credentials().map(|(_, password)| Password(password.to_owned()))
    }

    /// The user name and password, when both are there: what a rotation changes.
    pub fn credentials(&self) -> Option<(&str, &str)> {
        Some((self.0.get("username")?.as_str()?, self.0.get("password")?.as_str()?))
    }

    /// The same value with this user name and password.
    pub fn with_login(&self, username: &str, password: String) -> Self {
        let mut merged = self.0.clone();
        merged.insert("username".to_owned(), Value::String(username.to_owned()));
        merged.insert("password".to_owned(), Value::String(password));
        Self(merged)
    }

    /// The texts under a key that holds an object, such as `logins`.
    pub fn texts_below(&self, key: &str) -> BTreeMap<String, String> {
        let object = self.0.get(key).and_then(Value::as_object);
        let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        object.into_iter().flatten().filter_map(text).collect()
    }

    /// The same value with an object of texts under a key.
    pub fn with_texts_below(&self, key: &str, texts: &BTreeMap<String, String>) -> Self {
        let mut merged = self.0.clone();
        let texts = texts.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str())));
        merged.insert(key.to_owned(), Value::Object(texts.collect()));
        Self(merged)
    }

    /// The same value with another value's user name and password.
    pub fn with_credentials_of(&self, other: &Self) -> Self {
        let mut merged = self.0.clone();
        for key in ["username", "password"] {
            if let Some(value) = other.0.get(key) {
                merged.insert(key.to_owned(), value.clone());
            }
        }
        Self(merged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        Connection {
            engine: "postgres".to_owned(),
            host: "db.example".to_owned(),
            port: 5432,
            username: "app".to_owned(),
            password: "hunter2".to_owned(),
            dbname: None,
            db_instance_identifier: Some("orders-20261120t160812z-3f9a".to_owned()),
        }
    }

    // P0-4: promotion reverts other edits of the secret.
    #[test]
    fn only_the_connection_keys_change() {
        let before =
            SecretValue::parse(r#"{"apiKey":"k","host":"old","dbname":"old","password":"p"}"#).unwrap();
        let after = before.with(&connection());
        let expected = r#"{"apiKey": "k", "dbInstanceIdentifier": "orders-20261120t160812z-3f9a", "engine": "postgres",
            "host": "db.example", "password": "hunter2", "port": 5432, "username": "app"}"#;
        assert_eq!(SecretValue::parse(&after.text()), SecretValue::parse(expected));
        assert_eq!(after.connection(), Some(connection()));
    }

    fn value(text: &str) -> SecretValue {
        SecretValue::parse(text).unwrap()
    }

    #[test]
    fn where_a_value_leads_is_read_key_by_key() {
        let leads =
            value(r#"{"host": "db.example", "port": 5432, "dbInstanceIdentifier": "orders", "apiKey": ""}"#);
        assert_eq!(leads.db_instance_identifier(), Some("orders"));
        assert_eq!(leads.endpoint(), Some(("db.example", Some(5432))));
        assert_eq!(
            [leads.text_of("host"), leads.text_of("port"), leads.text_of("apiKey")],
            [Some("db.example"), None, None]
        );
        let silent = value(r#"{"host": "", "dbInstanceIdentifier": 1}"#);
        assert_eq!((silent.endpoint(), silent.db_instance_identifier()), (None, None));
        assert_eq!(value(r#"{"host": "a", "port": "5432"}"#).endpoint(), Some(("a", None)));
    }

    #[test]
    fn a_login_is_a_user_name_and_a_password_and_replaces_nothing_else() {
        let saved = value(r#"{"username": "u1", "password": "old", "apiKey": "k"}"#);
        assert_eq!(saved.credentials(), Some(("u1", "old")));
        assert_eq!(saved.password().unwrap().expose(), "old");
        assert!(value(r#"{"password": "old"}"#).password().is_none());
        let renewed = saved.with_login("u2", "new".to_owned());
        assert_eq!(renewed, value(r#"{"username": "u2", "password": "new", "apiKey": "k"}"#));
        let other = value(r#"{"username": "u3", "password": "theirs", "host": "other"}"#);
        assert_eq!(
            saved.with_credentials_of(&other),
            value(r#"{"username": "u3", "password": "theirs", "apiKey": "k"}"#)
        );
        assert_eq!(saved.with_credentials_of(&value("{}")), saved);
    }

    #[test]
    fn texts_below_a_key_read_back() {
        let logins = BTreeMap::from([("app".to_owned(), "p1".to_owned())]);
        let with = value(r#"{"apiKey": "k"}"#).with_texts_below("logins", &logins);
        assert_eq!(with, value(r#"{"apiKey": "k", "logins": {"app": "p1"}}"#));
        assert_eq!(with.texts_below("logins"), logins);
        assert!(with.texts_below("apiKey").is_empty() && with.texts_below("other").is_empty());
    }

    #[test]
    fn a_value_may_have_65536_bytes() {
        let of = |bytes: usize| value(&format!(r#"{{"k":"{}"}}"#, "x".repeat(bytes - r#"{"k":""}"#.len())));
        assert_eq!(of(LIMIT_BYTES).text_for("s").map(|it| it.len()), Ok(65_536));
        let too_large = Unusable::TooLarge { secret: "s".to_owned(), bytes: 65_537 };
        assert_eq!(of(65_537).text_for("s"), Err(too_large));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let value = SecretValue::parse("{}").unwrap().with(&connection());
        assert!(!format!("{:?} {:?}", connection(), value).contains("hunter2"));
    }

    #[test]
    fn what_is_no_json_object_is_no_value() {
        for text in ["", "hunter2", "[]", "\"x\"", "{"] {
            assert!(SecretValue::parse(text).is_none(), "{text}");
        }
    }
}
