//! The application's secret.

use secret::{Connection, SecretValue};
use serde_json::{Map, Value};

const KEYS: [&str; 9] = [
    "engine",
    "host",
    "port",
    "username",
    "password",
    "dbname",
    "dbInstanceIdentifier",
    "dbClusterIdentifier",
    "masterarn",
];

/// A secret that can be re-pointed says the new connection afterwards, and all else that it said before.
pub fn secret(text: &str) -> bool {
    let Some(value) = SecretValue::parse(text) else { return false };
    let connection = Connection {
        engine: "postgres".to_owned(),
        host: "db.example".to_owned(),
        port: 5432,
        username: "app".to_owned(),
        password: "p".to_owned(),
        dbname: None,
        db_instance_identifier: Some("orders-20261120t160812z-3f9a".to_owned()),
    };
    let merged = value.with(&connection, "arn");
    let written =
        [("host", &connection.host), ("username", &connection.username), ("password", &connection.password)];
    for (key, expected) in written {
        assert_eq!(merged.text_of(key), Some(expected.as_str()));
    }
    assert!(merged.text_of("engine").is_some() && merged.leaf("port").is_some());
    let others = |text: &str| {
        let mut object: Map<String, Value> = serde_json::from_str(text).unwrap();
        KEYS.iter().for_each(|key| drop(object.remove(*key)));
        object
    };
    assert_eq!(others(&merged.text()), others(text));
    true
}
