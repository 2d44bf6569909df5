//! What is known of each series, and the points of those that are drawn.

use std::collections::HashMap;

use bongsu_core::Timestamp;

use super::replay::Found;
use super::rows::Row;
use crate::collect::Point;

/// The most series that are drawn.
pub(super) const DRAWN: usize = 40;
/// The stretches into which the time of a drawn series is cut: more than a page has pixels.
const CELLS: usize = 1_200;

/// What a series was like.
#[derive(Debug, Clone)]
pub(super) struct Track {
    pub(super) query: String,
    pub(super) series: String,
    pub(super) points: u64,
    pub(super) missing: u64,
    pub(super) anomalies: u64,
    pub(super) peak: f64,
    pub(super) longest_gap_ms: i64,
    last: Option<Timestamp>,
    last_value: Option<Timestamp>,
    /// The points that a drawing needs.
    pub(super) cells: Vec<Cell>,
    drawn: bool,
}

/// The points of a stretch of time that make a line look as if all were drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    at: usize,
    first: Point,
    lowest: Point,
    highest: Point,
    last: Point,
    worst: Option<Point>,
    absent: Option<Point>,
}

/// All series, in the order in which they came.
#[derive(Debug)]
pub(super) struct Tracks {
    from: Timestamp,
    to: Timestamp,
    all: Vec<Track>,
    places: HashMap<String, HashMap<String, usize>>,
    /// Whether there are so few series that each can be drawn at once.
    few: bool,
}

impl Tracks {
    pub(super) fn new(from: Timestamp, to: Timestamp) -> Self {
        Self {
            from,
            to,
            all: Vec::new(),
            places: HashMap::new(),
            few: true,
        }
    }

    pub(super) fn all(&self) -> &[Track] {
        &self.all
    }

    pub(super) fn drawn(&self) -> impl Iterator<Item = (usize, &Track)> {
        self.all.iter().enumerate().filter(|(_, track)| track.drawn)
    }

    pub(super) fn place(&self, query: &str, series: &str) -> Option<usize> {
        self.places.get(query)?.get(series).copied()
    }

    fn place_or_new(&mut self, row: &Row<'_>) -> usize {
        if let Some(place) = self.place(row.query, row.series) {
            return place;
        }
        let place = self.all.len();
        self.all.push(Track::new(row.query, row.series));
        let of_query = self.places.entry(row.query.to_owned()).or_default();
        of_query.insert(row.series.to_owned(), place);
        if self.few && self.all.len() > DRAWN {
            self.few = false;
            self.all
                .iter_mut()
                .for_each(|track| track.cells = Vec::new());
        }
        place
    }

    /// Takes note of a row of the period.
    pub(super) fn take(&mut self, row: &Row<'_>) {
        if row.point.timestamp < self.from || row.point.timestamp >= self.to {
            return;
        }
        let place = self.place_or_new(row);
        let few = self.few;
        let cell = self.cell(row.point.timestamp);
        if let Some(track) = self.all.get_mut(place) {
            track.note(&row.point);
            if few {
                track.keep(cell, row.point);
            }
        }
    }

    /// Chooses what is drawn: series with alerts, then the oddest. Whether their points must be read
    /// yet.
    pub(super) fn choose(&mut self, found: &Found) -> bool {
        let mut order: Vec<(bool, f64, usize)> = self
            .all
            .iter()
            .enumerate()
            .map(|(place, track)| {
                let alerted = found.count(&track.query, &track.series) > 0;
                (alerted, track.peak, place)
            })
            .collect();
        order.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
        for (_, _, place) in order.into_iter().take(DRAWN) {
            if let Some(track) = self.all.get_mut(place) {
                track.drawn = true;
            }
        }
        !self.few
    }

    /// Takes in a point of a series that is drawn.
    pub(super) fn draw(&mut self, row: &Row<'_>) {
        let cell = self.cell(row.point.timestamp);
        let place = self.place(row.query, row.series);
        if let Some(track) = place.and_then(|place| self.all.get_mut(place))
            && track.drawn
        {
            track.keep(cell, row.point);
        }
    }

    fn cell(&self, at: Timestamp) -> usize {
        let span = self.to.millis_since(self.from).max(1) as f64;
        let share = at.millis_since(self.from) as f64 / span;
        (share * CELLS as f64) as usize
    }
}

impl Track {
    fn new(query: &str, series: &str) -> Self {
        Self {
            query: query.to_owned(),
            series: series.to_owned(),
            points: 0,
            missing: 0,
            anomalies: 0,
            peak: 0.0,
            longest_gap_ms: 0,
            last: None,
            last_value: None,
            cells: Vec::new(),
            drawn: false,
        }
    }

    fn note(&mut self, point: &Point) {
        self.points += 1;
        self.anomalies += u64::from(point.anomalous);
        self.peak = self.peak.max(point.score.unwrap_or_default());
        if point.value.is_some() {
            if let Some(before) = self.last_value {
                let gap = point.timestamp.millis_since(before);
                self.longest_gap_ms = self.longest_gap_ms.max(gap);
            }
            self.last_value = Some(point.timestamp);
        } else {
            self.missing += 1;
        }
        self.last = Some(point.timestamp);
    }

    fn keep(&mut self, at: usize, point: Point) {
        match self.cells.last_mut() {
            Some(cell) if cell.at == at => cell.take(point),
            // What comes late is counted, and not drawn.
            Some(cell) if cell.at > at => {}
            _ => self.cells.push(Cell::new(at, point)),
        }
    }

    /// The points to draw, in order of time.
    pub(super) fn to_draw(&self) -> Vec<Point> {
        let mut all: Vec<Point> = self.cells.iter().flat_map(Cell::points).collect();
        all.sort_by_key(|point| point.timestamp);
        all.dedup_by_key(|point| point.timestamp);
        all
    }
}

impl Cell {
    fn new(at: usize, point: Point) -> Self {
        let mut cell = Self {
            at,
            first: point,
            lowest: point,
            highest: point,
            last: point,
            worst: None,
            absent: None,
        };
        cell.take(point);
        cell
    }

    fn take(&mut self, point: Point) {
        self.last = point;
        match point.value {
            None => self.absent = Some(point),
            Some(value) => {
                if self.lowest.value.is_none_or(|lowest| value < lowest) {
                    self.lowest = point;
                }
                if self.highest.value.is_none_or(|highest| value > highest) {
                    self.highest = point;
                }
            }
        }
        let score = |point: &Point| point.score.unwrap_or_default();
        if point.anomalous && self.worst.is_none_or(|worst| score(&point) > score(&worst)) {
            self.worst = Some(point);
        }
    }

    fn points(&self) -> impl Iterator<Item = Point> {
        let always = [self.first, self.lowest, self.highest, self.last];
        always.into_iter().chain(self.worst).chain(self.absent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_and_the_worst_stay_of_a_million_points() {
        let to = Timestamp::from_millis(1_000_000);
        let mut tracks = Tracks::new(Timestamp::from_millis(0), to);
        for i in 0..1_000_000_i64 {
            let odd = i == 654_321;
            let value = if odd { 1e6 } else { (i % 100) as f64 };
            tracks.take(&Row {
                query: "q",
                series: "s",
                point: Point {
                    timestamp: Timestamp::from_millis(i),
                    value: (i != 400_000).then_some(value),
                    expected: None,
                    lower: None,
                    upper: None,
                    score: Some(if odd { 9.0 } else { 0.1 }),
                    anomalous: odd,
                },
                why: "",
            });
        }
        let track = &tracks.all()[0];
        assert_eq!(
            (track.points, track.missing, track.anomalies),
            (1_000_000, 1, 1)
        );
        let drawn = track.to_draw();
        assert!(drawn.len() <= 6 * CELLS, "{}", drawn.len());
        assert!(
            drawn
                .iter()
                .any(|point| point.anomalous && point.value == Some(1e6))
        );
        assert!(drawn.iter().any(|point| point.value.is_none()));
        let first_cell = drawn
            .iter()
            .take_while(|point| point.timestamp < Timestamp::from_millis(833));
        let values: Vec<f64> = first_cell.filter_map(|point| point.value).collect();
        assert!(
            values.contains(&0.0) && values.contains(&99.0),
            "{values:?}"
        );
    }
}
