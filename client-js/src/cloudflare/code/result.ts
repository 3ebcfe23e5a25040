/** A result of code, in the forms of the stock package: images as base64, so that it is plain data. */

import type { CodeResult } from "../../kinds/code/result.ts";
import { base64Of } from "../stream.ts";
import type { ChartData, ExecutionResult, Result } from "../types.ts";
import { jsonOfPython } from "./literal.ts";

/** A result as plain data. */
export type ResultForms = ExecutionResult["results"][number];

const NAMES = [
  "text",
  "html",
  "png",
  "jpeg",
  "svg",
  "latex",
  "markdown",
  "javascript",
  "json",
  "chart",
] as const satisfies readonly (keyof ResultForms)[];

/** The forms that a result has. The value of `python` has JSON, too, when it is a list or a dictionary. */
export function formsOf(result: CodeResult, python = false): ResultForms {
  const { text, html, svg, latex, markdown, javascript, json: told, display } = result;
  const json = told ?? (python && !display && text !== undefined ? jsonOfPython(text) : undefined);
  const [png, jpeg] = [result.png, result.jpeg].map(bytes => bytes && base64Of(bytes));
  const chart = chartOf(result, png);
  const all = { text, html, png, jpeg, svg, latex, markdown, javascript, json, chart, data: dataOf(result) };
  return Object.fromEntries(Object.entries(all).filter(([, form]) => form !== undefined));
}

/** A result with its method, which does not cross RPC. */
export const resultOf = (forms: ResultForms): Result => ({
  ...forms,
  formats: () => NAMES.filter(name => forms[name] !== undefined),
});

function chartOf({ chart }: CodeResult, image: string | undefined): ChartData | undefined {
  if (!chart) return undefined;
  return { ...chart, ...(image !== undefined && { image }) };
}

/** The forms that have no name of their own, by MIME type. */
function dataOf(result: CodeResult): Readonly<Record<string, unknown>> | undefined {
  if (!result.formats().includes("data")) return undefined;
  const named =
    /^(text\/(plain|html|markdown|latex)|image\/(png|jpeg|svg\+xml)|application\/(json|javascript|vnd\.(plotly|vega|vegalite)\.v.*))$/;
  const others = Object.entries(result.data).filter(([mime]) => !named.test(mime));
  return Object.fromEntries(
    others.map(([mime, value]) => [mime, value instanceof Uint8Array ? base64Of(value) : value]),
  );
}
