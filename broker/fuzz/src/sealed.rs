//! What is sealed.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use dsn_broker::entropy::Entropy;
use dsn_broker::seal::{Sealed, Sealer};
use dsn_broker::secret::Secret;

use crate::{Choices, edit};

/// `r` and any bytes: they do not open, unless it was us who sealed them. Anything else: changes to a good text and to its place. It opens if nothing
/// was changed, and then to what was sealed.
pub fn sealed(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    if choices.byte() == b'r' {
        let bytes = choices.rest();
        if let Ok(opened) = SEALER.open(&Sealed::from_bytes(bytes.to_vec()), PLACE) {
            // libFuzzer looks over our shoulder when texts are compared, and so comes to know good ones.
            assert_eq!(SEALER.seal(&opened, PLACE, &Counting).as_bytes(), bytes, "who has sealed this?");
        }
        return;
    }
    let plaintext: Vec<u8> = (0..choices.below(64)).map(|_| choices.byte()).collect();
    let good = SEALER.seal(&plaintext, PLACE, &Counting);
    let place: &[u8] = if choices.byte() % 4 == 1 { b"dsn:entry:other" } else { PLACE };
    let bytes = edit(good.as_bytes(), &mut choices, &["\u{1}", "\u{5}first", "\u{6}second", "second"]);
    let is_good = bytes == good.as_bytes() && place == PLACE;
    match SEALER.open(&Sealed::from_bytes(bytes), place) {
        Ok(opened) => assert!(is_good && *opened == plaintext, "a changed text opened"),
        Err(error) => assert!(!is_good, "a good text does not open: {error}"),
    }
}

/// Two keys, of which the first seals.
static SEALER: LazyLock<Sealer> = LazyLock::new(|| {
    let key = |id: &str, byte| (id.to_owned(), Secret::new(BASE64_STANDARD.encode([byte; 32])));
    Sealer::new(vec![key("first", 1), key("second", 2)]).unwrap()
});

/// No chance: what is found is found again.
struct Counting;

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        (0..).zip(buffer).for_each(|(number, byte)| *byte = number);
    }
}

const PLACE: &[u8] = b"dsn:entry:here";
