//! A proxy's clients: each proves its password and gets a connection of its own to the target.

use std::io;

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy_bidirectional},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

use super::{
    proxies::{Proxies, Seen},
    proxy_logins::Login,
};
use crate::servers::{
    mysql_session::{self, MySqlError},
    session::{self, NoLogin, Startup},
};

/// What a proxy says when no connection to its target comes free.
const NOBODY: &str = "Timed-out waiting to acquire database connection.";
const NO_TLS: &str = "This RDS Proxy requires TLS connections";

/// Seen on AWS: aws/aws-secretsmanager-jdbc#222.
fn no_credentials(user: &str) -> String {
    format!(
        "This RDS proxy has no credentials for the role {user}. Check the credentials for this role and try again."
    )
}

impl Proxies {
    /// Speaks PostgreSQL to a client.
    pub(super) async fn carry_postgres(
        &self,
        id: &str,
        seen: &Seen,
        mut client: TcpStream,
        acceptor: TlsAcceptor,
    ) -> io::Result<()> {
        loop {
            match session::read_first(&mut client).await? {
                session::First::GssEncryption => client.write_all(b"N").await?,
                session::First::Cancel => return Ok(()),
                session::First::Startup(_) if seen.settings.requires_tls => {
                    return session::refuse(&mut client, "28000", NO_TLS).await;
                }
                session::First::Startup(startup) => {
                    return self.talk_postgres(id, seen, client, startup).await;
                }
                session::First::Tls => {
                    client.write_all(b"S").await?;
                    let mut client = acceptor.accept(client).await?;
                    let session::First::Startup(startup) = session::read_first(&mut client).await? else {
                        return Ok(());
                    };
                    return self.talk_postgres(id, seen, client, startup).await;
                }
            }
        }
    }

    async fn talk_postgres(
        &self,
        id: &str,
        seen: &Seen,
        mut client: impl AsyncRead + AsyncWrite + Unpin,
        startup: Startup,
    ) -> io::Result<()> {
        let user = startup.user();
        let given = session::ask_password(&mut client).await?;
        let Some(Login { password, .. }) = self.login_of(seen, user).await else {
            return session::refuse(&mut client, "28000", &no_credentials(user)).await;
        };
        if password != given {
            let why = format!("The password that was provided for the role {user} is wrong.");
            return session::refuse(&mut client, "28P01", &why).await;
        }
        let Some(mut session) = self.session(id) else { return Ok(()) };
        let Some(mut server) = self.borrow(id).await else {
            return session::refuse(&mut client, "08000", NOBODY).await;
        };
        match session::log_in(&mut server, &startup, &password).await {
            Ok(()) => session::let_in(&mut client).await?,
            Err(NoLogin::Refused(code, message)) => {
                return session::refuse(&mut client, &code, &message).await;
            }
            Err(NoLogin::Broken(error)) => return Err(error),
        }
        tokio::select! {
            ended = copy_bidirectional(&mut client, &mut server) => ended.map(drop),
            // The sender is gone: so is the target.
            _ = session.changed() => Ok(()),
        }
    }

    /// Speaks MySQL to a client.
    pub(super) async fn carry_mysql(
        &self,
        id: &str,
        seen: &Seen,
        mut client: TcpStream,
        acceptor: TlsAcceptor,
    ) -> io::Result<()> {
        let challenge = mysql_session::greet(&mut client).await?;
        match mysql_session::read_first(&mut client).await? {
            mysql_session::First::Login(login) if seen.settings.requires_tls => {
                // ER_SECURE_TRANSPORT_REQUIRED.
                mysql_session::refuse(&mut client, &login, &error(3159, "HY000", NO_TLS)).await
            }
            mysql_session::First::Login(login) => self.talk_mysql(id, seen, client, login, &challenge).await,
            mysql_session::First::Tls => {
                let mut client = acceptor.accept(client).await?;
                let mysql_session::First::Login(login) = mysql_session::read_first(&mut client).await? else {
                    return Ok(());
                };
                self.talk_mysql(id, seen, client, login, &challenge).await
            }
        }
    }

    async fn talk_mysql(
        &self,
        id: &str,
        seen: &Seen,
        mut client: impl AsyncRead + AsyncWrite + Unpin,
        mut login: mysql_session::Login,
        challenge: &mysql_session::Challenge,
    ) -> io::Result<()> {
        // ER_ACCESS_DENIED_ERROR.
        let denied = |message: &str| error(1045, "28000", message);
        let Some(Login { username, password }) = self.login_of(seen, &login.user).await else {
            let why = denied(&no_credentials(&login.user));
            return mysql_session::refuse(&mut client, &login, &why).await;
        };
        if !mysql_session::proves(&mut client, &mut login, challenge, &password).await? {
            let why = denied(&format!("Access denied for user '{username}' (using password: YES)"));
            return mysql_session::refuse(&mut client, &login, &why).await;
        }
        let Some(mut session) = self.session(id) else { return Ok(()) };
        let Some(mut server) = self.borrow(id).await else {
            // ER_CON_COUNT_ERROR.
            return mysql_session::refuse(&mut client, &login, &error(1040, "08004", NOBODY)).await;
        };
        match mysql_session::log_in(&mut server, &username, &password, &login.wish).await {
            Ok(()) => mysql_session::let_in(&mut client, &login).await?,
            Err(mysql_session::NoLogin::Refused(why)) => {
                return mysql_session::refuse(&mut client, &login, &why).await;
            }
            Err(mysql_session::NoLogin::Broken(error)) => return Err(error),
        }
        tokio::select! {
            ended = copy_bidirectional(&mut client, &mut server) => ended.map(drop),
            _ = session.changed() => Ok(()),
        }
    }

    async fn login_of(&self, seen: &Seen, user: &str) -> Option<Login> {
        self.logins(seen).await.into_iter().find(|it| it.username == user)
    }
}

fn error(number: u16, state: &str, message: &str) -> MySqlError {
    MySqlError { number, state: state.to_owned(), message: message.to_owned() }
}
