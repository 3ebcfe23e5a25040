//! Every kind with its parameters, events and results.

use std::path::Path;

use sandwire_protocol::kind::TABLE;

use super::super::frames::class_name;
use super::source::{Content, Field, File, Shape, Type};
use super::table;

/// Families in the order of the document; `command` has what they share.
const FAMILIES: &[(&str, &str)] = &[
    ("exec", "`exec`"),
    ("process", "`process.*`"),
    ("pty", "`pty.*`"),
    ("session", "`session.*`"),
    ("env", "`env.*`"),
    ("kernel", "`kernel.*`"),
    ("file", "`file.*`"),
    ("backup", "`backup.*`"),
    ("tcp", "`tcp.*`"),
    ("port", "`port.*`"),
    ("git", "`git.*`"),
    ("mount", "`mount.*`"),
    ("sandbox", "`sandbox.*`"),
];

pub struct Reference {
    files: Vec<(String, File)>,
    frame: File,
    error: File,
    rows: Vec<Row>,
}

/// The types of a kind, as the table names them.
struct Row {
    kind: String,
    params: String,
    up: String,
    down: String,
    result: String,
}

impl Reference {
    pub fn read(root: &Path) -> Self {
        let names = FAMILIES.iter().map(|(name, _)| *name).chain(["command"]);
        let files =
            names.map(|name| (name.to_owned(), File::read(&root.join(format!("src/kind/{name}.rs"))))).collect();
        let text = std::fs::read_to_string(root.join("src/kind.rs")).expect("kind.rs");
        let rows = text.lines().filter_map(row).collect::<Vec<_>>();
        assert_eq!(rows.len(), TABLE.len(), "each row of the table is on one line");
        let file = |path: &str| File::read(&root.join(path));
        Self { files, frame: file("src/frame.rs"), error: file("src/error.rs"), rows }
    }

    /// Names of all events.
    pub fn events(&self) -> Vec<String> {
        let mut names = vec![];
        for row in &self.rows {
            for path in [&row.up, &row.down] {
                if let Some((_, Type { shape: Shape::Enum(variants), .. })) = self.resolve("command", path) {
                    names.extend(variants.iter().map(|variant| variant.name.clone()));
                }
            }
        }
        names
    }

    /// Payloads of HELLO, WELCOME, GOAWAY, RESET and of an error.
    pub fn payloads(&self) -> String {
        let one = |file: &File, name: &str, title: &str| {
            let of = file.find(name).unwrap_or_else(|| panic!("no type {name}"));
            let mut out = format!("#### {title}\n{}\n\n", of.doc);
            if let Shape::Struct(fields) = &of.shape {
                out += &self.fields("command", fields);
            }
            out + "\n"
        };
        one(&self.frame, "Hello", "HELLO")
            + &one(&self.frame, "Welcome", "WELCOME")
            + &one(&self.frame, "GoAway", "GOAWAY")
            + &one(&self.frame, "Reset", "RESET")
            + &one(&self.error, "Error", "An error, in CLOSE")
    }

    /// The families and their kinds.
    pub fn kinds(&self) -> String {
        let mut out = String::new();
        for (family, title) in FAMILIES {
            let doc = self.file(family).doc.split_once(": ").map_or("", |(_, doc)| doc);
            out += &format!("### {title}\n{}\n\n", capital(doc));
            for row in self.rows.iter().filter(|row| row.kind.split('.').next() == Some(family)) {
                out += &self.kind(family, row);
            }
        }
        out
    }

    fn kind(&self, family: &str, row: &Row) -> String {
        let entry = TABLE.iter().find(|entry| entry.name == row.kind).expect("a row");
        let mut out = format!("#### `{}`\n", row.kind);
        out += &format!("{} Class {}; scope `{}`.\n\n", entry.doc.trim(), class_name(entry.class), entry.scope.name());
        let sections =
            [("Parameters", &row.params), ("Events up", &row.up), ("Events down", &row.down), ("Result", &row.result)];
        for (title, path) in sections {
            match self.resolve(family, path) {
                None => assert!(path == "NoEvent" || path == "Done", "{path} is unknown"),
                Some((module, of)) if title.starts_with("Events") => {
                    out += &format!("{title}:\n\n{}\n", self.body(module, of));
                }
                Some((module, of)) => {
                    let whole = module == "command" || self.users(path) > 1;
                    let doc = &of.doc;
                    out += &match whole {
                        true => format!("{title}: {}.\n\n", link(module, &of.name)),
                        false => format!("{title}{}\n\n{}\n", told(doc), self.body(module, of)),
                    };
                }
            }
            if path == "Done" {
                out += "Result: an empty map.\n\n";
            }
        }
        out
    }

    /// How many kinds use this type as parameters or result.
    fn users(&self, path: &str) -> usize {
        self.rows.iter().filter(|row| row.params == path || row.result == path).count()
    }

    /// Types that stand in more than one place, or inside others.
    pub fn shared_types(&self) -> String {
        let mut out = String::new();
        for module in [
            "command", "process", "pty", "session", "file", "backup", "kernel", "tcp", "git", "mount", "sandbox",
            "exec", "env",
        ] {
            for of in &self.file(module).types {
                let path = format!("{module}::{}", of.name);
                let direct =
                    self.rows.iter().any(|row| [&row.params, &row.result, &row.up, &row.down].contains(&&path));
                if direct && (module != "command" && self.users(&path) <= 1) && !self.is_nested(module, &of.name) {
                    continue;
                }
                out += &format!("#### {module}.{}\n{}\n\n{}\n", of.name, of.doc, self.body(module, of));
            }
        }
        out
    }

    /// Whether another type has this one in it.
    fn is_nested(&self, module: &str, name: &str) -> bool {
        let mentions = |fields: &[Field]| fields.iter().any(|field| words(&field.of).any(|word| word == name));
        self.file(module).types.iter().any(|of| match &of.shape {
            Shape::Struct(fields) => mentions(fields),
            Shape::Enum(variants) => variants.iter().any(|variant| match &variant.content {
                Content::Nothing => false,
                Content::One(of) => words(of).any(|word| word == name),
                Content::Fields(fields) => mentions(fields),
            }),
        })
    }

    fn body(&self, module: &str, of: &Type) -> String {
        match &of.shape {
            Shape::Struct(fields) if fields.is_empty() => "An empty map.\n".to_owned(),
            Shape::Struct(fields) => self.fields(module, fields),
            Shape::Enum(variants) => {
                let rows = variants.iter().map(|variant| {
                    let form = match &variant.content {
                        Content::Nothing => format!("`\"{}\"`", variant.name),
                        Content::One(of) => format!("`{{\"{}\": …}}`, {}", variant.name, self.wire(module, of, false)),
                        Content::Fields(fields) if fields.is_empty() => format!("`{{\"{}\": {{}}}}`", variant.name),
                        Content::Fields(fields) => {
                            let fields = fields.iter().map(|field| {
                                let optional = if field.optional { ", may be absent" } else { "" };
                                let of = self.wire(module, &field.of, field.bin);
                                format!("`{}` ({of}{optional}): {}", field.name, field.doc)
                            });
                            format!("`{{\"{}\": {{…}}}}`: {}", variant.name, fields.collect::<Vec<_>>().join(" "))
                        }
                    };
                    vec![form, variant.doc.clone()]
                });
                table(&["value", "meaning"], rows)
            }
        }
    }

    fn fields(&self, module: &str, fields: &[Field]) -> String {
        let rows = fields.iter().map(|field| {
            let needed = if field.optional { "" } else { "always" };
            vec![
                format!("`{}`", field.name),
                self.wire(module, &field.of, field.bin),
                needed.to_owned(),
                field.doc.replace("\n\n", " "),
            ]
        });
        table(&["field", "type", "there", "meaning"], rows)
    }

    /// A Rust type as the wire has it.
    fn wire(&self, module: &str, of: &str, bin: bool) -> String {
        if bin {
            return "bin".to_owned();
        }
        if let Some(inner) = generic(of, "Option") {
            return self.wire(module, inner, false);
        }
        if let Some(inner) = generic(of, "Vec") {
            return format!("list of {}", self.wire(module, inner, false));
        }
        if let Some(inner) = generic(of, "BTreeMap") {
            let (key, value) = inner.split_once(',').expect("key and value");
            let null = if value.starts_with("Option<") { " or null" } else { "" };
            return format!("map of {} to {}{null}", self.wire(module, key, false), self.wire(module, value, false));
        }
        if let Some(inner) = of.strip_prefix('(').and_then(|of| of.strip_suffix(')')) {
            let parts: Vec<_> = inner.split(',').map(|part| self.wire(module, part, false)).collect();
            return format!("list [{}]", parts.join(", "));
        }
        match of {
            "String" | "Secret" | "Code" => "str".to_owned(),
            "ByteString" => "bytestr".to_owned(),
            "bool" => "bool".to_owned(),
            "f64" => "float".to_owned(),
            "Detail" => "bool, int or str".to_owned(),
            "u8" | "u16" | "u32" | "u64" => of.replace('u', "uint"),
            "i32" | "i64" => of.replace('i', "int"),
            _ => {
                let (module, of) = self.resolve(module, of).unwrap_or_else(|| panic!("{of} is unknown"));
                link(module, &of.name)
            }
        }
    }

    fn file(&self, module: &str) -> &File {
        &self.files.iter().find(|(name, _)| name == module).expect("a module").1
    }

    /// The type of that path, seen from a module.
    fn resolve<'a>(&'a self, from: &'a str, path: &'a str) -> Option<(&'a str, &'a Type)> {
        let (module, name) = path.split_once("::").unwrap_or((from, path));
        let found = |module: &'a str| self.file(module).find(name).map(|of| (module, of));
        found(module).or_else(|| found("command"))
    }
}

fn link(module: &str, name: &str) -> String {
    format!("[{module}.{name}](#{module}{})", name.to_lowercase())
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// What a type's doc says beside the kind that it belongs to, which the heading has said.
fn told(doc: &str) -> String {
    let Some((head, rest)) = doc.split_once('`').and_then(|(_, rest)| rest.split_once('`')) else {
        return format!(". {}", capital(doc.trim_start_matches("Result: ")));
    };
    assert!(!head.is_empty());
    match rest.trim_start_matches([',', '.', ':', ' ']) {
        "" => ".".to_owned(),
        more => format!(". {}", capital(more)),
    }
}

fn generic<'a>(of: &'a str, name: &str) -> Option<&'a str> {
    of.strip_prefix(name)?.strip_prefix('<')?.strip_suffix('>')
}

fn words(of: &str) -> impl Iterator<Item = &str> {
    of.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
}

/// `Exec = "exec", Bulk, Exec, exec::Params, up exec::Up, down exec::Down => command::Exit;`
fn row(line: &str) -> Option<Row> {
    let (_, rest) = line.trim().split_once(" = \"")?;
    let (kind, rest) = rest.split_once("\", ")?;
    let (rest, result) = rest.strip_suffix(';')?.split_once(" => ")?;
    let mut parts = rest.split(", ").skip(2);
    let params = parts.next()?.to_owned();
    let up = parts.next()?.strip_prefix("up ")?.to_owned();
    let down = parts.next()?.strip_prefix("down ")?.to_owned();
    Some(Row { kind: kind.to_owned(), params, up, down, result: result.to_owned() })
}
