//! What `--json` writes, and the verdict.

use crate::frame;
use ::tests::{Fingerprint, SecretSays, Table};
use anyhow::Result;
use executions::{Execution, Step};
use serde::Serialize;

/// The report of a rehearsal.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The runs that succeeded, in order.
    pub runs: Vec<RunReport>,
}

/// One run.
#[derive(Debug, Serialize)]
pub struct RunReport {
    pub run: String,
    pub source: ExecutionReport,
    pub target: ExecutionReport,
    pub tables: Vec<TableReport>,
    pub secret: SecretSays,
}

/// One account's execution.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionReport {
    execution_arn: String,
    status: String,
    /// Its steps, in the order they ran.
    pub steps: Vec<Step>,
}

/// One table of the copy, or one that it lacks.
#[derive(Debug, Serialize)]
pub struct TableReport {
    /// The source's rows; the copy's, when only the copy has this table.
    #[serde(flatten)]
    pub table: Table,
    /// Whether the copy holds the very same rows, or the table is UNLOGGED and so empty in every copy.
    pub matches: bool,
}

impl frame::Report for Report {
    fn conclude(&mut self, result: Result<()>) {
        self.ok = result.is_ok();
        self.error = result.err().map(|error| format!("{error:#}"));
    }

    fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    fn verdict(&self) -> String {
        let Some(error) = &self.error else {
            let runs = match self.runs.len() {
                1 => "in one run".to_owned(),
                runs => format!("in each of {runs} runs"),
            };
            let last = self.runs.last();
            let live = last.map_or("nothing", |run| &run.secret.db_instance_identifier);
            let tables = last.into_iter().flat_map(|run| &run.tables).map(|it| &it.table);
            let unlogged: Vec<&str> = tables.filter(|it| it.unlogged).map(|it| it.name.as_str()).collect();
            let but = match unlogged.is_empty() {
                true => String::new(),
                false => format!(" but for UNLOGGED ones, which are empty ({})", unlogged.join(", ")),
            };
            return format!(
                "Passed: {runs} every table of the copy{but} equals the source as of its snapshot, and {live} is live."
            );
        };
        format!("Failed: {error}")
    }
}

impl From<&Execution> for ExecutionReport {
    fn from(it: &Execution) -> Self {
        Self { execution_arn: it.arn.clone(), status: it.status.to_string(), steps: it.steps.clone() }
    }
}

/// Every table of either side, by name; one that only the copy has does not match.
pub fn compare(expected: &Fingerprint, found: &Fingerprint) -> Vec<TableReport> {
    let extra = found.iter().filter(|table| !expected.iter().any(|it| it.name == table.name));
    let is_as_it_must_be = |table: &Table| match table.unlogged {
        true => found.iter().any(|it| it.name == table.name && it.unlogged && it.rows == 0),
        false => found.contains(table),
    };
    let known =
        expected.iter().map(|table| TableReport { table: table.clone(), matches: is_as_it_must_be(table) });
    known.chain(extra.map(|table| TableReport { table: table.clone(), matches: false })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unlogged_table_is_empty_in_the_copy_and_no_difference() {
        let table = |name: &str, rows: i64, unlogged: bool| Table {
            name: name.to_owned(),
            rows,
            checksum: rows.to_string(),
            unlogged,
        };
        let check = |expected: Table, found: &[Table], matches: &[bool]| {
            let compared = compare(&vec![expected], &found.to_vec());
            let compared: Vec<bool> = compared.iter().map(|it| it.matches).collect();
            assert_eq!(compared, matches, "{found:?}");
        };
        check(table("a", 5, false), &[table("a", 5, false)], &[true]);
        check(table("a", 5, false), &[table("a", 0, false)], &[false]);
        check(table("a", 5, true), &[table("a", 0, true)], &[true]);
        check(table("a", 5, true), &[table("a", 5, true)], &[false]);
        check(table("a", 5, true), &[], &[false]);
        check(table("a", 5, true), &[table("a", 0, true), table("crm/a", 0, false)], &[true, false]);
    }
}
