//! Decides what a refused login means; sees only its arguments. Each refusal has its own words and its own cure.

use crate::plan::cut;
use crate::trouble::Trouble;
use login::may_pass;

/// What the server says.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// The SQLSTATE; empty where there is none.
    pub code: &'a str,
    /// MySQL's and MariaDB's own number.
    pub number: Option<u16>,
    /// The primary message.
    pub message: &'a str,
}

/// Who logs in, and where.
#[derive(Debug, Clone, Copy)]
pub struct Who<'a> {
    /// The host and the port.
    pub place: &'a str,
    /// The user.
    pub user: &'a str,
    /// The database.
    pub database: &'a str,
}

const NEW_PASSWORD: &str = "If somebody changed the password, delete the secret with --force-delete-without-recovery, \
                            then resume the run, which sets another one";

/// What a server's refusal of a login means.
///
/// Source: PostgreSQL, "PostgreSQL Error Codes" and `src/backend/libpq/auth.c`; MySQL, "Server Error Message Reference";
/// MariaDB, "MariaDB Error Codes"; RDS User Guide, "IAM database authentication": a role with `rds_iam` takes no password.
pub fn login_trouble(said: Said<'_>, who: Who<'_>) -> Trouble {
    let Said { code, number, message } = said;
    let reason = match code {
        "" => cut(message),
        code => format!("{code}: {}", cut(message)),
    };
    let user = postgres_name(who.user);
    let database = postgres_name(who.database);
    let hopeless = |cure: String| Trouble::LoginHopeless { reason: reason.clone(), cure };
    let in_the_source = |sql: &str| hopeless(format!("In the source, run {sql}. Then start a new run"));
    if let Some(number) = number {
        return of_mysql(number, reason, who);
    }
    match code {
        "28P01" => Trouble::LoginRefused {
            reason,
            cure: format!(
                "{NEW_PASSWORD}. If the user has expired, run ALTER ROLE {user} VALID UNTIL 'infinity' in the source, then \
                 start a new run"
            ),
        },
        "28000" if message.contains("PAM authentication failed") => hopeless(format!(
            "The user inherits rds_iam, so RDS takes IAM tokens and no passwords of it. In the source, run REVOKE rds_iam \
             FROM {user}, and from the roles that it belongs to. Then start a new run"
        )),
        "28000" if message.contains("pg_hba.conf") => hopeless(
            "The server's rules admit nobody of this user, database and address. Correct the DB parameter group \
             (placement.dbParameterGroupName) or dbname in the secret, then resume the run"
                .to_owned(),
        ),
        "28000" if message.contains("not permitted to log in") => {
            in_the_source(&format!("ALTER ROLE {user} LOGIN"))
        }
        "28000" if message.contains("does not exist") => hopeless(format!(
            "The user is not the copy's master user. Correct username in the secret, or make the role {user} in the source \
             and start a new run"
        )),
        code if code.starts_with("28") => {
            Trouble::LoginRefused { reason, cure: NEW_PASSWORD.to_owned() }
        }
        "3D000" => hopeless(format!(
            "Correct dbname in the secret to a database of the copy, then resume the run; or create the database {database} \
             in the source and start a new run"
        )),
        "42501" => in_the_source(&format!("GRANT CONNECT ON DATABASE {database} TO {user}")),
        "55000" => in_the_source(&format!("ALTER DATABASE {database} ALLOW_CONNECTIONS true")),
        "53300" if message.contains("for role") => Trouble::Full {
            reason,
            cure: format!("In the source, run ALTER ROLE {user} CONNECTION LIMIT -1. Then start a new run"),
        },
        "53300" if message.contains("for database") => Trouble::Full {
            reason,
            cure: format!(
                "In the source, run ALTER DATABASE {database} CONNECTION LIMIT -1. Then start a new run"
            ),
        },
        "53300" => Trouble::Full { reason, cure: CLOSE_CONNECTIONS.to_owned() },
        code if may_pass(code) => Trouble::NotReachable(format!("{}: {reason}", who.place)),
        _ => hopeless("Correct the cause that the database names, then resume the run".to_owned()),
    }
}

const CLOSE_CONNECTIONS: &str = "Close connections to the copy, or take a larger class (dbInstance.dbInstanceClass) or \
                                 another max_connections in the DB parameter group, then resume the run";

fn of_mysql(number: u16, reason: String, who: Who<'_>) -> Trouble {
    let (user, database) = (mysql_name(who.user), mysql_name(who.database));
    let reason = format!("{number}, {reason}");
    let hopeless = |cure: String| Trouble::LoginHopeless { reason: reason.clone(), cure };
    let in_the_source = |sql: &str| hopeless(format!("In the source, run {sql}. Then start a new run"));
    match number {
        // ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR.
        1045 | 1698 => Trouble::LoginRefused {
            reason,
            cure: format!(
                "{NEW_PASSWORD}. If the user logs in by a plugin such as AWSAuthenticationPlugin (IAM), give it a password \
                 in the source by ALTER USER {user} IDENTIFIED BY '…', then start a new run"
            ),
        },
        // ER_DBACCESS_DENIED_ERROR.
        1044 => in_the_source(&format!("GRANT ALL ON {database}.* TO {user}")),
        // ER_BAD_DB_ERROR.
        1049 => hopeless(format!(
            "Correct dbname in the secret to a database of the copy, then resume the run; or create the database {database} \
             in the source and start a new run"
        )),
        // ER_CON_COUNT_ERROR.
        1040 => Trouble::Full { reason, cure: CLOSE_CONNECTIONS.to_owned() },
        // ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED.
        1203 | 1226 => Trouble::Full {
            reason,
            cure: format!(
                "In the source, run ALTER USER {user} WITH MAX_USER_CONNECTIONS 0 MAX_CONNECTIONS_PER_HOUR 0. Then start a \
                 new run"
            ),
        },
        // ER_HOST_IS_BLOCKED, ER_HOST_NOT_PRIVILEGED.
        1129 => hopeless(
            "Too many logins from the address of Verify failed. Reboot the copy, then resume the run"
                .to_owned(),
        ),
        1130 => in_the_source(&format!("RENAME USER, so that the user is {user}@'%'")),
        // ER_ACCOUNT_HAS_BEEN_LOCKED, of MySQL and of MariaDB.
        3118 | 4151 => in_the_source(&format!("ALTER USER {user} ACCOUNT UNLOCK")),
        // ER_MUST_CHANGE_PASSWORD, ER_MUST_CHANGE_PASSWORD_LOGIN.
        1820 | 1862 => in_the_source(&format!("ALTER USER {user} PASSWORD EXPIRE NEVER")),
        _ if reason.contains(": 28") || reason.contains(", 28") => {
            Trouble::LoginRefused { reason, cure: NEW_PASSWORD.to_owned() }
        }
        // ER_SERVER_SHUTDOWN, and a server that has no thread or memory for it.
        1053 | 1037 | 1135 => Trouble::NotReachable(format!("{}: {reason}", who.place)),
        _ => hopeless("Correct the cause that the database names, then resume the run".to_owned()),
    }
}

/// Source: PostgreSQL, "Identifiers and Key Words": within double quotes only a double quote must be doubled.
pub fn postgres_name(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// Source: MySQL Reference Manual, "Schema Object Names" and "Specifying Account Names": within backticks only a backtick
/// must be doubled, whatever the SQL mode.
pub fn mysql_name(identifier: &str) -> String {
    format!("`{}`", identifier.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How the trouble is handled, and its words.
    fn trouble(code: &str, number: Option<u16>, message: &str) -> (&'static str, String) {
        let who = Who { place: "copy:5432", user: "shop\"keeper", database: "shop" };
        match login_trouble(Said { code, number, message }, who) {
            Trouble::NotReachable(reason) => ("waits", reason),
            Trouble::Full { reason, cure } => ("waits, then refused", format!("{reason}. {cure}")),
            Trouble::LoginRefused { reason, cure } => ("may pass", format!("{reason}. {cure}")),
            Trouble::LoginHopeless { reason, cure } => ("refused", format!("{reason}. {cure}")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_refused_login_of_postgresql_has_its_own_words_and_cure() {
        let check = |code: &str, message: &str, how: &str, says: &[&str]| {
            let (got, words) = trouble(code, None, message);
            assert_eq!(got, how, "{words}");
            assert!(words.starts_with(code) || how == "waits", "{words}");
            says.iter().for_each(|it| assert!(words.contains(it), "{words} lacks {it}"));
        };
        let wrong = "password authentication failed for user \"shopkeeper\"";
        check("28P01", wrong, "may pass", &["delete the secret", "VALID UNTIL 'infinity'"]);
        let pam = "PAM authentication failed for user \"shopkeeper\"";
        check("28000", pam, "refused", &["REVOKE rds_iam FROM \"shop\"\"keeper\"", "start a new run"]);
        let hba = "no pg_hba.conf entry for host \"10.0.0.1\", user \"a\", database \"b\", no encryption";
        check("28000", hba, "refused", &["placement.dbParameterGroupName"]);
        let nologin = "role \"shopkeeper\" is not permitted to log in";
        check("28000", nologin, "refused", &["ALTER ROLE \"shop\"\"keeper\" LOGIN"]);
        check("28000", "role \"a\" does not exist", "refused", &["Correct username in the secret"]);
        check("28000", "in another language", "may pass", &["delete the secret"]);
        check("3D000", "database \"shop\" does not exist", "refused", &["Correct dbname in the secret"]);
        let connect = "permission denied for database \"shop\"";
        check("42501", connect, "refused", &["GRANT CONNECT ON DATABASE \"shop\" TO"]);
        let closed = "database \"shop\" is not currently accepting connections";
        check("55000", closed, "refused", &["ALLOW_CONNECTIONS true"]);
        let full = "remaining connection slots are reserved";
        check("53300", full, "waits, then refused", &["max_connections"]);
        let role = "too many connections for role \"shopkeeper\"";
        check("53300", role, "waits, then refused", &["ALTER ROLE \"shop\"\"keeper\" CONNECTION LIMIT -1"]);
        let database = "too many connections for database \"shop\"";
        check("53300", database, "waits, then refused", &["ALTER DATABASE \"shop\" CONNECTION LIMIT -1"]);
        check("57P03", "the database system is starting up", "waits", &["copy:5432: 57P03"]);
        check("XX000", "internal", "refused", &["Correct the cause"]);
    }

    #[test]
    fn each_refused_login_of_mysql_and_mariadb_has_its_own_words_and_cure() {
        let check = |number: u16, code: &str, how: &str, says: &str| {
            let (got, words) = trouble(code, Some(number), "said the server");
            assert_eq!(got, how, "{words}");
            assert!(words.contains(says) && words.contains(&number.to_string()), "{words} lacks {says}");
        };
        check(1045, "28000", "may pass", "delete the secret");
        check(1698, "28000", "may pass", "AWSAuthenticationPlugin");
        check(1044, "42000", "refused", "GRANT ALL ON `shop`.*");
        check(1049, "42000", "refused", "Correct dbname in the secret");
        check(1040, "08004", "waits, then refused", "max_connections");
        check(1203, "42000", "waits, then refused", "MAX_USER_CONNECTIONS 0");
        check(1226, "42000", "waits, then refused", "MAX_CONNECTIONS_PER_HOUR 0");
        check(1129, "HY000", "refused", "Reboot the copy");
        check(1130, "HY000", "refused", "RENAME USER");
        check(3118, "HY000", "refused", "ACCOUNT UNLOCK");
        check(4151, "HY000", "refused", "ACCOUNT UNLOCK");
        check(1862, "HY000", "refused", "PASSWORD EXPIRE NEVER");
        check(1053, "08S01", "waits", "copy:5432");
        check(9999, "28000", "may pass", "delete the secret");
        check(9999, "HY000", "refused", "Correct the cause");
    }
}
