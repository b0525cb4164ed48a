//! Lanes of RDS Proxies.

pub mod plan;

use super::{Around, Clients, Taken};
use crate::Error;
use crate::db_proxy::can_be_lane;
use lambda_support::CallFailed;
use plan::{Act, CopySeen, LaneSeen, Seen, Wanted, plan};
use replication::engine::proxy_family;
use replication::{ApplicationUser, DbProxy, HeldIn, HeldLane, PathTls, ReachPath};
use secret::{AWSCURRENT, SecretValue, Version};
use target_group::db_proxy;

/// The login of applications, and the version of the secret that says it.
struct Login {
    username: String,
    password: String,
    version_id: String,
}

/// Looks at the proxies, and does what the plan says.
pub(super) async fn look(clients: &Clients, reach: &DbProxy, around: &Around<'_>) -> Result<Taken, Error> {
    let Clients { rds, secrets, .. } = clients;
    let Around { run, database, request, .. } = *around;
    let (waiting, deadline) = (&request.waiting, request.stage_deadline_seconds);
    let mut lanes = Vec::new();
    let mut lane_secrets = Vec::new();
    for lane in &reach.lanes {
        let found = db_proxy::look_up(rds, &lane.db_proxy_name).await?;
        can_be_lane(lane, found.as_ref(), database.vpc_id.as_deref(), Some(&database.engine))?;
        lanes.push(LaneSeen {
            db_proxy_name: lane.db_proxy_name.clone(),
            endpoint: found.unwrap_or_default().endpoint,
            targets: db_proxy::targets(rds, &lane.db_proxy_name).await?,
            lane_secret_id: lane.lane_secret_id.clone(),
            knows_login: true,
        });
        lane_secrets.push(secret::read_current(secrets, &lane.lane_secret_id).await?.version());
    }
    let copies = around.copies().map(|(run, _, within_grace)| CopySeen { run, within_grace });
    let live = around.live(|host| {
        let lane = lanes.iter().find(|it| it.endpoint.eq_ignore_ascii_case(host))?;
        lane.targets.first().map(|it| it.identifier.clone())
    });
    let is_live = live.as_ref().is_some_and(|it| it.contains(&run.id));
    let login = match is_live {
        true => around.current.and_then(login_of_live_copy),
        false => Some(login_of_copy(clients, around).await?),
    };
    if let Some(login) = &login {
        for (lane, known) in lanes.iter_mut().zip(&lane_secrets) {
            let known = known.as_ref().and_then(|it| it.value.credentials());
            lane.knows_login = known == Some((login.username.as_str(), login.password.as_str()));
        }
    }
    let seen = Seen {
        lanes: &lanes,
        copies: &copies.collect::<Vec<_>>(),
        live,
        live_host: around.said().and_then(|it| Some(it.endpoint()?.0)),
        pinned: around.pinned,
    };
    let port = proxy_family(&database.engine).map(|(_, port)| port).unwrap_or_default();
    let db_port = around.endpoint.port;
    let act = plan(run, &seen, &Wanted { pin: request.pin, db_port, deadline }, waiting)?;
    let wait = |status: &str, reason: String| waiting.wait(status, None, deadline, reason);
    let (look, held) = match act {
        Act::Wait(look) => (look, None),
        Act::Done { look, lane } => (look, lane),
        Act::Deregister { lane, db_instance_identifier } => {
            let name = &lanes[lane].db_proxy_name;
            let reason = format!("taking DB instance {db_instance_identifier} away from RDS Proxy {name}");
            let answer = db_proxy::deregister(rds, name, &db_instance_identifier).await;
            (wait("deregistering", told(answer, reason)?)?, None)
        }
        Act::WriteSecret { lane } => {
            if let Some(login) = &login {
                write(clients, &lanes[lane].lane_secret_id, lane_secrets[lane].as_ref(), login).await?;
            }
            let reason = format!("writing the login of the copy into secret {}", lanes[lane].lane_secret_id);
            (waiting.look_at_once("writing", deadline, reason)?, None)
        }
        Act::Register { lane } => {
            let (name, identifier) = (&lanes[lane].db_proxy_name, run.identifier());
            let reason = format!("registering DB instance {identifier} in RDS Proxy {name}");
            let answer = db_proxy::register(rds, name, &identifier).await;
            (wait("registering", told(answer, reason)?)?, None)
        }
    };
    let lane = held.map(|lane| HeldLane {
        address: lanes[lane].endpoint.clone(),
        host: lanes[lane].endpoint.clone(),
        port,
        held_in: HeldIn::DbProxy { db_proxy_name: lanes[lane].db_proxy_name.clone() },
    });
    // The certificate of a proxy names the proxy, not the copy.
    let path = lane.as_ref().map(|it| ReachPath {
        address: it.address.clone(),
        port: it.port,
        tls_name: Some(it.address.clone()),
        tls: PathTls::VerifyFull,
        login: application_login(around).map(str::to_owned),
    });
    Ok(Taken { look, lane, path, live: is_live })
}

/// What was done, or why RDS could not do it yet.
fn told(answer: Result<(), CallFailed>, reason: String) -> Result<String, CallFailed> {
    match answer {
        Err(failed) if db_proxy::passes(&failed) => Ok(format!("{reason}: RDS answers {}", failed.code)),
        answer => answer.map(|()| reason),
    }
}

/// The login of applications; `None` when they are the master user.
fn application_login<'a>(around: &'a Around<'_>) -> Option<&'a str> {
    match &around.request.application_secret.application_user {
        Some(ApplicationUser::Login(login)) => Some(login),
        Some(ApplicationUser::Master) | None => None,
    }
}

/// What applications log in to the copy with once it is live, as the copy's own secret says it.
async fn login_of_copy(clients: &Clients, around: &Around<'_>) -> Result<Login, Error> {
    let name = around.run.secret_name();
    let version = secret::read_current(&clients.secrets, &name).await?.usable(&name)?;
    let version = version.ok_or_else(|| Error::SecretNotFound(name.clone()))?;
    let problem = "lacks username or password";
    let (username, password) = match application_login(around) {
        Some(login) => version.value.credentials_of_login(&name, login)?,
        None => {
            let own =
                version.value.credentials().map(|(user, password)| (user.to_owned(), password.to_owned()));
            own.ok_or(secret::Unusable::NotJson { secret: name, problem })?
        }
    };
    Ok(Login { username, password, version_id: version.version_id })
}

/// What applications log in to the live copy with now: its password may have been rotated since.
fn login_of_live_copy(current: &Version) -> Option<Login> {
    let (username, password) = current.value.credentials()?;
    Some(Login {
        username: username.to_owned(),
        password: password.to_owned(),
        version_id: current.version_id.clone(),
    })
}

/// Puts a login over what a lane secret says.
async fn write(
    clients: &Clients,
    lane_secret_id: &str,
    known: Option<&Version>,
    login: &Login,
) -> Result<(), Error> {
    let empty = SecretValue::parse("{}");
    let Some(value) = known.map(|it| it.value.clone()).or(empty) else { return Ok(()) };
    let text = value.with_login(&login.username, login.password.clone()).text_for(lane_secret_id)?;
    let before = known.map(|it| it.version_id.as_str()).unwrap_or_default();
    let version_id = secret::version_id_of(lane_secret_id, [before, &login.version_id]);
    match secret::put(&clients.secrets, lane_secret_id, text, &version_id, AWSCURRENT).await {
        // Another call of this very step was faster: the next look sees what it wrote.
        Err(failed) if secret::is_other_value(&failed) => Ok(()),
        answer => Ok(answer?),
    }
}
