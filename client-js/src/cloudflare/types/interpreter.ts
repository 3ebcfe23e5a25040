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
  /** Milliseconds for making it. Default: 30000. */
  timeout?: number;
}

/** A code context: what runs in it, remembers. */
export interface CodeContext {
  readonly id: string;
  readonly language: string;
  readonly cwd: string;
  readonly createdAt: Date;
  readonly lastUsed: Date;
}

/** Output of code. */
export interface OutputMessage {
  text: string;
  /** Milliseconds since 1970. */
  timestamp: number;
}

/** A chart, as data. */
export interface ChartData {
  type: "line" | "bar" | "scatter" | "pie" | "histogram" | "heatmap" | "unknown";
  title?: string;
  // biome-ignore lint/suspicious/noExplicitAny: the stock package says no more, and users' code relies on that
  data: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  layout?: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  config?: any;
  library?: "matplotlib" | "plotly" | "altair" | "seaborn" | "unknown";
  /** Base64. */
  image?: string;
}

/** A result in the forms that it has. */
interface Forms {
  text?: string;
  html?: string;
  /** Base64. */
  png?: string;
  /** Base64. */
  jpeg?: string;
  svg?: string;
  latex?: string;
  markdown?: string;
  javascript?: string;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  json?: any;
  chart?: ChartData;
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
  name: string;
  message: string;
  traceback: string[];
  lineNumber?: number;
}

/** How to run code. */
export interface RunCodeOptions {
  /** Default: the default context of the language. */
  context?: CodeContext;
  /** Default: Python. */
  language?: Language;
  envVars?: Record<string, string | undefined>;
  /** Milliseconds. Default: 60000. */
  timeout?: number;
  signal?: AbortSignal;
  onStdout?: (output: OutputMessage) => void | Promise<void>;
  onStderr?: (output: OutputMessage) => void | Promise<void>;
  onResult?: (result: Result) => void | Promise<void>;
  onError?: (error: ExecutionError) => void | Promise<void>;
}

/** What code did. */
export interface ExecutionResult {
  code: string;
  logs: { stdout: string[]; stderr: string[] };
  error?: ExecutionError;
  executionCount?: number;
  results: Forms[];
}
