//! The secret that the step logs in with, and the passwords of other logins in it.

use crate::Error;
use aws_sdk_secretsmanager::Client;
use secret::{AWSCURRENT, Connection, LOGINS, SecretValue, Unusable};
use std::collections::BTreeMap;

/// The current version of the secret.
#[derive(Debug)]
pub(crate) struct LoginSecret {
    /// What it takes to log in.
    pub(crate) connection: Connection,
    id: String,
    version_id: String,
    value: SecretValue,
}

impl LoginSecret {
    /// Reads it.
    pub(crate) async fn read(secrets: &Client, id: &str) -> Result<Self, Error> {
        let version = secret::read_current(secrets, id).await?.usable(id)?;
        let version = version.ok_or_else(|| Error::SecretNotFound(id.to_owned()))?;
        let problem = "lacks one of engine, host, port, username and password";
        let connection = version.value.connection();
        let connection = connection.ok_or_else(|| Unusable::NotJson { secret: id.to_owned(), problem })?;
        Ok(Self { connection, id: id.to_owned(), version_id: version.version_id, value: version.value })
    }

    /// The database that it leads to, in words.
    pub(crate) fn database(&self) -> String {
        match &self.connection.db_instance_identifier {
            Some(identifier) => format!("DB instance {identifier}"),
            None => format!("the database at {}:{}", self.connection.host, self.connection.port),
        }
    }

    /// The same with the login of this name, the secret's own user when none is named; `None` when the secret holds no
    /// password of that login.
    pub(crate) fn connection_of(&self, login: Option<&str>) -> Option<Connection> {
        let own = self.connection.clone();
        let Some(login) = login else { return Some(own) };
        let (username, password) = self.value.login(login)?;
        Some(Connection { username, password, ..own })
    }

    /// The passwords of other logins that it holds.
    pub(crate) fn passwords(&self) -> BTreeMap<String, String> {
        self.value.texts_below(LOGINS)
    }

    /// Puts a new version with these passwords; `false` when another call of this very step put one meanwhile.
    ///
    /// The version's identifier follows from the version that it replaces, so that of two calls one wins.
    pub(crate) async fn put_passwords(
        &self,
        secrets: &Client,
        passwords: &BTreeMap<String, String>,
    ) -> Result<bool, Error> {
        let text = self.value.with_texts_below(LOGINS, passwords).text_for(&self.id)?;
        let version_id = secret::version_id_of(&self.id, [&self.version_id, LOGINS]);
        match secret::put(secrets, &self.id, text, &version_id, AWSCURRENT).await {
            Ok(()) => Ok(true),
            Err(failed) if secret::is_other_value(&failed) => Ok(false),
            Err(failed) => Err(failed.into()),
        }
    }
}
