use jiff::tz::TimeZone;

#[cfg(feature = "png")]
use crate::Error;
use crate::figure::{Figure, MAX_SIDE};
use crate::{Theme, TimeSeriesPlot};

/// The room for title, subtitle, legend and time axis.
const AROUND: u32 = 110;

/// Room for the title of a plot and two lines of its data.
const LEAST_HEIGHT: u32 = 80;

/// Several plots, one above the other, over one shared time axis.
///
/// A drawing is at most 8,000 pixels high: 26 plots of the default height. It shows those that fit
/// from the first on, and its subtitle says how many more there are.
///
/// Size, theme and time zone of the single plots do not count here.
///
/// ```
/// use bongsu_core::Timestamp;
/// use bongsu_report::{Panels, TimeSeriesPlot};
///
/// let times: Vec<_> = (0..3).map(Timestamp::from_secs).collect();
/// let cpu = TimeSeriesPlot::new("CPU", times.clone(), vec![0.1, 0.9, 0.2])?;
/// let memory = TimeSeriesPlot::new("Memory", times, vec![5.0, 5.5, 5.1])?;
/// let svg = Panels::new(vec![cpu, memory]).title("Node 1").to_svg();
/// assert!(svg.contains("Memory"));
/// # Ok::<(), bongsu_report::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Panels {
    plots: Vec<TimeSeriesPlot>,
    title: String,
    subtitle: String,
    width: u32,
    panel_height: u32,
    theme: Theme,
    time_zone: TimeZone,
}

impl Panels {
    /// The plots from top to bottom.
    #[must_use]
    pub fn new(plots: Vec<TimeSeriesPlot>) -> Self {
        Self {
            plots,
            title: String::new(),
            subtitle: String::new(),
            width: 1_600,
            panel_height: 300,
            theme: Theme::Light,
            time_zone: TimeZone::UTC,
        }
    }

    /// A title above all plots (default: none).
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// A line below the title (default: none).
    #[must_use]
    pub fn subtitle(mut self, subtitle: impl Into<String>) -> Self {
        self.subtitle = subtitle.into();
        self
    }

    /// The width in pixels (default: 1600).
    #[must_use]
    pub fn width(mut self, width: u32) -> Self {
        self.width = width;
        self
    }

    /// The height of each plot in pixels (default: 300; smaller than 80 counts as 80).
    #[must_use]
    pub fn panel_height(mut self, height: u32) -> Self {
        self.panel_height = height;
        self
    }

    /// The colours (default: light).
    #[must_use]
    pub fn theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }

    /// The zone in which times are written (default: UTC).
    #[must_use]
    pub fn time_zone(mut self, time_zone: TimeZone) -> Self {
        self.time_zone = time_zone;
        self
    }

    /// The drawing as a standalone SVG document; see [`TimeSeriesPlot::to_svg`].
    #[must_use]
    pub fn to_svg(&self) -> String {
        let panel_height = self.panel_height.clamp(LEAST_HEIGHT, MAX_SIDE - AROUND);
        let of_plot = |plot: &TimeSeriesPlot| (f64::from(panel_height) * plot.share) as u32;
        let mut height = 0_u32;
        let mut panels: Vec<&TimeSeriesPlot> = Vec::new();
        for plot in &self.plots {
            let next = height.saturating_add(of_plot(plot));
            if next > MAX_SIDE - AROUND && !panels.is_empty() {
                break;
            }
            height = next;
            panels.push(plot);
        }
        // First, because the end of a long subtitle is not shown.
        let subtitle = match (self.plots.len() - panels.len(), self.subtitle.as_str()) {
            (0, subtitle) => subtitle.to_owned(),
            (more, "") => format!("{more} more not shown"),
            (more, subtitle) => format!("{more} more not shown; {subtitle}"),
        };
        Figure {
            title: &self.title,
            subtitle: &subtitle,
            panels: &panels,
            titled_panels: true,
            width: self.width,
            height: height.max(LEAST_HEIGHT).saturating_add(AROUND),
            font: 16.0,
            theme: Some(self.theme),
            time_zone: &self.time_zone,
            id: "p",
        }
        .draw()
    }

    /// The drawing as a PNG file; see [`TimeSeriesPlot::to_png`].
    ///
    /// # Errors
    /// When the drawing cannot be turned into pixels.
    #[cfg(feature = "png")]
    pub fn to_png(&self) -> Result<Vec<u8>, Error> {
        crate::png::render(&self.to_svg())
    }
}
