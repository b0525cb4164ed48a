//! The logins of a proxy: its secrets hold them, and the health of its target is whether one works.

use std::net::SocketAddrV4;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{
    proxies::{PATIENCE, Proxies, Seen},
    reaching::Unreached,
};
use crate::{
    caller::{Caller, Role},
    iam::context::Context,
    place::Place,
    rds::model::proxies::Health,
    servers::session::{self, NoLogin, Startup},
};

/// A login of a proxy's secret.
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: String,
}

impl Proxies {
    /// The logins of a proxy's secrets, as far as its role may read them.
    pub(super) async fn logins(&self, seen: &Seen) -> Vec<Login> {
        let mut logins = Vec::new();
        for arn in &seen.settings.secret_arns {
            match self.login(seen, arn).await {
                Ok(login) => logins.extend(login),
                Err(error) => tracing::warn!("{} cannot read {arn}: {error:#}", seen.from.who),
            }
        }
        logins
    }

    async fn login(&self, seen: &Seen, secret_arn: &str) -> anyhow::Result<Option<Login>> {
        let Place { account_id, region } = &seen.place;
        let role_arn = &seen.settings.role_arn;
        let role = Caller {
            account_id: account_id.clone(),
            principal: role_arn.rsplit('/').next().unwrap_or_default().to_owned(),
            role: Some(Role {
                arn: role_arn.clone(),
                session: "rds-proxy".to_owned(),
                region: region.clone(),
            }),
        };
        let action = "secretsmanager:GetSecretValue";
        if self.roles.permit(&role, region, action, secret_arn, Context::default()).await?.is_err() {
            anyhow::bail!("{role_arn} is not permitted {action}");
        }
        let target = "secretsmanager.GetSecretValue";
        let asked = json!({ "SecretId": secret_arn });
        let answer = self.ministack.json(account_id, region, "secretsmanager", target, &asked).await?;
        let value = answer.and_then(|it| serde_json::from_str::<Value>(it["SecretString"].as_str()?).ok());
        let value = value.context("it holds no JSON object")?;
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        Ok(text("username").zip(text("password")).map(|(username, password)| Login { username, password }))
    }

    /// The health of the target by a login of each secret: one that works is enough.
    pub(super) async fn health(&self, seen: &Seen, target: Option<SocketAddrV4>) -> Health {
        let Some(target) = target else {
            return unavailable("UNREACHABLE", "The DB instance has no endpoint");
        };
        let logins = self.logins(seen).await;
        let mut health = unavailable("AUTH_FAILURE", "Proxy does not have any registered credentials");
        for Login { username, password } in logins {
            let timeout = self.rds.clock.lasts(PATIENCE);
            let mut server = match self.reaching.connect(&seen.from, target, timeout).await {
                Ok(server) => server,
                Err(Unreached::Silent) => {
                    return unavailable("UNREACHABLE", "The DB instance does not answer");
                }
                Err(Unreached::Refused) => {
                    return unavailable("CONNECTION_FAILED", "The DB instance refuses connections");
                }
            };
            let startup = Startup::new(&username, "postgres");
            health = match session::log_in(&mut server, &startup, &password).await {
                Ok(()) => return Health::Available,
                // Class 28: invalid authorization specification.
                Err(NoLogin::Refused(code, _)) if code.starts_with("28") => unavailable(
                    "AUTH_FAILURE",
                    "The DB instance refuses the credentials of the proxy's secret",
                ),
                Err(NoLogin::Refused(_, message)) => unavailable("CONNECTION_FAILED", &message),
                Err(NoLogin::Broken(error)) => unavailable("CONNECTION_FAILED", &error.to_string()),
            };
        }
        health
    }
}

fn unavailable(reason: &'static str, description: &str) -> Health {
    Health::Unavailable(reason, description.to_owned())
}
