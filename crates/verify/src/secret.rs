//! The copy's secret: what it takes to log in, and the passwords of other logins.

use crate::Error;
use aws_sdk_secretsmanager::Client;
use lambda_support::{Service, call_failed, found};
use replication::Copy;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// The key of the copy's secret that holds the passwords of other logins, by name.
const LOGINS: &str = "logins";
/// The longest value. Source: Secrets Manager User Guide, "AWS Secrets Manager quotas".
const VALUE_LIMIT_BYTES: usize = 65_536;

/// What it takes to log in to the copy.
#[derive(Clone, Deserialize)]
pub struct Login {
    /// RDS's engine name.
    pub engine: String,
    /// The endpoint's address.
    pub host: String,
    /// The endpoint's port.
    pub port: u16,
    /// The master user.
    pub username: String,
    /// Its password.
    pub password: String,
    /// The database, where RDS knows one.
    #[serde(default)]
    pub dbname: Option<String>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login to {}:{} (the rest is secret)", self.host, self.port)
    }
}

/// The current version of the copy's secret.
pub struct CopysSecret {
    /// What it says of the master user.
    pub login: Login,
    name: String,
    version_id: String,
    value: Map<String, Value>,
}

impl fmt::Debug for CopysSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CopysSecret({}, {})", self.name, self.version_id)
    }
}

/// Reads it.
pub(crate) async fn read(secrets: &Client, copy: &Copy) -> Result<CopysSecret, Error> {
    let name = copy.secret_name();
    let answer = secrets.get_secret_value().secret_id(&name).version_stage("AWSCURRENT").send().await;
    let answer =
        found(Service::SecretsManager, "GetSecretValue", answer, |e| e.is_resource_not_found_exception())?;
    let answer = answer.ok_or_else(|| Error::SecretNotFound(name.clone()))?;
    let text = answer.secret_string().ok_or_else(|| Error::SecretBinary(name.clone()))?;
    let not_json = |problem| Error::SecretNotJson { secret: name.clone(), problem };
    // What is wrong is not said: serde's message could quote the value.
    let value: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| not_json("is not a JSON object"))?;
    let login = serde_json::from_value(Value::Object(value.clone()))
        .map_err(|_| not_json("lacks one of engine, host, port, username and password"))?;
    let version_id = answer.version_id.unwrap_or_default();
    Ok(CopysSecret { login, name, version_id, value })
}

impl CopysSecret {
    /// The passwords of other logins that it holds.
    pub(crate) fn passwords(&self) -> BTreeMap<String, String> {
        let logins = self.value.get(LOGINS).and_then(Value::as_object);
        let text = |(name, password): (&String, &Value)| Some((name.clone(), password.as_str()?.to_owned()));
        logins.into_iter().flatten().filter_map(text).collect()
    }

    /// Puts a new version with these passwords; `false` when another call of this very step put one meanwhile.
    ///
    /// The version's identifier follows from the version that it replaces, so that of two calls one wins.
    pub(crate) async fn put_passwords(
        &self,
        secrets: &Client,
        passwords: &BTreeMap<String, String>,
    ) -> Result<bool, Error> {
        let mut value = self.value.clone();
        let logins = passwords.iter().map(|(name, password)| (name.clone(), Value::from(password.as_str())));
        value.insert(LOGINS.to_owned(), Value::Object(logins.collect()));
        let text = Value::Object(value).to_string();
        if text.len() > VALUE_LIMIT_BYTES {
            return Err(Error::SecretTooLarge { secret: self.name.clone(), bytes: text.len() });
        }
        let digest = Sha256::digest(format!("{}\n{}\nlogins", self.name, self.version_id).as_bytes());
        let token: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let put = secrets.put_secret_value().secret_id(&self.name).client_request_token(token);
        match put.secret_string(text).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|it| it.is_resource_exists_exception()) => {
                Ok(false)
            }
            Err(error) => Err(call_failed(Service::SecretsManager, "PutSecretValue", &error).into()),
        }
    }
}
