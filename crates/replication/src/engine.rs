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

/// The family of RDS Proxy that serves an engine, with the port that its proxies have; `None` when none does.
///
/// Source: RDS User Guide, "Quotas and limitations for RDS Proxy"; RDS API, CreateDBProxy, EngineFamily.
pub fn proxy_family(engine: &str) -> Option<(&'static str, u16)> {
    match family(engine) {
        "postgres" => Some(("POSTGRESQL", 5432)),
        "mysql" | "mariadb" => Some(("MYSQL", 3306)),
        "sqlserver" => Some(("SQLSERVER", 1433)),
        _ => None,
    }
}
