/** Text with the colours that a program gave it. */

import "./log.css";
import { type AnsiSpan, type AnsiStyle, hasControls, PLAIN, paletteColour, parseAnsi } from "./ansi.ts";

/** A piece of one look. */
export function AnsiPiece(props: { span: AnsiSpan }) {
  const { text, style } = props.span;
  const names = classes(style);
  if (names === "" && style.fg === undefined && style.bg === undefined) return <>{text}</>;
  return (
    <span class={names} style={colours(style)}>
      {text}
    </span>
  );
}

/** Text of several lines. What stands around it must have the class `ansi-text`. */
export function AnsiText(props: { text: string }) {
  let style = PLAIN;
  const pieces = props.text.split("\n").map((line, i) => {
    const start = style;
    const spans: readonly AnsiSpan[] =
      hasControls(line) || start !== PLAIN ? parseAnsi(line, start).spans : [{ text: line, style: PLAIN }];
    if (hasControls(line)) style = parseAnsi(line, start).end;
    return [i > 0 && "\n", ...spans.map((span, at) => <AnsiPiece key={`${i}.${at}`} span={span} />)];
  });
  return <>{pieces}</>;
}

function classes(style: AnsiStyle): string {
  const [fg, bg] = style.inverse ? [style.bg, style.fg] : [style.fg, style.bg];
  const names: string[] = [];
  if (typeof fg === "number" && fg < 16) names.push(`ansi-fg-${fg}`);
  if (typeof bg === "number" && bg < 16) names.push(`ansi-bg-${bg}`);
  if (style.inverse && fg === undefined) names.push("ansi-fg-inverse");
  if (style.inverse && bg === undefined) names.push("ansi-bg-inverse");
  for (const name of ["bold", "dim", "italic", "underline", "hidden", "strike"] as const) {
    if (style[name]) names.push(`ansi-${name}`);
  }
  return names.join(" ");
}

function colours(style: AnsiStyle): Record<string, string> {
  const [fg, bg] = style.inverse ? [style.bg, style.fg] : [style.fg, style.bg];
  return { ...colour("color", fg), ...colour("backgroundColor", bg) };
}

function colour(property: string, value: number | string | undefined): Record<string, string> {
  if (value === undefined || (typeof value === "number" && value < 16)) return {};
  return { [property]: typeof value === "string" ? value : paletteColour(value) };
}
