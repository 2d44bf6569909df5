use std::borrow::Cow;

/// So many characters of a file's text are repeated in a message.
const SHOWN_CHARS: usize = 40;

/// A text of the file as a message may show it: escaped, and cut when it is long.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.escape_debug().count() == 1;
    if text.len() <= SHOWN_CHARS && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out: String = text
        .chars()
        .take(SHOWN_CHARS)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(SHOWN_CHARS).is_some() {
        out.push_str("...");
    }
    Cow::Owned(out)
}
