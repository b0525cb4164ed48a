//! The list of mutants keeps up with the code: `scripts/mutate` takes long, so it is run by hand.

use crate::tree::{file, tests_of_the_tree};
use serde::Deserialize;

#[derive(Deserialize)]
struct Mutants {
    mutant: Vec<Mutant>,
}

#[derive(Deserialize)]
pub struct Mutant {
    pub promise: String,
    file: String,
    find: String,
    replace: String,
    pub test: String,
}

/// The list, in its order.
pub fn mutants() -> Vec<Mutant> {
    let Mutants { mutant } = toml::from_str(include_str!("../mutants.toml")).unwrap();
    mutant
}

#[test]
fn every_mutant_can_be_made() {
    let mutant = mutants();
    let tests = tests_of_the_tree();
    for it in &mutant {
        let text = file(&it.file).text;
        assert_eq!(text.matches(&it.find).count(), 1, "{}: {}: {:?}", it.promise, it.file, it.find);
        assert_ne!(it.find, it.replace, "{}", it.promise);
        assert!(
            tests.iter().any(|(name, _)| *name == it.test),
            "{}: there is no test {}",
            it.promise,
            it.test
        );
    }
    assert!(mutant.len() >= 25, "{}", mutant.len());
}
