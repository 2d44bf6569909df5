use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// At most 32 numbers, in place. Saved as a sequence of those that there are.
#[derive(Clone, Copy)]
pub(super) struct Few {
    numbers: [f64; Self::MOST],
    len: u8,
}

impl Few {
    pub(super) const MOST: usize = 32;

    pub(super) const NONE: Self = Self {
        numbers: [0.0; Self::MOST],
        len: 0,
    };

    pub(super) const fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn as_slice(&self) -> &[f64] {
        self.numbers.get(..self.len()).unwrap_or_default()
    }

    /// Adds a number where there is room for it; whether there was.
    pub(super) fn push(&mut self, number: f64) -> bool {
        let slot = self.numbers.get_mut(usize::from(self.len));
        if let Some(slot) = slot {
            *slot = number;
            self.len += 1;
            return true;
        }
        false
    }
}

impl PartialEq for Few {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl fmt::Debug for Few {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl Serialize for Few {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_slice().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Few {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;

        impl<'de> Visitor<'de> for Numbers {
            type Value = Few;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {} numbers", Few::MOST)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Few, A::Error> {
                let mut few = Few::NONE;
                while let Some(number) = numbers.next_element()? {
                    if !few.push(number) {
                        return Err(A::Error::invalid_length(Few::MOST + 1, &self));
                    }
                }
                Ok(few)
            }
        }

        deserializer.deserialize_seq(Numbers)
    }
}
