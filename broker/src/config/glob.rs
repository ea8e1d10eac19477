//! Patterns of values.

use schemars::JsonSchema;
use serde::Deserialize;

/// A value, or a pattern in which `*` stands for any run of characters, none included.
///
/// No other character is special and nothing escapes a `*`, so that a value which itself has one cannot be
/// matched exactly. Letters count as they are written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "String")]
#[schemars(with = "String")]
pub struct Glob {
    /// What stands before the first `*`.
    head: String,
    /// What stands after each `*`; for an exact value nothing.
    tails: Vec<String>,
}

impl Glob {
    /// Whether the value matches, in time linear in its length for each `*`.
    pub fn matches(&self, value: &str) -> bool {
        let Some((last, middle)) = self.tails.split_last() else { return value == self.head };
        // The leftmost place for each part leaves the most for those after it: there is nothing to go back for.
        let rest = value.strip_prefix(&self.head).and_then(|rest| {
            middle.iter().try_fold(rest, |rest, part| rest.split_once(part.as_str()).map(|(_, rest)| rest))
        });
        rest.is_some_and(|rest| rest.ends_with(last))
    }

    /// Whether it is a value and not a pattern.
    pub fn is_exact(&self) -> bool {
        self.tails.is_empty()
    }

    /// Whether every value matches.
    pub fn is_any(&self) -> bool {
        !self.is_exact() && self.head.is_empty() && self.tails.iter().all(String::is_empty)
    }
}

impl From<String> for Glob {
    fn from(text: String) -> Self {
        let mut parts = text.split('*').map(str::to_owned);
        Self { head: parts.next().unwrap_or_default(), tails: parts.collect() }
    }
}

impl From<&str> for Glob {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl std::fmt::Display for Glob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.head)?;
        self.tails.iter().try_for_each(|tail| write!(f, "*{tail}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters_and_nothing_else_is_special() {
        for (pattern, matching, others) in [
            ("web", &["web"][..], &["", "we", "webb", "Web", "web "][..]),
            ("*", &["", "web", "a*b", "ä\n"], &[]),
            ("**", &["", "web"], &[]),
            ("web*", &["web", "web-1"], &["we", "a-web"]),
            ("*web", &["web", "a-web"], &["web-1"]),
            ("a*c", &["ac", "abc", "abcbc"], &["a", "c", "ab"]),
            ("a*a", &["aa", "aba"], &["a"]),
            ("a*b*c", &["abc", "axbxc", "abbcc"], &["acb", "ac", "bac"]),
            ("*ab*ab", &["abab", "xabxab"], &["ab", "aba"]),
            ("", &[""], &["a"]),
            ("a?c", &["a?c"], &["abc"]),
            ("a.c", &["a.c"], &["abc"]),
            ("[ab]", &["[ab]"], &["a"]),
            (r"a\*", &[r"a\", r"a\b"], &["a*"]),
        ] {
            let glob = Glob::from(pattern);
            assert_eq!(glob.to_string(), pattern);
            for value in matching {
                assert!(glob.matches(value), "{pattern} should match {value:?}");
            }
            for value in others {
                assert!(!glob.matches(value), "{pattern} should not match {value:?}");
            }
        }
    }

    #[test]
    fn exact_values_and_patterns_of_everything_are_known() {
        for (pattern, exact, any) in [
            ("a", true, false),
            ("", true, false),
            ("*", false, true),
            ("**", false, true),
            ("a*", false, false),
        ] {
            let glob = Glob::from(pattern);
            assert_eq!((glob.is_exact(), glob.is_any()), (exact, any), "{pattern}");
        }
    }

    #[test]
    fn many_stars_cost_no_more_than_their_number() {
        // A matcher that goes back would need longer than the universe has.
        let glob = Glob::from(format!("{}b", "a*".repeat(5_000)));
        assert!(!glob.matches(&"a".repeat(20_000)));
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_matcher_that_tries_everything(pattern in "[ab*]{0,8}", value in "[ab*]{0,10}") {
            let (glob, chars) = (Glob::from(pattern.as_str()), value.chars().collect::<Vec<_>>());
            let naive = naive(&pattern.chars().collect::<Vec<_>>(), &chars);
            prop_assert_eq!(glob.matches(&value), naive);
        }
    }

    fn naive(pattern: &[char], value: &[char]) -> bool {
        match (pattern.split_first(), value.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => naive(rest, value),
            (Some(('*', rest)), Some((_, shorter))) => naive(rest, value) || naive(pattern, shorter),
            (Some((a, rest)), Some((b, shorter))) => a == b && naive(rest, shorter),
            _ => false,
        }
    }
}
