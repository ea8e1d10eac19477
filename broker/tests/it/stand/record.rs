//! A record of a whole test run, for the search that `make test` ends with: every secret that was in use, and all
//! that was said where anyone may read it.
//!
//! Kept in the folder that `DSN_BROKER_TEST_RECORD` names, and only if it does. `.ci/test` reads it: one secret a
//! line in `secrets`, everything else in `said/`.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, create_dir_all};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use reqwest::header::HeaderMap;
use serde_json::Value;

/// Whether a record is kept.
pub fn is_kept() -> bool {
    FOLDER.is_some()
}

/// Records a secret that nobody must find in what is said.
///
/// Of a URL it is the password. Of a token it is the signature (of RDS, too): the tokens of one issuer begin alike, and
/// without it nobody can do anything with the rest. Short ones are left out, because they would be found by chance; of long
/// ones the first characters are enough, and the search takes memory for each. A word that a test gives as a wrong
/// proof counts, too: it must not be a word that the broker has a reason to say.
pub fn secret(text: &str) {
    if !is_kept() {
        return;
    }
    let url = url::Url::parse(text.trim()).ok();
    let text = url.as_ref().and_then(url::Url::password).unwrap_or(text);
    let text = if text.starts_with("eyJ") { text.rsplit('.').next().unwrap_or(text) } else { text };
    let text = text.rsplit("X-Amz-Signature=").next().unwrap_or(text);
    for line in text.lines().map(str::trim).filter(|line| line.len() >= SHORTEST) {
        append("secrets", &[&line.as_bytes()[..line.len().min(LONGEST)], b"\n"].concat());
    }
}

/// Records what a configuration keeps secret: the content of the files that it names, and its TLS key.
pub fn configuration(config: &Value) {
    if is_kept() {
        let mut texts = Vec::new();
        find_files(config, "", &mut texts);
        texts.iter().for_each(|text| secret(text));
    }
}

/// Records an answer of the broker: what is secret in it, or else all of it as said.
pub fn answer(status: u16, headers: &HeaderMap, text: &str) {
    if !is_kept() {
        return;
    }
    said("headers", &format!("{headers:?}"));
    let passwords = if status == 200 { passwords(headers, text) } else { Vec::new() };
    if passwords.is_empty() {
        said(if status < 400 { "answers" } else { "problems" }, text);
    }
    passwords.iter().for_each(|password| secret(password));
}

/// Records what was said, in the file for its kind.
pub fn said(kind: &'static str, text: &str) {
    append(kind, &[text.as_bytes(), b"\n"].concat());
}

/// Records the log of the brokers in this process.
pub struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        append("log", bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The passwords in a DSN that was handed out, in whichever format.
fn passwords(headers: &HeaderMap, text: &str) -> Vec<String> {
    if let Ok(json) = serde_json::from_str::<Value>(text) {
        // The format `json` as it is, or any within the usual answer.
        let password = json.get("parameters").unwrap_or(&json).get("password").and_then(Value::as_str);
        return password.map(str::to_owned).into_iter().collect();
    }
    if !headers.contains_key("dsn-lease-id") {
        return Vec::new();
    }
    if let Some((_, signature)) = text.split_once("X-Amz-Signature") {
        // Whatever a format made of the `=` before it, the rest is hexadecimal.
        let signature = signature.trim_start_matches("%3D").trim_start_matches('=');
        return vec![signature.chars().take_while(char::is_ascii_hexdigit).collect()];
    }
    if let Some((_, password)) = text.split_once("pscale_pw_") {
        return vec![password.chars().take_while(char::is_ascii_alphanumeric).collect()];
    }
    // Passwords of ours are 32 letters and digits: no format has to quote or encode anything in them.
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let is_random = |word: &&str| word.len() == 32 && word.chars().any(char::is_uppercase);
    words.filter(is_random).map(str::to_owned).collect()
}

/// The content of every `{file: …}` that is not a CA, and of the file of the TLS key.
fn find_files(config: &Value, key: &str, texts: &mut Vec<String>) {
    match config {
        Value::Object(object) => object.iter().for_each(|(key, value)| find_files(value, key, texts)),
        Value::Array(list) => list.iter().for_each(|value| find_files(value, key, texts)),
        Value::String(path) if matches!(key, "file" | "key") => {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let is_open = text.contains("-----BEGIN CERTIFICATE-----") || text.contains("\"kty\"");
            if !is_open {
                texts
                    .push(text.lines().filter(|line| !line.contains("-----")).collect::<Vec<_>>().join("\n"));
            }
        }
        _ => {}
    }
}

fn append(kind: &'static str, bytes: &[u8]) {
    static FILES: LazyLock<Mutex<HashMap<&'static str, File>>> = LazyLock::new(Mutex::default);
    let Some(folder) = FOLDER.as_ref() else { return };
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let file = files.entry(kind).or_insert_with(|| {
        let path = if kind == "secrets" { folder.join(kind) } else { folder.join("said").join(kind) };
        create_dir_all(path.parent().unwrap()).unwrap();
        // Other test programs may add to the same record: whole writes, always at the end.
        OpenOptions::new().create(true).append(true).open(path).unwrap()
    });
    file.write_all(bytes).unwrap();
}

static FOLDER: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| std::env::var_os("DSN_BROKER_TEST_RECORD").map(PathBuf::from));

const SHORTEST: usize = 8;

const LONGEST: usize = 64;
