/** Types of the code interpreter, in the shape of the stock package. */

/** A language that is interpreted. */
type Language = "python" | "javascript" | "typescript";

/** How to make a code context. */
export interface CreateContextOptions {
  /** Default: Python. */
  language?: Language;
  /** Default: `/workspace`. */
  cwd?: string;
  /** Variables; `undefined` is left out. */
  envVars?: Record<string, string | undefined>;
  /** Milliseconds that its kernel has to start. Default: 30000. */
  timeout?: number;
}

/** A code context: what runs in it, remembers. */
export interface CodeContext {
  /** Its id. */
  readonly id: string;
  /** The language. */
  readonly language: string;
  /** Its directory. */
  readonly cwd: string;
  /** When it was made. */
  readonly createdAt: Date;
  /** When something ran in it last. */
  readonly lastUsed: Date;
}

/** Output of code. */
export interface OutputMessage {
  /** What was written. */
  text: string;
  /** Milliseconds since 1970. */
  timestamp: number;
}

/** A chart, as data. */
export interface ChartData {
  /** Which kind of chart. */
  type: "line" | "bar" | "scatter" | "pie" | "histogram" | "heatmap" | "unknown";
  /** Its title. */
  title?: string;
  /** Its data; the form depends on the library. */
  // biome-ignore lint/suspicious/noExplicitAny: the stock package says no more, and users' code relies on that
  data: any;
  /** Its layout. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  layout?: any;
  /** Its configuration. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  config?: any;
  /** What drew it. */
  library?: "matplotlib" | "plotly" | "altair" | "seaborn" | "unknown";
  /** Base64. */
  image?: string;
}

/** A result in the forms that it has. */
interface Forms {
  /** As text. */
  text?: string;
  /** As HTML. */
  html?: string;
  /** Base64. */
  png?: string;
  /** Base64. */
  jpeg?: string;
  /** As SVG. */
  svg?: string;
  /** As LaTeX. */
  latex?: string;
  /** As Markdown. */
  markdown?: string;
  /** As JavaScript to run. */
  javascript?: string;
  /** As JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  json?: any;
  /** As a chart. */
  chart?: ChartData;
  /** Its data; the form depends on the library. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  data?: any;
}

/** A result of code. */
export interface Result extends Forms {
  /** Which forms it has. */
  formats(): string[];
}

/** What code raised. */
export interface ExecutionError {
  /** Name of the error. */
  name: string;
  /** Its message. */
  message: string;
  /** Its stack, line by line. */
  traceback: string[];
  /** The line, from 1. */
  lineNumber?: number;
}

/** How to run code. */
export interface RunCodeOptions {
  /** Default: the default context of the language. */
  context?: CodeContext;
  /** Default: Python. */
  language?: Language;
  /** Variables; `undefined` is left out. */
  envVars?: Record<string, string | undefined>;
  /** Milliseconds; then it is interrupted, and the error says so. `Infinity` for no bound. Default: 60000. */
  timeout?: number;
  /** Interrupts the code when it is aborted. */
  signal?: AbortSignal;
  /** Called with standard output. */
  onStdout?: (output: OutputMessage) => void | Promise<void>;
  /** Called with standard error. */
  onStderr?: (output: OutputMessage) => void | Promise<void>;
  /** Called with each result. */
  onResult?: (result: Result) => void | Promise<void>;
  /** Called with what the code raised. */
  onError?: (error: ExecutionError) => void | Promise<void>;
}

/** What code did. */
export interface ExecutionResult {
  /** The code. */
  code: string;
  /** What it wrote. */
  logs: { stdout: string[]; stderr: string[] };
  /** What it raised. */
  error?: ExecutionError;
  /** How often code ran in the context. */
  executionCount?: number;
  /** Its results. */
  results: Forms[];
  /** There was more output than is kept, which is 10 MiB. Ours; absent when nothing is missing. */
  truncated?: true;
}

/** What code did, as the `CodeInterpreter` gives it: results have their methods. */
export interface Execution extends Omit<ExecutionResult, "results"> {
  /** Where it ran. */
  readonly context: CodeContext;
  /** Its results. */
  results: Result[];
  /** As plain data. */
  toJSON(): ExecutionResult;
}
