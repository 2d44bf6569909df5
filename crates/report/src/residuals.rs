use bongsu_core::Timestamp;
use jiff::tz::TimeZone;

use crate::correlogram::Correlogram;
use crate::figure::{Area, Figure, Look};
use crate::svg::{Anchor, Svg};
use crate::{Error, Histogram, Theme, TimeSeriesPlot, Unit, describe, text};

/// What a model left unexplained: over time, how often of which size beside the bell of a normal
/// distribution, and how it goes together with itself some steps before.
///
/// Of a good model nothing is left but noise: no pattern over time, and autocorrelations within their
/// bounds of 95 %.
///
/// ```
/// use bongsu_core::Timestamp;
/// use bongsu_report::ResidualPlot;
/// let times: Vec<_> = (0..99).map(|i| Timestamp::from_secs(60 * i)).collect();
/// let left = (0..99).map(|i| f64::from(i * 37 % 11) - 5.0).collect();
/// let svg = ResidualPlot::new("Load", times, left)?.to_svg();
/// assert!(svg.contains("Autocorrelation"));
/// # Ok::<(), bongsu_report::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ResidualPlot {
    series: TimeSeriesPlot,
    subtitle: String,
    unit: Unit,
    lags: Option<usize>,
    theme: Theme,
    time_zone: TimeZone,
}

const WIDTH: f64 = 1_600.0;
const HEIGHT: f64 = 860.0;
const FONT: f64 = 16.0;
/// The height of the series with the title above it.
const UPPER: u32 = 480;
/// Between the two lower parts.
const BETWEEN: f64 = 56.0;

impl ResidualPlot {
    /// Of residuals at strictly increasing times, NaN where there is none.
    ///
    /// # Errors
    /// When the lengths differ or time does not strictly increase.
    pub fn new(
        title: impl Into<String>,
        timestamps: Vec<Timestamp>,
        residuals: Vec<f64>,
    ) -> Result<Self, Error> {
        Ok(Self {
            series: TimeSeriesPlot::new(title, timestamps, residuals)?,
            subtitle: String::new(),
            unit: Unit::Plain,
            lags: None,
            theme: Theme::Light,
            time_zone: TimeZone::UTC,
        })
    }

    /// A line below the title, for example the model (default: none).
    #[must_use]
    pub fn subtitle(mut self, subtitle: impl Into<String>) -> Self {
        self.subtitle = subtitle.into();
        self
    }

    /// What the residuals measure (default: bare numbers).
    #[must_use]
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// How many steps back autocorrelations look, 1 to 200 and at most half of the residuals (default:
    /// 40).
    #[must_use]
    pub const fn lags(mut self, lags: usize) -> Self {
        self.lags = Some(lags);
        self
    }

    /// The colours (default: light).
    #[must_use]
    pub const fn theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }

    /// The zone in which times are written (default: UTC).
    #[must_use]
    pub fn time_zone(mut self, time_zone: TimeZone) -> Self {
        self.time_zone = time_zone;
        self
    }

    /// The drawing as a standalone SVG document.
    ///
    /// Cost: O(points x lags) time; the size does not depend on the number of points.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let look = Look::new(FONT);
        let correlogram = Correlogram::of(&self.series.values, self.lags);
        let series = self.series.clone().unit(self.unit.clone());
        let words = self.words(&correlogram);
        let subtitle = match self.subtitle.as_str() {
            "" => words,
            model => format!("{model}: {words}"),
        };
        let panels = [&series];
        let figure = Figure {
            title: &self.series.title,
            subtitle: &subtitle,
            panels: &panels,
            titled_panels: false,
            width: WIDTH as u32,
            height: UPPER,
            font: FONT,
            theme: Some(self.theme),
            time_zone: &self.time_zone,
            id: "r",
        };
        let mut svg = Svg::default();
        figure.open(&mut svg, WIDTH, HEIGHT, &describe::figure(&figure));
        figure.content(&mut svg, WIDTH, f64::from(UPPER));
        let top = f64::from(UPPER) + 2.2 * FONT;
        let width = 0.5 * (WIDTH - 2.2 * look.pad - BETWEEN);
        let left = Area {
            left: look.pad,
            top: top + 1.1 * FONT,
            width,
            height: HEIGHT - top - 4.4 * FONT,
        };
        let right = Area {
            left: look.pad + width + BETWEEN,
            ..left
        };
        for (area, title) in [
            (left, "How often of which size"),
            (right, "Autocorrelation by steps"),
        ] {
            svg.text(
                area.left,
                top - 0.4 * FONT,
                Anchor::Start,
                look.strong,
                title,
            );
        }
        let name = self.unit.name().unwrap_or_default();
        let name = text::ellipsize(name, 0.4 * width, FONT);
        let y = left.bottom() + 2.9 * FONT;
        svg.text(left.right(), y, Anchor::End, look.muted, &name);
        let sizes = self.series.values.iter().copied();
        let histogram = Histogram::new("", sizes).unit(self.unit.clone()).normal();
        histogram.body(&mut svg, left, look);
        correlogram.draw(&mut svg, right, look);
        svg.put(format_args!("</svg>"));
        svg.finish()
    }

    /// The drawing as a PNG file, with a bundled font.
    ///
    /// # Errors
    /// When the drawing cannot be turned into pixels, which would be a defect of this crate.
    #[cfg(feature = "png")]
    pub fn to_png(&self) -> Result<Vec<u8>, Error> {
        crate::png::render(&self.to_svg())
    }

    /// What is left, in numbers.
    fn words(&self, correlogram: &Correlogram) -> String {
        let finite = || {
            let values = self.series.values.iter().copied();
            values.filter(|value| value.is_finite())
        };
        let count = finite().count();
        if count == 0 {
            return "no residuals".to_owned();
        }
        // Parts, so that the sum of huge numbers stays a number.
        let n = count as f64;
        let mean: f64 = finite().map(|value| value / n).sum();
        let scale = finite()
            .map(|value| (value - mean).abs())
            .fold(0.0, f64::max);
        let squares = finite().map(|value| ((value - mean) / scale).powi(2));
        let deviation = if scale > 0.0 {
            scale * (squares.sum::<f64>() / n).sqrt()
        } else {
            0.0
        };
        let mut words = format!(
            "{count} residuals, mean {}, deviation {}",
            self.unit.format(mean),
            self.unit.format(deviation)
        );
        if let Some((outside, lags)) = correlogram.outside() {
            words.push_str(&format!(
                ", {outside} of {lags} autocorrelations outside their bounds"
            ));
        }
        words
    }
}
