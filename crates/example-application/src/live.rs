//! The database that the secret leads to.

use crate::database::{Session, Tls};
use crate::trouble::Trouble;
use aws_sdk_secretsmanager::Client;
use secret::{Version, read_current};
use std::time::{Duration, Instant};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

/// How old what we know of the secret may be.
pub const SECRET_MAX_AGE: Duration = Duration::from_secs(30);
/// An unused connection is made anew before load balancers and endpoints forget it, which they do after 350 s.
/// Source: Network Load Balancer User Guide, "Connection idle timeout".
const IDLE: Duration = Duration::from_secs(300);

/// The secret, and the connection that is kept for as long as it stays as it is.
#[derive(Debug)]
pub(crate) struct Live {
    secrets: Client,
    secret: String,
    tls: Tls,
    kept: Mutex<Option<Kept>>,
}

/// What one version of the secret leads to.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) version_id: String,
    /// The DB instance; empty if the secret does not name one.
    pub(crate) name: String,
    /// Whether the secret lets applications of this Region write.
    pub(crate) is_writable: bool,
    pub(crate) session: Session,
    read_at: Instant,
    used_at: Instant,
}

impl Live {
    pub(crate) fn new(secrets: Client, secret: String, tls: Tls) -> Self {
        Self { secrets, secret, tls, kept: Mutex::default() }
    }

    /// The connection to the live database, for as long as nobody else has it. It is made anew if the secret moved. Who
    /// writes gets none if the secret says that another Region is active.
    pub(crate) async fn database(&self, writes: bool) -> Result<MappedMutexGuard<'_, Kept>, Trouble> {
        let mut kept = self.kept.lock().await;
        let known = kept.take().filter(|it| it.used_at.elapsed() < IDLE);
        let known = match known {
            Some(known) if known.read_at.elapsed() < SECRET_MAX_AGE => known,
            known => {
                let read_at = Instant::now();
                let version = self.read().await?;
                if writes && !is_writable(&version) {
                    return Err(Trouble::OtherRegion);
                }
                match known.filter(|it| it.version_id == version.version_id) {
                    Some(known) => Kept { read_at, ..known },
                    None => self.connect(version, read_at).await?,
                }
            }
        };
        if writes && !known.is_writable {
            return Err(Trouble::OtherRegion);
        }
        let known = Kept { used_at: Instant::now(), ..known };
        Ok(MutexGuard::map(kept, |kept| kept.insert(known)))
    }

    async fn connect(&self, version: Version, read_at: Instant) -> Result<Kept, Trouble> {
        let connection = version.value.connection().ok_or(Trouble::SecretIncomplete)?;
        let name = connection.db_instance_identifier.clone().unwrap_or_default();
        tracing::info!(database = name, version = version.version_id, "the secret leads here");
        let is_writable = is_writable(&version);
        let session = Session::connect(&connection, self.tls).await?;
        Ok(Kept { version_id: version.version_id, name, is_writable, session, read_at, used_at: read_at })
    }

    /// Drops the connection, so that the next request reads the secret.
    pub(crate) async fn forget(&self) {
        *self.kept.lock().await = None;
    }

    /// The version that is current at this moment.
    pub(crate) async fn version_now(&self) -> Result<String, Trouble> {
        self.read().await.map(|it| it.version_id)
    }

    async fn read(&self) -> Result<Version, Trouble> {
        let reading = read_current(&self.secrets, &self.secret).await?;
        reading.usable(&self.secret)?.ok_or(Trouble::SecretMissing)
    }
}

/// A secret that does not say is the only one there is.
fn is_writable(version: &Version) -> bool {
    version.value.writable() != Some(false)
}
