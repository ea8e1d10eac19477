//! Durations and sizes, as they are written in the file.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

/// A duration: `500ms`, `30s`, `15m`, `12h`, `30d`, or several, the longest unit first: `1h30m`. At most `36500d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "String", extend("pattern" = "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"))]
pub struct Span(pub Duration);

/// A size in bytes: `512B`, `64KiB`, `1MiB`, `2GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "String", extend("pattern" = "^[0-9]+(B|KiB|MiB|GiB)$"))]
pub struct Size(pub usize);

/// Why a text is not a duration or a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// It is not written like a duration.
    #[error("{0:?} is not a duration: write a whole number and a unit, like 500ms, 30s, 15m, 1h30m or 7d")]
    NotASpan(String),
    /// Later sums of times would overflow.
    #[error("{0:?} is longer than 36500d")]
    SpanTooLong(String),
    /// It is not written like a size.
    #[error("{0:?} is not a size: write a whole number and a unit, like 512B, 64KiB or 1MiB")]
    NotASize(String),
}

impl Span {
    /// A duration of whole seconds.
    pub const fn secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let not_a_span = || UnitError::NotASpan(text.to_owned());
        let too_long = || UnitError::SpanTooLong(text.to_owned());
        let (mut rest, mut total, mut shorter_than) = (text, 0_u64, u64::MAX);
        while !rest.is_empty() {
            let (count, tail) = leading_number(rest).ok_or_else(not_a_span)?;
            let unit_end = tail.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            let (_, millis) = SPANS.iter().find(|(name, _)| *name == unit).ok_or_else(not_a_span)?;
            if *millis >= shorter_than {
                return Err(not_a_span());
            }
            let part = count.parse::<u64>().ok().and_then(|count| count.checked_mul(*millis));
            total = part.and_then(|part| total.checked_add(part)).ok_or_else(too_long)?;
            (rest, shorter_than) = (tail, *millis);
        }
        match total {
            _ if text.is_empty() => Err(not_a_span()),
            LONGEST.. => Err(too_long()),
            millis => Ok(Self(Duration::from_millis(millis))),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0.as_millis();
        if left == 0 {
            return f.write_str("0s");
        }
        for (unit, millis) in SPANS {
            let (count, rest) = (left / u128::from(millis), left % u128::from(millis));
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
            left = rest;
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl TryFrom<Written> for Span {
    type Error = UnitError;

    fn try_from(written: Written) -> Result<Self, UnitError> {
        written.to_string().parse()
    }
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let bytes = leading_number(text).and_then(|(count, unit)| {
            let (_, bytes) = SIZES.iter().find(|(name, _)| *name == unit)?;
            count.parse::<usize>().ok()?.checked_mul(*bytes)
        });
        bytes.map(Self).ok_or_else(|| UnitError::NotASize(text.to_owned()))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = SIZES.iter().find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes));
        let (unit, bytes) = whole.unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl TryFrom<Written> for Size {
    type Error = UnitError;

    fn try_from(written: Written) -> Result<Self, UnitError> {
        written.to_string().parse()
    }
}

/// What people write, with or without the unit: forgetting it deserves the answer that names the units.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a number with a unit belongs here, like 15m or 64KiB")]
enum Written {
    Text(String),
    Number(i64),
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
        }
    }
}

fn leading_number(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

const SPANS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

const LONGEST: u64 = 36_500 * 86_400_000 + 1;

const SIZES: [(&str, usize); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, millis, canonical) in [
            ("500ms", 500, "500ms"),
            ("30s", 30_000, "30s"),
            ("90m", 5_400_000, "1h30m"),
            ("1h30m", 5_400_000, "1h30m"),
            ("7d", 604_800_000, "7d"),
            ("1d2h3m4s5ms", 93_784_005, "1d2h3m4s5ms"),
            ("0s", 0, "0s"),
            ("36500d", 3_153_600_000_000, "36500d"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span, Span(Duration::from_millis(millis)), "{text}");
            assert_eq!(span.to_string(), canonical);
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in ["", "15", "m", "1.5h", "-1s", "1 h", "1m1h", "1s1s", "1H", "1w", "1h30", "١s", "1hm"] {
            assert_eq!(text.parse::<Span>(), Err(UnitError::NotASpan(text.to_owned())), "{text:?}");
        }
        for text in ["36500d1ms", "99999999999999999999s", "999999999999999999d"] {
            assert_eq!(text.parse::<Span>(), Err(UnitError::SpanTooLong(text.to_owned())), "{text:?}");
        }
    }

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes, canonical) in [
            ("512B", 512, "512B"),
            ("64KiB", 65_536, "64KiB"),
            ("1024KiB", 1 << 20, "1MiB"),
            ("2GiB", 2 << 30, "2GiB"),
            ("0B", 0, "0B"),
            ("1025B", 1025, "1025B"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!(size, Size(bytes), "{text}");
            assert_eq!(size.to_string(), canonical);
        }
        for text in
            ["", "1", "KiB", "1KB", "1 MiB", "1.5MiB", "-1B", "99999999999999999999B", "99999999999999GiB"]
        {
            assert_eq!(text.parse::<Size>(), Err(UnitError::NotASize(text.to_owned())), "{text:?}");
        }
    }
}
