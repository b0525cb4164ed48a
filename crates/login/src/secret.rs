//! Who logs in.

use crate::LoginFailed;
use failover::Endpoint;
use secret::{Connection, Version};

/// The connection of the user and password in the current version of a secret to the database at this endpoint.
pub fn connection(
    version: Option<Version>,
    id: &str,
    endpoint: &Endpoint,
) -> Result<Connection, LoginFailed> {
    let version = version.ok_or_else(|| LoginFailed::SecretNotFound(id.to_owned()))?;
    let Some((username, password)) = version.value.credentials() else {
        return Err(LoginFailed::NoCredentials(id.to_owned()));
    };
    Ok(Connection {
        engine: endpoint.engine.clone(),
        host: endpoint.address.clone(),
        port: endpoint.port,
        username: username.to_owned(),
        password: password.to_owned(),
        dbname: version.value.text_of("dbname").map(str::to_owned),
        db_instance_identifier: version.value.db_instance_identifier().map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use secret::SecretValue;

    #[test]
    fn rds_says_where_and_the_secret_says_who() {
        let endpoint =
            Endpoint { engine: "postgres".to_owned(), address: "new.example".to_owned(), port: 5433 };
        let login = |text: &str| {
            let value = SecretValue::parse(text).unwrap();
            let version = Version { version_id: "v".to_owned(), arn: String::new(), value };
            connection(Some(version), "shop/master", &endpoint)
        };
        let found = login(r#"{"username": "u", "password": "p", "host": "old.example", "port": 1}"#).unwrap();
        assert_eq!((found.host.as_str(), found.port, found.username.as_str()), ("new.example", 5433, "u"));
        assert_eq!(login("{}").unwrap_err().name().as_str(), "Snapferry.SecretNotJson");
        let missing = connection(None, "shop/master", &endpoint).unwrap_err();
        assert_eq!(missing.name().as_str(), "Snapferry.SecretNotFound");
    }
}
