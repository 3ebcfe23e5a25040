/** The code interpreter. */

import { type CodeContext, getSandbox, parseSSEStream, type Result } from "sandwire/cloudflare";
import type { Examples } from "./env.ts";

export const code: Examples = {
  /** Create contexts, run code in them, list and delete them. */
  async contexts({ env }) {
    const sandbox = getSandbox(env.Sandbox, "analysis");
    // Create a Python context
    const pythonCtx = await sandbox.createCodeContext({ language: "python" });

    // Simple execution
    const execution = await sandbox.runCode('print("Hello World")', {
      context: pythonCtx,
    });

    // What one leaves, the next has
    await sandbox.runCode("kept = 41", { context: pythonCtx });
    const next = await sandbox.runCode("kept + 1", { context: pythonCtx });
    const other = await sandbox.createCodeContext({ language: "python", envVars: { NAME: "other" } });
    const apart = await sandbox.runCode("import os; print('kept' in globals(), os.environ['NAME'])", {
      context: other,
    });

    const listed = (await sandbox.listCodeContexts()).map(({ id }) => id);
    await sandbox.deleteCodeContext(other.id);
    const left = (await sandbox.listCodeContexts()).map(({ id }) => id);
    const has = (ids: readonly string[], context: CodeContext) => ids.includes(context.id);
    return {
      logs: execution.logs,
      next: next.results.map(({ text }) => text),
      apart: apart.logs.stdout.join(""),
      listed: [has(listed, pythonCtx), has(listed, other)],
      left: [has(left, pythonCtx), has(left, other)],
    };
  },

  /** With streaming callbacks */
  async callbackCode({ env }) {
    const sandbox = getSandbox(env.Sandbox, "analysis");
    const shown: unknown[] = [];
    const execution = await sandbox.runCode(
      `
import sys
for i in range(3):
    print(f"Step {i}")
print("careful", file=sys.stderr)
{"done": True}
`,
      {
        onStdout: output => void shown.push(["Real-time:", output.text]),
        onStderr: output => void shown.push(["careful:", output.text]),
        onResult: result => void shown.push(["Result:", result.formats()]),
        onError: error => void shown.push(["Error:", error.name]),
      },
    );
    const failed = await sandbox.runCode("1 / 0", { onError: error => void shown.push(["Error:", error.name]) });
    const text = (name: string) =>
      (shown as [string, string][])
        .filter(([kind]) => kind === name)
        .map(([, piece]) => piece)
        .join("");
    return {
      stdout: text("Real-time:"),
      stderr: text("careful:"),
      results: shown.filter(one => (one as [string])[0] === "Result:").length,
      errors: text("Error:"),
      executionCount: typeof execution.executionCount,
      message: failed.error?.message,
    };
  },

  async codeStream({ env }) {
    const sandbox = getSandbox(env.Sandbox, "analysis");
    const stream = await sandbox.runCodeStream("import time; [print(i) for i in range(10)]");
    // Process the stream as needed
    let text = "";
    let last = "";
    for await (const event of parseSSEStream<{ type: string; text?: string }>(stream)) {
      if (event.type === "stdout") text += event.text;
      last = event.type;
    }
    return { text, last };
  },

  /** Data visualization, and HTML tables with pandas */
  async rich({ env }) {
    const sandbox = getSandbox(env.Sandbox, "analysis");
    const pythonCtx = await sandbox.createCodeContext({ language: "python" });
    const charts: Result[] = [];
    await sandbox.runCode(
      `
import matplotlib.pyplot as plt
import numpy as np

x = np.linspace(0, 10, 100)
y = np.sin(x)
plt.plot(x, y)
plt.title('Sine Wave')
plt.show()
`,
      {
        context: pythonCtx,
        onResult: result => {
          if (result.png) {
            // Base64 encoded PNG image
            charts.push(result);
          }
        },
      },
    );

    const tableExecution = await sandbox.runCode(
      `
import pandas as pd
df = pd.DataFrame({
    'name': ['Alice', 'Bob', 'Charlie'],
    'score': [92, 88, 95]
})
df
`,
      { context: pythonCtx },
    );

    // Access HTML table in execution.results[0].html
    const html = tableExecution.results[0]?.html ?? "";
    return {
      png: charts.map(({ png = "" }) => atob(png.slice(0, 8)).slice(1, 4)),
      formats: charts[0]?.formats().includes("png"),
      table: html.includes("<table") && html.includes("Charlie"),
    };
  },

  /** Data Analysis with Code Interpreter: load and analyze data, then go on in another language. */
  async analysis({ env, args: [folder = "/tmp"] }) {
    const sandbox = getSandbox(env.Sandbox, "analysis");
    const path = `${folder}/sales_data.json`;

    // Create a Python context for data analysis
    const pythonCtx = await sandbox.createCodeContext({ language: "python" });
    const shown: string[] = [];

    // Load and analyze data
    const analysis = await sandbox.runCode(
      `
import pandas as pd
import matplotlib.pyplot as plt

# Create sample data
data = {
    'Month': ['Jan', 'Feb', 'Mar', 'Apr', 'May'],
    'Sales': [10000, 12000, 15000, 14000, 18000],
    'Profit': [2000, 2500, 3200, 2800, 4000]
}
df = pd.DataFrame(data)

# Display summary statistics
print("Sales Summary:")
print(df.describe())

# Create visualization
plt.figure(figsize=(10, 6))
plt.subplot(1, 2, 1)
plt.bar(df['Month'], df['Sales'])
plt.title('Monthly Sales')
plt.xlabel('Month')
plt.ylabel('Sales ($)')

plt.subplot(1, 2, 2)
plt.plot(df['Month'], df['Profit'], marker='o', color='green')
plt.title('Monthly Profit')
plt.xlabel('Month')
plt.ylabel('Profit ($)')

plt.tight_layout()
plt.show()

# Return the data as JSON
df.to_dict('records')
`,
      {
        context: pythonCtx,
        onResult: result => {
          if (result.png) {
            // Handle the chart image
            shown.push("Chart generated");
          }
          if (result.json) {
            // Handle the structured data
            shown.push(`Data: ${JSON.stringify(result.json)}`);
          }
        },
      },
    );

    // Multi-language workflow: Process in Python, analyze in JavaScript
    await sandbox.runCode(
      `
# Save processed data
df.to_json('${path}', orient='records')
`,
      { context: pythonCtx },
    );

    const jsCtx = await sandbox.createCodeContext({ language: "javascript" });
    const jsAnalysis = await sandbox.runCode(
      `
const fs = require('fs');
const data = JSON.parse(fs.readFileSync('${path}', 'utf8'));

// Calculate growth rate
const growth = data.map((curr, idx) => {
  if (idx === 0) return { ...curr, growth: 0 };
  const prev = data[idx - 1];
  return {
    ...curr,
    growth: ((curr.Sales - prev.Sales) / prev.Sales * 100).toFixed(2) + '%'
  };
});

console.log('Growth Analysis:', growth);
growth;
`,
      { context: jsCtx },
    );
    return {
      summary: analysis.logs.stdout.join("").startsWith("Sales Summary:"),
      error: analysis.error ?? jsAnalysis.error ?? null,
      shown,
      growth: jsAnalysis.logs.stdout.join(""),
      results: jsAnalysis.results.length,
    };
  },

  async interpreted({ env }) {
    const sandbox = getSandbox(env.Sandbox, "analysis");
    const result = await sandbox.interpret("python", {
      code: `
import matplotlib.pyplot as plt
plt.plot([1, 2, 3], [4, 5, 6])
plt.savefig('plot.png')
plt.close()
print("Chart created", len(open('data.csv').readlines()))
  `,
      files: {
        "data.csv": "name,value\nalice,10\nbob,20",
      },
    });
    // In a context that is there, and stays.
    const [context] = await sandbox.listCodeContexts();
    const failed = await sandbox.interpret("python", { code: "undefined_name", ...(context && { context }) });
    const left = (await sandbox.listCodeContexts()).some(({ id }) => id === context?.id);
    return { result, failed: failed.error?.name, left };
  },
};
