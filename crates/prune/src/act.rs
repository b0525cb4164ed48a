//! Deletes, resource by resource, as the plan says.

use crate::live::ApplicationSecret;
use crate::look;
use crate::plan::{Action, taken};
use crate::{Clients, Error, log_group};
use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use database::{Changes, snapshot};
use lambda_support::CallFailed;
use std::collections::BTreeSet;

/// The application's secret, with what it said before anything was decided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before<'a> {
    pub(crate) secret_id: &'a str,
    pub(crate) said: &'a ApplicationSecret,
}

/// What became of a plan.
#[derive(Debug, Default)]
pub(crate) struct Acted {
    /// Whether nothing is left to wait for.
    pub(crate) done: bool,
    /// What was deleted.
    pub(crate) deleted: Vec<String>,
    /// Whether the application's secret says something else by now: then the rest is left to another look.
    pub(crate) live_changed: bool,
}

/// Does all that it can. A failure is answered after everything else was tried.
///
/// `before` is `None` in the source account. Else the application's secret is read again before each deletion of a
/// database: nothing is deleted that went live meanwhile.
pub(crate) async fn act(
    clients: &Clients,
    actions: &[Action],
    before: Option<Before<'_>>,
) -> Result<Acted, Error> {
    let (mut acted, mut failure) = (Acted { done: true, ..Acted::default() }, None);
    // A database stays as long as its run's snapshot does: it tells that the run was good, and is to go.
    let mut staying = BTreeSet::new();
    let deletes_database = |action: &Action| matches!(action, Action::DeleteDatabase(_));
    let mut read_just_now = actions.iter().any(deletes_database);
    if read_just_now && has_changed(&clients.secrets, before).await? {
        return Ok(Acted { live_changed: true, ..Acted::default() });
    }
    for action in actions {
        let stays = action.database().is_some_and(|it| staying.contains(it.identifier()));
        if deletes_database(action)
            && !stays
            && !read_just_now
            && has_changed(&clients.secrets, before).await?
        {
            (acted.done, acted.live_changed) = (false, true);
            break;
        }
        read_just_now = false;
        let was_taken = match stays {
            true => Ok(false),
            false => perform(clients, action).await,
        };
        if let Action::DeleteSnapshot(it) | Action::WaitForSnapshot(it) = action
            && !matches!(was_taken, Ok(true))
        {
            staying.insert(it.as_str());
        }
        match was_taken {
            Ok(was_taken) => {
                acted.deleted.extend((was_taken && action.deletes()).then(|| action.to_string()));
                acted.done &= was_taken && action.is_over_at_once();
            }
            Err(failed) => failure = failure.or(Some(failed)),
        }
    }
    failure.map_or(Ok(acted), |failed| Err(failed.into()))
}

async fn has_changed(secrets: &Secrets, before: Option<Before<'_>>) -> Result<bool, CallFailed> {
    match before {
        Some(before) => Ok(look::application_secret(secrets, before.secret_id).await? != *before.said),
        None => Ok(false),
    }
}

/// Whether the call was taken; false when only the state forbids it, which the next look sees.
///
/// Another execution may have deleted the thing meanwhile. IAM then denies the call, because no tag is left that allows
/// it, and RDS never comes to say that the thing is gone. So a denied call looks again.
async fn perform(clients: &Clients, action: &Action) -> Result<bool, CallFailed> {
    match call(clients, action).await {
        Err(failed) if failed.is_denied() && is_gone(&clients.rds, action).await? => Ok(false),
        answer => answer,
    }
}

async fn call(clients: &Clients, action: &Action) -> Result<bool, CallFailed> {
    let Clients { rds, secrets, logs, .. } = clients;
    match action {
        Action::StartDatabase(it) => taken(it.start(rds).await),
        Action::UnprotectDatabase(it) => {
            let unprotected = Changes { deletion_protection: Some(false), ..Changes::default() };
            taken(it.modify(rds, unprotected).await)
        }
        Action::DeleteDatabase(it) => taken(it.delete(rds).await),
        Action::DeleteSnapshot(it) => taken(snapshot::delete(rds, it).await),
        Action::DeleteSecret(it) => secret::delete(secrets, it).await.map(|()| true),
        Action::DeleteLogGroup(it) => log_group::delete(logs, it).await.map(|()| true),
        Action::WaitForDatabase(_)
        | Action::WaitForSnapshot(_)
        | Action::WaitWithSecret(_)
        | Action::WaitWithLogGroup(_) => Ok(false),
    }
}

async fn is_gone(rds: &Rds, action: &Action) -> Result<bool, CallFailed> {
    match (action, action.database()) {
        (_, Some(database)) => Ok(database.find(rds).await?.is_none()),
        (Action::DeleteSnapshot(it), _) => Ok(snapshot::find(rds, it).await?.is_none()),
        _ => Ok(false),
    }
}
