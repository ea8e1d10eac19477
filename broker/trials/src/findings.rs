//! Compares what callers saw, what is on record, and what is in the world. Each finding is a sentence.

mod deliveries;
mod ends;
mod minting;
mod settled;
#[cfg(test)]
mod tests;

pub(crate) use settled::{settle, settle_empty};

use crate::facts::Facts;
use crate::journal::Notes;
pub(crate) use minting::Overlaps;

/// Everything that is wrong, whatever the present state is.
pub(crate) fn all(notes: &Notes, facts: &Facts) -> (Vec<String>, Overlaps) {
    let mut wrong = notes.wrong.clone();
    wrong.extend(deliveries::unrecorded(notes, facts));
    wrong.extend(deliveries::locked_out(notes, facts));
    wrong.extend(ends::worked_twice(facts));
    wrong.extend(ends::too_soon(facts));
    let (twice, overlaps) = minting::twice(notes, facts);
    wrong.extend(twice);
    (wrong, overlaps)
}
