//! Decides how a statement that the database refused for a right can be made to work; sees only its arguments.

use crate::login_trouble::postgres_name;
use crate::plan::cut;

/// A table of PostgreSQL that a refusal names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name with its schema, quoted.
    pub name: String,
    /// Its owner.
    pub owner: String,
    /// Whether row-level security is on.
    pub is_row_secured: bool,
    /// Whether row-level security binds the owner too.
    pub is_forced: bool,
    /// Whether the master user may act as the owner.
    pub is_owner_allowed: bool,
}

/// The last name that a message quotes, or else its last word: `permission denied for table customers`.
pub fn named_in(message: &str) -> Option<&str> {
    match message.strip_suffix('"') {
        Some(rest) => rest.rsplit_once('"').map(|(_, name)| name),
        None => message.split_whitespace().next_back(),
    }
    .filter(|name| !name.is_empty())
}

/// What to do about a missing right on a table. `master` logs in; `role` is the role of the statement.
pub fn for_table(table: &Table, master: &str, role: Option<&str>) -> String {
    let Table { name, owner, is_row_secured, is_forced, is_owner_allowed } = table;
    let (name, owner_name) = (cut(name), postgres_name(&cut(owner)));
    let acting = role.unwrap_or(master);
    let take_on = match (owner == master, is_owner_allowed) {
        (true, _) => "leave out role".to_owned(),
        (false, true) => format!("give it \"role\": {owner_name}"),
        (false, false) => format!(
            "run GRANT {owner_name} TO {} in the source and give it \"role\": {owner_name}",
            postgres_name(master)
        ),
    };
    match (is_row_secured, is_forced) {
        (true, true) => format!(
            "Row-level security of {name} would hide rows, and is forced on its owner too. Let the statement run as a role \
             with BYPASSRLS, or let the owner {owner_name} run ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY before it and \
             FORCE after it in postRestoreSql"
        ),
        (true, false) => {
            format!("Row-level security of {name} would hide rows from {}: {take_on}", postgres_name(acting))
        }
        (false, _) => {
            format!("GRANT the privilege on {name} to {} in the source, or {take_on}", postgres_name(acting))
        }
    }
}

/// What to do about a missing right on anything else.
pub fn for_role(role: &str, master: &str) -> String {
    format!("In the source, run GRANT {} TO {}", postgres_name(role), postgres_name(master))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_table() {
        let check = |message: &str, expected: Option<&str>| assert_eq!(named_in(message), expected);
        check("permission denied for table customers", Some("customers"));
        check(
            "query would be affected by row-level security policy for table \"customers\"",
            Some("customers"),
        );
        check("must be owner of table customers", Some("customers"));
        check("", None);
        check("\"", None);
    }

    #[test]
    fn the_cure_is_the_tables() {
        let table = |owner: &str, is_row_secured, is_forced, is_owner_allowed| Table {
            name: "public.customers".to_owned(),
            owner: owner.to_owned(),
            is_row_secured,
            is_forced,
            is_owner_allowed,
        };
        let check = |table: Table, role: Option<&str>, says: &str| {
            let cure = for_table(&table, "master", role);
            assert!(cure.contains(says), "{cure} lacks {says}");
        };
        check(table("app", true, false, true), None, "hide rows from \"master\": give it \"role\": \"app\"");
        check(table("app", true, false, false), None, "GRANT \"app\" TO \"master\" in the source");
        check(
            table("app", true, true, true),
            Some("app"),
            "ALTER TABLE public.customers NO FORCE ROW LEVEL SECURITY",
        );
        check(
            table("master", true, false, true),
            Some("reader"),
            "hide rows from \"reader\": leave out role",
        );
        check(
            table("app", false, false, true),
            None,
            "GRANT the privilege on public.customers to \"master\"",
        );
        assert_eq!(for_role("a\"b", "master"), "In the source, run GRANT \"a\"\"b\" TO \"master\"");
    }
}
