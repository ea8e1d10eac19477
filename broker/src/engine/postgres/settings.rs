//! The settings of a user's sessions, as `ALTER ROLE … SET`.

use std::collections::BTreeMap;

use crate::engine::postgres::failure::Failure;
use crate::engine::postgres::quote;

/// `name = value` for each parameter, quoted, for `ALTER ROLE … SET`.
pub(super) fn assignments(
    parameters: &BTreeMap<String, String>,
    set_role: Option<&str>,
) -> Result<Vec<String>, Failure> {
    let mut assignments = parameters
        .iter()
        .map(|(name, value)| Ok(format!("{} = {}", parameter(name)?, self::value(name, value)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    if let Some(role) = set_role {
        assignments.push(format!("role = {}", quote::literal(role)?));
    }
    Ok(assignments)
}

/// A parameter's name; those of extensions have parts (`pg_stat_statements.track`).
fn parameter(name: &str) -> Result<String, Failure> {
    if ["role", "session_authorization"].iter().any(|taken| name.eq_ignore_ascii_case(taken)) {
        return Err(Failure::refused(format!(
            "the parameter {name:?} cannot be set: use `set_role` to say whom sessions act as"
        )));
    }
    Ok(name.split('.').map(quote::identifier).collect::<Result<Vec<_>, _>>()?.join("."))
}

/// A value; a list of names as a list of values, for `'a, b'` as one value would be one name with a comma in it.
fn value(parameter: &str, text: &str) -> Result<String, Failure> {
    let Some((_, folding)) = LISTS.iter().find(|(list, _)| parameter.eq_ignore_ascii_case(list)) else {
        return Ok(quote::literal(text)?);
    };
    let items = items(text, *folding)
        .ok_or_else(|| Failure::refused(format!("the parameter {parameter:?} is not a list: {text:?}")))?;
    Ok(items.iter().map(|item| quote::literal(item)).collect::<Result<Vec<_>, _>>()?.join(", "))
}

/// The items of a list in the server's notation: commas between, `"` around those that need it.
fn items(text: &str, folding: Folding) -> Option<Vec<String>> {
    let mut items = Vec::new();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Some(vec![String::new()]);
    }
    loop {
        let (item, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_item(quoted)?,
            None => {
                let (item, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
                (folding.apply(plain_item(item.trim_end())?), after)
            }
        };
        items.push(item);
        rest = match after.trim_start().strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if after.trim().is_empty() => return Some(items),
            None => return None,
        };
    }
}

/// An item up to its closing quote, and what follows it.
fn quoted_item(text: &str) -> Option<(String, &str)> {
    let mut item = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        item.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                item.push('"');
                rest = more;
            }
            None => return Some((item, after)),
        }
    }
}

fn plain_item(item: &str) -> Option<&str> {
    let broken = item.is_empty() || item.contains(|c: char| c == '"' || c.is_whitespace());
    (!broken).then_some(item)
}

/// Whether the server takes an item without quotes as written in small letters.
#[derive(Clone, Copy)]
enum Folding {
    Lower,
    Keep,
}

impl Folding {
    fn apply(self, item: &str) -> String {
        match self {
            Self::Lower => item.to_ascii_lowercase(),
            Self::Keep => item.to_owned(),
        }
    }
}

/// The parameters that the server keeps as lists of quoted names (`GUC_LIST_QUOTE`) and that a role can have.
/// Other lists, like `DateStyle`, are one text.
const LISTS: [(&str, Folding); 4] = [
    ("search_path", Folding::Lower),
    ("temp_tablespaces", Folding::Lower),
    ("local_preload_libraries", Folding::Keep),
    ("session_preload_libraries", Folding::Keep),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, value: &str) -> Result<String, Failure> {
        let parameters = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        assignments(&parameters, None).map(|mut all| all.remove(0))
    }

    #[test]
    fn values_are_texts_and_lists_of_names_are_lists() {
        for (name, value, expected) in [
            ("statement_timeout", "15s", r#""statement_timeout" = '15s'"#),
            ("DateStyle", "ISO, DMY", r#""DateStyle" = 'ISO, DMY'"#),
            ("search_path", "app, public", r#""search_path" = 'app', 'public'"#),
            ("Search_Path", "App,\"App\"", r#""Search_Path" = 'app', 'App'"#),
            ("search_path", r#""$user" , "a,""b""" "#, r#""search_path" = '$user', 'a,"b"'"#),
            ("search_path", "", r#""search_path" = ''"#),
            ("local_preload_libraries", "Lib", r#""local_preload_libraries" = 'Lib'"#),
            ("ext.name", "it's", r#""ext"."name" = 'it''s'"#),
            ("work_mem", "1'; DROP ROLE x --", r#""work_mem" = '1''; DROP ROLE x --'"#),
        ] {
            assert_eq!(one(name, value).unwrap(), expected, "{name} {value}");
        }
    }

    #[test]
    fn broken_lists_and_names_are_refused() {
        for value in ["a,,b", "a,", "a b", "\"a", "\"a\"b", "a\"b"] {
            assert!(one("search_path", value).unwrap_err().detail.contains("not a list"), "{value}");
        }
        for name in ["", "a..b", "role", "SESSION_AUTHORIZATION"] {
            assert!(one(name, "x").is_err(), "{name}");
        }
    }

    #[test]
    fn the_role_of_sessions_comes_last() {
        let parameters = BTreeMap::from([("work_mem".to_owned(), "1MB".to_owned())]);
        let all = assignments(&parameters, Some("o'wner")).unwrap();
        assert_eq!(all, [r#""work_mem" = '1MB'"#, "role = 'o''wner'"]);
    }
}
