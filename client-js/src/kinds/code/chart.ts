/** Charts as data: what Plotly, Vega and Vega-Lite (Altair) say of themselves. */

/** A chart, as data that can be drawn again. */
export interface Chart {
  /** What it is, as far as its data says so. */
  readonly type: "line" | "bar" | "scatter" | "pie" | "histogram" | "heatmap" | "unknown";
  /** What drew it. */
  readonly library: "plotly" | "altair" | "unknown";
  /** Its title. */
  readonly title?: string;
  /** Its data, in the form of the library: the traces of Plotly, the whole specification of Vega and Vega-Lite. */
  readonly data: unknown;
  /** Plotly's layout. */
  readonly layout?: unknown;
  /** Plotly's configuration. */
  readonly config?: unknown;
}

/** Names of things as JSON has them. */
type Fields = Readonly<Record<string, unknown>>;

/** Whether a part of this MIME type is a chart. */
export const isChart = (mime: string): boolean => /^application\/vnd\.(plotly|vega|vegalite)\.v\d.*\+json$/.test(mime);

/** The chart that a part of this MIME type says. */
export function chartOf(mime: string, value: unknown): Chart {
  const { data, layout, config } = fieldsOf(value);
  if (!mime.includes("plotly")) return vega(mime, value);
  const title = titleOf(fieldsOf(layout)["title"]);
  return {
    type: plotlyType(fieldsOf(Array.isArray(data) ? data[0] : undefined)),
    library: "plotly",
    ...(title !== undefined && { title }),
    data,
    ...(layout !== undefined && { layout }),
    ...(config !== undefined && { config }),
  };
}

function vega(mime: string, value: unknown): Chart {
  const spec = fieldsOf(value);
  const title = titleOf(spec["title"]);
  return {
    type: mime.includes("vegalite") ? vegaLiteType(spec) : "unknown",
    library: mime.includes("vegalite") ? "altair" : "unknown",
    ...(title !== undefined && { title }),
    data: value,
  };
}

function plotlyType({ type, mode }: Fields): Chart["type"] {
  switch (type) {
    case "bar":
    case "pie":
    case "histogram":
    case "heatmap":
      return type;
    case undefined:
    case "scatter":
    case "scattergl":
      // Its default is lines.
      return typeof mode === "string" && !mode.includes("lines") ? "scatter" : "line";
    default:
      return "unknown";
  }
}

function vegaLiteType({ mark, layer, encoding }: Fields): Chart["type"] {
  const type = typeof mark === "string" ? mark : fieldsOf(mark)["type"];
  if (type === undefined && Array.isArray(layer) && layer.length > 0) return vegaLiteType(fieldsOf(layer[0]));
  switch (type) {
    case "line":
    case "area":
    case "trail":
      return "line";
    case "bar":
      return Object.values(fieldsOf(encoding)).some(channel => fieldsOf(channel)["bin"]) ? "histogram" : "bar";
    case "point":
    case "circle":
    case "square":
      return "scatter";
    case "arc":
      return "pie";
    case "rect":
      return "heatmap";
    default:
      return "unknown";
  }
}

/** A text, or a thing with one in it. */
function titleOf(title: unknown): string | undefined {
  const text = typeof title === "string" ? title : fieldsOf(title)["text"];
  return typeof text === "string" ? text : undefined;
}

const fieldsOf = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});
