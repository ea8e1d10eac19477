//! Compiled languages cannot run the lines that come with a text: their programs have them, as they stand.

use std::path::Path;

use dsn_broker::dsn::{Format, Language};
use dsn_broker::model::Protocol;

/// Whether all lines that are shown for a language are in one of the files of its program each, imports and body apart.
pub(super) fn are_in_the_program(language: Language, folder: &Path, extension: &str) {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|found| found == extension));
    let sources: Vec<_> = files.map(|file| unindented(&std::fs::read_to_string(file).unwrap())).collect();
    for format in Format::ALL.iter().filter(|format| format.language() == language) {
        let readers = [Protocol::Postgres, Protocol::Mysql].map(|protocol| format.reader(protocol));
        for reader in readers.into_iter().flatten() {
            let all = [Some(reader.open), reader.open_private, reader.open_cleartext, reader.open_pooled()];
            for code in all.into_iter().flatten() {
                let code = unindented(code);
                let (imports, body) = apart(&code);
                let has = |source: &String| source.contains(imports) && source.contains(body);
                assert!(sources.iter().any(has), "{format}: no file of the program has\n{code}");
            }
        }
    }
}

fn unindented(code: &str) -> String {
    code.lines().map(|line| line.trim().to_owned() + "\n").collect()
}

/// The imports, up to the empty line after the last of them, and the rest. Functions of Rust have theirs within.
fn apart(code: &str) -> (&str, &str) {
    let Some(last) = code.rfind("import ") else { return ("", code) };
    let block = if code[last..].starts_with("import (") { ")\n\n" } else { "\n\n" };
    let end = last + code[last..].find(block).unwrap() + block.len();
    (code[..end].trim_end(), &code[end..])
}
