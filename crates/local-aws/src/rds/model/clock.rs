//! RDS time: how long operations last, and how far they are.

use std::time::{Duration, Instant};

/// How long a DB snapshot takes.
pub const SNAPSHOT: Duration = Duration::from_secs(120);
/// How long a copy of a DB snapshot takes.
pub const COPY: Duration = Duration::from_secs(180);
/// How long a restore takes.
pub const RESTORE: Duration = Duration::from_secs(300);
/// How long a new master password takes.
pub const PASSWORD_CHANGE: Duration = Duration::from_secs(30);
/// How long an automated backup takes; the DB instance is `backing-up` for this long.
pub const AUTOMATED_BACKUP: Duration = Duration::from_secs(60);
/// How long each GiB adds to the first automated backup of a database that holds data. RDS has no earlier one to build
/// on: hours on large storage (hashicorp/terraform-provider-aws#44104).
pub const FIRST_BACKUP_PER_GIB: Duration = Duration::from_secs(5);
/// How long each GiB of a restored DB instance is in `storage-initialization`: hours on large storage.
pub const STORAGE_INITIALIZATION_PER_GIB: Duration = Duration::from_secs(5);
/// How long a restored DB instance is available before RDS backs it up for the first time.
pub const UNTIL_BACKUP: Duration = Duration::from_secs(20);
/// How long any other modification takes.
pub const MODIFY: Duration = Duration::from_secs(30);
/// How long a new DB instance takes.
pub const CREATE: Duration = Duration::from_secs(300);
/// How long a new read replica takes.
pub const REPLICA: Duration = Duration::from_secs(300);
/// How long after PromoteReadReplica the DB instance is still `available`.
pub const UNTIL_PROMOTION_SHOWS: Duration = Duration::from_secs(15);
/// How long a replica that is promoted is `modifying`, before it reboots: "several minutes or longer".
pub const PROMOTION: Duration = Duration::from_secs(105);
/// How long a new proxy takes.
pub const PROXY: Duration = Duration::from_secs(300);
/// How long a deletion takes.
pub const DELETE: Duration = Duration::from_secs(60);
/// How long a reboot takes.
pub const REBOOT: Duration = Duration::from_secs(60);
/// How long a failover takes: typically 60 to 120 seconds (RDS User Guide, Concepts.MultiAZSingleStandby).
pub const FAILOVER: Duration = Duration::from_secs(60);
/// How long after a failover the name still leads to the old address: "DNS propagation may take a few minutes".
pub const UNTIL_NAME_FOLLOWS: Duration = Duration::from_secs(15);
/// How long a start takes.
pub const START: Duration = Duration::from_secs(120);
/// How long a stop takes.
pub const STOP: Duration = Duration::from_secs(120);

/// Turns RDS time into real time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    scale: f64,
}

impl Clock {
    /// An RDS second lasts `scale` real seconds.
    pub fn new(scale: f64) -> Self {
        Self { scale }
    }

    /// How long a duration of RDS time really lasts.
    pub fn lasts(self, duration: Duration) -> Duration {
        duration.mul_f64(self.scale)
    }

    /// Lets a duration of RDS time pass.
    pub async fn pass(self, duration: Duration) {
        tokio::time::sleep(self.lasts(duration)).await;
    }

    /// Starts measuring something that takes `duration` of RDS time.
    pub fn measure(self, duration: Duration) -> Progress {
        Progress::Since(Instant::now(), self.lasts(duration))
    }
}

/// How far an operation is.
#[derive(Debug, Clone, Copy)]
pub enum Progress {
    /// Under way; it takes this long in real time.
    Since(Instant, Duration),
    /// It stands at this percentage for good.
    At(u8),
}

impl Progress {
    /// The percentage to show: 100 only when the operation has ended, however long the real work takes.
    pub fn percent(self) -> u8 {
        match self {
            Self::At(percent) => percent,
            Self::Since(_, takes) if takes.is_zero() => 0,
            Self::Since(start, takes) => {
                let percent = start.elapsed().as_secs_f64() / takes.as_secs_f64() * 100.0;
                // Truncation is meant: 41.9 % is shown as 41.
                percent.clamp(0.0, 99.0) as u8
            }
        }
    }
}
