//! Panels, laid out in rows of 24 columns.

use serde_json::{Value, json};

use super::GrafanaDashboard;
use crate::Unit;

/// The version of Grafana's dashboard schema that is written.
const SCHEMA_VERSION: u32 = 39;
const COLUMNS: u32 = 24;

/// The data source is chosen at the top of each dashboard.
pub(super) fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// Something to draw: PromQL and its name in the legend.
pub(super) struct Target {
    pub(super) expr: String,
    pub(super) legend: String,
    /// As a table of the newest values, in place of lines.
    pub(super) instant: bool,
}

impl Target {
    pub(super) fn line(expr: impl Into<String>, legend: impl Into<String>) -> Self {
        let (expr, legend) = (expr.into(), legend.into());
        Self {
            expr,
            legend,
            instant: false,
        }
    }

    pub(super) fn table(expr: impl Into<String>) -> Self {
        let (expr, legend) = (expr.into(), String::new());
        Self {
            expr,
            legend,
            instant: true,
        }
    }
}

/// A panel under construction.
pub(super) struct Panel {
    json: Value,
    width: u32,
    height: u32,
}

/// The name of a unit in Grafana.
pub(super) fn unit_name(unit: &Unit) -> String {
    match unit {
        Unit::Plain => "short".to_owned(),
        Unit::Percent => "percent".to_owned(),
        Unit::Ratio => "percentunit".to_owned(),
        Unit::Seconds => "s".to_owned(),
        Unit::Bytes => "bytes".to_owned(),
        Unit::BytesPerSecond => "binBps".to_owned(),
        Unit::Named(name) => format!("suffix: {name}"),
    }
}

fn targets(all: Vec<Target>) -> Value {
    let letters = 'A'..='Z';
    let made = all.into_iter().zip(letters).map(|(target, letter)| {
        let mut json = json!({
            "refId": letter.to_string(),
            "datasource": source(),
            "expr": target.expr,
            "editorMode": "code",
        });
        let more = if target.instant {
            json!({"instant": true, "range": false, "format": "table"})
        } else {
            json!({"legendFormat": target.legend, "range": true})
        };
        merge(&mut json, more);
        json
    });
    Value::Array(made.collect())
}

/// Adds the keys of `more` to `base`, key by key where both are objects.
pub(super) fn merge(base: &mut Value, more: Value) {
    match (base, more) {
        (Value::Object(base), Value::Object(more)) => {
            for (key, value) in more {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, more) => *base = more,
    }
}

impl Panel {
    fn new(kind: &str, title: &str, all: Vec<Target>, width: u32, height: u32) -> Self {
        let json = json!({
            "type": kind,
            "title": title,
            "datasource": source(),
            "targets": targets(all),
            "fieldConfig": {"defaults": {}, "overrides": []},
        });
        Self {
            json,
            width,
            height,
        }
    }

    /// Lines over time.
    pub(super) fn lines(title: &str, unit: &str, width: u32, all: Vec<Target>) -> Self {
        let panel = Self::new("timeseries", title, all, width, 8);
        panel.with(json!({
            "fieldConfig": {"defaults": {
                "unit": unit,
                "custom": {"lineWidth": 1, "fillOpacity": 0, "showPoints": "never", "spanNulls": false},
            }},
            "options": {
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []},
                "tooltip": {"mode": "multi", "sort": "desc"},
            },
        }))
    }

    /// One number.
    pub(super) fn number(title: &str, unit: &str, width: u32, expr: impl Into<String>) -> Self {
        let target = Target::line(expr, "");
        let panel = Self::new("stat", title, vec![target], width, 4);
        panel.with(json!({
            "fieldConfig": {"defaults": {"unit": unit}},
            "options": {
                "colorMode": "value",
                "graphMode": "area",
                "justifyMode": "auto",
                "textMode": "auto",
                "orientation": "auto",
                "reduceOptions": {"calcs": ["lastNotNull"], "values": false},
            },
        }))
    }

    /// The newest values as a table, largest first, without the columns `hidden`.
    pub(super) fn table(title: &str, unit: &str, width: u32, expr: impl Into<String>) -> Self {
        let target = Target::table(expr);
        let panel = Self::new("table", title, vec![target], width, 8);
        panel.with(json!({
            "fieldConfig": {"defaults": {"unit": unit}},
            "options": {
                "showHeader": true,
                "cellHeight": "sm",
                "sortBy": [{"displayName": "Value", "desc": true}],
            },
            "transformations": [
                {"id": "organize", "options": {"excludeByName": {"Time": true, "__name__": true}}},
            ],
        }))
    }

    /// What each series was at each time, in colours.
    pub(super) fn timeline(title: &str, width: u32, all: Vec<Target>) -> Self {
        let panel = Self::new("state-timeline", title, all, width, 8);
        panel.with(json!({
            "options": {
                "showValue": "never",
                "rowHeight": 0.9,
                "mergeValues": true,
                "alignValue": "left",
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []},
                "tooltip": {"mode": "single", "sort": "none"},
            },
            "fieldConfig": {"defaults": {"custom": {"fillOpacity": 80, "lineWidth": 0}}},
        }))
    }

    /// Adds keys.
    pub(super) fn with(mut self, more: Value) -> Self {
        merge(&mut self.json, more);
        self
    }

    pub(super) fn describe(self, text: &str) -> Self {
        self.with(json!({"description": text}))
    }

    pub(super) const fn high(mut self, height: u32) -> Self {
        self.height = height;
        self
    }

    /// Colours from the lowest: `base`, then from each value on another.
    pub(super) fn colours(self, base: &str, steps: &[(f64, &str)]) -> Self {
        let first = json!({"color": base, "value": null});
        let rest = steps
            .iter()
            .map(|(value, color)| json!({"color": color, "value": value}));
        let steps: Vec<Value> = std::iter::once(first).chain(rest).collect();
        self.with(json!({"fieldConfig": {"defaults": {
            "thresholds": {"mode": "absolute", "steps": steps},
            "color": {"mode": "thresholds"},
        }}}))
    }

    /// A dashed line at each of these values.
    pub(super) fn bounds(self, steps: &[(f64, &str)]) -> Self {
        let first = json!({"color": "transparent", "value": null});
        let rest = steps
            .iter()
            .map(|(value, color)| json!({"color": color, "value": value}));
        let steps: Vec<Value> = std::iter::once(first).chain(rest).collect();
        self.with(json!({"fieldConfig": {"defaults": {
            "thresholds": {"mode": "absolute", "steps": steps},
            "custom": {"thresholdsStyle": {"mode": "dashed"}},
        }}}))
    }

    /// What sets the fields that `matcher` finds apart.
    pub(super) fn field(
        mut self,
        matcher: &str,
        options: &str,
        properties: &[(&str, Value)],
    ) -> Self {
        let properties: Vec<Value> = properties
            .iter()
            .map(|(id, value)| json!({"id": id, "value": value}))
            .collect();
        let found =
            json!({"matcher": {"id": matcher, "options": options}, "properties": properties});
        if let Some(Value::Array(all)) = self.json.pointer_mut("/fieldConfig/overrides") {
            all.push(found);
        }
        self
    }
}

/// A dashboard under construction.
pub(super) struct Board {
    uid: String,
    title: String,
    json: Value,
    panels: Vec<Value>,
    column: u32,
    row: u32,
    row_height: u32,
}

impl Board {
    pub(super) fn new(uid: &str, title: &str, description: &str) -> Self {
        let json = json!({
            "uid": uid,
            "title": title,
            "description": description,
            "tags": ["bongsu"],
            "editable": true,
            "graphTooltip": 1,
            "schemaVersion": SCHEMA_VERSION,
            "timezone": "browser",
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "fiscalYearStartMonth": 0,
            "liveNow": false,
            "templating": {"list": [{
                "name": "datasource",
                "label": "Data source",
                "type": "datasource",
                "query": "prometheus",
                "hide": 0,
                "multi": false,
                "includeAll": false,
                "refresh": 1,
                "regex": "",
            }]},
            "annotations": {"list": []},
            "links": [{
                "title": "Bongsu",
                "type": "dashboards",
                "icon": "external link",
                "tooltip": "",
                "tags": ["bongsu"],
                "asDropdown": true,
                "targetBlank": false,
                "includeVars": false,
                "keepTime": true,
            }],
        });
        let (uid, title) = (uid.to_owned(), title.to_owned());
        Self {
            uid,
            title,
            json,
            panels: Vec::new(),
            column: 0,
            row: 0,
            row_height: 0,
        }
    }

    fn list(&mut self, path: &str, item: Value) {
        if let Some(Value::Array(all)) = self.json.pointer_mut(path) {
            all.push(item);
        }
    }

    /// A choice at the top, from the answer to a query of the data source.
    pub(super) fn choice(mut self, name: &str, label: &str, query: &str, regex: &str) -> Self {
        let variable = json!({
            "name": name,
            "label": label,
            "type": "query",
            "datasource": source(),
            "query": {"query": query, "refId": "choices"},
            "regex": regex,
            "hide": 0,
            "multi": false,
            "includeAll": false,
            "refresh": 2,
            "sort": 1,
        });
        self.list("/templating/list", variable);
        self
    }

    /// Marks the times at which `expr` has a value.
    pub(super) fn mark(mut self, name: &str, colour: &str, expr: &str) -> Self {
        let marks = json!({
            "name": name,
            "datasource": source(),
            "enable": true,
            "hide": false,
            "iconColor": colour,
            "expr": expr,
        });
        self.list("/annotations/list", marks);
        self
    }

    /// Marks what was pushed as annotations of all these tags.
    pub(super) fn pushed(mut self, name: &str, colour: &str, tags: &[&str]) -> Self {
        let marks = json!({
            "name": name,
            "datasource": {"type": "grafana", "uid": "-- Grafana --"},
            "enable": true,
            "hide": false,
            "iconColor": colour,
            "type": "tags",
            "target": {"limit": 100, "matchAny": false, "tags": tags, "type": "tags"},
        });
        self.list("/annotations/list", marks);
        self
    }

    /// Begins a row under a heading.
    pub(super) fn heading(mut self, title: &str) -> Self {
        self.wrap();
        let row = json!({
            "type": "row",
            "id": self.panels.len() + 1,
            "title": title,
            "collapsed": false,
            "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": self.row},
            "panels": [],
        });
        self.panels.push(row);
        self.row += 1;
        self
    }

    /// Adds a panel to the right of the last one, or below where there is no room.
    pub(super) fn panel(mut self, panel: Panel) -> Self {
        if self.column + panel.width > COLUMNS {
            self.wrap();
        }
        let mut json = panel.json;
        merge(
            &mut json,
            json!({
                "id": self.panels.len() + 1,
                "gridPos": {"h": panel.height, "w": panel.width, "x": self.column, "y": self.row},
            }),
        );
        self.panels.push(json);
        self.column += panel.width;
        self.row_height = self.row_height.max(panel.height);
        self
    }

    fn wrap(&mut self) {
        self.row += self.row_height;
        (self.column, self.row_height) = (0, 0);
    }

    pub(super) fn finish(mut self) -> GrafanaDashboard {
        merge(&mut self.json, json!({"panels": self.panels}));
        GrafanaDashboard {
            uid: self.uid,
            title: self.title,
            json: self.json,
        }
    }
}
