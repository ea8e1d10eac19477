//! Which passwords Neon's control plane takes for users that are made by SQL: at least 60 bits, and no verifiers.

use crate::edge::Refusal;

/// What is wrong with a password in this text: a statement, or a value that is bound to one.
pub(super) fn refusal(text: &str) -> Option<Refusal> {
    if text.contains("SCRAM-SHA-256$") || is_md5(text) {
        return Some(refuse("Neon only supports being given plaintext passwords"));
    }
    let at = text.to_ascii_uppercase().find("PASSWORD '")?;
    let password = text.get(at + "PASSWORD '".len()..)?.split('\'').next()?;
    // A literal within a literal, in a block, is not looked at.
    (!password.is_empty() && bits(password) < 60.0).then(|| {
        refuse(
            "insecure password, try including more special characters, using uppercase letters, using numbers or \
             using a longer password",
        )
    })
}

fn refuse(error: &str) -> Refusal {
    let message = format!("Received HTTP code 400 from control plane: {{\"error\":\"{error}\"}}");
    Refusal::error("XX000", message)
}

fn is_md5(text: &str) -> bool {
    text.match_indices("md5").any(|(at, word)| {
        let digits = text.get(at + word.len()..).unwrap_or_default();
        digits.bytes().take_while(u8::is_ascii_hexdigit).count() >= 32
    })
}

/// How hard it is to guess: by how many kinds of characters there are, and how many that are not repetitions.
fn bits(password: &str) -> f64 {
    let has = |is: fn(&u8) -> bool| password.bytes().any(|letter| is(&letter));
    let kinds = [
        (has(u8::is_ascii_lowercase), 26.0),
        (has(u8::is_ascii_uppercase), 26.0),
        (has(u8::is_ascii_digit), 10.0),
        (has(u8::is_ascii_punctuation), 32.0),
    ];
    let base: f64 = kinds.iter().filter(|(has, _)| *has).map(|(_, size)| size).sum();
    let letters: Vec<char> = password.chars().collect();
    let repeated = letters.windows(3).filter(|three| three.iter().all(|one| Some(one) == three.first()));
    let length = u32::try_from(letters.len() - repeated.count()).unwrap_or(u32::MAX);
    f64::from(length) * base.max(1.0).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_good_passwords_in_clear_text_are_taken() {
        let said = |text: &str| refusal(text).map(|refusal| refusal.message);
        let verifier = "alter role x password 'SCRAM-SHA-256$4096:c2FsdA==$a:b'";
        assert!(said(verifier).unwrap().contains("only supports being given plaintext passwords"));
        assert!(said(&format!("create role x password 'md5{}'", "0".repeat(32))).is_some());
        assert!(said("create role x password 'hunter2'").unwrap().contains("insecure password"));
        assert!(said("create role x password 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'").is_some());
        assert_eq!(said("create role x password 'tz4Uc9Qm2Rk7Wb3x'"), None);
        assert_eq!(said("select 1"), None);
    }
}
