//! What the READMEs say of the code is what the code says.

use crate::floors::packages;
use crate::mutants::promises;
use crate::tree::{checkout, file, files_named, none};
use std::collections::BTreeSet;
use step::ErrorName;

/// A table that a test writes: the file, and the name that its marks have.
struct Table {
    path: &'static str,
    begin: &'static str,
    end: &'static str,
}

const PROMISES: Table =
    Table { path: "tests/README.md", begin: "<!-- promises: ", end: "<!-- end of promises -->\n" };
const ERROR_NAMES: Table = Table {
    path: "statemachines/README.md",
    begin: "<!-- error names: ",
    end: "<!-- end of error names -->\n",
};
const DENIALS: Table = Table { path: "tests/denials.md", begin: "<!-- written by ", end: "<!-- end -->\n" };

impl Table {
    /// The file has these rows between its marks; with UPDATE=1 it gets them.
    fn holds(&self, rows: &str) {
        let text = file(self.path).text;
        let (before, rest) = text.split_once(self.begin).unwrap_or_else(|| panic!("{}: no mark", self.path));
        let (mark, rest) = rest.split_once('\n').unwrap();
        let (found, after) = rest.split_once(self.end).unwrap_or_else(|| panic!("{}: no end", self.path));
        if std::env::var_os("UPDATE").is_some() {
            let text = format!("{before}{}{mark}\n{rows}{}{after}", self.begin, self.end);
            std::fs::write(checkout().join(self.path), text).unwrap();
            return;
        }
        assert_eq!(found, rows, "run this test with UPDATE=1");
    }
}

fn capital(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

#[test]
fn every_promise_is_listed_with_its_test() {
    let rows = promises().into_iter().map(|it| format!("| {}. | `{}` |\n", capital(&it.promise), it.test));
    PROMISES.holds(&format!("| Promise | Held by |\n|---|---|\n{}", rows.collect::<String>()));
}

#[test]
fn every_error_name_is_listed_with_its_repair() {
    let row = |name: &ErrorName| format!("| `{name}` | {} | {} |\n", name.meaning(), capital(name.repair()));
    let rows: String = ErrorName::ALL.iter().map(row).collect();
    ERROR_NAMES.holds(&format!("| Name | Meaning and cause | Repair |\n|---|---|---|\n{rows}"));
}

#[test]
fn the_matrix_of_denials_is_written_down() {
    let functions = |account: &str| -> Vec<String> {
        let template = file(&format!("cloudformation/{account}-account.yaml")).text;
        let names = template.lines().filter_map(|line| line.strip_prefix("  ")?.strip_suffix("Function:"));
        names.filter(|name| !name.contains(' ')).map(|name| format!("{account} {name}")).collect()
    };
    let roles = [functions("source"), functions("target")].concat();
    let denials = tests::Denials::read().unwrap();
    for it in &denials.allowed {
        assert!(roles.contains(&it.role), "tests/denials.toml: there is no role {}", it.role);
    }
    let given: BTreeSet<&str> = denials.reasons().map(|(letter, _)| letter).collect();
    let used: BTreeSet<&str> = denials.allowed.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(given, used, "tests/denials.toml: every reason is needed, and none is missing");
    let table = denials.to_markdown(&roles).unwrap();
    DENIALS.holds(&table);
}

/// What stands in backticks in a file.
fn told(path: &str) -> BTreeSet<String> {
    file(path).text.split('`').skip(1).step_by(2).map(|it| it.trim_end_matches('/').to_owned()).collect()
}

#[test]
fn the_map_of_crates_says_of_each_what_it_is() {
    let told = told("crates/README.md");
    let ours = packages().into_iter().filter(|it| it.folder.starts_with("crates/"));
    let unsaid = ours.filter(|it| !told.contains(&it.name) && !told.contains(&it.folder));
    none(&unsaid.map(|it| format!("crates/README.md: does not say what {} is", it.name)).collect::<Vec<_>>());
}

#[test]
fn a_readme_says_of_each_script_what_it_does() {
    let readmes = files_named(".", "README.md");
    let scripts = std::fs::read_dir(checkout().join("scripts")).unwrap().map(|entry| entry.unwrap().path());
    let scripts = scripts.filter(|path| path.is_file() && path.extension().is_none());
    let scripts = scripts.map(|path| format!("scripts/{}", path.file_name().unwrap().to_str().unwrap()));
    let unsaid = scripts.filter(|script| !readmes.iter().any(|it| it.text.contains(script.as_str())));
    none(&unsaid.map(|script| format!("no README says what {script} does")).collect::<Vec<_>>());
}
