//! The logins of a proxy: its secrets hold them, and the health of its target is whether one works.

use std::net::SocketAddrV4;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{
    proxies::{PATIENCE, Proxies, Seen},
    reaching::Unreached,
};
use crate::{
    caller::{Caller, Role},
    iam::context::Context,
    place::Place,
    rds::model::proxies::{Family, Health},
    servers::{
        mysql_session,
        session::{self, NoLogin, Startup},
    },
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
            health = match refusal(seen.settings.family, &mut server, &username, &password).await {
                None => return Health::Available,
                Some(Refused::Login) => unavailable(
                    "AUTH_FAILURE",
                    "The DB instance refuses the credentials of the proxy's secret",
                ),
                Some(Refused::Otherwise(message)) => unavailable("CONNECTION_FAILED", &message),
            };
        }
        health
    }
}

/// Why a server lets nobody in.
enum Refused {
    Login,
    Otherwise(String),
}

/// What a login leads to; `None` when it works.
async fn refusal(family: Family, server: &mut TcpStream, username: &str, password: &str) -> Option<Refused> {
    // Class 28: invalid authorization specification.
    let refused = |code: &str, message: String| match code.starts_with("28") {
        true => Refused::Login,
        false => Refused::Otherwise(message),
    };
    match family {
        Family::PostgreSql => {
            let startup = Startup::new(username, "postgres");
            match session::log_in(server, &startup, password).await.err()? {
                NoLogin::Refused(code, message) => Some(refused(&code, message)),
                NoLogin::Broken(error) => Some(Refused::Otherwise(error.to_string())),
            }
        }
        Family::MySql => {
            let wish = mysql_session::Wish::default();
            match mysql_session::log_in(server, username, password, &wish).await.err()? {
                mysql_session::NoLogin::Refused(it) => Some(refused(&it.state, it.message)),
                mysql_session::NoLogin::Broken(error) => Some(Refused::Otherwise(error.to_string())),
            }
        }
    }
}

fn unavailable(reason: &'static str, description: &str) -> Health {
    Health::Unavailable(reason, description.to_owned())
}
