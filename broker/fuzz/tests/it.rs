//! Each target with its corpus, and with changes to it that chance suggests.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop where it finds that something is wrong; clippy.toml says so for test functions alone"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fuzz::{Choices, TARGETS, edit};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::time::Instant;

#[test]
fn a_changed_api_key_is_never_believed() {
    search("api_keys", 10_000);
}

#[test]
fn who_tampers_with_the_audit_is_found_and_who_does_not_is_not() {
    search("audit", 10_000);
}

#[test]
fn paths_of_claims_lead_where_their_keys_say() {
    search("claim_paths", 10_000);
}

#[test]
fn a_configuration_that_is_not_right_is_refused_with_the_place_and_without_secrets() {
    search("configuration", 1_500);
}

#[test]
fn globs_match_what_a_naive_matcher_matches() {
    search("globs", 10_000);
}

#[test]
fn only_a_published_key_makes_a_token_good() {
    search("key_sets", 1_500);
}

#[test]
fn every_format_says_exactly_its_values_or_is_refused() {
    search("rendering", 10_000);
}

#[test]
fn what_is_sealed_opens_unchanged_and_at_its_place_alone() {
    search("sealed", 10_000);
}

#[test]
fn every_reader_sees_the_same_in_a_spiffe_id() {
    search("spiffe_ids", 10_000);
}

#[test]
fn a_token_is_believed_if_it_is_well_signed_and_right_and_only_then() {
    search("tokens", 4_000);
}

#[test]
fn every_target_has_a_test_a_program_and_a_small_corpus() {
    let names: BTreeSet<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    let files = |folder: &str, suffix: &str| -> BTreeSet<String> {
        let names = std::fs::read_dir(root().join(folder)).unwrap();
        names.map(|file| file.unwrap().file_name().into_string().unwrap().replace(suffix, "")).collect()
    };
    let expected: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(files("fuzz_targets", ".rs"), expected);
    assert_eq!(files("corpus", ""), expected);
    let (manifest, tests) =
        (std::fs::read_to_string(root().join("Cargo.toml")).unwrap(), include_str!("it.rs"));
    for name in names {
        assert!(
            manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")),
            "{name}"
        );
        assert!(tests.contains(&format!("search(\"{name}\"")), "{name} has no test");
        let corpus = corpus(name);
        assert!((1..=60).contains(&corpus.len()), "{name}: {}", corpus.len());
        assert!(corpus.iter().all(|(_, seed)| seed.len() <= 8 * 1024), "{name}");
    }
}

/// Calls the target with all seeds, and then with this many inputs that are made from them.
fn search(name: &str, cases: u32) {
    let (_, target) = TARGETS.iter().find(|(target, _)| *target == name).unwrap();
    let corpus = corpus(name);
    for (file, seed) in &corpus {
        let start = Instant::now();
        if std::panic::catch_unwind(|| target(seed)).is_err() {
            panic!("it fails for {}", file.display());
        }
        // Far more than it takes, and far less than what grows beyond all bounds.
        assert!(start.elapsed() < Duration::from_secs(10), "it takes too long for {}", file.display());
    }
    let seeds: Vec<Vec<u8>> = corpus.into_iter().map(|(_, seed)| seed).collect();
    let changed = (prop::sample::select(seeds), vec(any::<u8>(), 0..40))
        .prop_map(|(seed, choices)| edit(&seed, &mut Choices::new(&choices), &[]));
    let inputs = prop_oneof![4 => changed, 1 => vec(any::<u8>(), 0..200)];
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&inputs, |input| {
        target(&input);
        Ok(())
    });
    // `cargo test` is to go on finding it: the bytes belong in the corpus.
    outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// The committed inputs of a target.
fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let files = std::fs::read_dir(root().join("corpus").join(name)).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
