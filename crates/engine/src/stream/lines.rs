/// The longest line that is read, in bytes; what is longer is no row.
pub const MAX_LINE: usize = 1 << 20;

/// Cuts blocks of text into lines, wherever the blocks end.
///
/// ```
/// use bongsu_engine::stream::Lines;
/// let mut lines = Lines::default();
/// let mut seen = Vec::new();
/// let mut take = |line: Option<&[u8]>| -> Result<(), std::convert::Infallible> {
///     seen.push(line.map(<[u8]>::to_vec));
///     Ok(())
/// };
/// for block in ["1,2\r\n3,", "4\n5"] {
///     lines.feed(block.as_bytes(), &mut take)?;
/// }
/// lines.end(&mut take)?;
/// let expected = ["1,2", "3,4", "5"].map(|line| Some(line.as_bytes().to_vec()));
/// assert_eq!(seen, expected, "the last line need not end");
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Lines {
    /// The beginning of a line whose end has not come.
    open: Vec<u8>,
    /// Whether that line has become too long and is only waited for.
    overlong: bool,
}

impl Lines {
    /// Gives every line that ends in `block` to `take`, without its end; `None` for one of more than
    /// [`MAX_LINE`] bytes.
    ///
    /// # Errors
    /// That of `take`; the rest of the block is then dropped.
    pub fn feed<E>(
        &mut self,
        block: &[u8],
        mut take: impl FnMut(Option<&[u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut pieces = block.split(|&byte| byte == b'\n');
        // What follows the last line end, or nothing.
        let rest = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            if self.open.is_empty() && !self.overlong {
                take(line(piece))?;
            } else {
                self.keep(piece);
                self.end(&mut take)?;
            }
        }
        self.keep(rest);
        Ok(())
    }

    /// Gives what stands after the last line end to `take`: the last line of an input need not end.
    ///
    /// # Errors
    /// That of `take`.
    pub fn end<E>(
        &mut self,
        mut take: impl FnMut(Option<&[u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        let open = std::mem::take(&mut self.open);
        let taken = if std::mem::take(&mut self.overlong) {
            take(None)
        } else if open.is_empty() {
            Ok(())
        } else {
            take(line(&open))
        };
        // Its room is used again.
        self.open = open;
        self.open.clear();
        taken
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.overlong || self.open.len() + piece.len() > MAX_LINE {
            self.overlong = true;
            self.open = Vec::new();
        } else {
            self.open.extend_from_slice(piece);
        }
    }
}

/// A line without its carriage return, when it is not too long.
fn line(piece: &[u8]) -> Option<&[u8]> {
    let text = piece.strip_suffix(b"\r").unwrap_or(piece);
    (text.len() <= MAX_LINE).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &[u8], block: usize) -> Vec<Option<Vec<u8>>> {
        let (mut lines, mut seen) = (Lines::default(), Vec::new());
        let mut take = |line: Option<&[u8]>| -> Result<(), std::convert::Infallible> {
            seen.push(line.map(<[u8]>::to_vec));
            Ok(())
        };
        for block in text.chunks(block) {
            lines.feed(block, &mut take).unwrap();
        }
        lines.end(&mut take).unwrap();
        seen
    }

    #[test]
    fn blocks_may_end_anywhere() {
        let text = b"ab,c\r\n\n,,,\nlast";
        let whole = cut(text, text.len());
        assert_eq!(whole.len(), 4);
        for block in 1..text.len() {
            assert_eq!(cut(text, block), whole, "blocks of {block}");
        }
        assert_eq!(cut(b"a\n", 2), [Some(b"a".to_vec())]);
        assert!(cut(b"", 1).is_empty());
    }

    #[test]
    fn overlong_lines_are_told_once_and_cost_no_memory() {
        let mut text = vec![b'7'; 3 * MAX_LINE];
        text.extend(b"\n1,2\n");
        for block in [1 << 16, text.len()] {
            assert_eq!(cut(&text, block), [None, Some(b"1,2".to_vec())]);
        }
    }
}
