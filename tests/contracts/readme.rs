//! What the README says of the code is what the code says.

use crate::mutants::{Mutant, mutants};
use crate::tree::{checkout, crates, file, none};
use std::collections::BTreeSet;
use step::ErrorName;

const BEGIN: &str = "<!-- error names: written by the test readme::the_readme_lists_every_error_name_and_promise, with UPDATE=1 -->\n";
const END: &str = "<!-- end of error names -->\n";

const PROMISES: &str = "<!-- promises: written by the test readme::the_readme_lists_every_error_name_and_promise, with UPDATE=1 -->\n";
const END_OF_PROMISES: &str = "<!-- end of promises -->\n";

#[test]
fn the_readme_lists_every_error_name_and_promise() {
    let row = |it: Mutant| {
        let (first, rest) = it.promise.split_at(1);
        format!("| {}{rest}. | `{}` |\n", first.to_uppercase(), it.test)
    };
    let rows = mutants().into_iter().map(row);
    holds(
        PROMISES,
        END_OF_PROMISES,
        &format!("| Promise | Held by |\n|---|---|\n{}", rows.collect::<String>()),
    );
    let rows = ErrorName::ALL.iter().map(|name| {
        let (first, rest) = name.repair().split_at(1);
        format!("| `{name}` | {} | {}{rest} |\n", name.meaning(), first.to_uppercase())
    });
    holds(
        BEGIN,
        END,
        &format!("| Name | Meaning and cause | Repair |\n|---|---|---|\n{}", rows.collect::<String>()),
    );
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
    holds_in("tests/denials.md", BEGIN_OF_DENIALS, END_OF_DENIALS, &table);
}

const BEGIN_OF_DENIALS: &str =
    "<!-- written by the test readme::the_matrix_of_denials_is_written_down, with UPDATE=1 -->\n";
const END_OF_DENIALS: &str = "<!-- end -->\n";

/// The README has this table between its marks; with UPDATE=1 it gets it.
fn holds(begin: &str, end: &str, table: &str) {
    holds_in("README.md", begin, end, table);
}

fn holds_in(path: &str, begin: &str, end: &str, table: &str) {
    let text = file(path).text;
    let (before, rest) = text.split_once(begin).unwrap();
    let (found, after) = rest.split_once(end).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(checkout().join(path), format!("{before}{begin}{table}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(found, table, "run this test with UPDATE=1");
}

#[test]
fn the_readme_says_of_every_crate_and_script_what_it_is() {
    let readme = file("README.md").text;
    let section = readme.split("\n## What is where\n").nth(1).unwrap().split("\n## ").next().unwrap();
    // Of each row the first cell; what is told of it may name others.
    let cells = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let paths = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).filter(|path| !path.ends_with('/'));
    let told: BTreeSet<String> = paths.map(str::to_owned).collect();

    let scripts = std::fs::read_dir(checkout().join("scripts")).unwrap().map(|entry| entry.unwrap().path());
    let scripts = scripts.filter(|path| path.is_file() && path.extension().is_none());
    let scripts = scripts.map(|path| format!("scripts/{}", path.file_name().unwrap().to_str().unwrap()));
    let there: BTreeSet<String> =
        crates().iter().map(|name| format!("crates/{name}")).chain(scripts).collect();
    let unsaid = there.difference(&told).map(|path| format!("README.md: does not say what {path} is"));
    let gone = told.difference(&there).map(|path| format!("README.md: {path} is not there"));
    none(&unsaid.chain(gone).collect::<Vec<_>>());
}
