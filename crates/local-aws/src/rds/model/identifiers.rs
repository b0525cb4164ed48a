//! The rules for identifiers, for names in the database and for master passwords.

use super::{arn::Arn, engine::Engine, refusal::Refusal};

const INSTANCE: usize = 63;
const SNAPSHOT: usize = 255;
const GROUP: usize = 255;
/// Before the identifier of an automated DB snapshot.
const AUTOMATED: &str = "rds:";

/// Checks the identifier of a DB instance, given by this parameter. RDS stores it in lower case.
pub fn instance(parameter: &str, given: &str) -> Result<String, Refusal> {
    check(parameter, given, INSTANCE)
}

/// Checks the identifier of a manual DB snapshot, given by this parameter. RDS stores it in lower case.
pub fn snapshot(parameter: &str, given: &str) -> Result<String, Refusal> {
    check(parameter, given, SNAPSHOT)
}

/// Checks the identifier of any DB snapshot: that of an automated one begins with `rds:`.
pub fn any_snapshot(parameter: &str, given: &str) -> Result<String, Refusal> {
    check(parameter, given.strip_prefix(AUTOMATED).unwrap_or(given), SNAPSHOT)?;
    Ok(given.to_lowercase())
}

/// Checks a parameter that takes the name of a `db`, `snapshot` or `cluster`, or an ARN of that kind.
pub fn name_or_arn(parameter: &str, given: &str, kind: &str) -> Result<(), Refusal> {
    let name = match Arn::parse(given) {
        Ok(arn) if arn.kind == kind => arn.name,
        _ => given.to_owned(),
    };
    match kind {
        "snapshot" => any_snapshot(parameter, &name)?,
        _ => instance(parameter, &name)?,
    };
    Ok(())
}

fn check(name: &str, identifier: &str, longest: usize) -> Result<String, Refusal> {
    let valid = identifier.len() <= longest
        && identifier.starts_with(|c: char| c.is_ascii_alphabetic())
        && identifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !identifier.ends_with('-')
        && !identifier.contains("--");
    if valid {
        return Ok(identifier.to_lowercase());
    }
    Err(Refusal::InvalidParameterValue(format!(
        "The parameter {name} is not a valid identifier. Identifiers must begin with a letter; must contain only \
         ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens."
    )))
}

/// Checks the name of a parameter group or an option group, given by this parameter.
pub fn group(parameter: &str, given: &str) -> Result<String, Refusal> {
    // `default.postgres16` and `default:postgres-16` are names too.
    let rest = given.strip_prefix("default.").or_else(|| given.strip_prefix("default:"));
    check(parameter, rest.unwrap_or(given), GROUP)?;
    Ok(given.to_lowercase())
}

/// Checks the name of a DB subnet group, given by this parameter.
/// Source: RDS API, CreateDBSubnetGroup, `DBSubnetGroupName`.
pub fn subnet_group(parameter: &str, given: &str) -> Result<String, Refusal> {
    let valid = |c: char| c.is_ascii_alphanumeric() || " ._-".contains(c);
    let begins = given.starts_with(|c: char| c.is_ascii_alphabetic());
    if begins && given.len() <= GROUP && given.chars().all(valid) {
        return Ok(given.to_lowercase());
    }
    Err(Refusal::InvalidParameterValue(format!(
        "The parameter {parameter} is not a valid identifier. Only alphanumeric characters, spaces, underscores, \
         hyphens, and periods may be used, after a letter."
    )))
}

/// The engine's rule for the master user's name.
pub fn master_username(engine: Engine, username: &str) -> Result<String, Refusal> {
    if engine.reserved_usernames().contains(&username.to_lowercase().as_str()) {
        let message =
            format!("MasterUsername {username} cannot be used as it is a reserved word used by the engine");
        return Err(Refusal::InvalidParameterValue(message));
    }
    word("MasterUsername", username, engine.limits().username)
}

/// The engine's rule for the name of the first database.
pub fn database_name(engine: Engine, name: &str) -> Result<String, Refusal> {
    word("DBName", name, engine.limits().database)
}

fn word(name: &str, text: &str, longest: usize) -> Result<String, Refusal> {
    let valid = (1..=longest).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if valid {
        return Ok(text.to_owned());
    }
    let message = format!(
        "{name} must begin with a letter and contain only alphanumeric characters, {longest} at the most."
    );
    Err(Refusal::InvalidParameterValue(message))
}

/// The engine's rule for a master password: 8 or more printable ASCII characters without `/`, `"`, `@` and space.
pub fn master_password(engine: Engine, password: &str) -> Result<String, Refusal> {
    let longest = engine.limits().password;
    let valid = (8..=longest).contains(&password.len())
        && password.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'"' | b'@'));
    if valid {
        return Ok(password.to_owned());
    }
    Err(Refusal::InvalidParameterValue(format!(
        "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', \
         '@', '\"', ' ' may be used, 8 to {longest} of them."
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_follow_the_rules() {
        assert_eq!(check("X", "Orders-1", 63), Ok("orders-1".into()));
        let long = "a".repeat(64);
        for wrong in ["1orders", "-orders", "orders-", "or--ders", "or_ders", "rds:orders", long.as_str()] {
            assert!(check("X", wrong, 63).is_err(), "{wrong}");
        }
        assert!(check("X", &long, 255).is_ok());
    }

    #[test]
    fn names_in_the_database_follow_the_rules() {
        for engine in Engine::ALL {
            assert_eq!(master_username(engine, "Orders_1"), Ok("Orders_1".into()));
            for wrong in ["1orders", "or-ders", "or ders", "rdsadmin", ""] {
                assert!(master_username(engine, wrong).is_err(), "{wrong}");
            }
        }
        assert!(master_username(Engine::Postgres, "seventeen_letters").is_ok());
        assert!(master_username(Engine::MariaDb, "seventeen_letters").is_err());
    }

    #[test]
    fn passwords_follow_the_rules() {
        for engine in Engine::ALL {
            assert!(master_password(engine, "it's-$afe%s\\").is_ok());
            for wrong in ["short", "with/slash", "with\"quote", "with@sign1", "with space", "ümlautümlaut"]
            {
                assert!(master_password(engine, wrong).is_err(), "{wrong}");
            }
        }
        let long = "x".repeat(42);
        assert!(
            master_password(Engine::Postgres, &long).is_ok()
                && master_password(Engine::MariaDb, &long).is_err()
        );
    }
}
