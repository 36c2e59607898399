//! Arrows of a crate: which of its files takes a name from which other one. A
//! re-export is followed to the file that defines the name. Calls of methods are
//! not seen, since they name no file.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::{Token, production};

/// From a file to a file, and the names that are taken.
pub type Arrows = BTreeMap<(String, String), BTreeSet<String>>;

/// Re-exports of re-exports that are followed.
const FOLLOWED: usize = 8;

type Segments = Vec<String>;

struct Use {
    path: Segments,
    /// Local name of the import; nothing for a `*`.
    name: Option<String>,
    public: bool,
}

#[derive(Default)]
struct Source {
    path: String,
    uses: Vec<Use>,
    /// Paths in the code, such as `keys::job`.
    paths: Vec<Segments>,
    /// First segments of paths, and single names.
    heads: BTreeSet<String>,
    items: BTreeSet<String>,
}

struct Crate<'a> {
    name: &'a str,
    modules: BTreeMap<Segments, Source>,
}

/// Arrows among the `files` (path below the crate's `src`, code) of the crate that
/// code knows as `name`.
pub fn arrows(name: &str, files: &[(String, String)]) -> Arrows {
    let modules = files.iter().map(|(path, code)| (module(path), read(path, code))).collect();
    let house = Crate { name, modules };
    let mut arrows = Arrows::new();
    for (module, source) in &house.modules {
        for path in source.uses.iter().filter(|used| source.needs(used)).map(|used| &used.path) {
            house.draw(module, source, path, &mut arrows);
        }
        for path in &source.paths {
            house.draw(module, source, path, &mut arrows);
        }
    }
    arrows
}

/// `a/b.rs` and `a/b/mod.rs` are both the module `a::b`.
fn module(path: &str) -> Segments {
    let path = path.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

impl Source {
    /// A re-export that the file itself does not use makes nothing depend on it.
    fn needs(&self, used: &Use) -> bool {
        !used.public || used.name.as_ref().is_some_and(|name| self.heads.contains(name))
    }
}

impl Crate<'_> {
    fn draw(&self, module: &[String], source: &Source, path: &[String], arrows: &mut Arrows) {
        let Some(target) = self.resolve(module, path, FOLLOWED) else { return };
        if target.path != source.path {
            let key = (source.path.clone(), target.path.clone());
            let name = path.last().cloned().unwrap_or_default();
            arrows.entry(key).or_default().insert(name);
        }
    }

    /// The file that defines what `path` means in `module`; nothing for what is not of
    /// this crate, or is a module.
    fn resolve(&self, module: &[String], path: &[String], fuel: usize) -> Option<&Source> {
        let fuel = fuel.checked_sub(1)?;
        let (first, rest) = path.split_first()?;
        let child = [module, std::slice::from_ref(first)].concat();
        match first.as_str() {
            "crate" => self.walk(Vec::new(), rest, fuel),
            "self" => self.walk(module.to_vec(), rest, fuel),
            "super" => {
                let ups = path.iter().take_while(|step| *step == "super").count();
                let above = module[..module.len().checked_sub(ups)?].to_vec();
                self.walk(above, &path[ups..], fuel)
            }
            name if name == self.name => self.walk(Vec::new(), rest, fuel),
            _ if self.modules.contains_key(&child) => self.walk(child, rest, fuel),
            name => {
                let used = self.modules.get(module)?.uses.iter();
                let mut used = used.filter(|used| used.path != path);
                let bound = used.find(|used| used.name.as_deref() == Some(name))?;
                let whole: Segments = bound.path.iter().chain(rest).cloned().collect();
                self.resolve(module, &whole, fuel)
            }
        }
    }

    fn walk(&self, mut at: Segments, path: &[String], fuel: usize) -> Option<&Source> {
        for (index, step) in path.iter().enumerate() {
            let here = self.modules.get(&at)?;
            if step == "*" {
                return Some(here);
            }
            let bound = here.uses.iter().find(|used| used.name.as_ref() == Some(step));
            let mut child = at.clone();
            child.push(step.clone());
            if self.modules.contains_key(&child) && (bound.is_none() || index + 1 < path.len()) {
                at = child;
                continue;
            }
            if let Some(bound) = bound {
                let whole: Segments =
                    bound.path.iter().chain(&path[index + 1..]).cloned().collect();
                return self.resolve(&at, &whole, fuel).or(Some(here));
            }
            let globs = here.uses.iter().filter(|used| used.name.is_none());
            let mut defined = globs.filter_map(|glob| self.resolve(&at, &glob.path, fuel));
            return defined.find(|source| source.items.contains(step)).or(Some(here));
        }
        None
    }
}

fn read(path: &str, code: &str) -> Source {
    let source = Source { path: path.to_owned(), ..Source::default() };
    let mut reader = Reader { source, depth: 0, inner: Vec::new() };
    let tokens = production(code);
    let mut at = 0;
    while at < tokens.len() {
        at = reader.step(&tokens, at);
    }
    reader.source
}

struct Reader {
    source: Source,
    /// Braces that stand open.
    depth: usize,
    /// Inline modules that stand open, by the depth of their brace.
    inner: Vec<usize>,
}

impl Reader {
    /// Reads what stands at `at`; answers where it ends.
    fn step(&mut self, tokens: &[Token<'_>], at: usize) -> usize {
        let before = at.checked_sub(1).map(|before| tokens[before]);
        let next = tokens.get(at + 1);
        match tokens[at] {
            Token::Word("use") if before != Some(Token::Mark('.')) => {
                let public = matches!(before, Some(Token::Word("pub") | Token::Mark(')')));
                let mut found = Vec::new();
                let end = tree(tokens, at + 1, &[], &mut found);
                let inner = self.inner.len();
                let uses = found.into_iter();
                let uses =
                    uses.map(|(path, name)| Use { path: outward(path, inner), name, public });
                self.source.uses.extend(uses);
                end
            }
            // The `)` of a `pub(in a::b)` stays, so that a `use` after it is known as public.
            Token::Word("pub") if next == Some(&Token::Mark('(')) => {
                at + tokens[at..].iter().position(|t| *t == Token::Mark(')')).unwrap_or(1)
            }
            Token::Word("mod") if tokens.get(at + 2) == Some(&Token::Mark('{')) => {
                self.inner.push(self.depth);
                self.depth += 1;
                at + 3
            }
            Token::Word("fn" | "struct" | "enum" | "trait" | "type" | "const" | "static") => {
                let Some(Token::Word(name)) = next else { return at + 1 };
                self.source.items.insert((*name).to_owned());
                at + 2
            }
            Token::Word(word) if !matches!(before, Some(Token::Mark('.') | Token::Path)) => {
                self.source.heads.insert(word.to_owned());
                let (path, end) = plain_path(tokens, at);
                if path.len() > 1 {
                    self.source.paths.push(outward(path, self.inner.len()));
                }
                end
            }
            Token::Mark('{') => {
                self.depth += 1;
                at + 1
            }
            Token::Mark('}') => {
                self.depth = self.depth.saturating_sub(1);
                self.inner.pop_if(|opened| *opened == self.depth);
                at + 1
            }
            _ => at + 1,
        }
    }
}

/// A path as the file's own module would write it, from `inner` inline modules down.
fn outward(mut path: Segments, inner: usize) -> Segments {
    let ups = path.iter().take_while(|step| *step == "super").count().min(inner);
    path.drain(..ups);
    path
}

/// `a::b::C` at `at`, and where it ends.
fn plain_path(tokens: &[Token<'_>], mut at: usize) -> (Segments, usize) {
    let mut path = Segments::new();
    while let Some(Token::Word(word)) = tokens.get(at) {
        path.push((*word).to_owned());
        at += 1;
        match (tokens.get(at), tokens.get(at + 1)) {
            (Some(Token::Path), Some(Token::Word(_))) => at += 1,
            _ => break,
        }
    }
    (path, at)
}

/// One tree of a `use` at `at`: its paths and the names they get; and where it ends.
fn tree(
    tokens: &[Token<'_>],
    at: usize,
    above: &[String],
    found: &mut Vec<(Segments, Option<String>)>,
) -> usize {
    let at = if tokens.get(at) == Some(&Token::Path) { at + 1 } else { at };
    let (more, mut at) = plain_path(tokens, at);
    let mut path: Segments = above.iter().chain(&more).cloned().collect();
    let group = (tokens.get(at) == Some(&Token::Path)).then(|| tokens.get(at + 1)).flatten();
    let group = if more.is_empty() { tokens.get(at) } else { group };
    match group {
        Some(Token::Mark('*')) => {
            path.push("*".to_owned());
            found.push((path, None));
            at + if more.is_empty() { 1 } else { 2 }
        }
        Some(Token::Mark('{')) => {
            at += if more.is_empty() { 1 } else { 2 };
            while at < tokens.len() && tokens[at] != Token::Mark('}') {
                at = tree(tokens, at, &path, found);
                if tokens.get(at) == Some(&Token::Mark(',')) {
                    at += 1;
                }
            }
            at + 1
        }
        _ => {
            if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
                path.pop();
            }
            let mut name = path.last().cloned();
            if tokens.get(at) == Some(&Token::Word("as")) {
                name = match tokens.get(at + 1) {
                    Some(Token::Word(alias)) => Some((*alias).to_owned()),
                    _ => name,
                };
                at += 2;
            }
            found.push((path, name));
            // A malformed tree must not hold the reader.
            at.max(1) + usize::from(more.is_empty())
        }
    }
}

#[test]
fn an_arrow_leads_to_the_file_that_defines_the_name() {
    let others = [
        ("lib.rs", "pub mod a; mod b; mod c; pub use b::B; pub use c::*; pub struct Root;"),
        ("b.rs", "pub struct B; pub mod inner { pub struct I; } pub fn b() {}"),
        ("c.rs", "pub struct C;"),
        ("d/mod.rs", "mod e; mod f; pub use e::E; pub struct D;"),
        ("d/e.rs", "pub struct E;"),
        ("d/f.rs", "pub(crate) use crate::b::B as Renamed;"),
    ];
    let table: &[(&str, &[&str])] = &[
        ("use crate::b::B;", &["b.rs"]),
        ("use crate::B;", &["b.rs"]),
        ("use our::B;", &["b.rs"]),
        ("use super::B;", &["b.rs"]),
        ("use crate::C;", &["c.rs"]),
        ("use crate::Root;", &["lib.rs"]),
        ("use crate::d::{self, D, E};", &["d/e.rs", "d/mod.rs"]),
        ("use crate::{b::{self, B}, d::{E as Other}};", &["b.rs", "d/e.rs"]),
        ("use crate::d::f::Renamed;", &["b.rs"]),
        ("use crate::c::*;", &["c.rs"]),
        ("use crate::b; fn f() { b::b() }", &["b.rs"]),
        ("use crate::b as other; fn f() { other::b() }", &["b.rs"]),
        ("use crate::d; fn f(e: d::E) {}", &["d/e.rs"]),
        ("fn f() -> crate::b::inner::I { todo!() }", &["b.rs"]),
        ("mod inner { use super::super::b::B; }", &["b.rs"]),
        ("fn f() { use crate::b::B; }", &["b.rs"]),
        ("#[cfg(not(test))] use crate::b::B;", &["b.rs"]),
        ("pub use crate::b::B; fn f(b: B) {}", &["b.rs"]),
        // No arrows.
        ("pub use crate::b::B; fn f() { x.B() }", &[]),
        ("pub(crate) use crate::b::B;", &[]),
        ("use crate::b;", &[]),
        ("use serde::b::B; use std::fmt;", &[]),
        ("pub(in crate::b) struct A; mod here { pub struct H; } fn f(h: here::H) {}", &[]),
        ("// use crate::b::B;\n/* crate::b::b() */", &[]),
        ("const A: &str = \"crate::b::b()\"; const R: &str = r#\"\" crate::b::b() \"#;", &[]),
        ("#[cfg(test)] mod tests { use crate::b::B; }", &[]),
        ("#[cfg(all(test, unix))] use crate::b::B;", &[]),
        ("fn f() { g('\"', '\\'', \"//\"); } use crate::c::C;", &["c.rs"]),
    ];
    for (code, expected) in table {
        let files = others.into_iter().chain([("a.rs", *code)]);
        let files: Vec<_> = files.map(|(path, code)| (path.to_owned(), code.to_owned())).collect();
        let arrows = arrows("our", &files);
        let found: Vec<_> =
            arrows.keys().filter(|(from, _)| from == "a.rs").map(|(_, to)| to.as_str()).collect();
        assert_eq!(found, *expected, "{code}");
    }
}
