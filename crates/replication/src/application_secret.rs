//! What the target says about the application's secret: its user, its database, and the keys beside the connection keys.

use crate::template::Template;
use crate::verification::Logins;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How `PromoteSecret` writes the application's secret. A nested key is named with `/`, such as `database/url`.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ApplicationSecret {
    /// The user that applications log in as. When absent, the secret must name the master user or no user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_user: Option<ApplicationUser>,
    /// The database that `dbname` names; the secret's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Other keys that Snapferry writes at each promotion, each with its template.
    pub templates: BTreeMap<String, Template>,
    /// Keys that may go on leading to the database that goes out of service.
    pub accepted_stale_keys: BTreeSet<String>,
}

/// The user that applications log in as.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ApplicationUser {
    /// The master user.
    Master,
    /// This login, with the password that `verification.logins: rotate` gave it.
    Login(String),
}

/// The keys that no template may write: Snapferry writes or removes them itself.
const OWN_KEYS: [&str; 8] = [
    "host",
    "port",
    "username",
    "password",
    "dbname",
    "dbInstanceIdentifier",
    "dbClusterIdentifier",
    "masterarn",
];

impl ApplicationSecret {
    /// What no single field shows. Answers the path and what is wrong there.
    pub fn contradiction(&self, logins: Logins) -> Option<(&'static str, &'static str)> {
        if let Some(ApplicationUser::Login(_)) = self.application_user
            && logins != Logins::Rotate
        {
            let problem =
                "names a login, but verification.logins is not rotate: the login has no password of its own";
            return Some(("applicationSecret.applicationUser", problem));
        }
        if self.database.as_deref() == Some("") {
            return Some(("applicationSecret.database", "is empty"));
        }
        if OWN_KEYS.iter().any(|key| self.templates.contains_key(*key)) {
            let problem = "cannot write a connection key: Snapferry writes it";
            return Some(("applicationSecret.templates", problem));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_cannot_be_written_is_refused() {
        let check = |settings: serde_json::Value, logins: Logins, path: Option<&str>| {
            let it: ApplicationSecret = serde_json::from_value(settings.clone()).unwrap();
            assert_eq!(it.contradiction(logins).map(|it| it.0), path, "{settings}");
        };
        let login = json!({"applicationUser": {"login": "app"}});
        check(json!({}), Logins::Keep, None);
        check(json!({"applicationUser": "master"}), Logins::Keep, None);
        check(login.clone(), Logins::Rotate, None);
        check(login.clone(), Logins::Keep, Some("applicationSecret.applicationUser"));
        check(login, Logins::Lock, Some("applicationSecret.applicationUser"));
        check(json!({"database": ""}), Logins::Keep, Some("applicationSecret.database"));
        for key in OWN_KEYS {
            check(json!({"templates": {key: "x"}}), Logins::Keep, Some("applicationSecret.templates"));
        }
        check(json!({"templates": {"engine": "{engine}", "database/url": "{host}"}}), Logins::Keep, None);
    }

    #[test]
    fn an_unknown_user_placeholder_or_field_is_refused() {
        for settings in [
            json!({"applicationUser": "root"}),
            json!({"templates": {"URL": "postgres://{user}@{host}"}}),
            json!({"acceptStale": []}),
        ] {
            assert!(serde_json::from_value::<ApplicationSecret>(settings.clone()).is_err(), "{settings}");
        }
    }
}
