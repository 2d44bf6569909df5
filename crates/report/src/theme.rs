//! Colours: the Okabe-Ito palette, which people with colour-blindness can tell apart.

/// The colours of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Theme {
    /// Dark on white (the default).
    #[default]
    Light,
    /// Light on near-black.
    Dark,
    /// Whichever the reader's system prefers, decided by the viewer; a PNG is light.
    Auto,
}

/// One set of colours.
struct Palette {
    background: &'static str,
    text: &'static str,
    muted: &'static str,
    grid: &'static str,
    day: &'static str,
    axis: &'static str,
    line: &'static str,
    expected: &'static str,
    band: &'static str,
    band_opacity: &'static str,
    forecast: &'static str,
    interval: &'static str,
    interval_opacity: &'static str,
    anomaly: &'static str,
    fault: &'static str,
    benign: &'static str,
    alert: &'static str,
    shade_opacity: &'static str,
    on_bar: &'static str,
}

const LIGHT: Palette = Palette {
    background: "#ffffff",
    text: "#1b1f24",
    muted: "#57606a",
    grid: "#e4e7eb",
    day: "#b4bdc7",
    axis: "#8c959f",
    line: "#0072b2",
    expected: "#3d4650",
    band: "#56b4e9",
    band_opacity: "0.28",
    forecast: "#c04c00",
    interval: "#e69f00",
    interval_opacity: "0.24",
    anomaly: "#d55e00",
    fault: "#cc79a7",
    benign: "#009e73",
    alert: "#d55e00",
    shade_opacity: "0.11",
    on_bar: "#14171a",
};

const DARK: Palette = Palette {
    background: "#14171c",
    text: "#e9ecf0",
    muted: "#a3adb8",
    grid: "#2a3038",
    day: "#4a535f",
    axis: "#6b7581",
    line: "#56b4e9",
    expected: "#c4ccd4",
    band: "#3b8fc4",
    band_opacity: "0.30",
    forecast: "#ffb454",
    interval: "#e69f00",
    interval_opacity: "0.22",
    anomaly: "#ff8533",
    fault: "#cc79a7",
    benign: "#2bb98d",
    alert: "#ff8533",
    shade_opacity: "0.13",
    on_bar: "#14171a",
};

impl Palette {
    fn css(&self) -> String {
        let Self {
            background,
            text,
            muted,
            grid,
            day,
            axis,
            line,
            expected,
            band,
            band_opacity,
            forecast,
            interval,
            interval_opacity,
            anomaly,
            fault,
            benign,
            alert,
            shade_opacity,
            on_bar,
        } = self;
        format!(
            ".b-bg{{fill:{background}}}\
             .b-t{{fill:{text}}}\
             .b-m{{fill:{muted}}}\
             .b-grid{{stroke:{grid}}}\
             .b-day{{stroke:{day}}}\
             .b-axis{{stroke:{axis}}}\
             .b-line{{stroke:{line}}}\
             .b-exp{{stroke:{expected}}}\
             .b-band{{fill:{band};fill-opacity:{band_opacity}}}\
             .b-fc{{stroke:{forecast}}}\
             .b-int{{fill:{interval};fill-opacity:{interval_opacity}}}\
             .b-halo{{stroke:{background}}}\
             .b-anom{{stroke:{anomaly}}}\
             .b-tri{{fill:{anomaly}}}\
             .b-fault{{fill:{fault}}}\
             .b-benign{{fill:{benign}}}\
             .b-alert{{fill:{alert}}}\
             .b-shade{{fill-opacity:{shade_opacity}}}\
             .b-on{{fill:{on_bar}}}\
             .b-pos{{fill:{anomaly}}}\
             .b-neg{{fill:{line}}}"
        )
    }
}

/// The rules that colour a drawing's classes.
pub(crate) fn css(theme: Theme) -> String {
    match theme {
        Theme::Light => LIGHT.css(),
        Theme::Dark => DARK.css(),
        Theme::Auto => format!(
            "{}@media (prefers-color-scheme:dark){{{}}}",
            LIGHT.css(),
            DARK.css()
        ),
    }
}
