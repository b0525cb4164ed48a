//! The DB instance classes that RDS sells for PostgreSQL and MariaDB.
//! Source: RDS User Guide, Concepts.DBInstanceClass.Support and Concepts.DBInstanceClass.Summary.

use super::{database::Database, engine::Engine, refusal::Refusal};

const BURSTABLE: &[&str] = &["micro", "small", "medium", "large", "xlarge", "2xlarge"];
const TO_16: &[&str] = &["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"];
const TO_24: &[&str] =
    &["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge"];
const TO_32: &[&str] =
    &["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge", "32xlarge"];
const TO_48: &[&str] =
    &["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge", "48xlarge"];
const MEMORY: &[&str] =
    &["xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge", "32xlarge"];

const GENERATIONS: [(&str, &[&str]); 26] = [
    ("t3", BURSTABLE),
    ("t4g", BURSTABLE),
    ("m5", TO_24),
    ("m5d", TO_24),
    ("m6g", TO_16),
    ("m6gd", TO_16),
    ("m6i", TO_32),
    ("m6id", TO_32),
    ("m7g", TO_16),
    ("m7i", TO_48),
    ("m8g", TO_48),
    ("m8gd", TO_48),
    ("r5", TO_24),
    ("r5b", TO_24),
    ("r5d", TO_24),
    ("r6g", TO_16),
    ("r6gd", TO_16),
    ("r6i", TO_32),
    ("r6id", TO_32),
    ("r7g", TO_16),
    ("r7i", TO_48),
    ("r8g", TO_48),
    ("r8gd", TO_48),
    ("x2g", TO_16),
    ("x2idn", &["16xlarge", "24xlarge", "32xlarge"]),
    ("x2iedn", MEMORY),
];
/// Generations that PostgreSQL 13 and later and MariaDB 10.11 and later do not run on.
const TOO_OLD: [&str; 9] = ["t1", "t2", "m1", "m2", "m3", "m4", "r3", "r4", "x1"];

/// Every class that can be ordered.
pub fn all() -> impl Iterator<Item = String> {
    GENERATIONS
        .iter()
        .flat_map(|(generation, sizes)| sizes.iter().map(move |size| format!("db.{generation}.{size}")))
}

/// Refuses a class that RDS does not sell for the database.
pub fn orderable(class: &str, database: &Database) -> Result<(), Refusal> {
    let words: Vec<&str> = class.split('.').collect();
    let invalid = || Refusal::InvalidParameterValue(format!("Invalid DB Instance class: {class}"));
    let ["db", generation, size] = words[..] else { return Err(invalid()) };
    let is_old = TOO_OLD.contains(&generation) && !size.is_empty();
    if is_old && (database.engine, database.major()) != (Engine::Postgres, "12") {
        return Err(Refusal::InvalidParameterCombination(format!(
            "RDS does not support creating a DB instance with the following combination: DBInstanceClass={class}, \
             Engine={}, EngineVersion={}, LicenseModel={}. For supported combinations of instance class and database \
             engine version, see the documentation.",
            database.engine.name(),
            database.engine_version,
            database.engine.license()
        )));
    }
    let is_sold = GENERATIONS.iter().any(|(name, sizes)| *name == generation && sizes.contains(&size));
    if is_old || is_sold { Ok(()) } else { Err(invalid()) }
}
