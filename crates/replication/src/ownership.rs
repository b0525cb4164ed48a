//! The tags on everything that Snapferry makes, and the proof that it made a thing.

use crate::names::Copy;
use std::collections::BTreeMap;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// The value of [`tag::MADE_BY`].
pub const MADE_BY: &str = "snapferry";

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
    /// On a DB instance: the seconds that its restore took; the next run expects as many.
    pub const RESTORE_SECONDS: &str = "snapferry:restore-seconds";
    /// On anything: an operator's word that it must not be pruned; the value does not matter.
    pub const KEEP: &str = "snapferry:keep";
    /// On the application's secret: the run that a rollback pinned; no other one is promoted.
    pub const PINNED: &str = "snapferry:pinned";
}

impl Copy {
    /// The three tags of everything that this run makes.
    pub fn tags(&self) -> Tags {
        Tags::from([
            (tag::REPLICATION.to_owned(), self.replication.to_string()),
            (tag::RUN.to_owned(), self.run.to_string()),
            (tag::MADE_BY.to_owned(), MADE_BY.to_owned()),
        ])
    }
}

/// The run that made the thing of this identifier, or `None` when Snapferry did not make it.
///
/// Snapshots and restores inherit tags, so tags alone prove nothing: the identifier must be exactly one of those
/// that are rebuilt from the tags (production review, finding 3).
pub fn made_here(identifier: &str, tags: &Tags) -> Option<Copy> {
    let copy = Copy {
        replication: tags.get(tag::REPLICATION)?.clone().try_into().ok()?,
        run: tags.get(tag::RUN)?.clone().try_into().ok()?,
    };
    let ours = tags.get(tag::MADE_BY).is_some_and(|it| it == MADE_BY)
        && (identifier == copy.identifier() || identifier == copy.reencrypted_identifier());
    ours.then_some(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_ours_only_when_tags_and_name_agree() {
        let copy = Copy::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let ours = copy.tags();
        assert_eq!(made_here("orders-20261120t160812z-3f9a", &ours), Some(copy.clone()));
        assert_eq!(made_here("orders-20261120t160812z-3f9a-copy", &ours), Some(copy.clone()));
        // A user's own snapshot or restore of the copy inherits the tags, not the name.
        assert_eq!(made_here("orders-before-migration", &ours), None);
        assert_eq!(made_here("orders-20261120t160812z-3f9b", &ours), None);
        for missing in ours.keys() {
            let mut some = ours.clone();
            some.remove(missing);
            assert_eq!(made_here("orders-20261120t160812z-3f9a", &some), None, "{missing}");
        }
        let mut foreign = ours.clone();
        foreign.insert(tag::MADE_BY.to_owned(), "somebody".to_owned());
        assert_eq!(made_here("orders-20261120t160812z-3f9a", &foreign), None);
    }
}
