//! What a secret says: the connection keys, which are Snapferry's, and all others, which are not.

use crate::connection::Connection;
use crate::unusable::Unusable;
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;
use std::fmt;

/// The key of a copy's secret that holds the passwords of other logins, by name.
pub const LOGINS: &str = "logins";

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
pub struct SecretValue(pub(crate) Map<String, Value>);

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(secret)")
    }
}

impl SecretValue {
    /// A value of connection keys alone.
    pub fn of(connection: &Connection) -> Self {
        Self(Map::new()).with(connection, "")
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

    /// The host and the port that the value names. A port may be a number or a text.
    pub fn endpoint(&self) -> Option<(&str, Option<i64>)> {
        let port = self.0.get("port").and_then(|it| it.as_i64().or_else(|| it.as_str()?.parse().ok()));
        Some((self.text_of("host")?, port))
    }

    /// All connection keys that a login needs, when they are all there.
    pub fn connection(&self) -> Option<Connection> {
        serde_json::from_value(Value::Object(self.0.clone())).ok()
    }

    /// The same value with the connection keys put over it; other keys stay as they are.
    ///
    /// A key that an application may read in its own way keeps its form: the word that it has for the engine, and a port
    /// that is a text. `masterarn`, where it is, leads rotations to `master_secret_arn`, the secret of the copy's own
    /// master user.
    /// Source: Secrets Manager User Guide, "JSON structure of AWS Secrets Manager secrets".
    pub fn with(&self, connection: &Connection, master_secret_arn: &str) -> Self {
        let mut merged = self.0.clone();
        // Keys of a connection that this one does not have would lead to another database.
        merged.remove("dbname");
        merged.remove("dbClusterIdentifier");
        if let Ok(Value::Object(keys)) = serde_json::to_value(connection) {
            merged.extend(keys);
        }
        if self.text_of("engine").is_some()
            && let Some(word) = self.0.get("engine")
        {
            merged.insert("engine".to_owned(), word.clone());
        }
        if let Some(Value::String(_)) = self.0.get("port") {
            merged.insert("port".to_owned(), Value::from(connection.port.to_string()));
        }
        if self.text_of("masterarn").is_some() {
            merged.insert("masterarn".to_owned(), Value::from(master_secret_arn));
        }
        Self(merged)
    }

    /// Every value that is no object and no array, with its path: keys and positions, joined by `/`.
    pub fn leaves(&self) -> Vec<(String, &Value)> {
        let mut leaves = Vec::new();
        for (key, value) in &self.0 {
            add_leaves(&mut leaves, key.clone(), value);
        }
        leaves
    }

    /// The same value with a text at a path, which may be new; `None` when something else than an object is in the way.
    /// A number stays a number if the text is one.
    pub fn with_text_at(&self, path: &str, text: String) -> Option<Self> {
        let mut merged = Value::Object(self.0.clone());
        let place = place(&mut merged, path)?;
        *place = match place {
            Value::Object(keys) if !keys.is_empty() => return None,
            Value::Array(_) => return None,
            Value::Number(_) => text.parse::<Number>().map_or(Value::String(text), Value::Number),
            _ => Value::String(text),
        };
        match merged {
            Value::Object(keys) => Some(Self(keys)),
            _ => None,
        }
    }

    /// The value at a path.
    pub fn leaf(&self, path: &str) -> Option<&Value> {
        self.leaves().into_iter().find_map(|(found, value)| (found == path).then_some(value))
    }

    /// The password, when it is there with its user name.
    pub fn password(&self) -> Option<Password> {
        self.credentials().map(|(_, password)| Password(password.to_owned()))
    }

    /// The user name and password, when both are there: what a rotation changes.
    pub fn credentials(&self) -> Option<(&str, &str)> {
        Some((self.0.get("username")?.as_str()?, self.0.get("password")?.as_str()?))
    }

    /// The user name and the password of a login of the copy that `secret` is of: the master user, or a login with a
    /// password of its own.
    ///
    /// A login of MySQL has a host pattern, `app@%`, that is no part of the user who logs in. A password that was saved
    /// for the way back is below the user alone, and newer.
    pub fn credentials_of_login(&self, secret: &str, login: &str) -> Result<(String, String), Unusable> {
        let unknown = || Unusable::LoginUnknown { secret: secret.to_owned(), login: login.to_owned() };
        self.login(login).ok_or_else(unknown)
    }

    /// The same; `None` when the secret holds no password of that login.
    pub fn login(&self, login: &str) -> Option<(String, String)> {
        let is_mysql = ["mysql", "mariadb"].contains(&self.text_of("engine")?);
        let username = login.rsplit_once('@').filter(|_| is_mysql).map_or(login, |(user, _)| user);
        let (master, password) = self.credentials()?;
        if username == master {
            return Some((master.to_owned(), password.to_owned()));
        }
        let mut logins = self.texts_below(LOGINS);
        let names = [username, login, &format!("{username}@%")];
        Some((username.to_owned(), names.into_iter().find_map(|it| logins.remove(it))?))
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
}

fn add_leaves<'a>(leaves: &mut Vec<(String, &'a Value)>, path: String, value: &'a Value) {
    match value {
        Value::Object(keys) => {
            for (key, value) in keys {
                add_leaves(leaves, format!("{path}/{key}"), value);
            }
        }
        Value::Array(items) => {
            for (position, value) in items.iter().enumerate() {
                add_leaves(leaves, format!("{path}/{position}"), value);
            }
        }
        leaf => leaves.push((path, leaf)),
    }
}

/// Where a path leads, made on the way where it is not there. A key may hold `/` itself: what is there comes first.
fn place<'a>(value: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let cuts = path.match_indices('/').map(|(at, _)| at).rev();
    let step = |value: &Value, key: &str| match value {
        Value::Object(keys) => keys.contains_key(key),
        Value::Array(items) => key.parse::<usize>().is_ok_and(|it| it < items.len()),
        _ => false,
    };
    let known = std::iter::once(path.len()).chain(cuts).find(|at| step(value, &path[..*at]));
    let at = known.or_else(|| path.find('/')).unwrap_or(path.len());
    let (key, rest) = (&path[..at], path.get(at + 1..));
    let next = match value {
        Value::Object(keys) => keys.entry(key).or_insert_with(|| Value::Object(Map::new())),
        Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?)?,
        _ => return None,
    };
    match rest {
        Some(rest) => place(next, rest),
        None => Some(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

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
        let after = before.with(&connection(), "arn");
        let expected = r#"{"apiKey": "k", "dbInstanceIdentifier": "orders-20261120t160812z-3f9a", "engine": "postgres",
            "host": "db.example", "password": "hunter2", "port": 5432, "username": "app"}"#;
        assert_eq!(SecretValue::parse(&after.text()), SecretValue::parse(expected));
        assert_eq!(after.connection(), Some(connection()));
    }

    #[test]
    fn a_login_of_mysql_logs_in_without_its_host_pattern() {
        let check = |engine: &str, login: &str, expected: Option<[&str; 2]>| {
            let value = value(&format!(
                r#"{{"engine": "{engine}", "username": "m", "password": "p",
                    "logins": {{"app@%": "a", "web@10.%": "w", "web": "newer"}}}}"#
            ));
            let expected = expected.map(|[user, password]| (user.to_owned(), password.to_owned()));
            assert_eq!(value.credentials_of_login("s", login).ok(), expected, "{engine} {login}");
        };
        check("postgres", "m", Some(["m", "p"]));
        check("postgres", "app@%", Some(["app@%", "a"]));
        check("postgres", "nobody", None);
        check("mysql", "m@%", Some(["m", "p"]));
        check("mysql", "app", Some(["app", "a"]));
        check("mariadb", "app@%", Some(["app", "a"]));
        check("mysql", "web@10.%", Some(["web", "newer"]));
        check("mysql", "nobody", None);
    }

    // field 4: no value that means something to an application is changed into one that means another.
    #[test]
    fn a_connection_key_keeps_the_form_that_an_application_reads() {
        let check = |before: &str, key: &str, expected: Value| {
            let after = value(before).with(&connection(), "arn:master");
            assert_eq!(after.0.get(key).cloned().unwrap_or_default(), expected, "{before}");
        };
        check("{}", "engine", Value::from("postgres"));
        check(r#"{"engine": ""}"#, "engine", Value::from("postgres"));
        check(r#"{"engine": "aurora-postgresql"}"#, "engine", Value::from("aurora-postgresql"));
        check(r#"{"port": "1"}"#, "port", Value::from("5432"));
        check(r#"{"port": 1}"#, "port", Value::from(5432));
        check(r#"{"port": null}"#, "port", Value::from(5432));
        check(r#"{"masterarn": "arn:old"}"#, "masterarn", Value::from("arn:master"));
        check("{}", "masterarn", Value::Null);
        check(r#"{"dbClusterIdentifier": "c"}"#, "dbClusterIdentifier", Value::Null);
        check(r#"{"proxyHost": "p"}"#, "proxyHost", Value::from("p"));
    }

    #[test]
    fn a_text_goes_to_a_nested_key_and_nothing_else_changes() {
        let before = r#"{"a": {"url": "old", "n": 1}, "list": [{"h": 1}], "x/y": "flat", "s": "text"}"#;
        let check = |path: &str, text: &str, expected: Option<&str>| {
            let after = value(before).with_text_at(path, text.to_owned());
            assert_eq!(after, expected.map(value), "{path}");
        };
        let same = |from: &str, to: &str| before.replacen(from, to, 1);
        check("a/url", "new", Some(&same("old", "new")));
        check("a/n", "2", Some(&same(r#""n": 1"#, r#""n": 2"#)));
        check("a/n", "two", Some(&same(r#""n": 1"#, r#""n": "two""#)));
        check("list/0/h", "h", Some(&same(r#""h": 1"#, r#""h": "h""#)));
        check("x/y", "new", Some(&same("flat", "new")));
        check("new", "new", Some(&same("{", r#"{"new": "new","#)));
        check("b/c", "new", Some(&same("{", r#"{"b": {"c": "new"},"#)));
        check("s/t", "new", None);
        check("list/1/h", "new", None);
        check("list", "new", None);
        check("a", "new", None);
        let list = ["a/n", "a/url", "list/0/h", "s", "x/y"].map(str::to_owned);
        let (leaves, list) = (value(before), BTreeSet::from(list));
        assert_eq!(leaves.leaves().into_iter().map(|it| it.0).collect::<BTreeSet<_>>(), list);
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
        assert_eq!(value(r#"{"host": "a", "port": "5432"}"#).endpoint(), Some(("a", Some(5432))));
        assert_eq!(value(r#"{"host": "a", "port": "{{port}}"}"#).endpoint(), Some(("a", None)));
    }

    #[test]
    fn a_login_is_a_user_name_and_a_password_and_replaces_nothing_else() {
        let saved = value(r#"{"username": "u1", "password": "old", "apiKey": "k"}"#);
        assert_eq!(saved.credentials(), Some(("u1", "old")));
        assert_eq!(saved.password().unwrap().expose(), "old");
        assert!(value(r#"{"password": "old"}"#).password().is_none());
        let renewed = saved.with_login("u2", "new".to_owned());
        assert_eq!(renewed, value(r#"{"username": "u2", "password": "new", "apiKey": "k"}"#));
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
        let value = SecretValue::parse("{}").unwrap().with(&connection(), "");
        assert!(!format!("{:?} {:?}", connection(), value).contains("hunter2"));
    }

    #[test]
    fn what_is_no_json_object_is_no_value() {
        for text in ["", "hunter2", "[]", "\"x\"", "{"] {
            assert!(SecretValue::parse(text).is_none(), "{text}");
        }
    }
}
