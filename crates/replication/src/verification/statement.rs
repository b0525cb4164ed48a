//! A statement that changes a copy.

use super::SqlName;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A statement with the role and the database that it runs as and in. It is written as a text where it says neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The SQL.
    pub sql: String,
    /// The role that it runs as; the master user unless it says one.
    pub role: Option<SqlName>,
    /// The database that it runs in; the initial one unless it says one.
    pub database: Option<SqlName>,
}

/// A statement with its role and database.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "StatementInFull"))]
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The SQL.
    sql: String,
    /// The role that it runs as, which the master user must be allowed to take on. Absent: the master user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<SqlName>,
    /// The database that it runs in. Absent: the initial database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    database: Option<SqlName>,
}

impl Statement {
    fn read<E: Error>(Written { sql, role, database }: Written) -> Result<Self, E> {
        if sql.trim().is_empty() {
            return Err(E::custom("sql is empty"));
        }
        Ok(Self { sql, role, database })
    }
}

impl<'de> Deserialize<'de> for Statement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        // By hand, as serde's own choice between two forms does not say what is wrong with either.
        impl<'de> Visitor<'de> for Either {
            type Value = Statement;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a statement as text, or an object with sql and perhaps role and database")
            }

            fn visit_str<E: Error>(self, sql: &str) -> Result<Statement, E> {
                Statement::read(Written { sql: sql.to_owned(), role: None, database: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Statement, A::Error> {
                Statement::read(Written::deserialize(MapAccessDeserializer::new(map))?)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { sql, role, database } = self.clone();
        match (&role, &database) {
            (None, None) => serializer.serialize_str(&sql),
            _ => Written { sql, role, database }.serialize(serializer),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Statement {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Statement".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let full = generator.subschema_for::<Written>();
        schemars::json_schema!({
            "description": "SQL, or SQL with the role and the database that it runs as and in.",
            "anyOf": [{ "type": "string" }, full],
        })
    }
}
