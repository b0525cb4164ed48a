//! The logins that the snapshot brings beside the master user: they have the source's passwords.

use crate::Error;
use crate::login_secret::LoginSecret;
use crate::others::others;
use crate::plan::Refusal;
use crate::random;
use crate::session::{LoginName, Session};
use crate::trouble::Trouble;
use aws_sdk_secretsmanager::Client;
use replication::Logins;
use std::collections::btree_map::Entry;
use std::time::Duration;
use tokio::time::timeout;

/// How long all of them may take together.
pub(crate) const LOGINS_SECONDS: u64 = 60;

/// Locks them, or gives each a password of its own; answers how many. A password is stored before it is set, so that a
/// repeated step sets the same.
pub(crate) async fn change(
    session: &mut Session,
    secrets: &Client,
    secret: &LoginSecret,
    mode: Logins,
    limit_seconds: u64,
) -> Result<usize, Trouble> {
    if mode == Logins::Keep {
        return Ok(0);
    }
    let changed = change_all(session, secrets, secret, mode, limit_seconds);
    match timeout(Duration::from_secs(LOGINS_SECONDS), changed).await {
        Ok(changed) => changed,
        Err(_) => {
            let reason = format!("all logins together took longer than {LOGINS_SECONDS} s");
            Err(Error::LoginsNotListed(reason).into())
        }
    }
}

async fn change_all(
    session: &mut Session,
    secrets: &Client,
    secret: &LoginSecret,
    mode: Logins,
    limit_seconds: u64,
) -> Result<usize, Trouble> {
    let listed = session.logins(limit_seconds).await;
    let listed = listed.map_err(|refusal| failed(refusal, Error::LoginsNotListed))?;
    let mut others = others(listed, &secret.connection.username);
    if mode == Logins::Rotate {
        others.retain(|login| login.has_password);
    }
    let mut passwords = secret.passwords();
    if mode == Logins::Rotate {
        let known = passwords.len();
        for login in &others {
            if let Entry::Vacant(missing) = passwords.entry(login.text()) {
                missing.insert(random::password().map_err(|error| no_change(login)(error.to_string()))?);
            }
        }
        if passwords.len() > known && !secret.put_passwords(secrets, &passwords).await? {
            return Err(Trouble::NotReachable(
                "another call is storing the passwords of the logins".to_owned(),
            ));
        }
    }
    for login in &others {
        let statement = match passwords.get(&login.text()).filter(|_| mode == Logins::Rotate) {
            Some(password) => {
                session.set_password(login, password).map_err(|error| no_change(login)(error.to_string()))?
            }
            None => session.lock(login),
        };
        let done = session.execute(&statement, limit_seconds).await;
        done.map_err(|refusal| failed(refusal, no_change(login)))?;
    }
    Ok(others.len())
}

fn no_change(login: &LoginName) -> impl Fn(String) -> Error {
    let login = login.text();
    move |reason| Error::LoginsNotChanged { login: login.clone(), reason }
}

/// A connection that breaks is made anew; everything else is a failure.
fn failed(refusal: Refusal, error: impl Fn(String) -> Error) -> Trouble {
    match refusal {
        Refusal::Lost(reason) => Trouble::NotReachable(reason),
        refusal => error(refusal.to_string()).into(),
    }
}
