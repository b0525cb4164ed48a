//! Tables of what must hold, each row with the tests that hold it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// An identifier, what it is about, and the names of tests.
pub type Row = (&'static str, &'static str, &'static [&'static str]);

/// Prints a table, and checks that every test that it names exists.
pub fn check(title: &str, table: &[Row]) {
    let tests = tests_of_the_tree();
    let mut held = BTreeSet::<&str>::new();
    for (id, what, names) in table {
        println!("{id:<6} {what}\n       {}", names.join(", "));
        for name in *names {
            assert!(tests.contains(*name), "{id}: there is no test {name}");
        }
        held.extend(names.iter().copied());
    }
    println!("{} {title}, held by {} tests\n", table.len(), held.len());
}

/// The name of every function that a test attribute stands before.
fn tests_of_the_tree() -> BTreeSet<String> {
    let (mut names, mut folders) =
        (BTreeSet::new(), vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if Path::new(&name).extension().is_some_and(|it| it == "rs") {
                names.extend(tests_of(&std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    names
}

fn tests_of(text: &str) -> Vec<String> {
    let marked = text.split("test]\n").skip(1).chain(text.split("\")]\n").skip(1));
    let names = marked.filter_map(|rest| {
        let signature = rest.lines().next()?.trim();
        let signature = signature.strip_prefix("async ").unwrap_or(signature);
        Some(signature.strip_prefix("fn ")?.split('(').next()?.to_owned())
    });
    names.collect()
}
