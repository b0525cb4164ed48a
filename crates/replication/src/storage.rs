//! The storage of a copy: what RDS must be asked for, and what RDS would refuse hours later.
//!
//! Source: RDS User Guide, "Amazon RDS DB instance storage" and "Managing capacity automatically with Amazon RDS
//! storage autoscaling"; RDS API, RestoreDBInstanceFromDBSnapshot.

use crate::db_instance_settings::DbInstanceSettings;
use crate::engine;
use step::{Bounded, InvalidRequest};

/// IOPS and MiB/s.
type Performance = (i32, i32);

/// What every small gp3 volume has. RDS refuses to be given it: "You can't specify IOPS or storage throughput".
const GP3_SMALL: Performance = (3_000, 125);
/// The least that a large gp3 volume has: RDS stripes it over four volumes.
const GP3_LARGE: Performance = (12_000, 500);

/// Whether storage of this size can have this ceiling of autoscaling: RDS wants it at least 10 % above the size.
pub fn fits(ceiling: i32, allocated_storage: i32) -> bool {
    i64::from(ceiling) * 10 >= i64::from(allocated_storage) * 11
}

/// The storage settings that a restore must ask for: what the target says, else what the snapshot has. A value that the
/// volume has anyway and that RDS refuses to be given stays out.
///
/// `snapshot` has the storage of the snapshot, of `gib` GiB. Only the storage settings of the answer are set.
pub fn for_copy(
    engine: &str,
    target: &DbInstanceSettings,
    snapshot: &DbInstanceSettings,
    gib: i32,
) -> Result<DbInstanceSettings, InvalidRequest> {
    let size = target.allocated_storage.map_or(gib, Bounded::as_i32);
    if size < gib {
        let problem = format!(
            "is {size} GiB, but the snapshot has {gib} GiB, and storage only grows: raise it or leave it out"
        );
        return Err(refused("allocatedStorage", problem));
    }
    if size > gib && i64::from(size) * 10 < i64::from(gib) * 11 {
        let problem = format!(
            "is {size} GiB, but the snapshot has {gib} GiB, and storage grows by at least 10 %: raise it or leave it out"
        );
        return Err(refused("allocatedStorage", problem));
    }
    let volume = Volume { engine, size, target, snapshot };
    let (iops, storage_throughput) = volume.performance()?;
    Ok(DbInstanceSettings {
        storage_type: volume.kind().map(str::to_owned),
        allocated_storage: target.allocated_storage.filter(|_| size > gib),
        iops: iops.and_then(Bounded::new),
        storage_throughput: storage_throughput.and_then(Bounded::new),
        max_allocated_storage: ceiling(target, snapshot, size)?,
        dedicated_log_volume: volume.dedicated_log_volume()?,
        ..DbInstanceSettings::default()
    })
}

/// The ceiling of autoscaling: the target's must fit, the source's is taken over if it fits.
fn ceiling(
    target: &DbInstanceSettings,
    snapshot: &DbInstanceSettings,
    size: i32,
) -> Result<Option<Bounded<5, 65536>>, InvalidRequest> {
    match target.max_allocated_storage {
        Some(ceiling) if !fits(ceiling.as_i32(), size) => {
            let least = (i64::from(size) * 11 + 9) / 10;
            let problem = format!(
                "must be at least 10 % above the copy's {size} GiB: say {least} or more, or leave it out"
            );
            Err(refused("maxAllocatedStorage", problem))
        }
        Some(ceiling) => Ok(Some(ceiling)),
        None => Ok(snapshot.max_allocated_storage.filter(|it| fits(it.as_i32(), size))),
    }
}

/// The volume of a copy.
struct Volume<'a> {
    engine: &'a str,
    size: i32,
    target: &'a DbInstanceSettings,
    snapshot: &'a DbInstanceSettings,
}

impl Volume<'_> {
    /// Its storage type, where it is known.
    fn kind(&self) -> Option<&str> {
        self.target.storage_type.as_deref().or(self.snapshot.storage_type.as_deref())
    }

    fn changes_kind(&self) -> bool {
        self.kind() != self.snapshot.storage_type.as_deref()
    }

    fn said(&self) -> (Option<i32>, Option<i32>) {
        let Self { target, .. } = self;
        (target.iops.map(Bounded::as_i32), target.storage_throughput.map(Bounded::as_i32))
    }

    /// IOPS and throughput to ask for.
    fn performance(&self) -> Result<(Option<i32>, Option<i32>), InvalidRequest> {
        let said = self.said();
        match self.kind() {
            Some("gp3") => self.gp3(said),
            Some(kind @ ("io1" | "io2")) => Ok((Some(self.provisioned(kind, said)?), None)),
            Some(kind @ ("gp2" | "standard")) => {
                if let Some(iops @ 1..) = said.0 {
                    return Err(refused(
                        "iops",
                        format!("is {iops}, but storage type {kind} takes none: leave it out"),
                    ));
                }
                self.no_throughput(kind)?;
                Ok((said.0.or(self.iops_off()), None))
            }
            // A type that only RDS knows.
            _ => Ok(said),
        }
    }

    /// Without IOPS in the request, RDS gives the copy those of the snapshot, whatever the storage type; 0 turns them
    /// off.
    fn iops_off(&self) -> Option<i32> {
        (self.changes_kind() && self.snapshot.iops.is_some_and(|it| it.as_i32() > 0)).then_some(0)
    }

    fn gp3(
        &self,
        (iops, throughput): (Option<i32>, Option<i32>),
    ) -> Result<(Option<i32>, Option<i32>), InvalidRequest> {
        let (large_from, least) = match engine::family(self.engine) {
            "sqlserver" => (0, GP3_SMALL),
            "oracle" => (200, GP3_LARGE),
            _ => (400, GP3_LARGE),
        };
        if self.size < large_from {
            let fixed = |field, number| {
                let size = self.size;
                let problem = format!(
                    "the copy has {size} GiB, and gp3 of less than {large_from} GiB always has {number}: leave it out"
                );
                Err(refused(field, problem))
            };
            if iops.is_some_and(|it| it != 0 && it != GP3_SMALL.0) {
                return fixed("iops", GP3_SMALL.0);
            }
            if throughput.is_some_and(|it| it != GP3_SMALL.1) {
                return fixed("storageThroughput", GP3_SMALL.1);
            }
            return Ok((iops.filter(|it| *it == 0).or(self.iops_off()), None));
        }
        if iops == Some(0) {
            return Ok((iops, throughput));
        }
        // Both go together: RDS judges them together.
        let had = |value: Option<i32>, least: i32| {
            value.filter(|_| !self.changes_kind()).unwrap_or(least).max(least)
        };
        let wanted = (
            iops.unwrap_or(had(self.snapshot.iops.map(Bounded::as_i32), least.0)),
            throughput.unwrap_or(had(self.snapshot.storage_throughput.map(Bounded::as_i32), least.1)),
        );
        let most = (500 * i64::from(self.size), i64::from(wanted.0) / 4);
        self.within("iops", wanted.0, i64::from(least.0), most.0)?;
        self.within("storageThroughput", wanted.1, i64::from(least.1), most.1)?;
        Ok((Some(wanted.0), Some(wanted.1)))
    }

    fn provisioned(&self, kind: &str, (iops, _): (Option<i32>, Option<i32>)) -> Result<i32, InvalidRequest> {
        self.no_throughput(kind)?;
        let size = i64::from(self.size);
        let least_size = if engine::family(self.engine) == "sqlserver" { 20 } else { 100 };
        if self.is_judged() && size < least_size {
            let problem = format!(
                "the copy has {size} GiB, but storage type {kind} takes {least_size} or more: say it"
            );
            return Err(refused("allocatedStorage", problem));
        }
        let had = self.snapshot.iops.map(Bounded::as_i32).filter(|it| *it >= 1_000);
        let Some(iops) = iops.or(had) else {
            return Err(refused("iops", format!("must be said: storage type {kind} has no IOPS of its own")));
        };
        let most = size * if kind == "io1" { 50 } else { 1_000 };
        self.within("iops", iops, (size / 2).max(1_000), most)?;
        Ok(iops)
    }

    /// Whether the target says anything of the volume. What the source has, RDS has taken.
    fn is_judged(&self) -> bool {
        let DbInstanceSettings { storage_type, allocated_storage, iops, storage_throughput, .. } =
            self.target;
        storage_type.is_some()
            || allocated_storage.is_some()
            || iops.is_some()
            || storage_throughput.is_some()
    }

    fn within(&self, field: &str, value: i32, least: i64, most: i64) -> Result<(), InvalidRequest> {
        if !self.is_judged() || (least..=most).contains(&i64::from(value)) {
            return Ok(());
        }
        let (kind, size) = (self.kind().unwrap_or_default(), self.size);
        Err(refused(
            field,
            format!(
                "would be {value}, but {kind} of {size} GiB takes {least} to {most} here: say one of them"
            ),
        ))
    }

    fn no_throughput(&self, kind: &str) -> Result<(), InvalidRequest> {
        match self.target.storage_throughput {
            Some(_) => Err(refused(
                "storageThroughput",
                format!("storage type {kind} takes none, only gp3 does: leave it out"),
            )),
            None => Ok(()),
        }
    }

    /// A dedicated log volume exists only beside provisioned IOPS.
    fn dedicated_log_volume(&self) -> Result<Option<bool>, InvalidRequest> {
        match (self.kind(), self.target.dedicated_log_volume) {
            (Some(kind), Some(true)) if !matches!(kind, "io1" | "io2") => {
                let problem = format!("is true, but the storage type is {kind}: RDS wants io1 or io2 for it");
                Err(refused("dedicatedLogVolume", problem))
            }
            (_, said @ Some(_)) => Ok(said),
            (Some("io1" | "io2"), None) => Ok(self.snapshot.dedicated_log_volume),
            (_, None) => Ok(None),
        }
    }
}

fn refused(field: &str, message: String) -> InvalidRequest {
    InvalidRequest { path: format!("dbInstance.{field}"), message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The storage settings of the request, or the path that is refused.
    fn check(engine: &str, snapshot: Value, gib: i32, target: Value, expected: Value) {
        let read = |settings: &Value| serde_json::from_value(settings.clone()).unwrap();
        let got = match for_copy(engine, &read(&target), &read(&snapshot), gib) {
            Ok(settings) => serde_json::to_value(settings).unwrap(),
            Err(refused) => json!(refused.path),
        };
        assert_eq!(got, expected, "{engine} {snapshot} of {gib} GiB, {target}");
    }

    #[test]
    fn iops_and_throughput_are_asked_for_where_rds_takes_them_and_fit_the_storage_type() {
        let small = || json!({"storageType": "gp3", "iops": 3000, "storageThroughput": 125});
        let large = || json!({"storageType": "gp3", "iops": 20000, "storageThroughput": 1000});
        let io1 = || json!({"storageType": "io1", "iops": 9000});
        let gp3 = json!({"storageType": "gp3"});
        let baseline = json!({"storageType": "gp3", "iops": 12000, "storageThroughput": 500});
        let off = |kind: &str| json!({"storageType": kind, "iops": 0});

        check("postgres", small(), 399, json!({}), gp3.clone());
        check("postgres", small(), 399, json!({"iops": 3000, "storageThroughput": 125}), gp3.clone());
        check("postgres", large(), 400, json!({}), large());
        check("postgres", large(), 400, gp3.clone(), large());
        let more = json!({"storageType": "gp3", "iops": 20000, "storageThroughput": 1500});
        check("postgres", large(), 400, json!({"storageThroughput": 1500}), more);
        let grown =
            json!({"storageType": "gp3", "iops": 12000, "storageThroughput": 500, "allocatedStorage": 400});
        check("postgres", small(), 100, json!({"allocatedStorage": 400}), grown);
        check("oracle-ee", large(), 200, json!({}), large());
        check("oracle-se2", small(), 199, json!({}), gp3.clone());
        let small_large = json!({"storageType": "gp3", "iops": 3000, "storageThroughput": 500});
        check("sqlserver-se", small_large.clone(), 100, json!({}), small_large);

        check("postgres", io1(), 300, gp3.clone(), off("gp3"));
        check("postgres", io1(), 400, gp3.clone(), baseline);
        check("postgres", io1(), 400, off("gp3"), off("gp3"));
        check("postgres", io1(), 300, json!({"storageType": "gp2"}), off("gp2"));
        check("postgres", io1(), 300, json!({"iops": 0, "storageType": "gp2"}), off("gp2"));
        check("postgres", io1(), 300, json!({}), io1());
        let io2 = json!({"storageType": "io2", "iops": 9000});
        check("postgres", io1(), 300, json!({"storageType": "io2"}), io2);
        check("postgres", json!({"storageType": "gp2"}), 300, json!({}), json!({"storageType": "gp2"}));
        check("postgres", json!({}), 300, json!({"iops": 5000}), json!({"iops": 5000}));
    }

    #[test]
    fn storage_that_rds_refuses_is_refused_with_its_path() {
        let io1 = || json!({"storageType": "io1", "iops": 9000});
        let gp2 = || json!({"storageType": "gp2"});
        let small = || json!({"storageType": "gp3", "iops": 3000, "storageThroughput": 125});
        let large = || json!({"storageType": "gp3", "iops": 20000, "storageThroughput": 1000});
        for (engine, snapshot, gib, target, field) in [
            ("postgres", small(), 399, json!({"iops": 12000}), "iops"),
            ("postgres", small(), 399, json!({"storageThroughput": 500}), "storageThroughput"),
            ("oracle-ee", small(), 199, json!({"iops": 12000}), "iops"),
            ("postgres", large(), 400, json!({"iops": 3000}), "iops"),
            ("postgres", large(), 400, json!({"storageThroughput": 125}), "storageThroughput"),
            (
                "postgres",
                large(),
                400,
                json!({"iops": 12000, "storageThroughput": 4000}),
                "storageThroughput",
            ),
            ("sqlserver-se", small(), 100, json!({"iops": 60000}), "iops"),
            ("postgres", gp2(), 300, json!({"storageType": "io2"}), "iops"),
            ("postgres", io1(), 300, json!({"iops": 0}), "iops"),
            ("postgres", io1(), 300, json!({"iops": 500}), "iops"),
            ("postgres", io1(), 300, json!({"iops": 15001}), "iops"),
            ("postgres", io1(), 300, json!({"storageThroughput": 500}), "storageThroughput"),
            ("postgres", gp2(), 99, json!({"storageType": "io1", "iops": 1000}), "allocatedStorage"),
            ("postgres", gp2(), 300, json!({"iops": 3000}), "iops"),
            ("postgres", gp2(), 300, json!({"storageThroughput": 125}), "storageThroughput"),
            ("postgres", gp2(), 300, json!({"allocatedStorage": 299}), "allocatedStorage"),
            ("postgres", gp2(), 300, json!({"allocatedStorage": 329}), "allocatedStorage"),
            ("postgres", gp2(), 100, json!({"maxAllocatedStorage": 109}), "maxAllocatedStorage"),
            ("postgres", gp2(), 100, json!({"dedicatedLogVolume": true}), "dedicatedLogVolume"),
        ] {
            check(engine, snapshot, gib, target, json!(format!("dbInstance.{field}")));
        }
    }

    // A2: a source near its ceiling fails every run.
    #[test]
    fn a_ceiling_is_taken_over_only_if_it_is_ten_percent_above_the_size() {
        let source = |ceiling: i32| json!({"storageType": "gp2", "maxAllocatedStorage": ceiling});
        let gp2 = || json!({"storageType": "gp2"});
        check("postgres", source(110), 100, json!({}), source(110));
        check("postgres", source(109), 100, json!({}), gp2());
        check("postgres", source(112), 101, json!({}), source(112));
        check("postgres", source(111), 101, json!({}), gp2());
        let grown = json!({"storageType": "gp2", "allocatedStorage": 1000});
        check("postgres", source(1000), 100, json!({"allocatedStorage": 1000}), grown);
        check("postgres", source(109), 100, json!({"maxAllocatedStorage": 110}), source(110));
    }

    #[test]
    fn a_dedicated_log_volume_is_taken_over_beside_provisioned_iops_alone() {
        let source = json!({"storageType": "io2", "iops": 9000, "dedicatedLogVolume": true});
        check("postgres", source.clone(), 400, json!({}), source.clone());
        let gp3 = json!({"storageType": "gp3", "iops": 12000, "storageThroughput": 500});
        check("postgres", source, 400, json!({"storageType": "gp3"}), gp3);
    }
}
