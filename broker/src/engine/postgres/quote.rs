//! The one place where names and values become SQL text.
//!
//! Statements that make roles take no parameters, so their names and values have to be written into them.

/// A name as a quoted identifier: `na"me` becomes `"na""me"`.
pub(in crate::engine) fn identifier(name: &str) -> Result<String, Unquotable> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(Unquotable::Name { name: name.to_owned() });
    }
    Ok(format!("\"{}\"", without_nul(name)?.replace('"', "\"\"")))
}

/// Names as quoted identifiers with commas between them.
pub(in crate::engine) fn identifiers<'a>(
    names: impl IntoIterator<Item = &'a str>,
) -> Result<String, Unquotable> {
    Ok(names.into_iter().map(identifier).collect::<Result<Vec<_>, _>>()?.join(", "))
}

/// A value as a string constant that means the same whatever `standard_conforming_strings` is.
pub(in crate::engine) fn literal(value: &str) -> Result<String, Unquotable> {
    let doubled = without_nul(value)?.replace('\'', "''");
    if doubled.contains('\\') {
        Ok(format!("E'{}'", doubled.replace('\\', "\\\\")))
    } else {
        Ok(format!("'{doubled}'"))
    }
}

/// Names as an array constant of type `name[]`.
pub(in crate::engine) fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<String, Unquotable> {
    let items = names.into_iter().map(literal).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("ARRAY[{}]::name[]", items.join(", ")))
}

/// PL/pgSQL as one statement.
pub(in crate::engine) fn block(body: &str) -> Result<String, Unquotable> {
    Ok(format!("DO {}", literal(body)?))
}

/// Why a text cannot be written into SQL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::engine) enum Unquotable {
    #[error("{name:?} is not a name there: names have 1 to {LONGEST_NAME} bytes")]
    Name { name: String },
    #[error("a name or value has a zero byte")]
    Nul,
}

fn without_nul(text: &str) -> Result<&str, Unquotable> {
    if text.contains('\0') { Err(Unquotable::Nul) } else { Ok(text) }
}

/// In bytes: `NAMEDATALEN` less one. A longer name would be cut, and then mean another role.
const LONGEST_NAME: usize = 63;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_and_backslashes_are_doubled() {
        assert_eq!(identifier(r#"na"me"#).unwrap(), r#""na""me""#);
        assert_eq!(literal("it's").unwrap(), "'it''s'");
        assert_eq!(literal(r"a\'b").unwrap(), r"E'a\\''b'");
        assert_eq!(identifiers(["a", "b c"]).unwrap(), r#""a", "b c""#);
        assert_eq!(names(["a", "'"]).unwrap(), "ARRAY['a', '''']::name[]");
        assert_eq!(names([]).unwrap(), "ARRAY[]::name[]");
        assert_eq!(block("BEGIN PERFORM 'x'; END").unwrap(), "DO 'BEGIN PERFORM ''x''; END'");
    }

    #[test]
    fn what_would_be_cut_or_mean_something_else_is_refused() {
        for bad in ["", &"a".repeat(64), &"ä".repeat(32)] {
            assert!(matches!(identifier(bad), Err(Unquotable::Name { .. })), "{bad:?}");
        }
        assert!(identifier(&"ä".repeat(31)).is_ok());
        assert_eq!(identifier("a\0b"), Err(Unquotable::Nul));
        assert_eq!(literal("a\0b"), Err(Unquotable::Nul));
    }

    /// Reads one quoted token as the server's lexer does, and returns its meaning and what follows it.
    fn read(text: &str, quote: char, backslashes: bool) -> Option<(String, String)> {
        let mut rest = text.strip_prefix(quote)?.chars().peekable();
        let mut meaning = String::new();
        loop {
            match rest.next()? {
                '\\' if backslashes => meaning.push(rest.next()?),
                c if c == quote && rest.peek() == Some(&quote) => meaning.extend(rest.next()),
                c if c == quote => return Some((meaning, rest.collect())),
                c => meaning.push(c),
            }
        }
    }

    proptest! {
        #[test]
        fn an_identifier_is_one_token_that_means_the_name(name in r#"["'\\; a-zä\n-]{1,31}"#) {
            let quoted = identifier(&name).unwrap();
            prop_assert_eq!(read(&quoted, '"', false), Some((name, String::new())));
        }

        #[test]
        fn a_literal_is_one_token_that_means_the_value(value in r#"["'\\; \$a-zE%\n-]{0,40}|[^\x00]{0,20}"#) {
            let quoted = literal(&value).unwrap();
            let meaning = Some((value, String::new()));
            match quoted.strip_prefix('E') {
                Some(escaped) => prop_assert_eq!(read(escaped, '\'', true), meaning),
                // Without a backslash both readings agree, so the server's setting does not matter.
                None => {
                    prop_assert_eq!(read(&quoted, '\'', false), meaning.clone());
                    prop_assert_eq!(read(&quoted, '\'', true), meaning);
                }
            }
        }
    }
}
