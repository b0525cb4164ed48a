//! Whole numbers that are checked where they are read, so that a bad one is refused with the path of its field.

use serde::{Deserialize, Serialize};

/// A whole number from `MIN` to `MAX`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Bounded<const MIN: i64, const MAX: i64>(i64);

/// A number outside its bounds.
#[derive(Debug, thiserror::Error)]
#[error("{number} is out of range: {min} to {max}")]
pub struct OutOfRange {
    number: i64,
    min: i64,
    max: i64,
}

impl<const MIN: i64, const MAX: i64> Bounded<MIN, MAX> {
    /// The number, unless it is out of range.
    pub fn new(number: impl Into<i64>) -> Option<Self> {
        Self::try_from(number.into()).ok()
    }

    /// A number that is known when it is compiled; out of range, it does not compile.
    pub const fn constant<const NUMBER: i64>() -> Self {
        const { assert!(MIN <= NUMBER && NUMBER <= MAX) };
        Self(NUMBER)
    }

    /// The number, as the RDS API takes it.
    pub fn as_i32(self) -> i32 {
        i32::try_from(self.0).unwrap_or(i32::MAX)
    }

    /// The number of a range that holds no negative ones.
    pub fn as_u64(self) -> u64 {
        u64::try_from(self.0).unwrap_or_default()
    }
}

impl<const MIN: i64, const MAX: i64> TryFrom<i64> for Bounded<MIN, MAX> {
    type Error = OutOfRange;

    fn try_from(number: i64) -> Result<Self, OutOfRange> {
        if (MIN..=MAX).contains(&number) {
            Ok(Self(number))
        } else {
            Err(OutOfRange { number, min: MIN, max: MAX })
        }
    }
}

impl<const MIN: i64, const MAX: i64> From<Bounded<MIN, MAX>> for i64 {
    fn from(number: Bounded<MIN, MAX>) -> i64 {
        number.0
    }
}

#[cfg(feature = "schema")]
impl<const MIN: i64, const MAX: i64> schemars::JsonSchema for Bounded<MIN, MAX> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("From{MIN}To{MAX}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_in_range_are_read() {
        let read = |text| serde_json::from_str::<Bounded<1, 10>>(text);
        assert_eq!(read("1").unwrap().as_u64(), 1);
        assert_eq!(read("10").unwrap().as_i32(), 10);
        assert_eq!(i64::from(read("7").unwrap()), 7);
        assert_eq!(read("11").unwrap_err().to_string(), "11 is out of range: 1 to 10");
        for bad in ["0", "-1", "1.5", "\"1\"", "null"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
