//! What the README says of the code is what the code says.

use replication::ErrorName;
use std::path::Path;

const BEGIN: &str =
    "<!-- error names: written by the test readme::the_readme_lists_every_error_name, with UPDATE=1 -->\n";
const END: &str = "<!-- end of error names -->\n";

#[test]
fn the_readme_lists_every_error_name() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    let rows = ErrorName::ALL.iter().map(|name| {
        let kind = if name.retryable() { "retried" } else { "ends the execution" };
        format!("| `{name}` | {kind} | {} |\n", name.meaning())
    });
    let table = format!("| Name | | Meaning |\n|---|---|---|\n{}", rows.collect::<String>());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(found, table, "run this test with UPDATE=1");
}
