//! [`RichResult`]: one thing in several formats.

use bytes::Bytes;
use sandwire_protocol::kind::kernel::Rich;
use serde::Serialize;
use serde_json::Value;

/// Something that a cell gave or displayed, in one or more formats.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RichResult {
    /// What the kernel says of it.
    pub about: Rich,
    /// Its contents, in the order of `about.parts`.
    pub parts: Vec<Part>,
}

/// One format of a result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// Its MIME type.
    pub mime: String,
    /// Its content: raw bytes, never in Base64. Empty when it is truncated.
    pub data: Bytes,
    /// Whether it was left out, because it is larger than [`Cell::output_limit`](super::Cell::output_limit).
    pub truncated: bool,
}

/// What sort of chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChartKind {
    /// Points joined by lines.
    Line,
    /// Bars.
    Bar,
    /// Points.
    Scatter,
    /// Parts of a whole.
    Pie,
    /// How often what occurs.
    Histogram,
    /// Values by colour in a grid.
    Heatmap,
    /// None of these, or it is not known.
    Unknown,
}

/// A chart as data, as Plotly and Altair give it. Matplotlib gives pictures only.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chart {
    /// What sort of chart.
    #[serde(rename = "type")]
    pub kind: ChartKind,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Plotly's traces, or Vega's data.
    pub data: Value,
    /// Plotly's layout, or the whole of Vega's description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Value>,
    /// The settings that come with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
    /// `plotly`, `vega` or `vega-lite`.
    pub library: String,
}

/// The formats that have a name of their own, with their MIME types.
const NAMED: [(&str, &[&str]); 9] = [
    ("text", &["text/plain"]),
    ("html", &["text/html"]),
    ("markdown", &["text/markdown"]),
    ("png", &["image/png"]),
    ("jpeg", &["image/jpeg"]),
    ("svg", &["image/svg+xml"]),
    ("latex", &["text/latex"]),
    ("json", &["application/json"]),
    ("javascript", &["application/javascript", "text/javascript"]),
];

/// The MIME type of tables as data (pandas, with `display.html.table_schema`).
const TABLE: &str = "application/vnd.dataresource+json";

impl RichResult {
    /// The formats that it has: `text`, `html`, `markdown`, `png`, `jpeg`, `svg`, `latex`, `json`, `javascript`, `chart`,
    /// `data`, in this order.
    pub fn formats(&self) -> Vec<&'static str> {
        let named = NAMED.iter().filter(|(_, mimes)| mimes.iter().any(|mime| self.part(mime).is_some()));
        let mut formats: Vec<&'static str> = named.map(|(name, _)| *name).collect();
        if self.parts.iter().any(|part| library(&part.mime).is_some()) {
            formats.push("chart");
        }
        if self.part(TABLE).is_some() {
            formats.push("data");
        }
        formats
    }

    /// Its content of that MIME type.
    pub fn part(&self, mime: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.mime == mime && !part.truncated)
    }

    fn named(&self, name: &str) -> Option<&Part> {
        NAMED.iter().find(|(known, _)| *known == name)?.1.iter().find_map(|mime| self.part(mime))
    }

    fn str(&self, name: &str) -> Option<&str> {
        self.named(name).and_then(|part| std::str::from_utf8(&part.data).ok())
    }

    /// As plain text: what a terminal would show.
    pub fn text(&self) -> Option<&str> {
        self.str("text")
    }

    /// As HTML.
    pub fn html(&self) -> Option<&str> {
        self.str("html")
    }

    /// As Markdown.
    pub fn markdown(&self) -> Option<&str> {
        self.str("markdown")
    }

    /// As a PNG picture.
    pub fn png(&self) -> Option<&Bytes> {
        self.named("png").map(|part| &part.data)
    }

    /// As a JPEG picture.
    pub fn jpeg(&self) -> Option<&Bytes> {
        self.named("jpeg").map(|part| &part.data)
    }

    /// As an SVG picture.
    pub fn svg(&self) -> Option<&str> {
        self.str("svg")
    }

    /// As LaTeX.
    pub fn latex(&self) -> Option<&str> {
        self.str("latex")
    }

    /// As JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.named("json")?.data).ok()
    }

    /// As JavaScript that shows it.
    pub fn javascript(&self) -> Option<&str> {
        self.str("javascript")
    }

    /// As a table: a Tabular Data Resource.
    pub fn data(&self) -> Option<Value> {
        serde_json::from_slice(&self.part(TABLE)?.data).ok()
    }

    /// As a chart.
    pub fn chart(&self) -> Option<Chart> {
        self.parts.iter().filter(|part| !part.truncated).find_map(|part| {
            let library = library(&part.mime)?;
            let mut described: Value = serde_json::from_slice(&part.data).ok()?;
            Some(if library == "plotly" { plotly(&mut described) } else { vega(described, library) })
        })
    }
}

/// Whose chart this is.
fn library(mime: &str) -> Option<&'static str> {
    let name = mime.strip_prefix("application/vnd.")?;
    if name.starts_with("plotly.") {
        Some("plotly")
    } else if name.starts_with("vegalite.") {
        Some("vega-lite")
    } else if name.starts_with("vega.") {
        Some("vega")
    } else {
        None
    }
}

fn plotly(described: &mut Value) -> Chart {
    let first = described["data"].get(0);
    let said = |name: &str| first.and_then(|trace| trace.get(name)).and_then(Value::as_str).unwrap_or_default();
    let kind = match said("type") {
        "scatter" | "scattergl" | "" if said("mode").contains("lines") => ChartKind::Line,
        "scatter" | "scattergl" | "" => ChartKind::Scatter,
        "bar" => ChartKind::Bar,
        "pie" => ChartKind::Pie,
        "histogram" => ChartKind::Histogram,
        "heatmap" => ChartKind::Heatmap,
        _ => ChartKind::Unknown,
    };
    let title = &described["layout"]["title"];
    let title = title.as_str().or_else(|| title["text"].as_str()).map(str::to_owned);
    let mut take = |name: &str| Some(described[name].take()).filter(|value| !value.is_null());
    Chart {
        kind,
        title,
        data: take("data").unwrap_or_default(),
        layout: take("layout"),
        config: take("config"),
        library: "plotly".to_owned(),
    }
}

fn vega(described: Value, library: &str) -> Chart {
    let mark = &described["mark"];
    let kind = match mark.as_str().or_else(|| mark["type"].as_str()).unwrap_or_default() {
        "line" | "trail" => ChartKind::Line,
        "bar" if described["encoding"]["x"]["bin"].is_null() => ChartKind::Bar,
        "bar" => ChartKind::Histogram,
        "point" | "circle" | "square" => ChartKind::Scatter,
        "arc" => ChartKind::Pie,
        "rect" => ChartKind::Heatmap,
        _ => ChartKind::Unknown,
    };
    let title = &described["title"];
    Chart {
        kind,
        title: title.as_str().or_else(|| title["text"].as_str()).map(str::to_owned),
        data: described["data"].clone(),
        config: Some(described["config"].clone()).filter(|config| !config.is_null()),
        layout: Some(described),
        library: library.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn result(parts: &[(&str, &str)]) -> RichResult {
        let part = |(mime, data): &(&str, &str)| Part {
            mime: (*mime).to_owned(),
            data: Bytes::copy_from_slice(data.as_bytes()),
            truncated: false,
        };
        RichResult { about: Rich::default(), parts: parts.iter().map(part).collect() }
    }

    #[test]
    fn formats_have_their_names() {
        let all = result(&[
            ("application/javascript", "f()"),
            ("application/json", "{\"a\":1}"),
            ("application/vnd.dataresource+json", "{\"data\":[]}"),
            ("application/vnd.plotly.v1+json", "{}"),
            ("application/x-other", ""),
            ("image/jpeg", "j"),
            ("image/png", "p"),
            ("image/svg+xml", "<svg/>"),
            ("text/html", "<b>"),
            ("text/latex", "$x$"),
            ("text/markdown", "*m*"),
            ("text/plain", "t"),
        ]);
        let names = ["text", "html", "markdown", "png", "jpeg", "svg", "latex", "json", "javascript", "chart", "data"];
        assert_eq!(all.formats(), names);
        assert_eq!((all.text(), all.html(), all.markdown()), (Some("t"), Some("<b>"), Some("*m*")));
        assert_eq!((all.svg(), all.latex(), all.javascript()), (Some("<svg/>"), Some("$x$"), Some("f()")));
        assert_eq!((&all.png().unwrap()[..], &all.jpeg().unwrap()[..]), (&b"p"[..], &b"j"[..]));
        assert_eq!((all.json().unwrap()["a"].as_u64(), all.data().unwrap()["data"].is_array()), (Some(1), true));
        assert!(result(&[]).formats().is_empty() && result(&[]).chart().is_none());
        let mut large = result(&[("text/plain", "")]);
        large.parts[0].truncated = true;
        assert!(large.formats().is_empty() && large.text().is_none());
    }

    #[test]
    fn charts_say_what_they_are() {
        let plotly = |trace: &str| {
            let text = format!("{{\"data\":[{trace}],\"layout\":{{\"title\":{{\"text\":\"T\"}}}}}}");
            result(&[("application/vnd.plotly.v1+json", &text)]).chart().unwrap()
        };
        for (trace, kind) in [
            ("{\"type\":\"scatter\",\"mode\":\"lines+markers\"}", ChartKind::Line),
            ("{\"type\":\"scatter\",\"mode\":\"markers\"}", ChartKind::Scatter),
            ("{\"type\":\"bar\"}", ChartKind::Bar),
            ("{\"type\":\"pie\"}", ChartKind::Pie),
            ("{\"type\":\"histogram\"}", ChartKind::Histogram),
            ("{\"type\":\"heatmap\"}", ChartKind::Heatmap),
            ("{\"type\":\"sankey\"}", ChartKind::Unknown),
        ] {
            let chart = plotly(trace);
            assert_eq!((chart.kind, chart.title.as_deref(), chart.library.as_str()), (kind, Some("T"), "plotly"));
            assert!(chart.data.is_array() && chart.layout.is_some() && chart.config.is_none());
        }
        for (mark, kind) in [
            ("\"line\"", ChartKind::Line),
            ("{\"type\":\"bar\"}", ChartKind::Bar),
            ("\"point\"", ChartKind::Scatter),
            ("\"arc\"", ChartKind::Pie),
            ("\"rect\"", ChartKind::Heatmap),
            ("\"geoshape\"", ChartKind::Unknown),
        ] {
            let text = format!("{{\"mark\":{mark},\"title\":\"T\",\"data\":{{\"values\":[]}}}}");
            let chart = result(&[("application/vnd.vegalite.v5+json", &text)]).chart().unwrap();
            assert_eq!((chart.kind, chart.title.as_deref()), (kind, Some("T")));
            assert_eq!(chart.library, "vega-lite");
        }
    }
}
