use std::borrow::Cow;

use bongsu_core::Timestamp;

use super::{Skipped, StreamSession};
use crate::table::{check_header, is_time_column, parse_time, parse_value, shown, why_no_time};
use crate::{DetectedRow, Error, TimeUnit};

/// What a line of CSV gave.
#[derive(Debug)]
pub struct PushedLine<'a> {
    /// The first field as it stands in the line.
    pub time_text: Cow<'a, str>,
    /// What was found in the row, or why it was skipped.
    pub outcome: Result<DetectedRow, Skipped>,
}

impl StreamSession {
    /// The channels that a line names when it is a header, `timestamp,<channel>,...`; `None` when its
    /// first field is not the name of a time, see [`Table::read`](crate::Table::read), so that it is no
    /// header.
    ///
    /// # Errors
    /// When it is a header that names no channel, or one without a name or twice.
    pub fn header(line: &[u8]) -> Result<Option<Vec<String>>, Error> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let text =
            std::str::from_utf8(line).map_err(|_| Error::input("line 1: the text is not UTF-8"))?;
        let fields = match unquoted(text) {
            Some(fields) => fields,
            None => text
                .split(',')
                .map(|field| field.trim().to_owned())
                .collect(),
        };
        match fields.split_first() {
            Some((first, channels)) if is_time_column(first) => {
                check_header(channels)?;
                Ok(Some(channels.to_vec()))
            }
            _ => Ok(None),
        }
    }

    /// Reads a line of CSV, `timestamp,<value>,...`, judges it and learns it; see
    /// [`StreamSession::push`]. `None` for a blank line, which is no row.
    pub fn push_line<'a>(&mut self, line: &'a [u8]) -> Option<PushedLine<'a>> {
        if line.trim_ascii().is_empty() {
            return None;
        }
        let Ok(text) = std::str::from_utf8(line) else {
            let first = line.split(|&byte| byte == b',').next().unwrap_or_default();
            let outcome = Err(Skipped::Unreadable("the text is not UTF-8".to_owned()));
            self.count(&outcome);
            return Some(PushedLine {
                time_text: String::from_utf8_lossy(first),
                outcome,
            });
        };
        let Some(fields) = unquoted(text) else {
            let mut fields = text.split(',').map(str::trim);
            let time_text = fields.next().unwrap_or_default();
            return Some(PushedLine {
                time_text: Cow::Borrowed(time_text),
                outcome: self.push_fields(time_text, fields),
            });
        };
        let mut fields = fields.into_iter();
        let time_text = fields.next().unwrap_or_default();
        let rest: Vec<String> = fields.collect();
        let outcome = self.push_fields(&time_text, rest.iter().map(String::as_str));
        Some(PushedLine {
            time_text: Cow::Owned(time_text),
            outcome,
        })
    }

    /// Counts a line that is too long to be read.
    pub fn push_overlong_line(&mut self) -> Skipped {
        let why = || Skipped::Unreadable(format!("longer than {} bytes", super::MAX_LINE));
        self.count(&Err(why()));
        why()
    }

    fn push_fields<'f>(
        &mut self,
        time_text: &str,
        fields: impl Iterator<Item = &'f str>,
    ) -> Result<DetectedRow, Skipped> {
        let mut values = std::mem::take(&mut self.values.0);
        values.clear();
        let outcome = match self.read_fields(time_text, fields, &mut values) {
            Ok((time, unit)) => self
                .judge(time, &values)
                .inspect(|_| self.unit = Some(unit)),
            Err(why) => Err(Skipped::Unreadable(why)),
        };
        self.values.0 = values;
        self.count(&outcome);
        outcome
    }

    /// Fills `values`; the time, or what is wrong.
    fn read_fields<'f>(
        &self,
        time_text: &str,
        fields: impl Iterator<Item = &'f str>,
        values: &mut Vec<f64>,
    ) -> Result<(Timestamp, TimeUnit), String> {
        let mut surplus = 0;
        let mut wrong = None;
        for (column, text) in fields.enumerate() {
            let Some(name) = self.channels.get(column) else {
                surplus += 1;
                continue;
            };
            if let Some(value) = parse_value(text) {
                values.push(value);
            } else {
                values.push(f64::NAN);
                wrong.get_or_insert_with(|| {
                    format!("`{}` in `{}` is not a number", shown(text), shown(name))
                });
            }
        }
        if values.len() != self.channels.len() || surplus > 0 {
            return Err(format!(
                "{} fields where the header has {}",
                values.len() + surplus + 1,
                self.channels.len() + 1
            ));
        }
        let (time, unit) = parse_time(time_text)
            .ok_or_else(|| format!("`{}` {}", shown(time_text), why_no_time(time_text)))?;
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        match self.unit {
            Some(expected) if unit != expected => Err(format!(
                "`{}` is in {unit}, but the stream began in {expected}",
                shown(time_text)
            )),
            _ => Ok((time, unit)),
        }
    }
}

/// The fields of a line that has quotation marks; `None` for any other line.
fn unquoted(line: &str) -> Option<Vec<String>> {
    if !line.contains('"') {
        return None;
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(line.as_bytes());
    let mut record = csv::StringRecord::new();
    let read = reader.read_record(&mut record).unwrap_or(false);
    Some(if read {
        record.iter().map(str::to_owned).collect()
    } else {
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::super::StreamRequest;
    use super::*;

    fn session(channels: &[&str]) -> StreamSession {
        let request = StreamRequest {
            detector: "ewma".to_owned(),
            ..StreamRequest::default()
        };
        let channels = channels.iter().map(|&name| name.to_owned()).collect();
        StreamSession::new(&request, channels).unwrap()
    }

    #[test]
    fn what_cannot_be_read_changes_nothing_but_its_counter() {
        let mut session = session(&["a", "b"]);
        session.push_line(b"60,1,2").unwrap().outcome.unwrap();
        let before = session.clone();
        for (line, why) in [
            (&b"120,1"[..], "2 fields where the header has 3"),
            (b"120,1,2,3", "4 fields where the header has 3"),
            (b"120,x,2", "`x` in `a` is not a number"),
            (b"noon,1,2", "`noon` is not a timestamp"),
            (b",1,2", "`` is not a timestamp"),
            (
                b"2024-01-01T00:00:00Z,1,2",
                "the stream began in Unix seconds",
            ),
            (b"1700000000000000,1,2", "microseconds or nanoseconds"),
            (b"\xff\xfe,1,2", "not UTF-8"),
            (b"120,\"1,2", "2 fields where the header has 3"),
        ] {
            let outcome = session.push_line(line).unwrap().outcome;
            let Err(Skipped::Unreadable(said)) = outcome else {
                panic!("{outcome:?}");
            };
            assert!(said.contains(why), "{said}");
        }
        assert_eq!(session.counts.unreadable, 9);
        session.counts = before.counts;
        assert_eq!(session, before);
        assert!(
            session.push_line(b" \t").is_none(),
            "a blank line is no row"
        );
    }

    #[test]
    fn quotes_spaces_and_missing_values_are_read() {
        let mut session = session(&["a", "b"]);
        for line in [&b"60, 1 ,2"[..], b"\"120\",\"1\",2", b"180,,NaN", b"240,,3"] {
            let pushed = session.push_line(line).unwrap();
            assert_eq!(pushed.outcome.is_ok(), line[0] != b'1' || line[1] != b'8');
        }
        assert_eq!(session.counts.missing, 1);
        assert_eq!(session.newest(), Some(Timestamp::from_secs(240)));
    }

    #[test]
    fn headers_are_told_from_rows() {
        let header = |line: &str| StreamSession::header(line.as_bytes());
        assert_eq!(header("60,1").unwrap(), None);
        assert_eq!(header("2024-01-01,1").unwrap(), None);
        assert_eq!(header("Date,a").unwrap().unwrap(), ["a"]);
        assert_eq!(
            header("\u{feff}timestamp,\"a,b\", c").unwrap().unwrap(),
            ["a,b", "c"]
        );
        for (line, message) in [
            ("timestamp", "names no channel"),
            ("timestamp,a,a", "channel `a` occurs twice"),
            ("timestamp,a,", "column 3: the channel has no name"),
        ] {
            let said = header(line).unwrap_err().to_string();
            assert!(said.contains(message), "{said}");
        }
    }
}
