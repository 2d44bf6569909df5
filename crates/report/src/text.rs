//! Escaping, measuring and shortening text.

use std::borrow::Cow;

/// Advance widths of `DejaVu` Sans from space to tilde, in thousandths of the font size. The fonts
/// that browsers fall back to are narrower, so what fits here fits there.
const WIDTHS: [u16; 95] = [
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636,
    636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632,
    575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685,
    611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579,
    278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
];

/// How much wider the bold face is.
const BOLD: f64 = 1.13;

/// The width of `text` at font size `size`, in pixels.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(char_width).sum::<f64>() * size
}

/// As [`width`], in the bold face.
pub(crate) fn bold_width(text: &str, size: f64) -> f64 {
    width(text, size) * BOLD
}

fn char_width(c: char) -> f64 {
    let ascii = (c as usize)
        .checked_sub(0x20)
        .and_then(|at| WIDTHS.get(at).copied());
    match (ascii, c as u32) {
        (Some(thousandths), _) => f64::from(thousandths) / 1e3,
        (None, 0x300..=0x36f) => 0.0,
        (None, 0xb7) => 0.32,
        (None, ..0x400) => 0.64,
        (None, 0x2070..=0x208f) => 0.45,
        (None, ..0x2200) => 0.75,
        (None, _) => 1.0,
    }
}

/// `text`, cut with an ellipsis where it is wider than `room` pixels at font size `size`.
pub(crate) fn ellipsize(text: &str, room: f64, size: f64) -> Cow<'_, str> {
    let mut used = 0.0;
    let mut keep = 0;
    for (at, c) in text.char_indices() {
        used += char_width(c) * size;
        if used + size <= room {
            keep = at + c.len_utf8();
        }
        if used > room {
            let start = text.get(..keep).unwrap_or_default().trim_end();
            return if start.is_empty() {
                Cow::Borrowed("")
            } else {
                Cow::Owned(format!("{start}…"))
            };
        }
    }
    Cow::Borrowed(text)
}

/// The most characters of a text that are told where it is not drawn: to those who point at it or have
/// it read.
pub(crate) const TOLD: usize = 2_000;

/// The first `count` characters of `text`, with an ellipsis where it has more.
pub(crate) fn beginning(text: &str, count: usize) -> Cow<'_, str> {
    let end = text.char_indices().nth(count).map(|(at, _)| at);
    match end.and_then(|end| text.get(..end)) {
        Some(kept) => Cow::Owned(format!("{kept}…")),
        None => Cow::Borrowed(text),
    }
}

/// Appends `text` to `out`, safe as XML or HTML text and within quoted attributes. Characters
/// that XML forbids become a replacement character.
pub(crate) fn escape_into(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\r' | '\t' => out.push(' '),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_inert() {
        let mut out = String::new();
        escape_into(&mut out, "<a b='c'>&\"\u{0}\n");
        assert_eq!(out, "&lt;a b=&#39;c&#39;&gt;&amp;&quot;\u{fffd} ");
    }

    #[test]
    fn long_text_is_cut_to_its_room() {
        let text = "rate(http_requests_total{job=\"api\"}[5m])";
        for room in [0.0, 10.0, 40.0, 100.0, 200.0] {
            assert!(width(&ellipsize(text, room, 16.0), 16.0) <= room);
        }
        assert_eq!(ellipsize(text, 1_000.0, 16.0), text);
        assert!(ellipsize("한국어 라벨", 60.0, 16.0).ends_with('…'));
    }
}
