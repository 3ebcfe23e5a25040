/** Text with the colours that a program gave it. */

import "./log.css";
import type { ComponentChildren } from "preact";
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
  const pieces: ComponentChildren[] = [];
  let style = PLAIN;
  // Lines without a colour are one piece: there may be very many.
  let plain = "";
  for (const [i, line] of props.text.split("\n").entries()) {
    if (i > 0) plain += "\n";
    if (style === PLAIN && !hasControls(line)) {
      plain += line;
      continue;
    }
    const { spans, end } = parseAnsi(line, style);
    pieces.push(plain, ...spans.map((span, at) => <AnsiPiece key={`${i}.${at}`} span={span} />));
    plain = "";
    style = end;
  }
  pieces.push(plain);
  return <>{pieces}</>;
}

function classes(style: AnsiStyle): string {
  const [fg, bg] = style.inverse ? [style.bg, style.fg] : [style.fg, style.bg];
  const names: string[] = [];
  if (typeof fg === "number" && fg < 16) names.push(`ansi-fg-${fg}`);
  else if (fg !== undefined && bg === undefined) names.push("ansi-fg-own");
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
  // On the page's ground it must be seen in dark and in light; on one of its own it is as the program says.
  return { ...colour(bg === undefined ? "--own" : "color", fg), ...colour("backgroundColor", bg) };
}

function colour(property: string, value: number | string | undefined): Record<string, string> {
  if (value === undefined || (typeof value === "number" && value < 16)) return {};
  return { [property]: typeof value === "string" ? value : paletteColour(value) };
}
