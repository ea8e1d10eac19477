//! Patterns of values.

use dsn_broker::config::Glob;

/// A pattern, a newline, a value. Both are kept as they are; a match is what a matcher finds that tries everything.
pub fn globs(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (pattern, value) = text.split_once('\n').unwrap_or((&text, ""));
    let glob = Glob::from(pattern);
    assert_eq!(glob.to_string(), pattern);
    assert_eq!(glob.is_exact(), !pattern.contains('*'));
    let matches = glob.matches(value);
    if glob.is_exact() {
        assert_eq!(matches, pattern == value);
    }
    assert!(!glob.is_any() || matches, "{pattern:?} is said to match everything, but not {value:?}");
    // The naive way takes the product of both.
    if pattern.len().saturating_mul(value.len()) < 1_000_000 {
        assert_eq!(matches, naive(pattern, value), "{pattern:?} and {value:?}");
    }
}

/// Which beginnings of the value each beginning of the pattern matches, one after the other.
fn naive(pattern: &str, value: &str) -> bool {
    let value: Vec<char> = value.chars().collect();
    let mut reached = vec![false; value.len() + 1];
    reached[0] = true;
    for letter in pattern.chars() {
        let before = reached.clone();
        for end in 0..=value.len() {
            reached[end] = match letter {
                '*' => before[end] || (end > 0 && reached[end - 1]),
                _ => end > 0 && before[end - 1] && value[end - 1] == letter,
            };
        }
    }
    reached[value.len()]
}
