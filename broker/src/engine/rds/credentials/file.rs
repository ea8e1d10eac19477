//! A credentials file as the AWS tools write it (AWS CLI user guide, "Configuration and credential file settings").

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::config::SecretRef;
use crate::engine::rds::credentials::{Failure, Keys};
use crate::secret::Secret;

/// A profile in a credentials file, read again when the file changes. When what it holds ends is not known here:
/// who writes temporary credentials into it replaces them in time.
pub(in crate::engine::rds) struct CredentialsFile {
    path: PathBuf,
    profile: String,
    known: Mutex<Option<(Stamp, Arc<Keys>)>>,
}

/// What differs when a file has changed, or is another one.
#[derive(PartialEq, Eq)]
struct Stamp {
    inode: (u64, u64),
    modified: Option<SystemTime>,
    length: u64,
}

impl CredentialsFile {
    /// Reads nothing yet.
    pub(super) fn new(path: &Path, profile: &str) -> Self {
        Self { path: path.to_owned(), profile: profile.to_owned(), known: Mutex::default() }
    }

    /// Looks at the file each time, which takes a microsecond or two.
    pub(super) fn keys(&self) -> Result<Arc<Keys>, Failure> {
        let stamp = Stamp::of(&self.path)
            .map_err(|error| Failure::Refused(format!("{} cannot be read: {error}", self.path.display())))?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, keys)) = &*known
            && *since == stamp
        {
            return Ok(Arc::clone(keys));
        }
        let text = SecretRef::File(self.path.clone())
            .read()
            .map_err(|error| Failure::Refused(format!("{error:#}")))?;
        let keys = parse(text.expose(), &self.profile)
            .map_err(|what| Failure::Refused(format!("{} {what}", self.path.display())))?;
        let keys = Arc::new(keys);
        *known = Some((stamp, Arc::clone(&keys)));
        Ok(keys)
    }
}

impl Stamp {
    fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        let inode = (metadata.dev(), metadata.ino());
        Ok(Self { inode, modified: metadata.modified().ok(), length: metadata.len() })
    }
}

/// The keys of a profile; otherwise what the file has not.
fn parse(text: &str, profile: &str) -> Result<Keys, String> {
    let settings = section(text, profile).ok_or_else(|| format!("has no profile [{profile}]"))?;
    let secret = |name| settings.get(name).filter(|value| !value.is_empty()).map(|value| Secret::new(*value));
    let needed = |name| secret(name).ok_or_else(|| format!("has no {name} in [{profile}]"));
    Ok(Keys {
        access_key_id: needed("aws_access_key_id")?.expose().to_owned(),
        secret_access_key: needed("aws_secret_access_key")?,
        session_token: secret("aws_session_token"),
        expires_at: None,
    })
}

/// What is set in `[name]`. Indented lines are parts of nested settings, which are for others.
fn section<'a>(text: &'a str, name: &str) -> Option<BTreeMap<&'a str, &'a str>> {
    let heading = |line: &'a str| line.trim_end().strip_prefix('[')?.strip_suffix(']').map(str::trim);
    let mut lines = text.lines().skip_while(|line| heading(line) != Some(name));
    lines.next()?;
    let lines = lines.take_while(|line| heading(line).is_none());
    let settings = lines.filter(|line| !line.starts_with([' ', '\t', '#', ';']));
    Some(
        settings
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.trim(), value.trim()))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# of the team\n[default]\naws_access_key_id=AKIA1\naws_secret_access_key = a/b+c==\n\
        s3 =\n  aws_access_key_id = nested\n; aws_session_token = old\n\n[ other ]\r\naws_access_key_id = ASIA2\r\n\
        aws_secret_access_key = d\r\naws_session_token = e=f\r\n[none]\n[half]\naws_access_key_id = AKIA3\n";

    #[test]
    fn a_profile_is_read() {
        let keys = parse(TEXT, "default").unwrap();
        assert_eq!((keys.access_key_id.as_str(), keys.session_token), ("AKIA1", None));
        assert_eq!(keys.secret_access_key, Secret::new("a/b+c=="));
        let keys = parse(TEXT, "other").unwrap();
        assert_eq!((keys.access_key_id.as_str(), keys.session_token), ("ASIA2", Some(Secret::new("e=f"))));
        assert_eq!(keys.secret_access_key, Secret::new("d"));
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_else() {
        for (profile, expected) in [
            ("nobody", "has no profile [nobody]"),
            ("none", "has no aws_access_key_id in [none]"),
            ("half", "has no aws_secret_access_key in [half]"),
        ] {
            assert_eq!(parse(TEXT, profile).unwrap_err(), expected);
        }
    }
}
