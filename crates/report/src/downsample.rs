//! Thinning a series to what a drawing can show, without losing an extreme.

/// A point in pixels.
pub(crate) type Point = (f64, f64);

/// The points of one pixel column that make the line look as if all were drawn: the first, the
/// lowest, the highest and the last.
#[derive(Clone, Copy)]
struct Column {
    first: (usize, Point),
    lowest: (usize, Point),
    highest: (usize, Point),
    last: (usize, Point),
}

impl Column {
    fn flush(self, out: &mut Vec<Point>) {
        let mut points = [self.first, self.lowest, self.highest, self.last];
        points.sort_by_key(|&(order, _)| order);
        let mut previous = None;
        for (order, point) in points {
            if previous != Some(order) {
                out.push(point);
            }
            previous = Some(order);
        }
    }
}

/// The line through `points` (`None` is a gap) as unbroken pieces, with at most four points a
/// pixel column. Gaps narrower than a pixel are closed. Time O(n), memory O(columns).
pub(crate) fn line(points: impl Iterator<Item = Option<Point>>) -> Vec<Vec<Point>> {
    let mut pieces = Vec::new();
    let mut piece = Vec::new();
    let mut column: Option<Column> = None;
    let mut gap = false;
    for (order, point) in points.enumerate() {
        let Some((x, y)) = point else {
            gap = true;
            continue;
        };
        let entry = (order, (x, y));
        if let Some(open) = &mut column {
            let (_, (last_x, _)) = open.last;
            let broken = std::mem::take(&mut gap) && x - last_x >= 1.0;
            if !broken && x.floor() == last_x.floor() {
                open.last = entry;
                if y < open.lowest.1.1 {
                    open.lowest = entry;
                }
                if y > open.highest.1.1 {
                    open.highest = entry;
                }
                continue;
            }
            open.flush(&mut piece);
            if broken {
                pieces.push(std::mem::take(&mut piece));
            }
        }
        gap = false;
        column = Some(Column {
            first: entry,
            lowest: entry,
            highest: entry,
            last: entry,
        });
    }
    if let Some(open) = column {
        open.flush(&mut piece);
        pieces.push(piece);
    }
    pieces
}

/// One column of an area: where, and its two edges.
pub(crate) type Edge = (f64, f64, f64);

/// The area between two edges as unbroken pieces, with at most one edge pair a pixel column where
/// points are dense: the outermost. Gaps as in [`line`].
pub(crate) fn area(edges: impl Iterator<Item = Option<Edge>>) -> Vec<Vec<Edge>> {
    let mut pieces = Vec::new();
    let mut piece: Vec<Edge> = Vec::new();
    let mut gap = false;
    for edge in edges {
        let Some((x, a, b)) = edge else {
            gap = true;
            continue;
        };
        let broken = std::mem::take(&mut gap);
        if let Some(last) = piece.last_mut() {
            if broken && x - last.0 >= 1.0 {
                pieces.push(std::mem::take(&mut piece));
            } else if x.floor() == last.0.floor() {
                *last = (last.0, last.1.min(a), last.2.max(b));
                continue;
            }
        }
        piece.push((x, a, b));
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_survive_and_the_size_is_bounded() {
        let n = 100_000;
        let points = (0..n).map(|i| {
            let y = if i == 54_321 { 1e6 } else { f64::from(i % 7) };
            Some((f64::from(i) / f64::from(n) * 100.0, y))
        });
        let pieces = line(points);
        assert_eq!(pieces.len(), 1);
        assert!(pieces[0].len() <= 400);
        assert!(pieces[0].iter().any(|&(_, y)| y == 1e6));
        assert!(pieces[0].is_sorted_by(|a, b| a.0 <= b.0));
    }

    #[test]
    fn wide_gaps_break_the_line_and_narrow_ones_do_not() {
        let at = |x: f64| Some((x, 0.0));
        assert_eq!(line([at(0.0), None, at(5.0)].into_iter()).len(), 2);
        assert_eq!(line([at(0.0), None, at(0.5)].into_iter()).len(), 1);
        assert_eq!(line([None, None].into_iter()).len(), 0);
    }

    #[test]
    fn areas_keep_their_outermost_edges() {
        let pieces = area(
            [
                Some((0.1, 3.0, 4.0)),
                Some((0.2, 1.0, 9.0)),
                None,
                Some((8.0, 0.0, 1.0)),
            ]
            .into_iter(),
        );
        assert_eq!(pieces, [vec![(0.1, 1.0, 9.0)], vec![(8.0, 0.0, 1.0)]]);
    }
}
