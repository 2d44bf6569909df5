use bongsu_core::Timestamp;

/// The moment in RFC 3339, UTC, with milliseconds; moments outside the years that RFC 3339 can
/// express become the nearest one inside.
pub(crate) fn rfc3339(moment: Timestamp) -> String {
    // 0000-01-01 to the end of 9999-12-29: what both RFC 3339 and jiff can express.
    let millis = moment
        .as_millis()
        .clamp(-62_167_219_200_000, 253_402_127_999_999);
    jiff::Timestamp::from_millisecond(millis)
        .map_or_else(|_| moment.to_string(), |moment| format!("{moment:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_spelled_in_utc_with_milliseconds() {
        assert_eq!(
            rfc3339(Timestamp::from_millis(1_435_781_430_781)),
            "2015-07-01T20:10:30.781Z"
        );
        assert_eq!(rfc3339(Timestamp::MIN), "0000-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Timestamp::MAX), "9999-12-29T23:59:59.999Z");
    }
}
