//! The configuration.

mod place;

use dsn_broker::config::{Config, ConfigError};

use crate::configuration::place::{FOLDER, SECRETS};
use crate::{Choices, edit};

/// `e` and changes to the example, `k` and a place for a key that is not known, `s` and a place for a secret that does
/// not belong in the file: anything else is a file as it stands. What is not right is refused, with the place of each
/// mistake and without any secret.
pub fn configuration(bytes: &[u8]) {
    let (kind, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let mut choices = Choices::new(rest);
    match kind {
        b'e' => {
            let text = edit(EXAMPLE.as_bytes(), &mut choices, &WORDS);
            drop(load(&String::from_utf8_lossy(&text)));
        }
        b'k' => unknown_key(choices),
        b's' => inline_secret(choices),
        _ => drop(load(&String::from_utf8_lossy(bytes))),
    }
}

/// Loads it. Checks what is said of every mistake; answers all of it.
fn load(text: &str) -> Result<Config, String> {
    let file = FOLDER.path().join("broker.yaml");
    let error = match Config::parse(text, &file) {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    let ConfigError::Wrong { mistakes, .. } = &error else { panic!("{error}") };
    assert!(!mistakes.is_empty());
    let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count() as u64;
    for mistake in mistakes {
        // Where there is nothing at all, there is no place either.
        assert!(mistake.line > 0 || !mistake.key.is_empty() || text.trim().is_empty(), "no place: {mistake}");
        assert!(mistake.line <= lines + 1 && !mistake.message.is_empty(), "{mistake}");
        assert!(mistake.message.len() < 4_000 + text.len(), "too much is said");
    }
    Err(format!("{error}\n{error:?}"))
}

/// Puts a key that nobody knows into some object of the example.
fn unknown_key(mut choices: Choices<'_>) {
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    // After a line that opens an object, as deep as what follows it.
    let is_open =
        |line: &str| line.split('#').next().unwrap().trim_end().ends_with(':') && !line.starts_with('#');
    let places: Vec<usize> = (0..lines.len() - 1).filter(|at| is_open(lines[*at])).collect();
    let at = *choices.one_of(&places);
    let next = lines[at + 1..].iter().find(|line| !line.trim_start().starts_with('#')).unwrap();
    if next.trim_start().starts_with("- ") {
        return;
    }
    let indent = next.len() - next.trim_start().len();
    let key = ["zz-unknown", "x", "kind2", "URL", "\"\"", "<<", "file ", "ttl_"][choices.below(8)];
    let value =
        ["1", "a text", "{}", "[]", "null", "{ file: secrets/seal-k1 }", "1h", "true"][choices.below(8)];
    let mut text: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    text.insert(at + 1, format!("{}{key}: {value}", " ".repeat(indent)));
    let around = lines[at].trim();
    // These hold names of the operator's own choosing; and YAML lets one take over what is in nothing.
    let is_free = ["claims:", "parameters:"].iter().any(|name| around.starts_with(name));
    let is_nothing = key == "<<" && ["{}", "[]", "null"].contains(&value);
    if load(&text.join("\n")).is_ok() {
        assert!(is_free || is_nothing, "`{key}: {value}` was accepted under `{around}`");
    }
}

/// Puts a secret where a reference to one belongs. As the name of a file or variable it would be shown: that is no secret.
fn inline_secret(mut choices: Choices<'_>) {
    let reference = *choices.one_of(&SECRETS);
    let before = choices.one_of(&BEFORE);
    let after = choices.one_of(&AFTER);
    let inline = format!("{before}{INLINE}{after}");
    let text = EXAMPLE.replace(reference, &inline);
    assert_ne!(text, EXAMPLE, "{reference} is not in the example");
    let said = match load(&text) {
        Err(said) => said,
        // A comment or an anchor alone is nothing, and the owner's URL may be missing.
        Ok(_) if ["#", "&"].contains(before) && reference.contains("owner") => return,
        Ok(_) => panic!("`{inline}` was accepted for a secret"),
    };
    assert!(!said.contains(INLINE), "a secret in the file is repeated: `{inline}`: {said}");
}

const EXAMPLE: &str = include_str!("../../config.example.yaml");

const INLINE: &str = "hunter2hunter2";

const BEFORE: [&str; 30] = [
    "",
    "'",
    "\"",
    "*",
    "&",
    "!",
    "!!",
    "%",
    "@",
    "`",
    "|",
    ">",
    "|\n      ",
    "- ",
    "? ",
    "{ ",
    "[",
    "{ file: secrets/seal-k1, x: ",
    "{ value: ",
    "postgres://u:",
    "#",
    "a: ",
    "&a ",
    "!!int ",
    "!!binary ",
    "\"\\x",
    "<<: ",
    "0x",
    "{ env: PATH, ",
    "\t",
];

const AFTER: [&str; 16] = [
    "", "'", "\"", " }", ": x }", "]", "@host/db", " #", ":", ": 1", "\n", "\n---\n", "\u{0}", "\u{fffe}",
    ", }", "\\",
];

const WORDS: [&str; 24] = [
    "\n",
    "  ",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "<<: *a",
    "|\n",
    ">\n",
    "!!str ",
    "null",
    "~",
    "'",
    "\"",
    "---\n",
    "99999999999999999999",
    "-1",
    "0x10",
    ".inf",
    "\u{feff}",
];
