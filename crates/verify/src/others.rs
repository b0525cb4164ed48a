//! Decides whose logins are others'; sees only its arguments.

use crate::LoginName;

/// The logins that are neither the master user's nor RDS's own nor the engine's.
///
/// Source: RDS User Guide, "Master user account privileges" and "Understanding the rds_superuser role"; MySQL Reference
/// Manual, "Reserved Accounts"; PostgreSQL, "Predefined Roles". Names that begin with `rds_` are taken for RDS's own.
pub fn others(logins: Vec<LoginName>, master: &str) -> Vec<LoginName> {
    const OWN: &[&str] =
        &["rdsadmin", "rdsrepladmin", "rdsproxyadmin", "rdstopmgr", "rdswriteforwarduser", "mariadb.sys"];
    let own = |user: &str| {
        OWN.contains(&user) || ["rds_", "pg_", "mysql."].iter().any(|prefix| user.starts_with(prefix))
    };
    logins.into_iter().filter(|it| it.user != master && !own(&it.user)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_logins_of_others_are_changed() {
        let login = |user: &str| LoginName { user: user.to_owned(), host: None, has_password: true };
        let all = [
            "master",
            "rdsadmin",
            "rdsrepladmin",
            "rds_superuser",
            "pg_monitor",
            "mysql.sys",
            "mariadb.sys",
            "app",
            "Robert\"; DROP ROLE",
            "rdsreader",
            "",
        ];
        let others = others(all.map(login).to_vec(), "master");
        assert_eq!(others, ["app", "Robert\"; DROP ROLE", "rdsreader", ""].map(login));
    }
}
