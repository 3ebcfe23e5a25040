/**
 * The languages that the editor knows, each in a chunk of its own. The common ones of `@codemirror/language-data`: all of
 * them would be half of what the whole console may weigh.
 */

import { LanguageDescription, LanguageSupport, StreamLanguage, type StreamParser } from "@codemirror/language";

function legacy(load: () => Promise<StreamParser<unknown>>): () => Promise<LanguageSupport> {
  return () => load().then(parser => new LanguageSupport(StreamLanguage.define(parser)));
}

const javascript = (options: { jsx?: boolean; typescript?: boolean }) => () =>
  import("@codemirror/lang-javascript").then(module => module.javascript(options));

// Their own packages weigh 30 KiB each; this one, which only colours, weighs 6 for all.
const clike = (name: "c" | "cpp" | "java" | "kotlin" | "csharp" | "scala") =>
  legacy(() => import("@codemirror/legacy-modes/mode/clike").then(module => module[name]));

/** All of them. */
export const languages: readonly LanguageDescription[] = [
  LanguageDescription.of({
    name: "JavaScript",
    alias: ["javascript", "js", "node"],
    extensions: ["js", "mjs", "cjs", "jsx"],
    load: javascript({ jsx: true }),
  }),
  LanguageDescription.of({
    name: "TypeScript",
    alias: ["ts"],
    extensions: ["ts", "mts", "cts"],
    load: javascript({ typescript: true }),
  }),
  LanguageDescription.of({ name: "TSX", extensions: ["tsx"], load: javascript({ jsx: true, typescript: true }) }),
  LanguageDescription.of({
    name: "JSON",
    extensions: ["json", "json5", "jsonc", "map", "ipynb", "webmanifest"],
    filename: /^(\.babelrc|\.eslintrc|\.prettierrc|composer\.lock)$/,
    load: () => import("@codemirror/lang-json").then(module => module.json()),
  }),
  LanguageDescription.of({
    name: "Python",
    alias: ["py"],
    extensions: ["py", "pyi", "pyw", "bzl"],
    filename: /^(SConstruct|BUILD|WORKSPACE)$/,
    load: () => import("@codemirror/lang-python").then(module => module.python()),
  }),
  LanguageDescription.of({
    name: "Rust",
    extensions: ["rs"],
    load: () => import("@codemirror/lang-rust").then(module => module.rust()),
  }),
  LanguageDescription.of({
    name: "Go",
    extensions: ["go"],
    load: () => import("@codemirror/lang-go").then(module => module.go()),
  }),
  LanguageDescription.of({ name: "C", extensions: ["c", "h", "ino"], load: clike("c") }),
  LanguageDescription.of({ name: "C++", extensions: ["cc", "cpp", "cxx", "hh", "hpp", "hxx"], load: clike("cpp") }),
  LanguageDescription.of({ name: "Java", extensions: ["java"], load: clike("java") }),
  LanguageDescription.of({ name: "Kotlin", extensions: ["kt", "kts"], load: clike("kotlin") }),
  LanguageDescription.of({ name: "C#", extensions: ["cs"], load: clike("csharp") }),
  LanguageDescription.of({ name: "Scala", extensions: ["scala", "sbt"], load: clike("scala") }),
  LanguageDescription.of({
    name: "HTML",
    extensions: ["html", "htm", "xhtml", "vue", "svelte"],
    load: () => import("@codemirror/lang-html").then(module => module.html()),
  }),
  LanguageDescription.of({
    name: "CSS",
    extensions: ["css", "scss", "less"],
    load: () => import("@codemirror/lang-css").then(module => module.css()),
  }),
  LanguageDescription.of({
    name: "XML",
    extensions: ["xml", "svg", "xsd", "xsl", "plist", "rss"],
    load: () => import("@codemirror/lang-xml").then(module => module.xml()),
  }),
  LanguageDescription.of({
    name: "Markdown",
    extensions: ["md", "markdown", "mkd"],
    load: () => import("@codemirror/lang-markdown").then(module => module.markdown()),
  }),
  LanguageDescription.of({
    name: "SQL",
    extensions: ["sql"],
    load: () => import("@codemirror/lang-sql").then(module => module.sql()),
  }),
  LanguageDescription.of({
    name: "YAML",
    extensions: ["yaml", "yml"],
    load: () => import("@codemirror/lang-yaml").then(module => module.yaml()),
  }),
  LanguageDescription.of({
    name: "Shell",
    alias: ["bash", "sh", "zsh"],
    extensions: ["sh", "bash", "zsh", "ksh"],
    filename: /^(\.bashrc|\.bash_profile|\.profile|\.zshrc|PKGBUILD)$/,
    load: legacy(() => import("@codemirror/legacy-modes/mode/shell").then(module => module.shell)),
  }),
  LanguageDescription.of({
    name: "Dockerfile",
    filename: /^(Dockerfile|Containerfile)(\..+)?$/,
    load: legacy(() => import("@codemirror/legacy-modes/mode/dockerfile").then(module => module.dockerFile)),
  }),
  LanguageDescription.of({
    name: "TOML",
    extensions: ["toml"],
    filename: /^(Cargo|poetry|uv)\.lock$/,
    load: legacy(() => import("@codemirror/legacy-modes/mode/toml").then(module => module.toml)),
  }),
  LanguageDescription.of({
    name: "Settings",
    extensions: ["ini", "properties", "conf", "cfg", "env", "service"],
    filename: /^\.(env.*|npmrc|editorconfig|gitconfig)$/,
    load: legacy(() => import("@codemirror/legacy-modes/mode/properties").then(module => module.properties)),
  }),
  LanguageDescription.of({
    name: "Diff",
    extensions: ["diff", "patch"],
    load: legacy(() => import("@codemirror/legacy-modes/mode/diff").then(module => module.diff)),
  }),
  LanguageDescription.of({
    name: "Ruby",
    extensions: ["rb", "gemspec", "rake"],
    filename: /^(Gemfile|Rakefile)$/,
    load: legacy(() => import("@codemirror/legacy-modes/mode/ruby").then(module => module.ruby)),
  }),
  LanguageDescription.of({
    name: "Perl",
    extensions: ["pl", "pm"],
    load: legacy(() => import("@codemirror/legacy-modes/mode/perl").then(module => module.perl)),
  }),
  LanguageDescription.of({
    name: "Lua",
    extensions: ["lua"],
    load: legacy(() => import("@codemirror/legacy-modes/mode/lua").then(module => module.lua)),
  }),
  LanguageDescription.of({
    name: "Makefile",
    extensions: ["mk", "cmake"],
    filename: /^(GNUm|M|m)akefile|CMakeLists\.txt$/,
    load: legacy(() => import("@codemirror/legacy-modes/mode/cmake").then(module => module.cmake)),
  }),
  LanguageDescription.of({
    name: "Nginx",
    filename: /nginx.*\.conf$/,
    load: legacy(() => import("@codemirror/legacy-modes/mode/nginx").then(module => module.nginx)),
  }),
];
