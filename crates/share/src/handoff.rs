//! Decides what the hand-off says of the snapshot and its source; sees only its arguments.

use crate::{Error, Request};
use database::{DatabaseSeen, SnapshotSeen};
use replication::{DbInstanceSettings, Handoff};
use step::MESSAGE_VERSION;

/// What the target account is told. It follows from the snapshot and its DB instance alone, so a repeated step publishes
/// the same hand-off.
pub fn handoff(
    request: &Request,
    snapshot: SnapshotSeen,
    instance: Option<DatabaseSeen>,
) -> Result<Handoff, Error> {
    let arn = &request.db_snapshot_arn;
    let incomplete = |field| Error::SnapshotIncomplete { arn: arn.to_string(), field };
    let need = |value: Option<String>, field| value.ok_or_else(|| incomplete(field));
    Ok(Handoff {
        version: MESSAGE_VERSION,
        replication: request.replication.clone(),
        run: request.run.clone(),
        source_account_id: arn.account_id.clone(),
        source_region: arn.region.clone(),
        db_instance_identifier: need(snapshot.db_instance_identifier, "DBInstanceIdentifier")?,
        db_snapshot_arn: arn.clone(),
        engine: need(snapshot.engine, "Engine")?,
        engine_version: need(snapshot.engine_version, "EngineVersion")?,
        kms_key_id: snapshot.kms_key_id,
        allocated_storage: snapshot.allocated_storage,
        data_current_at: snapshot.data_current_at.ok_or_else(|| incomplete("SnapshotCreateTime"))?,
        master_username: need(snapshot.master_username, "MasterUsername")?,
        db_name: instance.as_ref().and_then(|it| it.db_name.clone()),
        db_instance: instance.map(|it| defaults(it.settings)).unwrap_or_default(),
    })
}

/// What every gp3 volume has. RDS reports it, but refuses to be given it for a small volume: "You can't specify IOPS or
/// storage throughput". Source: RDS User Guide, "Amazon RDS DB instance storage", gp3.
const GP3_BASELINE_IOPS: i32 = 3_000;
/// The same, in MiB/s.
const GP3_BASELINE_THROUGHPUT: i32 = 125;

/// The source's settings that mean the same in another account.
fn defaults(source: DbInstanceSettings) -> DbInstanceSettings {
    let gp3 = source.storage_type.as_deref() == Some("gp3");
    DbInstanceSettings {
        // A copy is as large as its snapshot, unless the target wants it larger.
        allocated_storage: None,
        iops: source.iops.filter(|it| !gp3 || it.as_i32() > GP3_BASELINE_IOPS),
        storage_throughput: source.storage_throughput.filter(|it| it.as_i32() > GP3_BASELINE_THROUGHPUT),
        ..source
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use step::Bounded;

    #[test]
    fn the_size_of_the_source_is_not_handed_off() {
        let large = DbInstanceSettings { allocated_storage: Bounded::new(500), ..Default::default() };
        assert_eq!(defaults(large), DbInstanceSettings::default());
    }

    #[test]
    fn what_every_gp3_volume_has_is_not_handed_off() {
        let check = |storage: &str, given: [i32; 2], expected: [Option<i32>; 2]| {
            let [iops, throughput] = given;
            let got = defaults(DbInstanceSettings {
                storage_type: Some(storage.to_owned()),
                iops: Bounded::new(iops),
                storage_throughput: Bounded::new(throughput),
                ..DbInstanceSettings::default()
            });
            let expected = expected.map(|it| it.map(i64::from));
            let got = [serde_json::to_value(got.iops), serde_json::to_value(got.storage_throughput)];
            assert_eq!(got.map(|it| it.unwrap().as_i64()), expected, "{storage} {given:?}");
        };
        check("gp3", [3_000, 125], [None, None]);
        check("gp3", [3_001, 126], [Some(3_001), Some(126)]);
        check("gp3", [12_000, 125], [Some(12_000), None]);
        check("gp3", [12_000, 500], [Some(12_000), Some(500)]);
        check("io1", [3_000, 0], [Some(3_000), None]);
    }
}
