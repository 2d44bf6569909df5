use bongsu_core::{SeriesView, Timestamp};
use jiff::tz::TimeZone;

use crate::figure::Figure;
use crate::{Error, Theme, Unit};

/// A stretch of time worth pointing at, drawn as a bar above the plot and a shade behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its start.
    pub from: Timestamp,
    /// Its end; not before the start.
    pub to: Timestamp,
    /// A few words.
    pub label: String,
    /// What it is.
    pub kind: SpanKind,
}

/// What a [`Span`] marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SpanKind {
    /// A known fault, injected or labelled.
    Fault,
    /// A known change that should not alarm, such as a deployment.
    Benign,
    /// An alert that was raised.
    Alert,
    /// When a limit is likely to be crossed.
    Crossing,
}

impl SpanKind {
    pub(crate) const ALL: [Self; 4] = [Self::Fault, Self::Benign, Self::Alert, Self::Crossing];

    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Fault => "b-fault",
            Self::Benign => "b-benign",
            Self::Alert | Self::Crossing => "b-alert",
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Benign => "benign change",
            Self::Alert => "alert",
            Self::Crossing => "limit crossed",
        }
    }
}

/// A point called anomalous.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// The observed value.
    pub value: f64,
    /// The calibrated score: 1 is the bound. Higher scores get larger marks.
    pub score: f64,
}

/// What a model expected, point by point.
#[derive(Debug, Clone, Default)]
pub(crate) struct Band {
    pub(crate) expected: Vec<f64>,
    pub(crate) lower: Vec<f64>,
    pub(crate) upper: Vec<f64>,
}

/// What a model says of the time after the last point.
#[derive(Debug, Clone)]
pub(crate) struct Prospect {
    pub(crate) timestamps: Vec<Timestamp>,
    pub(crate) mean: Vec<f64>,
    /// The widest first.
    pub(crate) intervals: Vec<Interval>,
}

/// The bounds of a forecast at one level.
#[derive(Debug, Clone)]
pub(crate) struct Interval {
    pub(crate) name: String,
    pub(crate) lower: Vec<f64>,
    pub(crate) upper: Vec<f64>,
}

impl Interval {
    /// Its mean width, for comparison with others of the same forecast.
    fn width(&self) -> f64 {
        let bounds = self.lower.iter().zip(&self.upper);
        let widths = bounds.map(|(lower, upper)| upper - lower);
        widths.filter(|width| width.is_finite()).sum()
    }
}

/// One series over time with what was expected of it, what was anomalous, what was going on, and
/// what is to come.
///
/// NaN values are gaps, and so are holes in time wider than the usual step. Any value can be
/// drawn: infinities and absurd outliers are shown as arrows at the edge of the plot.
///
/// ```
/// use bongsu_core::Timestamp;
/// use bongsu_report::{Mark, TimeSeriesPlot, Unit};
///
/// let times: Vec<_> = (0..60).map(|i| Timestamp::from_secs(60 * i)).collect();
/// let values: Vec<_> = (0..60).map(|i| if i == 42 { 9.0 } else { 1.0 }).collect();
/// let svg = TimeSeriesPlot::new("Requests", times, values)?
///     .subtitle("rate(http_requests_total[5m])")
///     .unit(Unit::from("req/s"))
///     .band(vec![1.0; 60], vec![0.5; 60], vec![1.5; 60])?
///     .mark(Mark { at: Timestamp::from_secs(2_520), value: 9.0, score: 4.2 })
///     .to_svg();
/// assert!(svg.starts_with("<svg"));
/// # Ok::<(), bongsu_report::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TimeSeriesPlot {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) unit: Unit,
    pub(crate) timestamps: Vec<Timestamp>,
    pub(crate) values: Vec<f64>,
    pub(crate) band: Option<Band>,
    pub(crate) fitted: Vec<f64>,
    pub(crate) prospect: Option<Prospect>,
    pub(crate) marks: Vec<Mark>,
    pub(crate) spans: Vec<Span>,
    /// A name and a value.
    pub(crate) limit: Option<(String, f64)>,
    pub(crate) range: Option<(Timestamp, Timestamp)>,
    /// Whether it shows one turn of what comes back, on a time axis of its own.
    pub(crate) turn: bool,
    /// The room that it takes among panels, of which 1 is usual.
    pub(crate) share: f64,
    time_zone: TimeZone,
    theme: Theme,
    width: u32,
    height: u32,
}

impl TimeSeriesPlot {
    /// A plot of a series: strictly increasing times and as many values, NaN where one is missing.
    ///
    /// # Errors
    /// When the lengths differ or time does not strictly increase.
    pub fn new(
        title: impl Into<String>,
        timestamps: Vec<Timestamp>,
        values: Vec<f64>,
    ) -> Result<Self, Error> {
        SeriesView::new(&bongsu_core::Labels::empty(), &timestamps, &values)?;
        Ok(Self::unchecked(title.into(), timestamps, values))
    }

    /// A plot of a series under its selector.
    #[must_use]
    pub fn from_series(series: SeriesView<'_>) -> Self {
        Self::unchecked(
            series.labels().selector(),
            series.timestamps().to_vec(),
            series.values().to_vec(),
        )
    }

    fn unchecked(title: String, timestamps: Vec<Timestamp>, values: Vec<f64>) -> Self {
        Self {
            title,
            subtitle: String::new(),
            unit: Unit::Plain,
            timestamps,
            values,
            band: None,
            fitted: Vec::new(),
            prospect: None,
            marks: Vec::new(),
            spans: Vec::new(),
            limit: None,
            range: None,
            turn: false,
            share: 1.0,
            time_zone: TimeZone::UTC,
            theme: Theme::Light,
            width: 1_600,
            height: 600,
        }
    }

    /// A line below the title, for example the query (default: none).
    #[must_use]
    pub fn subtitle(mut self, subtitle: impl Into<String>) -> Self {
        self.subtitle = subtitle.into();
        self
    }

    /// What the values measure (default: bare numbers).
    #[must_use]
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// What was expected at each time, and the bounds of normal (default: none). Where all three
    /// are NaN there is a gap; where one bound is NaN or infinite the band is open on that side.
    ///
    /// # Errors
    /// When a length differs from the number of timestamps.
    pub fn band(
        mut self,
        expected: Vec<f64>,
        lower: Vec<f64>,
        upper: Vec<f64>,
    ) -> Result<Self, Error> {
        let n = self.timestamps.len();
        for (what, found) in [
            ("number of expected values", expected.len()),
            ("number of lower bounds", lower.len()),
            ("number of upper bounds", upper.len()),
        ] {
            if found != n {
                return Err(Error::shape(what, found, n));
            }
        }
        self.band = Some(Band {
            expected,
            lower,
            upper,
        });
        Ok(self)
    }

    /// What a model made of each point (default: nothing). NaN is a gap.
    ///
    /// # Errors
    /// When there is not one value a timestamp.
    pub fn fitted(mut self, values: Vec<f64>) -> Result<Self, Error> {
        let n = self.timestamps.len();
        if values.len() != n {
            return Err(Error::shape("number of fitted values", values.len(), n));
        }
        self.fitted = values;
        Ok(self)
    }

    /// What is to come: as many values as times, which strictly increase and lie after the last
    /// point (default: none).
    ///
    /// # Errors
    /// When the lengths differ, or time does not strictly increase.
    ///
    /// ```
    /// use bongsu_core::Timestamp;
    /// use bongsu_report::TimeSeriesPlot;
    /// let at = |minute: i64| Timestamp::from_secs(60 * minute);
    /// let plot = TimeSeriesPlot::new("Load", vec![at(0), at(1)], vec![1.0, 2.0])?
    ///     .forecast(vec![at(2), at(3)], vec![2.0, 2.0])?
    ///     .interval("95 %", vec![1.0, 0.5], vec![3.0, 3.5])?;
    /// assert!(plot.to_svg().contains("95 %"));
    /// # Ok::<(), bongsu_report::Error>(())
    /// ```
    pub fn forecast(mut self, timestamps: Vec<Timestamp>, mean: Vec<f64>) -> Result<Self, Error> {
        SeriesView::new(&bongsu_core::Labels::empty(), &timestamps, &mean)?;
        if let (Some(last), Some(first)) = (self.timestamps.last(), timestamps.first())
            && first <= last
        {
            return Err(bongsu_core::Error::input(format!(
                "a forecast starts after the last point, {last}, not at {first}"
            ))
            .into());
        }
        self.prospect = Some(Prospect {
            timestamps,
            mean,
            intervals: Vec::new(),
        });
        Ok(self)
    }

    /// Adds the bounds of the forecast at one level, under a name such as `95 %`. Add narrow and
    /// wide ones in any order; NaN is a gap.
    ///
    /// # Errors
    /// When there is no forecast, or a length differs from its own.
    pub fn interval(
        mut self,
        name: impl Into<String>,
        lower: Vec<f64>,
        upper: Vec<f64>,
    ) -> Result<Self, Error> {
        let n = self.prospect.as_ref().map_or(0, |p| p.mean.len());
        for (what, found) in [
            ("number of lower bounds of the forecast", lower.len()),
            ("number of upper bounds of the forecast", upper.len()),
        ] {
            if found != n {
                return Err(Error::shape(what, found, n));
            }
        }
        if let Some(prospect) = &mut self.prospect {
            prospect.intervals.push(Interval {
                name: name.into(),
                lower,
                upper,
            });
            prospect
                .intervals
                .sort_by(|a, b| b.width().total_cmp(&a.width()));
        }
        Ok(self)
    }

    /// Adds an anomalous point.
    #[must_use]
    pub fn mark(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    /// Adds anomalous points, in any order.
    #[must_use]
    pub fn marks(mut self, marks: impl IntoIterator<Item = Mark>) -> Self {
        self.marks.extend(marks);
        self
    }

    /// Adds a stretch of time to point at.
    #[must_use]
    pub fn span(mut self, span: Span) -> Self {
        self.spans.push(span);
        self
    }

    /// Adds stretches of time to point at.
    #[must_use]
    pub fn spans(mut self, spans: impl IntoIterator<Item = Span>) -> Self {
        self.spans.extend(spans);
        self
    }

    /// A bound that the values should not pass, drawn as a line across the plot (default: none). One that
    /// is not finite is not drawn.
    ///
    /// ```
    /// use bongsu_core::Timestamp;
    /// use bongsu_report::TimeSeriesPlot;
    /// let times: Vec<_> = (0..9).map(Timestamp::from_secs).collect();
    /// let plot = TimeSeriesPlot::new("Disk", times, vec![70.0; 9])?.limit("threshold", 90.0);
    /// assert!(plot.to_svg().contains("threshold"));
    /// # Ok::<(), bongsu_report::Error>(())
    /// ```
    #[must_use]
    pub fn limit(mut self, name: impl Into<String>, value: f64) -> Self {
        self.limit = value.is_finite().then(|| (name.into(), value));
        self
    }

    /// The stretch of time to show (default: from the first to the last point).
    #[must_use]
    pub fn range(mut self, from: Timestamp, to: Timestamp) -> Self {
        self.range = Some((from.min(to), to.max(from)));
        self
    }

    /// It shows one turn of something that comes back, such as a week: its time axis is its own and
    /// names hours, weekdays or months, or how much time has passed (default: off).
    ///
    /// ```
    /// use bongsu_core::Timestamp;
    /// use bongsu_report::TimeSeriesPlot;
    /// let times: Vec<_> = (0..=7).map(|day| Timestamp::from_secs(86_400 * (day + 4))).collect();
    /// let svg = TimeSeriesPlot::new("Week", times, vec![1.0; 8])?.turn().to_svg();
    /// assert!(svg.contains(">Mon<"));
    /// # Ok::<(), bongsu_report::Error>(())
    /// ```
    #[must_use]
    pub fn turn(mut self) -> Self {
        self.turn = true;
        self
    }

    /// The room that it takes among [`Panels`](crate::Panels): a usual one is 1 (the default), one
    /// twice as high 2; held within 0.25 to 10.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        self.share = if share.is_nan() {
            1.0
        } else {
            share.clamp(0.25, 10.0)
        };
        self
    }

    /// The zone in which times are written (default: UTC).
    #[must_use]
    pub fn time_zone(mut self, time_zone: TimeZone) -> Self {
        self.time_zone = time_zone;
        self
    }

    /// The colours (default: light).
    #[must_use]
    pub fn theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }

    /// Width and height in pixels (default: 1600 by 600), held within 240 to 8000 by 160 to 8000.
    #[must_use]
    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.width = width;
        self.height = height;
        self
    }

    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The drawing as a standalone SVG document. Points are thinned to what the width can show,
    /// keeping extremes, so its size depends on the width and not on the number of points.
    ///
    /// Cost: O(points) time.
    #[must_use]
    pub fn to_svg(&self) -> String {
        Figure {
            title: &self.title,
            subtitle: &self.subtitle,
            panels: &[self],
            titled_panels: false,
            width: self.width,
            height: self.height,
            font: 16.0,
            theme: Some(self.theme),
            time_zone: &self.time_zone,
            id: "p",
        }
        .draw()
    }

    /// The drawing as a PNG file, with a bundled font.
    ///
    /// # Errors
    /// When the drawing cannot be turned into pixels, which would be a defect of this crate.
    #[cfg(feature = "png")]
    pub fn to_png(&self) -> Result<Vec<u8>, Error> {
        crate::png::render(&self.to_svg())
    }

    /// The time that the data cover, or the one that was asked for.
    pub(crate) fn time_range(&self) -> Option<(Timestamp, Timestamp)> {
        self.range.or_else(|| {
            let spans = || self.spans.iter();
            let first = self.timestamps.first().copied();
            let coming = self.prospect.iter().filter_map(|p| p.timestamps.last());
            let last = self.timestamps.iter().next_back().into_iter();
            let last = last.chain(coming).max().copied();
            let coming = self.prospect.iter().filter_map(|p| p.timestamps.first());
            let first = first.or_else(|| coming.copied().next());
            Some((
                first.or_else(|| spans().map(|span| span.from).min())?,
                last.or_else(|| spans().map(|span| span.to).max())?,
            ))
        })
    }
}

/// The largest step between points at these times that are still connected.
pub(crate) fn max_step(timestamps: &[Timestamp]) -> i64 {
    let pairs = timestamps.iter().zip(timestamps.iter().skip(1));
    // A sample is enough and keeps this linear.
    let stride = (timestamps.len() / 4_096).max(1);
    let mut steps: Vec<i64> = pairs
        .step_by(stride)
        .map(|(a, b)| b.millis_since(*a))
        .collect();
    let at = steps.len() * 9 / 10;
    if steps.len() < 2 || at >= steps.len() {
        return i64::MAX;
    }
    let (_, usual, _) = steps.select_nth_unstable(at);
    (*usual as f64 * 1.9) as i64
}
