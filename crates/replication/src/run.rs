//! One run of one replication: every name that follows from it, and the proof that it made a thing.

use crate::replication_name::ReplicationName;
use crate::run_id::RunId;
use step::Tags;

/// The value of [`tag::MADE_BY`].
pub const MADE_BY: &str = "snapferry";

/// Below it, RDS makes a log group for each log that a DB instance exports.
const LOG_GROUPS: &str = "/aws/rds/instance/";

/// Tag keys. The first three are on everything that Snapferry makes.
pub mod tag {
    /// The replication that made it.
    pub const REPLICATION: &str = "snapferry:replication";
    /// The run that made it.
    pub const RUN: &str = "snapferry:run";
    /// Always [`super::MADE_BY`].
    pub const MADE_BY: &str = "snapferry:made-by";
    /// On a DB instance: the version of the copy's secret whose password it was given.
    pub const SECRET_VERSION: &str = "snapferry:secret-version";
    /// On a DB instance: when its copy was first fit to go live, verified and with a readable application's secret, RFC
    /// 3339. Only such a copy is a way back and counts as one of the latest.
    pub const PROVEN: &str = "snapferry:proven";
    /// On a DB instance: when it was last known to be live, RFC 3339; written just before it goes live, and
    /// just before another one does.
    pub const LAST_LIVE: &str = "snapferry:last-live";
    /// On a snapshot or DB instance: the seconds that the run waited for it; the next run expects as many.
    pub const SECONDS: &str = "snapferry:seconds";
    /// On a DB instance: the days that its automated backups are kept once it is live. Until then there are none.
    pub const BACKUP_RETENTION_PERIOD: &str = "snapferry:backup-retention-period";
    /// On anything: an operator's word that it must not be pruned; the value does not matter.
    pub const KEEP: &str = "snapferry:keep";
    /// On the application's secret: the run that a rollback pinned; no other one is promoted.
    pub const PINNED: &str = "snapferry:pinned";
}

/// One run of one replication, and every name that follows from it.
///
/// All names stay within 63 characters: 32 + 1 + 21 + `-copy` = 59.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Run {
    /// The replication.
    pub replication: ReplicationName,
    /// The run's identifier.
    pub id: RunId,
}

impl Run {
    /// A run of a replication.
    pub fn new(replication: &ReplicationName, id: &RunId) -> Self {
        Self { replication: replication.clone(), id: id.clone() }
    }

    /// `<replication>-<run>`: the source snapshot, the target snapshot, the DB instance and the target execution.
    pub fn identifier(&self) -> String {
        format!("{}-{}", self.replication, self.id)
    }

    /// `<replication>-<run>-copy`: the re-encrypted snapshot in the source account.
    pub fn reencrypted_identifier(&self) -> String {
        format!("{}-{}-copy", self.replication, self.id)
    }

    /// `snapferry/<replication>/<run>`: the secret with the credentials of this one copy.
    pub fn secret_name(&self) -> String {
        format!("{}{}", Self::secret_name_prefix(&self.replication), self.id)
    }

    /// How the names of all copies' secrets of a replication begin.
    pub fn secret_name_prefix(replication: &ReplicationName) -> String {
        format!("snapferry/{replication}/")
    }

    /// Reads `<replication>-<run>` back; `None` when it is any other name.
    pub fn from_identifier(identifier: &str) -> Option<Self> {
        let at = identifier.len().checked_sub(RunId::LENGTH)?;
        let (name, id) = (identifier.get(..at)?, identifier.get(at..)?);
        Some(Self {
            replication: ReplicationName::try_from(name.strip_suffix('-')?.to_owned()).ok()?,
            id: RunId::try_from(id.to_owned()).ok()?,
        })
    }

    /// The run whose DB instance or snapshot bears this identifier, made by Snapferry or not.
    pub fn named(identifier: &str) -> Option<Self> {
        Self::from_identifier(identifier.strip_suffix("-copy").unwrap_or(identifier))
    }

    /// How the names of all log groups begin that RDS makes for the copies of a replication.
    pub fn log_group_prefix(replication: &ReplicationName) -> String {
        format!("{LOG_GROUPS}{replication}-")
    }

    /// The run of a log group that RDS made for its DB instance: `/aws/rds/instance/<replication>-<run>/<log>`.
    pub fn of_log_group(name: &str) -> Option<Self> {
        let (identifier, log) = name.strip_prefix(LOG_GROUPS)?.split_once('/')?;
        Self::from_identifier(identifier).filter(|_| !log.is_empty() && !log.contains('/'))
    }

    /// The three tags of everything that this run makes.
    pub fn tags(&self) -> Tags {
        Tags::from([
            (tag::REPLICATION.to_owned(), self.replication.to_string()),
            (tag::RUN.to_owned(), self.id.to_string()),
            (tag::MADE_BY.to_owned(), MADE_BY.to_owned()),
        ])
    }

    /// The run that made the snapshot or database of this identifier; `None` when Snapferry did not make it.
    ///
    /// Snapshots and restores inherit tags, so tags alone prove nothing: the identifier must be exactly one of those
    /// that are rebuilt from the tags (production review, finding 3).
    pub fn that_made(identifier: &str, tags: &Tags) -> Option<Self> {
        let run = Self::of_tags(tags)?;
        (identifier == run.identifier() || identifier == run.reencrypted_identifier()).then_some(run)
    }

    /// The run that made the secret of this name; `None` when Snapferry did not make it.
    pub fn that_made_secret(name: &str, tags: &Tags) -> Option<Self> {
        Self::of_tags(tags).filter(|run| name == run.secret_name())
    }

    /// Whether this run made the snapshot or database of this identifier.
    pub fn made(&self, identifier: &str, tags: &Tags) -> bool {
        Self::that_made(identifier, tags).as_ref() == Some(self)
    }

    /// Whether this run made the snapshot or database of this identifier, or may be making it.
    ///
    /// RDS does not promise that what it has just begun to make lists its tags. So while it is `being_made`, none of our
    /// tags is no proof against it.
    pub fn made_or_is_making(&self, identifier: &str, tags: &Tags, being_made: bool) -> bool {
        let ours = [tag::MADE_BY, tag::REPLICATION, tag::RUN];
        self.made(identifier, tags) || being_made && !ours.iter().any(|key| tags.contains_key(*key))
    }

    fn of_tags(tags: &Tags) -> Option<Self> {
        let run = Self {
            replication: tags.get(tag::REPLICATION)?.clone().try_into().ok()?,
            id: tags.get(tag::RUN)?.clone().try_into().ok()?,
        };
        tags.get(tag::MADE_BY).is_some_and(|it| it == MADE_BY).then_some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: &str = "orders-20261120t160812z-3f9a";

    // R7: constant names: one database an account, overlapping runs collide.
    // R11: digits are cut out of names, so old copies are never found.
    // P1-22: names outgrow 63 characters.
    // Invariant: a step repeated changes nothing that is done.
    #[test]
    fn every_name_is_within_63_characters_and_reads_back() {
        let run = Run {
            replication: ReplicationName::try_from("a".repeat(32)).unwrap(),
            id: RunId::try_from("20261120t160812z-3f9a".to_owned()).unwrap(),
        };
        assert!(run.reencrypted_identifier().len() <= 63);
        assert_eq!(Run::from_identifier(&run.identifier()), Some(run.clone()));
        assert_eq!(Run::from_identifier(&run.reencrypted_identifier()), None);
        for other in ["", "orders-prod", "orders20261120t160812z-3f9a", "-20261120t160812z-3f9a"] {
            assert_eq!(Run::from_identifier(other), None, "{other}");
        }
    }

    // R10: everything with one tag is deleted, the live database too.
    // P0-3: users' own snapshots and restores inherit the tags.
    // Invariant: nothing is deleted whose identifier is not exactly the one rebuilt from its own tags.
    #[test]
    fn a_thing_is_ours_only_when_tags_and_name_agree() {
        let run = Run::from_identifier(ORDERS).unwrap();
        let ours = run.tags();
        assert_eq!(Run::that_made(ORDERS, &ours), Some(run.clone()));
        assert_eq!(Run::that_made("orders-20261120t160812z-3f9a-copy", &ours), Some(run.clone()));
        assert_eq!(Run::that_made_secret("snapferry/orders/20261120t160812z-3f9a", &ours), Some(run.clone()));
        assert!(run.made(ORDERS, &ours) && !run.made("orders-before-migration", &ours));
        let another = Run::from_identifier("orders-20261121t160812z-3f9a").unwrap();
        assert!(!another.made(ORDERS, &ours));
        // A user's own snapshot or restore of the copy inherits the tags, not the name.
        assert_eq!(Run::that_made("orders-before-migration", &ours), None);
        assert_eq!(Run::that_made("orders-20261120t160812z-3f9b", &ours), None);
        assert_eq!(Run::that_made_secret(ORDERS, &ours), None);
        for missing in ours.keys() {
            let mut some = ours.clone();
            some.remove(missing);
            assert_eq!(Run::that_made(ORDERS, &some), None, "{missing}");
        }
        let mut foreign = ours.clone();
        foreign.insert(tag::MADE_BY.to_owned(), "somebody".to_owned());
        assert_eq!(Run::that_made(ORDERS, &foreign), None);
    }

    #[test]
    fn only_a_log_group_of_exactly_that_form_is_of_a_run() {
        let run = Run::from_identifier(ORDERS);
        assert_eq!(Run::of_log_group(&format!("/aws/rds/instance/{ORDERS}/postgresql")), run);
        for name in [
            format!("/aws/rds/instance/{ORDERS}"),
            format!("/aws/rds/instance/{ORDERS}/"),
            format!("/aws/rds/instance/{ORDERS}/postgresql/mine"),
            format!("/aws/rds/instance/{ORDERS}-copy/postgresql"),
            format!("/aws/rds/instance/mine/{ORDERS}/postgresql"),
            format!("/aws/rds/cluster/{ORDERS}/postgresql"),
            "/aws/rds/instance/orders-rescue/postgresql".to_owned(),
        ] {
            assert_eq!(Run::of_log_group(&name), None, "{name}");
        }
    }
}
