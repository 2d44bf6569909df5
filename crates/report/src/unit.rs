/// What a number measures: decides how it is written.
///
/// ```
/// use bongsu_report::Unit;
/// assert_eq!(Unit::Seconds.format(0.0125), "12.5 ms");
/// assert_eq!(Unit::Bytes.format(3.5 * 1024.0 * 1024.0), "3.5 MiB");
/// assert_eq!(Unit::Ratio.format(0.425), "42.5%");
/// assert_eq!(Unit::from("req/s").format(12_300.0), "12.3k req/s");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Unit {
    /// A bare number (the default).
    #[default]
    Plain,
    /// A percentage: 100 is all.
    Percent,
    /// A share: 1 is all; written as a percentage.
    Ratio,
    /// A duration in seconds.
    Seconds,
    /// An amount of data, in multiples of 1024 bytes.
    Bytes,
    /// A data rate, in multiples of 1024 bytes a second.
    BytesPerSecond,
    /// Anything else, written behind the number.
    Named(String),
}

/// `percent` or `%`, `ratio`, `seconds` or `s`, `bytes` or `B`, `bytes/s` or `B/s`, nothing for a
/// bare number; any other text is [`Unit::Named`].
impl From<&str> for Unit {
    fn from(name: &str) -> Self {
        match name {
            "" => Self::Plain,
            "percent" | "%" => Self::Percent,
            "ratio" => Self::Ratio,
            "seconds" | "s" => Self::Seconds,
            "bytes" | "B" => Self::Bytes,
            "bytes/s" | "B/s" => Self::BytesPerSecond,
            other => Self::Named(other.to_owned()),
        }
    }
}

/// How numbers of one magnitude are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    /// What a number is divided by.
    pub(crate) divisor: f64,
    /// What follows it.
    suffix: &'static str,
    /// Powers of ten in place of a suffix.
    scientific: bool,
}

const PLAIN: Scale = Scale::new(1.0, "");

impl Scale {
    const fn new(divisor: f64, suffix: &'static str) -> Self {
        Self {
            divisor,
            suffix,
            scientific: false,
        }
    }

    const fn scientific(suffix: &'static str) -> Self {
        Self {
            divisor: 1.0,
            suffix,
            scientific: true,
        }
    }

    /// `value` with so many decimals (of its mantissa, where that is shown).
    pub(crate) fn write(&self, value: f64, decimals: usize) -> String {
        let suffix = self.suffix;
        if self.scientific {
            let text = format!("{value:.decimals$e}");
            return match text.split_once('e') {
                Some((mantissa, "0")) => format!("{mantissa}{suffix}"),
                Some((mantissa, exponent)) => {
                    format!("{mantissa}×10{}{suffix}", superscript(exponent))
                }
                None => text,
            };
        }
        let mut number = format!("{:.decimals$}", value / self.divisor);
        if number.starts_with('-') && !number.contains(|c: char| ('1'..='9').contains(&c)) {
            number.remove(0);
        }
        format!("{number}{suffix}")
    }

    /// Whether numbers are written as powers of ten.
    pub(crate) const fn is_scientific(&self) -> bool {
        self.scientific
    }
}

fn superscript(exponent: &str) -> String {
    exponent
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            c => c
                .to_digit(10)
                .and_then(|digit| char::from_u32(0x2070 + digit))
                .unwrap_or(c),
        })
        .collect()
}

impl Unit {
    /// `value` with its unit and at most four significant digits.
    #[must_use]
    pub fn format(&self, value: f64) -> String {
        if !value.is_finite() {
            return if value.is_nan() {
                "no value".to_owned()
            } else {
                format!("{}∞", if value > 0.0 { "+" } else { "−" })
            };
        }
        let scale = self.scale(value.abs());
        let shown = (value / scale.divisor).abs();
        let decimals = if scale.scientific {
            2
        } else if shown == 0.0 || shown >= 1e3 {
            0
        } else {
            (3.0 - shown.log10().floor()).clamp(0.0, 6.0) as usize
        };
        let mut text = scale.write(value, decimals);
        let tail = text.split_off(text.len() - scale.suffix.len());
        if !scale.scientific && text.contains('.') {
            text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
        }
        text.push_str(&tail);
        if let Some(name) = self.name() {
            text.push(' ');
            text.push_str(name);
        }
        text
    }

    /// The name that is not already in the suffix of a scale.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            _ => None,
        }
    }

    /// How numbers up to `magnitude` are written.
    pub(crate) fn scale(&self, magnitude: f64) -> Scale {
        match self {
            Self::Plain | Self::Named(_) => plain(magnitude, ""),
            Self::Percent => plain(magnitude, "%"),
            Self::Ratio if magnitude < 1e6 => Scale::new(0.01, "%"),
            Self::Ratio => plain(magnitude, ""),
            Self::Seconds => seconds(magnitude),
            Self::Bytes => binary(
                magnitude,
                [" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"],
            ),
            Self::BytesPerSecond => binary(
                magnitude,
                [
                    " B/s", " KiB/s", " MiB/s", " GiB/s", " TiB/s", " PiB/s", " EiB/s",
                ],
            ),
        }
    }
}

fn plain(magnitude: f64, percent: &'static str) -> Scale {
    if percent.is_empty() {
        match magnitude {
            0.0 | 1e-3..1e4 => PLAIN,
            1e4..1e6 => Scale::new(1e3, "k"),
            1e6..1e9 => Scale::new(1e6, "M"),
            1e9..1e12 => Scale::new(1e9, "G"),
            1e12..1e15 => Scale::new(1e12, "T"),
            _ => Scale::scientific(""),
        }
    } else {
        match magnitude {
            0.0 | 1e-3..1e6 => Scale::new(1.0, percent),
            _ => Scale::scientific(percent),
        }
    }
}

fn seconds(magnitude: f64) -> Scale {
    match magnitude {
        0.0 | 1.0..120.0 => Scale::new(1.0, " s"),
        1e-9..1e-6 => Scale::new(1e-9, " ns"),
        1e-6..1e-3 => Scale::new(1e-6, " µs"),
        1e-3..1.0 => Scale::new(1e-3, " ms"),
        120.0..7_200.0 => Scale::new(60.0, " min"),
        7_200.0..172_800.0 => Scale::new(3_600.0, " h"),
        172_800.0..8.64e10 => Scale::new(86_400.0, " d"),
        _ => Scale::scientific(" s"),
    }
}

fn binary(magnitude: f64, suffixes: [&'static str; 7]) -> Scale {
    let mut divisor = 1.0;
    for suffix in suffixes {
        if magnitude < divisor * 1024.0 {
            return if magnitude == 0.0 || magnitude >= 1e-3 {
                Scale::new(divisor, suffix)
            } else {
                Scale::scientific(suffix)
            };
        }
        divisor *= 1024.0;
    }
    Scale::scientific(suffixes[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        for (unit, value, text) in [
            ("", 0.0, "0"),
            ("", 1_500.0, "1500"),
            ("", 1.5e4, "15k"),
            ("", -2.5e6, "-2.5M"),
            ("", 1e-7, "1.00×10⁻⁷"),
            ("", 1e300, "1.00×10³⁰⁰"),
            ("", f64::INFINITY, "+∞"),
            ("", f64::NAN, "no value"),
            ("percent", 99.95, "99.95%"),
            ("seconds", 90.0, "90 s"),
            ("seconds", 5_400.0, "90 min"),
            ("seconds", 3e-5, "30 µs"),
            ("bytes", 512.0, "512 B"),
            ("B/s", 1_536.0, "1.5 KiB/s"),
            ("ratio", 1.0, "100%"),
        ] {
            assert_eq!(Unit::from(unit).format(value), text, "{value} {unit}");
        }
    }
}
