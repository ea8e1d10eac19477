//! The order of the modules, and what they and the build may use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::stand::repository;

/// The modules in their order, each with the number of its layer.
fn layers() -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(sources().join("lib.rs")).unwrap();
    let (mut layer, mut layers) = (0, BTreeMap::new());
    for line in text.lines() {
        match line.strip_prefix("pub mod ") {
            Some(name) => drop(layers.insert(name.trim_end_matches(';').to_owned(), layer)),
            None if line.is_empty() => layer += 1,
            None => {}
        }
    }
    layers
}

fn sources() -> PathBuf {
    repository().join("broker/src")
}

/// All source files, but for their tests, with the lines that are not comments.
fn files() -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => collect(&path, files),
                false if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
                false => {}
            }
        }
    }
    let mut paths = Vec::new();
    collect(&sources(), &mut paths);
    paths.retain(|path| {
        !path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
    });
    let code = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let code: Vec<_> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        match path.starts_with(sources().join("dsn/formats")) {
            true => without_texts(&code.join("\n")),
            false => code.join("\n"),
        }
    };
    paths.iter().map(|path| (path.strip_prefix(sources()).unwrap().to_owned(), code(path))).collect()
}

/// Formats hold lines of code for others, which nobody runs here.
fn without_texts(code: &str) -> String {
    let code = code.replace(r"\\", "").replace(r#"\""#, "").replace("'\"'", "");
    code.split('"').step_by(2).collect()
}

/// The top module of a file.
fn module(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The top modules that a file names: `crate::x`, and `crate::{x, y}`.
fn named(code: &str) -> BTreeSet<String> {
    let word = |text: &str| {
        text.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect::<String>()
    };
    let mut names = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => drop(names.insert(word(rest))),
            Some(list) => {
                let mut depth = 1;
                let mut at_name = true;
                for (index, letter) in list.char_indices() {
                    match letter {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 1 => at_name = true,
                        _ if at_name && depth == 1 && !letter.is_whitespace() => {
                            names.insert(word(&list[index..]));
                            at_name = false;
                        }
                        _ => {}
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
        }
    }
    names
}

#[test]
fn a_module_names_only_those_of_earlier_layers_and_in_its_own_layer_never_in_a_circle() {
    let layers = layers();
    assert!(layers.len() > 15 && layers["model"] < layers["broker"] && layers["broker"] < layers["http"]);
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, code) in files() {
        let user = module(&path);
        let Some(own) = layers.get(&user) else { continue };
        for used in named(&code).into_iter().filter(|used| *used != user) {
            let Some(theirs) = layers.get(&used) else { continue };
            assert!(theirs <= own, "{} names crate::{used}, which is above it", path.display());
            uses.entry(user.clone()).or_default().insert(used);
        }
    }
    assert!(uses.values().map(BTreeSet::len).sum::<usize>() > 50, "{uses:?}");
    // What names nothing that is left is below the others, and goes; a circle stays.
    loop {
        let before = uses.len();
        let left: BTreeSet<String> = uses.keys().cloned().collect();
        uses.retain(|_, used| !used.is_disjoint(&left));
        if uses.len() == before {
            break;
        }
    }
    assert!(uses.is_empty(), "these name each other in a circle: {:?}", uses.keys());
}

#[test]
fn what_a_list_names_is_found() {
    let code =
        "use crate::{model::{Lease, State}, time};\nuse crate::ledger::Entry;\nlet x = crate::id::LeaseId;";
    let expected = ["model", "time", "ledger", "id"].map(str::to_owned);
    assert_eq!(named(code), BTreeSet::from(expected));
}

#[test]
fn each_outside_world_is_named_in_its_own_place_only() {
    let allowed: [(&str, &[&str]); 4] = [
        ("axum", &["http"]),
        ("sqlx", &["ledger", "engine/postgres", "engine/mysql"]),
        ("redis", &["cache"]),
        ("clap", &["cli"]),
    ];
    for (name, places) in allowed {
        let mut found = BTreeSet::new();
        for (path, code) in files() {
            let uses = code.contains(&format!("{name}::"));
            if !uses {
                continue;
            }
            let path = path.with_extension("");
            let place = places.iter().find(|place| path.starts_with(place));
            found.insert(*place.unwrap_or_else(|| panic!("{} names {name}", path.display())));
        }
        assert_eq!(found.len(), places.len(), "{name} is used where it may be");
    }
}

#[test]
fn nothing_below_the_broker_reads_a_clock_or_the_network_where_it_must_be_pure() {
    for (path, code) in files() {
        if ["model", "dsn", "policy"].iter().any(|pure| module(&path) == *pure) {
            for impure in
                ["tokio::", "std::fs", "std::net::Tcp", "ToSocketAddrs", "std::env", "Clock", "async fn"]
            {
                assert!(!code.contains(impure), "{} is pure and names {impure}", path.display());
            }
        }
    }
}

/// What does cryptography in a release build besides ring, each with the reason why it is there.
const REASONS: [(&str, &str); 8] = [
    ("md-5", "sqlx-postgres: a server that asks for an MD5 password"),
    ("sha1", "sqlx-mysql: a server that asks for mysql_native_password"),
    (
        "sha2",
        "sqlx-postgres: SCRAM as a client; sqlx-mysql: caching_sha2_password; sqlx: the checksums of migrations",
    ),
    ("hmac", "sqlx-postgres: SCRAM as a client"),
    ("hkdf", "sqlx-postgres: SCRAM as a client"),
    ("digest", "the traits of these hashes"),
    ("crypto-common", "the traits of these hashes"),
    ("signature", "jsonwebtoken: the traits of its seam, behind which stands ring"),
];

/// What the names of crates that do cryptography have in them.
const CRYPTO: [&str; 32] = [
    "aes",
    "aws-lc",
    "bcrypt",
    "blake",
    "boring",
    "cipher",
    "crypto",
    "curve25519",
    "dalek",
    "digest",
    "ecdsa",
    "gcm",
    "hkdf",
    "hmac",
    "libsodium",
    "md-5",
    "md5",
    "mbedtls",
    "native-tls",
    "openssl",
    "p256",
    "p384",
    "pbkdf2",
    "poly1305",
    "ring",
    "rsa",
    "schannel",
    "scrypt",
    "secp256",
    "sha1",
    "sha2",
    "signature",
];

#[test]
fn ring_is_the_only_crypto_library_of_a_release_build() {
    let mut tree = std::process::Command::new(env!("CARGO"));
    tree.args([
        "tree",
        "--offline",
        "--locked",
        "-p",
        "dsn-broker",
        "-e",
        "normal,build",
        "--prefix",
        "none",
    ]);
    let output = tree.current_dir(repository()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains("rustls") && crates.contains("sqlx-postgres"));
    // openssl-probe looks for the folder of the system's roots, and is not OpenSSL.
    let known =
        |name: &str| matches!(name, "openssl-probe" | "stringprep" | "tracing-subscriber" | "tracing");
    let found: BTreeSet<&str> = crates
        .into_iter()
        .filter(|name| !known(name) && CRYPTO.iter().any(|part| name.contains(part)))
        .filter(|name| *name == "ring" || !name.contains("ring"))
        .collect();
    let expected = REASONS.iter().map(|(name, _)| *name).chain(["ring"]).collect();
    assert_eq!(found, expected);
}
