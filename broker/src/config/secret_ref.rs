//! References to secrets.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Where a secret is: `{file: …}` or `{env: …}`. Never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum SecretRef {
    /// In this file, which others than its owner and group must not be able to read. One newline at its end is not part of it.
    File(PathBuf),
    /// In this environment variable.
    Env(String),
}

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("the secret file {} cannot be read", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is open to more than its owner and the readers of its group.
    #[error(
        "the secret file {} has mode {mode:04o}: others can read or change it. Say `chmod 640 {}`, or in Kubernetes `defaultMode: 0440` on the volume",
        .file.display(), .file.display()
    )]
    Exposed {
        /// The file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is too long to be a secret.
    #[error("the secret file {} is longer than 64KiB: is it the right one?", .file.display())]
    TooLong {
        /// The file.
        file: PathBuf,
    },
    /// A key was expected, and it is not base64.
    #[error("the key in {place} is not base64; make one with `openssl rand -base64 32`")]
    NotBase64 {
        /// Where.
        place: String,
    },
    /// A key was expected, and it has another length.
    #[error("the key in {place} is {length} bytes long, not 32; make one with `openssl rand -base64 32`")]
    KeyLength {
        /// Where.
        place: String,
        /// Its length in bytes.
        length: usize,
    },
    /// There is nothing in the file, or in the variable.
    #[error("the secret in {place} is empty")]
    Empty {
        /// Where.
        place: String,
    },
    /// The variable is not set, or is not text.
    #[error("the environment variable {name} is not set to a text")]
    NotSet {
        /// The variable.
        name: String,
    },
}

impl SecretRef {
    /// Reads the secret: once, now. Nothing is kept.
    ///
    /// A file is refused when its group can write it or others can do anything with it; symbolic links are
    /// followed, as Kubernetes mounts secrets through them.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let text = match self {
            Self::File(file) => read_file(file)?,
            Self::Env(name) => {
                Secret::new(std::env::var(name).map_err(|_| SecretError::NotSet { name: name.clone() })?)
            }
        };
        if text.expose().is_empty() { Err(SecretError::Empty { place: self.place() }) } else { Ok(text) }
    }

    /// Reads a key: 32 bytes in base64 (RFC 4648 §4).
    pub fn read_key(&self) -> Result<[u8; 32], SecretError> {
        let secret = self.read()?;
        let not_base64 = |_| SecretError::NotBase64 { place: self.place() };
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(secret.expose().trim()).map_err(not_base64)?);
        let length = bytes.len();
        bytes.as_slice().try_into().map_err(|_| SecretError::KeyLength { place: self.place(), length })
    }

    /// The file, if it is in one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::Env(_) => None,
        }
    }

    /// The file, if it is in one.
    pub(super) fn file_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::File(file) => Some(file),
            Self::Env(_) => None,
        }
    }

    fn place(&self) -> String {
        match self {
            Self::File(file) => file.display().to_string(),
            Self::Env(name) => name.clone(),
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written::Place(place) = Written::deserialize(deserializer)?;
        Ok(match place {
            Place::File(file) => Self::File(file),
            Place::Env(name) => Self::Env(name),
        })
    }
}

/// An untagged enum never shows what it could not understand: it may be the secret itself.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "say where the secret is, {file: …} or {env: …}: the secret itself does not belong here"
)]
enum Written {
    Place(Place),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    File(PathBuf),
    Env(String),
}

fn read_file(path: &Path) -> Result<Secret, SecretError> {
    let unreadable = |source| SecretError::Unreadable { file: path.to_owned(), source };
    // The open file is asked, not the path: what is checked is what is read.
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
    if mode & 0o027 != 0 {
        return Err(SecretError::Exposed { file: path.to_owned(), mode });
    }
    // All room at once: a text that grows would leave copies of itself behind.
    let mut text = String::with_capacity(LONGEST + 1);
    let length = file.take(LONGEST as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
    if length > LONGEST {
        return Err(SecretError::TooLong { file: path.to_owned() });
    }
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(Secret::new(text))
}

const LONGEST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, SecretRef) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (folder, SecretRef::File(path))
    }

    #[test]
    fn one_newline_at_the_end_is_not_part_of_the_secret() {
        for (content, secret) in [("a", "a"), ("a\n", "a"), ("a\n\n", "a\n"), (" a ", " a ")] {
            let (_folder, reference) = file(content.as_bytes(), 0o600);
            assert_eq!(reference.read().unwrap().expose(), secret);
        }
    }

    #[test]
    fn a_file_that_others_can_read_or_change_is_refused_with_the_remedy() {
        for mode in [0o600, 0o400, 0o640, 0o440, 0o750] {
            assert!(file(b"a", mode).1.read().is_ok(), "{mode:o}");
        }
        for mode in [0o644, 0o660, 0o604, 0o602, 0o601, 0o777] {
            let (_folder, reference) = file(b"a", mode);
            let error = reference.read().unwrap_err().to_string();
            assert!(error.contains(&format!("mode {mode:04o}")), "{error}");
            assert!(error.contains("chmod 640"), "{error}");
        }
    }

    #[test]
    fn a_link_is_judged_by_what_it_points_to() {
        let (folder, reference) = file(b"a", 0o644);
        let SecretRef::File(path) = reference else { unreachable!() };
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(SecretRef::File(link.clone()).read(), Err(SecretError::Exposed { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(SecretRef::File(link).read().unwrap().expose(), "a");
    }

    #[test]
    fn what_is_empty_missing_too_long_or_not_text_is_refused() {
        for content in ["", "\n"] {
            assert!(matches!(file(content.as_bytes(), 0o600).1.read(), Err(SecretError::Empty { .. })));
        }
        let long = "a".repeat(LONGEST + 1);
        assert!(matches!(file(long.as_bytes(), 0o600).1.read(), Err(SecretError::TooLong { .. })));
        assert!(matches!(file(b"\xff", 0o600).1.read(), Err(SecretError::Unreadable { .. })));
        let missing = SecretRef::File("/nowhere/at/all".into());
        assert!(matches!(missing.read(), Err(SecretError::Unreadable { .. })));
        let unset = SecretRef::Env("DSN_BROKER_TEST_NOT_SET".into());
        assert!(matches!(unset.read(), Err(SecretError::NotSet { .. })));
    }

    #[test]
    fn a_variable_is_read() {
        assert!(!SecretRef::Env("PATH".into()).read().unwrap().expose().is_empty());
    }
}
