//! What the README says of the code is what the code says.

use crate::tree::{checkout, file};
use replication::ErrorName;

const BEGIN: &str =
    "<!-- error names: written by the test readme::the_readme_lists_every_error_name, with UPDATE=1 -->\n";
const END: &str = "<!-- end of error names -->\n";

#[test]
fn the_readme_lists_every_error_name() {
    let readme = file("README.md").text;
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    let rows = ErrorName::ALL.iter().map(|name| {
        let (first, rest) = name.repair().split_at(1);
        format!("| `{name}` | {} | {}{rest} |\n", name.meaning(), first.to_uppercase())
    });
    let table = format!("| Name | Meaning and cause | Repair |\n|---|---|---|\n{}", rows.collect::<String>());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(checkout().join("README.md"), format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(found, table, "run this test with UPDATE=1");
}
