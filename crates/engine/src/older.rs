//! Reading what an older build has saved.
//!
//! The payload of a snapshot has no names: the fields follow each other in the order of their
//! declaration. So a state of an older version is read as one of this version in which the fields
//! are missing that were added since, wherever their struct occurs, and each of them gets a value.

mod fill;

use std::marker::PhantomData;

use bongsu_core::{Error, Result, Snapshot, snapshot};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use fill::Filling;
use serde::de::DeserializeOwned;

/// A field that older versions do not have.
#[derive(Debug)]
pub(crate) struct Added {
    /// The first version that has it.
    pub(crate) since: u16,
    /// The name of its struct.
    pub(crate) of: &'static str,
    pub(crate) field: &'static str,
    /// What stands for it, encoded: a single 0 is nothing, false, the number 0, or empty.
    pub(crate) value: &'static [u8],
}

/// The place of a field in which nothing is kept any more: what older versions have there is read
/// past, and an empty value written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Gone<T>(PhantomData<T>);

impl<T: Default + Serialize> Serialize for Gone<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        T::default().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Gone<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        T::deserialize(deserializer).map(|_| Self(PhantomData))
    }
}

/// A snapshot of which older versions can be read.
pub(crate) trait Aged: Snapshot {
    /// The oldest version that can be read.
    const OLDEST: u16;
    /// What was added since the oldest version, to it or to anything within it.
    const ADDED: &'static [Added];

    /// The versions that can be read, in words.
    fn readable() -> String {
        match Self::VERSION - Self::OLDEST {
            0 => format!("version {}", Self::VERSION),
            1 => format!("versions {} and {}", Self::OLDEST, Self::VERSION),
            _ => format!("versions {} to {}", Self::OLDEST, Self::VERSION),
        }
    }

    /// Whether `version` can be read.
    fn reads(version: u16) -> bool {
        (Self::OLDEST..=Self::VERSION).contains(&version)
    }
}

/// Decodes a state of this version or an older one, of any size.
///
/// # Errors
/// As [`snapshot::from_bytes`], and when the version cannot be read.
pub(crate) fn read<T: Aged>(bytes: &[u8]) -> Result<T> {
    let header = snapshot::inspect(bytes)?;
    if header.kind != T::KIND || header.version == T::VERSION {
        return snapshot::from_bytes_capped(bytes, u64::MAX);
    }
    let payload = readable::<T>(bytes, &header)?;
    let missing: Vec<&Added> = T::ADDED
        .iter()
        .filter(|added| added.since > header.version)
        .collect();
    let wrong = |e: postcard::Error| {
        Error::snapshot(format!(
            "version {} of `{}` cannot be decoded: {e}",
            header.version,
            T::KIND
        ))
    };
    let mut decoder = postcard::Deserializer::from_bytes(payload);
    let state = T::deserialize(Filling::new(&mut decoder, &missing)).map_err(wrong)?;
    let rest = decoder.finalize().map_err(wrong)?;
    if !rest.is_empty() {
        let message = format!("{} bytes are left over after the state", rest.len());
        return Err(Error::snapshot(message));
    }
    state.validate()?;
    Ok(state)
}

/// Decodes no more than the first fields of a state of this version or an older one: an `H` has those
/// of a `T` in their order, and none of them has changed since the oldest version. All the bytes are
/// checked for damage.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_head<T: Aged, H: DeserializeOwned>(bytes: &[u8]) -> Result<H> {
    let header = snapshot::inspect(bytes)?;
    if header.kind != T::KIND {
        return Err(Error::snapshot(format!(
            "it is a `{}`, not a `{}`",
            header.kind,
            T::KIND
        )));
    }
    let payload = readable::<T>(bytes, &header)?;
    let (head, _) = postcard::take_from_bytes(payload)
        .map_err(|e| Error::snapshot(format!("`{}` cannot be decoded: {e}", T::KIND)))?;
    Ok(head)
}

/// The payload, when it is of a version that can be read, whole and undamaged.
fn readable<'a, T: Aged>(bytes: &'a [u8], header: &snapshot::Header) -> Result<&'a [u8]> {
    if !T::reads(header.version) {
        return Err(Error::snapshot(format!(
            "it is of version {}, but this build reads {}",
            header.version,
            T::readable()
        )));
    }
    checked(bytes, header)
}

/// The payload, when it is whole and undamaged.
fn checked<'a>(bytes: &'a [u8], header: &snapshot::Header) -> Result<&'a [u8]> {
    let damaged = || Error::snapshot("the bytes are damaged or cut short");
    let length = usize::try_from(header.payload_len).map_err(|_| damaged())?;
    let start = bytes.len().checked_sub(length).ok_or_else(damaged)?;
    let (head, payload) = bytes.split_at_checked(start).ok_or_else(damaged)?;
    // The header ends with the checksum of what is before it and of the payload.
    let (signed, sum) = head.split_last_chunk::<4>().ok_or_else(damaged)?;
    let whole = *sum == header.checksum.to_le_bytes()
        && crc32c::crc32c_append(crc32c::crc32c(signed), payload) == header.checksum;
    if whole { Ok(payload) } else { Err(damaged()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! snapshot {
        ($type:ty, $version:expr) => {
            impl Snapshot for $type {
                const KIND: &'static str = "test.book";
                const VERSION: u16 = $version;
                fn validate(&self) -> Result<()> {
                    Ok(())
                }
            }
        };
    }

    mod first {
        use super::*;

        #[derive(Serialize, Deserialize)]
        pub(super) struct Page {
            pub(super) number: u16,
            pub(super) text: String,
        }

        #[derive(Serialize, Deserialize)]
        pub(super) enum Part {
            Blank,
            One(Page),
            Pair(Page, Page),
            Named { page: Page },
        }

        #[derive(Serialize, Deserialize)]
        pub(super) struct Book {
            pub(super) parts: Vec<Part>,
            pub(super) by_name: std::collections::BTreeMap<String, Page>,
            pub(super) last: Option<Box<Page>>,
        }

        snapshot!(Book, 1);
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Page {
        number: u16,
        colour: Option<String>,
        text: String,
        weight: f64,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Part {
        Blank,
        One(Page),
        Pair(Page, Page),
        Named { page: Page },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Book {
        parts: Vec<Part>,
        by_name: std::collections::BTreeMap<String, Page>,
        last: Option<Box<Page>>,
        sold: u64,
    }

    snapshot!(Book, 3);

    impl Aged for Book {
        const OLDEST: u16 = 1;
        const ADDED: &'static [Added] = &[
            Added {
                since: 2,
                of: "Page",
                field: "colour",
                value: &[0],
            },
            Added {
                since: 2,
                of: "Page",
                field: "weight",
                value: &[0, 0, 0, 0, 0, 0, 0xf0, 0x3f],
            },
            Added {
                since: 3,
                of: "Book",
                field: "sold",
                value: &[7],
            },
        ];
    }

    fn old() -> first::Book {
        let page = |number: u16| first::Page {
            number,
            text: format!("page {number}"),
        };
        first::Book {
            parts: vec![
                first::Part::Blank,
                first::Part::One(page(1)),
                first::Part::Pair(page(2), page(300)),
                first::Part::Named { page: page(4) },
            ],
            by_name: [("a".to_owned(), page(5))].into(),
            last: Some(Box::new(page(6))),
        }
    }

    #[test]
    fn fields_that_an_older_version_lacks_get_their_value_wherever_they_are() {
        let page = |number: u16| Page {
            number,
            colour: None,
            text: format!("page {number}"),
            weight: 1.0,
        };
        let book: Book = read(&snapshot::to_bytes(&old()).unwrap()).unwrap();
        let expected = Book {
            parts: vec![
                Part::Blank,
                Part::One(page(1)),
                Part::Pair(page(2), page(300)),
                Part::Named { page: page(4) },
            ],
            by_name: [("a".to_owned(), page(5))].into(),
            last: Some(Box::new(page(6))),
            sold: 7,
        };
        assert_eq!(book, expected);
        let again: Book = read(&snapshot::to_bytes(&book).unwrap()).unwrap();
        assert_eq!(again, expected);
    }

    #[test]
    fn a_damaged_or_unknown_version_is_an_error() {
        let bytes = snapshot::to_bytes(&old()).unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            assert!(read::<Book>(&damaged).is_err(), "byte {at}");
            assert!(read::<Book>(&bytes[..at]).is_err(), "cut at {at}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(read::<Book>(&longer).is_err());
        let newer = Later { sold: 1 };
        let error = read::<Book>(&snapshot::to_bytes(&newer).unwrap()).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("version 4, but this build reads versions 1 to 3"),
            "{error}"
        );
    }

    #[derive(Serialize, Deserialize)]
    struct Later {
        sold: u64,
    }

    snapshot!(Later, 4);
}
