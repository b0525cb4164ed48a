//! `scripts/package` refuses what Lambda could not start.

use crate::templates::{Template, templates};
use crate::tree::{checkout, kebab};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

/// A small program of this machine, with every version of the C library that it needs from `from` on called `to`.
/// Both are of the same length.
fn program(from: &str, to: &str) -> Vec<u8> {
    let (mut program, from) = (std::fs::read("/bin/true").unwrap(), format!("\0GLIBC_{from}"));
    assert_eq!(from.len(), to.len() + 7);
    for at in 0..program.len() - from.len() {
        if program[at..].starts_with(from.as_bytes()) && program[at + from.len()].is_ascii_digit() {
            program[at + 7..][..to.len()].copy_from_slice(to.as_bytes());
        }
    }
    program
}

/// Packs this program in the place of every function.
fn pack(options: &[&str], program: &[u8], folder: &Path) -> Output {
    let binaries = folder.join("binaries");
    std::fs::create_dir_all(&binaries).unwrap();
    let templates = templates();
    let words = templates.iter().flat_map(Template::functions).map(|(word, _)| kebab(&word));
    for name in words.collect::<BTreeSet<String>>() {
        std::fs::write(binaries.join(name), program).unwrap();
    }
    let mut script = Command::new(checkout().join("scripts/package"));
    script.args(options).arg(binaries).arg(folder.join("zips")).output().unwrap()
}

// Lambda's runtime has glibc 2.34: a function that needs a newer one dies before it can report anything.
#[test]
fn a_function_that_needs_a_newer_c_library_than_lambdas_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let packed = |options: &[&str], program: &[u8]| {
        let output = pack(options, program, folder.path());
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), folder.path().join("zips/report.zip").exists(), said)
    };
    let newer = program("2.3", "2.4");
    let (ok, there, said) = packed(&[], &newer);
    assert!(!ok && !there, "{said}");
    for word in ["report needs __libc_start_main@GLIBC_2.44", "cargo zigbuild", ".2.34"] {
        assert!(said.contains(word), "{said}");
    }

    let (ok, there, said) = packed(&[], &program("2.3", "2.2"));
    assert!(ok && there, "{said}");
    assert!(said.contains("Architecture="), "{said}");

    // The local AWS runs functions on this machine, so they need only what this machine has.
    assert!(packed(&["--for-this-machine"], &newer).0);
}

#[test]
fn what_is_no_program_for_linux_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = pack(&[], b"MZ", folder.path());
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("is not a program for Linux"), "{said}");
}
