//! Bytes as decisions.

/// Decisions, made by bytes; when they run out, always the first possibility.
#[derive(Clone, Debug)]
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// With these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether there are any left.
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `end`, which is at most 65536.
    pub fn below(&mut self, end: usize) -> usize {
        match end {
            0 | 1 => 0,
            2..=256 => usize::from(self.byte()) % end,
            _ => (usize::from(self.byte()) << 8 | usize::from(self.byte())) % end,
        }
    }

    /// One of these.
    pub fn one_of<'b, T>(&mut self, list: &'b [T]) -> &'b T {
        &list[self.below(list.len())]
    }

    /// All bytes that are left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// The text with some changes: bytes replaced, inserted, removed, repeated, and swapped.
pub fn edit(text: &[u8], choices: &mut Choices<'_>, words: &[&str]) -> Vec<u8> {
    let mut text = text.to_vec();
    while !choices.is_over() && text.len() < LONGEST {
        let kind = choices.byte();
        let at = choices.below(text.len() + 1);
        let length = 1 + choices.below(32);
        let end = (at + length).min(text.len());
        match kind % 8 {
            0 if at < text.len() => text[at] = choices.byte(),
            1 if at < text.len() => text[at] ^= 1 << choices.below(8),
            2 => text.insert(at, choices.byte()),
            3 => drop(text.drain(at..end)),
            4 => {
                let copy = text[at..end].to_vec();
                let to = choices.below(text.len() + 1);
                text.splice(to..to, copy);
            }
            5 if !words.is_empty() => {
                let word = choices.one_of(words).bytes();
                text.splice(at..at, word);
            }
            6 => text.truncate(at),
            _ if at < text.len() => {
                let other = choices.below(text.len());
                text.swap(at, other);
            }
            _ => {}
        }
    }
    text
}

/// Longer than anything that is read whole, and short enough to try many.
const LONGEST: usize = 32 * 1024;
