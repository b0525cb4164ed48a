//! RDS's rules on the storage of a DB instance of PostgreSQL or MariaDB, which are the same.
//!
//! Source: RDS User Guide, "Amazon RDS DB instance storage" and "Managing capacity automatically with Amazon RDS
//! storage autoscaling"; RDS API, RestoreDBInstanceFromDBSnapshot, Iops and StorageType.

use super::{
    engine::Engine,
    refusal::Refusal,
    settings::{Changes, Settings},
};

/// IOPS and MiB/s that every gp3 volume of less than 400 GiB has.
const SMALL: (i64, i64) = (3_000, 125);
/// The least that a larger one has.
const LARGE: (i64, i64) = (12_000, 500);
/// From this size on, in GiB, gp3 can be given IOPS and throughput.
const LARGE_FROM: i64 = 400;

/// What RDS offers of a storage type, from the least to the most.
pub struct Bounds {
    /// GiB.
    pub size: (i64, i64),
    /// Provisioned IOPS.
    pub iops: Option<(i64, i64)>,
    /// Provisioned IOPS for each GiB.
    pub iops_per_gib: Option<(f64, f64)>,
    /// Provisioned throughput, in MiB/s.
    pub throughput: Option<(i64, i64)>,
}

/// The bounds of a storage type.
pub fn bounds(kind: &str) -> Bounds {
    let unprovisioned = |size| Bounds { size, iops: None, iops_per_gib: None, throughput: None };
    let provisioned = |most_per_gib| Bounds {
        iops: Some((1_000, 256_000)),
        iops_per_gib: Some((0.5, most_per_gib)),
        ..unprovisioned((100, 65_536))
    };
    match kind {
        "io1" => provisioned(50.0),
        "io2" => provisioned(1_000.0),
        "gp3" => Bounds {
            iops: Some((LARGE.0, 64_000)),
            iops_per_gib: Some((0.5, 500.0)),
            throughput: Some((LARGE.1, 4_000)),
            ..unprovisioned((20, 65_536))
        },
        "standard" => unprovisioned((5, 3_072)),
        _ => unprovisioned((20, 65_536)),
    }
}

fn is_within<T: PartialOrd>(value: T, bounds: Option<(T, T)>) -> bool {
    bounds.is_none_or(|(least, most)| (least..=most).contains(&value))
}

/// Refuses storage that RDS does not make. `all` is what the DB instance would have, with what the request gives; what
/// is not given is from the backup or from the DB instance itself.
pub fn check(engine: Engine, given: &Changes, all: &Settings) -> Result<(), Refusal> {
    let name = engine.name();
    let (kind, size) =
        (all.get("StorageType").unwrap_or_default(), number(all, "AllocatedStorage").unwrap_or_default());
    let iops = number(all, "Iops").filter(|it| *it != 0);
    if kind != "gp3" && given.contains_key("StorageThroughput") {
        return refuse(format!("You can't specify storage throughput for storage type {kind}."));
    }
    if all.is_on("DedicatedLogVolume") && !matches!(kind, "io1" | "io2") {
        return refuse(format!("A dedicated log volume isn't supported for storage type {kind}."));
    }
    let bounds = bounds(kind);
    if !is_within(size, Some(bounds.size)) {
        return invalid_size(engine, kind, size);
    }
    match kind {
        "gp3" => gp3(engine, given, all, size, iops),
        "io1" | "io2" => {
            let Some(iops) = iops else {
                return refuse(format!("The Iops parameter is required for storage type {kind}."));
            };
            if !is_within(iops, bounds.iops) || !is_within(iops as f64 / size as f64, bounds.iops_per_gib) {
                return refuse(format!(
                    "Invalid iops to storage (GB) ratio for engine name {name} and storage type {kind}: {iops} to {size}"
                ));
            }
            Ok(())
        }
        _ if iops.is_some() => refuse(format!("You can't specify IOPS for storage type {kind}.")),
        _ => Ok(()),
    }
}

fn gp3(engine: Engine, given: &Changes, all: &Settings, size: i64, iops: Option<i64>) -> Result<(), Refusal> {
    let engine = engine.name();
    let is_given = |name: &str| given.get(name).is_some_and(|it| it != "0");
    let throughput = number(all, "StorageThroughput");
    if size < LARGE_FROM {
        let has_more = iops.is_some_and(|it| it != SMALL.0) || throughput.is_some_and(|it| it != SMALL.1);
        if has_more || is_given("Iops") || is_given("StorageThroughput") {
            return refuse(format!(
                "You can't specify IOPS or storage throughput for engine {engine} and a storage size less than {LARGE_FROM}."
            ));
        }
        return Ok(());
    }
    let (iops, throughput) = (iops.unwrap_or(LARGE.0), throughput.unwrap_or(LARGE.1));
    let bounds = bounds("gp3");
    let is_offered = is_within(iops, bounds.iops)
        && is_within(iops as f64 / size as f64, bounds.iops_per_gib)
        && is_within(throughput, bounds.throughput)
        && throughput * 4 <= iops;
    if !is_offered {
        return refuse(format!(
            "Invalid iops {iops} or storage throughput {throughput} for engine {engine}, storage type gp3 and a storage size of {size}."
        ));
    }
    Ok(())
}

/// Refuses a size to which the storage cannot grow.
pub fn may_become(engine: Engine, before: &Settings, all: &Settings) -> Result<(), Refusal> {
    let (Some(had), Some(wanted)) = (number(before, "AllocatedStorage"), number(all, "AllocatedStorage"))
    else {
        return Ok(());
    };
    if wanted < had {
        return invalid_size(engine, all.get("StorageType").unwrap_or_default(), wanted);
    }
    if wanted > had && wanted * 10 < had * 11 {
        return refuse("The allocated storage must be increased by at least 10 percent.".to_owned());
    }
    Ok(())
}

/// Refuses a ceiling of autoscaling that is not 10 percent above the size. `off` says whether the size itself, which
/// turns autoscaling off, is taken.
pub fn ceiling(given: &Changes, all: &Settings, off: bool) -> Result<(), Refusal> {
    let (Some(size), Some(ceiling)) = (number(all, "AllocatedStorage"), number(all, "MaxAllocatedStorage"))
    else {
        return Ok(());
    };
    if !given.contains_key("MaxAllocatedStorage") || off && ceiling == size {
        return Ok(());
    }
    if ceiling <= size {
        return refuse("Max storage size must be greater than storage size".to_owned());
    }
    if ceiling * 10 < size * 11 {
        return refuse("The maximum allocated storage must be increased by at least 10 percent.".to_owned());
    }
    Ok(())
}

/// Shows the storage as RDS does: gp3 always has IOPS and throughput, others have no throughput, and IOPS of 0 are none.
pub fn settle(all: &mut Settings) {
    if number(all, "Iops") == Some(0) {
        all.remove("Iops");
    }
    if all.get("StorageType") == Some("gp3") {
        let (iops, throughput) =
            if number(all, "AllocatedStorage").unwrap_or_default() < LARGE_FROM { SMALL } else { LARGE };
        let missing = [("Iops", iops), ("StorageThroughput", throughput)];
        let missing = missing.into_iter().filter(|(name, _)| all.get(name).is_none());
        let missing: Changes = missing.map(|(name, value)| (name, value.to_string())).collect();
        all.apply(missing);
    } else {
        all.remove("StorageThroughput");
    }
}

/// A ceiling that is given and equals the size turns autoscaling off. One to which the storage has grown stays.
pub fn turn_off(given: &Changes, all: &mut Settings) {
    if given.contains_key("MaxAllocatedStorage")
        && number(all, "MaxAllocatedStorage") == number(all, "AllocatedStorage")
    {
        all.remove("MaxAllocatedStorage");
    }
}

fn number(all: &Settings, name: &str) -> Option<i64> {
    all.get(name)?.parse().ok()
}

fn invalid_size(engine: Engine, kind: &str, size: i64) -> Result<(), Refusal> {
    let engine = engine.name();
    refuse(format!("Invalid storage size for engine name {engine} and storage type {kind}: {size}"))
}

fn refuse(message: String) -> Result<(), Refusal> {
    Err(Refusal::InvalidParameterCombination(message))
}
