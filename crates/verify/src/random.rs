//! Passwords and salts.

use ring::rand::{SecureRandom, SystemRandom};

/// Length of a password, in letters and digits: 30 hold 178 bits.
const PASSWORD_LENGTH: usize = 30;
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The system gives no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomness;

/// Random bytes.
pub(crate) fn bytes<const LENGTH: usize>() -> Result<[u8; LENGTH], NoRandomness> {
    let mut bytes = [0; LENGTH];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// A new password.
pub(crate) fn password() -> Result<String, NoRandomness> {
    let mut password = String::with_capacity(PASSWORD_LENGTH);
    while password.len() < PASSWORD_LENGTH {
        // Six bits a byte; 62 and 63 have no character and are left out, so that all others are equally likely.
        let characters = bytes::<32>()?.map(|byte| usize::from(byte & 63));
        let characters = characters.iter().filter_map(|index| ALPHABET.get(*index));
        password.extend(characters.map(|it| char::from(*it)).take(PASSWORD_LENGTH - password.len()));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_letters_and_digits_and_never_the_same() {
        let (one, other) = (password().unwrap(), password().unwrap());
        assert_ne!(one, other);
        assert!(one.len() == PASSWORD_LENGTH && one.bytes().all(|it| it.is_ascii_alphanumeric()), "{one}");
    }
}
