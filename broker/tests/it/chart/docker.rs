//! The Dockerfile.

use super::tools::inspect;
use crate::stand::{repository, run};

#[test]
fn buildkit_has_nothing_to_say_against_it() {
    run(async {
        let file = repository().join("helm/Dockerfile");
        let Some(inspected) = inspect(&["dockerfile", file.to_str().unwrap()], "").await else { return };
        assert!(inspected.ok, "{}{}", inspected.stdout, inspected.stderr);
        let folder = tempfile::tempdir().unwrap();
        let wrong = folder.path().join("Dockerfile");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&wrong, text.replace("--from=build", "--from=biuld")).unwrap();
        let Some(inspected) = inspect(&["dockerfile", wrong.to_str().unwrap()], "").await else { return };
        assert!(!inspected.ok, "a stage that is not there goes unnoticed");
    });
}
