//! A reader of JSON that knows where it is and never looks back.

use std::borrow::Cow;

use super::DecodeError;

/// Values may be nested this deep; Prometheus' answers need five levels.
const MAX_DEPTH: u32 = 64;

#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            len: bytes.len(),
        }
    }

    pub(crate) const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The failure to find `expected` here.
    #[cold]
    pub(crate) fn expected(&self, expected: &str) -> DecodeError {
        DecodeError::new(
            self.len - self.rest.len(),
            self.len,
            self.rest.first().copied(),
            expected,
        )
    }

    #[inline]
    fn skip_space(&mut self) {
        while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// The next byte that is not white space, left in place.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.rest.first().copied()
    }

    /// Takes `byte`, when it is next.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        self.skip_space();
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[inline]
    pub(crate) fn expect(&mut self, byte: u8, name: &str) -> Result<(), DecodeError> {
        if self.eat(byte) {
            Ok(())
        } else {
            Err(self.expected(name))
        }
    }

    /// Whether another element follows in a list that `close` ends; `first` before the first one.
    #[inline]
    pub(crate) fn next_element(&mut self, first: bool, close: u8) -> Result<bool, DecodeError> {
        if self.eat(close) {
            return Ok(false);
        }
        if !first {
            self.expect(b',', "`,` or the end of the list")?;
        }
        Ok(true)
    }

    /// Whether another element follows one in a list that `close` ends; without detours when the
    /// comma comes at once.
    #[inline]
    pub(crate) fn continues(&mut self, close: u8) -> Result<bool, DecodeError> {
        if let [b',', rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(true);
        }
        self.next_element(false, close)
    }

    /// The next key of an object and its colon; `None` at its end.
    pub(crate) fn next_key(&mut self, first: bool) -> Result<Option<Cow<'a, [u8]>>, DecodeError> {
        if !self.next_element(first, b'}')? {
            return Ok(None);
        }
        let key = self.string()?;
        self.expect(b':', "`:`")?;
        Ok(Some(key))
    }

    /// Takes what `read` recognises at once, without white space before it.
    #[inline]
    pub(crate) fn take<T>(
        &mut self,
        read: impl Fn(&'a [u8]) -> Option<(T, &'a [u8])>,
    ) -> Option<T> {
        let (taken, rest) = read(self.rest)?;
        self.rest = rest;
        Some(taken)
    }

    /// A string, borrowed unless it has escapes. Not checked to be UTF-8.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Cow<'a, [u8]>, DecodeError> {
        self.expect(b'"', "a string")?;
        let start = self.rest;
        let plain = plain_len(start);
        let (text, rest) = start.split_at_checked(plain).unwrap_or((start, &[]));
        self.rest = rest;
        if let [b'"', rest @ ..] = rest {
            self.rest = rest;
            return Ok(Cow::Borrowed(text));
        }
        self.escaped(text.to_vec()).map(Cow::Owned)
    }

    /// A string that must be UTF-8.
    pub(crate) fn text(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        match self.string()? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).ok(),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).ok(),
        }
        .ok_or_else(|| self.expected("a UTF-8 string before this"))
    }

    /// The rest of a string from its first escape on.
    #[cold]
    fn escaped(&mut self, mut out: Vec<u8>) -> Result<Vec<u8>, DecodeError> {
        loop {
            match self.rest {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Ok(out);
                }
                [b'\\', b'u', rest @ ..] => {
                    self.rest = rest;
                    let c = self.unicode_escape()?;
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                [b'\\', escape, rest @ ..] => {
                    out.push(match escape {
                        b'"' | b'\\' | b'/' => *escape,
                        b'b' => 8,
                        b'f' => 12,
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        _ => return Err(self.expected("a JSON escape")),
                    });
                    self.rest = rest;
                }
                [b'\\'] => {
                    self.rest = &[];
                    return Err(self.expected("a JSON escape"));
                }
                rest => {
                    let (text, rest) = rest
                        .split_at_checked(plain_len(rest))
                        .filter(|(text, _)| !text.is_empty())
                        .ok_or_else(|| self.expected("the rest of a string"))?;
                    out.extend_from_slice(text);
                    self.rest = rest;
                }
            }
        }
    }

    /// What follows `\u`, with the second half of a surrogate pair.
    fn unicode_escape(&mut self) -> Result<char, DecodeError> {
        let first = self.four_hex()?;
        let mut code = u32::from(first);
        if (0xd800..0xdc00).contains(&first)
            && let [b'\\', b'u', rest @ ..] = self.rest
        {
            self.rest = rest;
            let second = self.four_hex()?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(self.expected("the second half of a surrogate pair before this"));
            }
            code = 0x1_0000 + (((code - 0xd800) << 10) | (u32::from(second) - 0xdc00));
        }
        if (0xd800..0xe000).contains(&code) {
            self.pass_if_cut(br"\u");
        }
        char::from_u32(code).ok_or_else(|| self.expected("a whole surrogate pair before this"))
    }

    fn four_hex(&mut self) -> Result<u16, DecodeError> {
        let mut code = 0_u16;
        for _ in 0..4 {
            let digit = self
                .rest
                .first()
                .and_then(|&digit| char::from(digit).to_digit(16))
                .and_then(|digit| u16::try_from(digit).ok())
                .ok_or_else(|| self.expected("four hexadecimal digits"))?;
            self.rest = self.rest.get(1..).unwrap_or_default();
            code = (code << 4) | digit;
        }
        Ok(code)
    }

    /// The characters of a number, not checked further.
    #[inline]
    pub(crate) fn number(&mut self) -> Result<&'a [u8], DecodeError> {
        self.skip_space();
        let len = self
            .rest
            .iter()
            .position(|b| !matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'))
            .unwrap_or(self.rest.len());
        match self.rest.split_at_checked(len) {
            Some((number, rest)) if !number.is_empty() => {
                self.rest = rest;
                Ok(number)
            }
            _ => Err(self.expected("a number")),
        }
    }

    /// Takes `word`, when it is next.
    pub(crate) fn eat_word(&mut self, word: &[u8]) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Passes over any value.
    pub(crate) fn skip_value(&mut self) -> Result<(), DecodeError> {
        self.skip_nested(MAX_DEPTH)
    }

    fn skip_nested(&mut self, depth: u32) -> Result<(), DecodeError> {
        let Some(deeper) = depth.checked_sub(1) else {
            return Err(self.expected("fewer levels of nesting"));
        };
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => {
                self.expect(b'{', "`{`")?;
                let mut first = true;
                while self.next_key(first)?.is_some() {
                    first = false;
                    self.skip_nested(deeper)?;
                }
                Ok(())
            }
            Some(b'[') => {
                self.expect(b'[', "`[`")?;
                let mut first = true;
                while self.next_element(first, b']')? {
                    first = false;
                    self.skip_nested(deeper)?;
                }
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            _ => self.skip_word(),
        }
    }

    fn skip_word(&mut self) -> Result<(), DecodeError> {
        const WORDS: [&[u8]; 3] = [b"true", b"false", b"null"];
        if WORDS.iter().any(|word| self.eat_word(word)) {
            return Ok(());
        }
        for word in WORDS {
            self.pass_if_cut(word);
        }
        Err(self.expected("a value"))
    }

    /// Passes over a `token` that the end cuts short, so that the next error says so.
    fn pass_if_cut(&mut self, token: &[u8]) {
        if token.starts_with(self.rest) {
            self.rest = &[];
        }
    }
}

/// The number of leading bytes that stand for themselves in a string.
#[inline]
fn plain_len(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .position(|&b| b == b'"' || b == b'\\' || b < 0x20)
        .unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_as_serde_json_reads_them() {
        for json in [
            r#""""#,
            r#""plain""#,
            r#""a\"b\\c\/d\b\f\n\r\t""#,
            r#""\u00e9\uD83D\uDE00 é""#,
            r#""\ud83d""#,
            r#""\ud83d\u0041""#,
            r#""\udc00""#,
            r#""\u12g4""#,
            r#""\x""#,
            "\"tab\tinside\"",
            r#""open"#,
            r#""\"#,
            r#""\u12"#,
        ] {
            let found = Cursor::new(json.as_bytes()).text().ok();
            let expected: Option<String> = serde_json::from_str(json).ok();
            assert_eq!(found.as_deref(), expected.as_deref(), "{json}");
        }
        assert!(Cursor::new(b"\"\xff\"").text().is_err());
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let deep = "[".repeat(1_000_000);
        let error = Cursor::new(deep.as_bytes()).skip_value().unwrap_err();
        assert!(error.to_string().contains("nesting"), "{error}");
        let fine = format!("{}{}", "[".repeat(60), "]".repeat(60));
        Cursor::new(fine.as_bytes()).skip_value().unwrap();
    }
}
