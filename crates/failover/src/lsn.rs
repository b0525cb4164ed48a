//! A position in PostgreSQL's log.

use serde::{Deserialize, Serialize};
use std::fmt;
use step::InvalidIdentifier;

/// A position in PostgreSQL's write-ahead log, such as `16/B374D848`: later ones are larger.
///
/// Source: PostgreSQL, "pg_lsn Type".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Lsn(u64);

impl Lsn {
    /// How many bytes of the log are missing up to `other`.
    pub fn missing_to(self, other: Self) -> u64 {
        other.0.saturating_sub(self.0)
    }
}

impl TryFrom<String> for Lsn {
    type Error = InvalidIdentifier;

    fn try_from(text: String) -> Result<Self, InvalidIdentifier> {
        let half = |digits: &str| {
            let is_hex = (1..=8).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_hexdigit());
            u64::from_str_radix(digits, 16).ok().filter(|_| is_hex)
        };
        let read = || text.split_once('/').and_then(|(high, low)| Some((half(high)? << 32) | half(low)?));
        let rule = "two hexadecimal numbers, such as 16/B374D848";
        read().map(Self).ok_or_else(|| InvalidIdentifier::new(&text, "a position in the log", rule))
    }
}

impl From<Lsn> for String {
    fn from(position: Lsn) -> String {
        position.to_string()
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_compared_as_numbers_and_read_back() {
        let lsn = |text: &str| Lsn::try_from(text.to_owned()).unwrap();
        assert!(lsn("0/FFFFFFFF") < lsn("1/0") && lsn("0/9") < lsn("0/10"));
        assert_eq!(lsn("16/b374d848").to_string(), "16/B374D848");
        assert_eq!(String::from(lsn("0/0")), "0/0");
        assert_eq!((lsn("0/FFFFFFFF").missing_to(lsn("1/F")), lsn("1/0").missing_to(lsn("0/1"))), (16, 0));
        for bad in ["", "0", "0/", "/0", "0/G", "+1/0", "0/123456789", "0/1/2"] {
            assert!(Lsn::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
