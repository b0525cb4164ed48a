//! Tables of what must hold, each row with the tests that hold it.

use crate::tree::tests_of_the_tree;
use std::collections::BTreeSet;

/// An identifier, what it is about, and the names of tests.
pub type Row = (&'static str, &'static str, &'static [&'static str]);

/// Prints a table, and checks that every test that it names exists.
pub fn check(title: &str, table: &[Row]) {
    let tests: BTreeSet<String> = tests_of_the_tree().into_iter().map(|(name, _)| name).collect();
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
