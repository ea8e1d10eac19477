//! The path to a claim.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

/// The path to a claim, from the outermost object inwards, its steps separated by dots.
///
/// `sub` is a claim; `a.b` is `b` inside `a`. A key that itself has dots is one step when it is quoted:
/// `"kubernetes.io".serviceaccount.name`; inside quotes `\"` is a quote and `\\` a backslash. Slashes need
/// nothing. YAML has quotes of its own, so that in the file it is `'"kubernetes.io".serviceaccount.name': web`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct ClaimPath(Vec<String>);

/// Why a text is not the path to a claim.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the path of a claim: {mistake}")]
pub struct ClaimPathError {
    text: String,
    mistake: &'static str,
}

impl ClaimPath {
    /// The keys, from the outermost object inwards.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl FromStr for ClaimPath {
    type Err = ClaimPathError;

    fn from_str(text: &str) -> Result<Self, ClaimPathError> {
        let mut chars = text.chars().peekable();
        let mut steps = Vec::new();
        loop {
            let step = if chars.next_if_eq(&'"').is_some() { quoted(&mut chars) } else { bare(&mut chars) };
            steps.push(step.map_err(|mistake| ClaimPathError { text: text.to_owned(), mistake })?);
            match chars.next() {
                None => return Ok(Self(steps)),
                Some('.') => {}
                Some(_) => {
                    let mistake = "after a quoted key comes a dot or the end";
                    return Err(ClaimPathError { text: text.to_owned(), mistake });
                }
            }
        }
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            if !step.is_empty() && step.chars().all(is_bare) {
                write!(f, "{dot}{step}")?;
            } else {
                write!(f, "{dot}\"{}\"", step.replace('\\', r"\\").replace('"', r#"\""#))?;
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for ClaimPath {
    type Error = ClaimPathError;

    fn try_from(text: String) -> Result<Self, ClaimPathError> {
        text.parse()
    }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn bare(chars: &mut Chars<'_>) -> Result<String, &'static str> {
    let mut step = String::new();
    while let Some(char) = chars.next_if(|char| *char != '.') {
        if !is_bare(char) {
            return Err("a key with quotes, backslashes or blanks must be quoted");
        }
        step.push(char);
    }
    if step.is_empty() { Err("a key is missing") } else { Ok(step) }
}

fn quoted(chars: &mut Chars<'_>) -> Result<String, &'static str> {
    let mut step = String::new();
    loop {
        match chars.next() {
            None => return Err("a quote is not closed"),
            Some('"') => return Ok(step),
            Some('\\') => match chars.next() {
                Some(char @ ('"' | '\\')) => step.push(char),
                _ => return Err(r#"a backslash stands before a quote or a backslash: \" or \\"#),
            },
            Some(char) => step.push(char),
        }
    }
}

fn is_bare(char: char) -> bool {
    !matches!(char, '.' | '"' | '\\') && !char.is_whitespace() && !char.is_control()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_read_step_by_step() {
        let table: &[(&str, &[&str])] = &[
            ("sub", &["sub"]),
            ("a.b", &["a", "b"]),
            (r#""kubernetes.io".serviceaccount.name"#, &["kubernetes.io", "serviceaccount", "name"]),
            (r#""kubernetes.io/serviceaccount/name""#, &["kubernetes.io/serviceaccount/name"]),
            ("a/b:c.d", &["a/b:c", "d"]),
            (r#"a."b\"c\\d""#, &["a", r#"b"c\d"#]),
            (r#""""#, &[""]),
        ];
        for (text, steps) in table {
            let path: ClaimPath = text.parse().unwrap();
            assert_eq!(path.steps().collect::<Vec<_>>(), *steps, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_path_is_refused_with_the_reason() {
        for (text, mistake) in [
            ("", "a key is missing"),
            (".", "a key is missing"),
            ("a.", "a key is missing"),
            ("a..b", "a key is missing"),
            (r#""a"#, "a quote is not closed"),
            (r#""a"b"#, "after a quoted key comes a dot or the end"),
            (r#"a"b"#, "a key with quotes, backslashes or blanks must be quoted"),
            ("a b", "a key with quotes, backslashes or blanks must be quoted"),
            (r#""a\n""#, r#"a backslash stands before a quote or a backslash: \" or \\"#),
        ] {
            assert_eq!(text.parse::<ClaimPath>().unwrap_err().mistake, mistake, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_read_back_as_it_is_shown(steps in prop::collection::vec(any::<String>(), 1..4)) {
            let path = ClaimPath(steps);
            prop_assert_eq!(path.to_string().parse::<ClaimPath>().unwrap(), path);
        }
    }
}
