//! The engines of RDS, by what their settings have in common.

/// `oracle` of `oracle-se2-cdb`, `sqlserver` of `sqlserver-web`, `postgres` of `postgres`.
pub fn family(engine: &str) -> &str {
    engine.split('-').next().unwrap_or_default()
}

/// Whether RDS takes no storage settings when it restores a snapshot of this engine.
///
/// Source: RDS API, RestoreDBInstanceFromDBSnapshot, AllocatedStorage and Iops.
pub fn restores_without_storage_settings(engine: &str) -> bool {
    family(engine) == "sqlserver"
}
