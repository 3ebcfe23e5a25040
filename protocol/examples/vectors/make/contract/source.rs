//! Types and their doc comments, read from the source.

use std::path::Path;

use quote::ToTokens;
use syn::{Attribute, Fields, Item, Meta};

/// One source file.
pub struct File {
    pub doc: String,
    pub types: Vec<Type>,
    constants: Vec<(String, String)>,
}

/// A struct or an enum.
pub struct Type {
    pub name: String,
    pub doc: String,
    pub shape: Shape,
}

pub enum Shape {
    Struct(Vec<Field>),
    Enum(Vec<Variant>),
}

pub struct Field {
    pub name: String,
    pub doc: String,
    /// The type, as Rust writes it, without blanks.
    pub of: String,
    /// Whether it may be absent.
    pub optional: bool,
    /// Whether bytes go as `bin`.
    pub bin: bool,
}

pub struct Variant {
    pub name: String,
    pub doc: String,
    pub content: Content,
}

pub enum Content {
    Nothing,
    One(String),
    Fields(Vec<Field>),
}

impl File {
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = syn::parse_file(&text).expect("Rust");
        let mut types = vec![];
        let mut constants = vec![];
        for item in file.items {
            match item {
                Item::Struct(item) => {
                    let all_default = serde(&item.attrs).contains("default");
                    types.push(Type {
                        name: item.ident.to_string(),
                        doc: doc(&item.attrs),
                        shape: Shape::Struct(fields(&item.fields, all_default)),
                    });
                }
                Item::Enum(item) => {
                    let rename = serde(&item.attrs);
                    let variants = item.variants.iter().map(|variant| Variant {
                        name: renamed(&variant.ident.to_string(), &rename),
                        doc: doc(&variant.attrs),
                        content: match &variant.fields {
                            Fields::Unit => Content::Nothing,
                            Fields::Unnamed(inner) => {
                                let first = inner.unnamed.first().expect("a field");
                                Content::One(plain(&first.ty))
                            }
                            named @ Fields::Named(_) => Content::Fields(fields(named, false)),
                        },
                    });
                    types.push(Type {
                        name: item.ident.to_string(),
                        doc: doc(&item.attrs),
                        shape: Shape::Enum(variants.collect()),
                    });
                }
                Item::Const(item) => constants.push((item.ident.to_string(), doc(&item.attrs))),
                _ => {}
            }
        }
        Self { doc: doc(&file.attrs), types, constants }
    }

    /// The doc comment of a constant.
    pub fn constant(&self, name: &str) -> Option<String> {
        self.constants.iter().find(|(constant, _)| constant == name).map(|(_, doc)| doc.clone())
    }

    pub fn find(&self, name: &str) -> Option<&Type> {
        self.types.iter().find(|of| of.name == name)
    }
}

fn fields(fields: &Fields, all_default: bool) -> Vec<Field> {
    let field = |field: &syn::Field| {
        let serde = serde(&field.attrs);
        let doc = doc(&field.attrs);
        let of = plain(&field.ty);
        let name = field.ident.as_ref().expect("a name").to_string();
        let name = serde
            .split_once("rename=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map_or(name, |(name, _)| name.to_owned());
        let optional = of.starts_with("Option<")
            || serde.contains("skip_serializing_if")
            || serde.contains("default")
            || (all_default && doc.contains("Default"));
        Field { name, doc, bin: serde.contains("with=\"bin\""), of, optional }
    };
    fields.iter().map(field).collect()
}

fn plain(of: &impl ToTokens) -> String {
    of.to_token_stream().to_string().replace(' ', "")
}

/// The content of all `#[serde(…)]`, without blanks.
fn serde(attributes: &[Attribute]) -> String {
    let lists = attributes.iter().filter(|attribute| attribute.path().is_ident("serde")).map(|attribute| {
        match &attribute.meta {
            Meta::List(list) => plain(&list.tokens),
            Meta::Path(_) | Meta::NameValue(_) => String::new(),
        }
    });
    lists.collect::<Vec<_>>().join(",")
}

/// The doc comment on one line; paragraphs are kept apart by a blank line. Links to Rust items become code.
fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).filter_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else { return None };
        let text = pair.value.to_token_stream().to_string();
        let text: String = serde_json::from_str(&text).unwrap_or_else(|_| text.trim_matches('"').to_owned());
        Some(text.trim().to_owned())
    });
    let mut out = String::new();
    for line in lines {
        if line.is_empty() {
            out.push_str("\n\n");
        } else {
            if !out.is_empty() && !out.ends_with('\n') {
                out.push(' ');
            }
            out.push_str(&line);
        }
    }
    unlinked(out.trim())
}

/// ``[`X`](path)`` and ``[`X`]`` become `` `X` ``.
fn unlinked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[`") {
        out += before;
        let Some((name, tail)) = after.split_once("`]") else {
            out += "[`";
            rest = after;
            continue;
        };
        out += &format!("`{name}`");
        rest = match tail.strip_prefix('(').and_then(|tail| tail.split_once(')')) {
            Some((_, tail)) => tail,
            None => tail,
        };
    }
    out + rest
}

fn renamed(variant: &str, serde: &str) -> String {
    let separator = if serde.contains("\"snake_case\"") {
        "_"
    } else if serde.contains("\"kebab-case\"") {
        "-"
    } else if serde.contains("\"lowercase\"") {
        ""
    } else {
        return variant.to_owned();
    };
    let mut out = String::new();
    for (index, letter) in variant.char_indices() {
        if letter.is_uppercase() && index > 0 {
            out += separator;
        }
        out.extend(letter.to_lowercase());
    }
    out
}
