//! What the chart renders for each set of values, written down and reviewed like code: `helm/tests/golden`.
//!
//! `make generate` writes it anew.

use super::tools::{lint, render};
use super::{golden_file, sets, values_file};
use crate::stand::{repository, run};

#[test]
fn what_each_set_of_values_renders_is_as_it_was_reviewed() {
    run(async {
        let write = std::env::var_os("WRITE_GOLDEN").is_some();
        let mut stale = Vec::new();
        for set in sets() {
            let Some(rendered) = render(&values_file(&set)).await else { return };
            assert!(rendered.ok, "{set}: {}", rendered.stderr);
            if write {
                std::fs::write(golden_file(&set), rendered.stdout).unwrap();
            } else if std::fs::read_to_string(golden_file(&set)).unwrap_or_default() != rendered.stdout {
                stale.push(set);
            }
        }
        assert!(stale.is_empty(), "stale: {stale:?}. Run `make generate`, and review what has changed");
        let files = std::fs::read_dir(repository().join("helm/tests/golden")).unwrap().count();
        assert_eq!(files, sets().len(), "something was reviewed that is not rendered any more");
    });
}

#[test]
fn helm_has_nothing_to_say_against_it() {
    run(async {
        for set in sets() {
            let Some(linted) = lint(&set).await else { return };
            assert!(
                linted.ok && !linted.stdout.contains("WARNING"),
                "{set}: {}{}",
                linted.stdout,
                linted.stderr
            );
        }
    });
}

#[test]
fn what_is_missing_is_named() {
    run(async {
        let minimal = std::fs::read_to_string(values_file("minimal")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let values = folder.path().join("values.yaml");
        for (taken, message) in [(
            "tls: { secretName: dsn-broker-tls }",
            "the broker needs a certificate: name a Secret in `tls.secretName`",
        )] {
            assert!(minimal.contains(taken));
            std::fs::write(&values, minimal.replace(taken, "")).unwrap();
            let Some(rendered) = render(&values).await else { return };
            assert!(!rendered.ok && rendered.stderr.contains(message), "{}", rendered.stderr);
        }
        std::fs::write(&values, "broker: { enabled: false }").unwrap();
        let Some(rendered) = render(&values).await else { return };
        assert!(rendered.stderr.contains("the injector needs `injector.brokerUrl`"), "{}", rendered.stderr);
    });
}
