//! The list of promises keeps up with the code: `scripts/mutate --by-hand` takes long, so it is run by hand.

use crate::tree::{file, tests_of_the_tree};
use serde::Deserialize;

#[derive(Deserialize)]
struct List {
    promise: Vec<Promise>,
}

/// What the product promises, and the test that holds it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    pub promise: String,
    pub test: String,
    /// A change that breaks it; none where cargo-mutants makes one.
    mutant: Option<Mutant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    file: String,
    find: String,
    replace: String,
}

/// The list, in its order.
pub fn promises() -> Vec<Promise> {
    let List { promise } = toml::from_str(include_str!("../mutants.toml")).unwrap();
    promise
}

#[test]
fn every_mutant_can_be_made() {
    let tests = tests_of_the_tree();
    for it in promises() {
        let known = tests.iter().any(|(name, _)| *name == it.test);
        assert!(known, "{}: there is no test {}", it.promise, it.test);
        if let Some(Mutant { file: path, find, replace }) = it.mutant {
            assert_eq!(file(&path).text.matches(&find).count(), 1, "{}: {path}: {find:?}", it.promise);
            assert_ne!(find, replace, "{}", it.promise);
        }
    }
}
