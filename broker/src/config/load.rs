//! From the file to a [`Config`]: read, understood, and found without mistakes.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use serde_saphyr::{DefaultMessageFormatter, MessageFormatter, Options};

use crate::config::check;
use crate::config::located::Located;
use crate::config::mistake::{ConfigError, Key, Mistake, Mistakes, Step};
use crate::config::{ApiKeyIssuer, Config, DynamicUser, Ledger, OidcIssuer};

impl Config {
    /// Reads, understands and checks the file.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        Self::parse(&read(file)?, file)
    }

    /// The ledger of the file alone, for what needs nothing else: the files and secrets of other sections need not be there.
    pub fn load_ledger(file: &Path) -> Result<Ledger, ConfigError> {
        Self::parse_and(&read(file)?, file, Self::check_ledger).map(|config| config.ledger)
    }

    /// Understands and checks the text of `file`.
    ///
    /// Relative paths in it start from the folder of `file`. The files and variables that it refers to
    /// are read for the check, and nothing of them is kept.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        Self::parse_and(text, file, Self::check)
    }

    fn parse_and(text: &str, file: &Path, check: fn(&Self) -> Mistakes) -> Result<Self, ConfigError> {
        let wrong = |mistakes| ConfigError::Wrong { file: file.to_owned(), mistakes };
        let tree: Located = serde_saphyr::from_str_with_options(text, options())
            .map_err(|error| wrong(vec![syntax_mistake(&error)]))?;
        let mut config = understand(text, &tree).map_err(|mistakes| wrong(mistakes.locate(&tree)))?;
        config.resolve_files(file.parent().unwrap_or(Path::new("")));
        config.text = text.as_bytes().to_vec();
        config.warnings = config.doubts().locate(&tree);
        match check(&config).locate(&tree) {
            mistakes if mistakes.is_empty() => Ok(config),
            mistakes => Err(wrong(mistakes)),
        }
    }
}

fn read(file: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(file).map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })
}

/// Understands the text. The first thing that cannot be understood ends it.
fn understand(text: &str, tree: &Located) -> Result<Config, Mistakes> {
    let mut key = Key::default();
    let result = serde_saphyr::with_deserializer_from_str_with_options(text, options(), |deserializer| {
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            key = key_of(error.path());
            error.into_inner()
        })
    });
    result.map_err(|error| {
        let mut mistakes = Mistakes::default();
        mistakes.add(within_kind(key, tree), message(&error));
        mistakes
    })
}

fn options() -> Options {
    serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        reject_unsupported_tags: true,
        // Ours is nowhere half as deep, and each level takes much of the stack of a thread that has little.
        budget: serde_saphyr::budget! { max_depth: 24 },
    }
}

fn syntax_mistake(error: &serde_saphyr::Error) -> Mistake {
    let place = error.location().unwrap_or(serde_saphyr::Location::UNKNOWN);
    Mistake { line: place.line(), column: place.column(), key: String::new(), message: message(error) }
}

/// serde forgets where it is inside what has a `kind`, so that such a part is read once more, alone.
fn within_kind(key: Key, tree: &Located) -> Key {
    let part = tree.at(&key).map(Located::to_json).unwrap_or_default();
    let kind = part.get("kind").and_then(|kind| kind.as_str());
    let inner = match kind {
        Some("oidc") => first_mistake::<OidcIssuer>(part.clone()),
        Some("api_key") => first_mistake::<ApiKeyIssuer>(part.clone()),
        Some("dynamic_user") => first_mistake::<DynamicUser>(part.clone()),
        _ => None,
    };
    inner.map_or_else(|| key.clone(), |inner| Key(key.0.iter().cloned().chain(inner.0).collect()))
}

fn first_mistake<T: DeserializeOwned>(mut part: serde_json::Value) -> Option<Key> {
    part.as_object_mut()?.remove("kind");
    serde_path_to_error::deserialize::<_, T>(part).err().map(|error| key_of(error.path()))
}

fn key_of(path: &serde_path_to_error::Path) -> Key {
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Name(key.clone())),
        // Variants of enums are not told apart from keys in the file where they have a key at all.
        Segment::Enum { variant } => Some(Step::Name(variant.clone())),
        Segment::Unknown => None,
    };
    Key(path.iter().filter_map(step).collect())
}

fn message(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error;
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            format!("the key `{field}` is not known here; {}", suggestion(field, expected))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            format!("`{variant}` is not one of what can stand here; {}", suggestion(variant, expected))
        }
        Error::SerdeMissingField { field, .. } => format!("the key `{field}` is missing"),
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key `{key}` stands here twice"),
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            format!("{expected} belongs here, not {unexpected}")
        }
        Error::Eof { .. } => "the file is empty, or ends too soon".to_owned(),
        Error::MultipleDocuments { .. } => "a second document begins here: the file must hold one".to_owned(),
        Error::InvalidBooleanStrict { .. } => "`true` or `false` belongs here".to_owned(),
        Error::InvalidScalar { ty, .. } => format!("a value of type {ty} belongs here"),
        // What looks like a tag may be a secret that begins with an exclamation mark.
        Error::UnsupportedTag { .. } | Error::TaggedEnumMismatch { .. } => {
            "a tag does not belong here; a text that begins with `!` must be quoted".to_owned()
        }
        Error::Message { msg, .. } => msg.clone(),
        other => DefaultMessageFormatter.format_message(other).into_owned(),
    }
}

fn suggestion(text: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return "no further key belongs here".to_owned();
    }
    let nearest = known
        .iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(text, name), name))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .filter(|(similarity, _)| *similarity >= 0.5);
    match nearest {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => format!("known are {}", check::list(known)),
    }
}
