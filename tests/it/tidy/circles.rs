//! Forbids circles: files of `src/` that name each other's items, at once or by way of others.
//!
//! A file imports another if it names an item that is defined there, also by way of a `pub use`.
//! Neither `mod name;` nor a `pub use` is an import: a table of contents may list its chapters.
//! So an item that the files of a folder need stands in a file below them, not in the `mod.rs`
//! that calls them. Tests within a source file may name what they like.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Role, Token, paths, tokens, without_tests};
use super::{Source, expect_none, file, sources};

type Module<'a> = Vec<&'a str>;

/// One file: its tokens without tests, and the module that it is.
struct File<'a> {
    path: &'a str,
    module: Module<'a>,
    tokens: Vec<Token<'a>>,
}

/// The files by module, and the names that each module hands on.
struct Tree<'a> {
    files: BTreeMap<Module<'a>, File<'a>>,
    handed_on: BTreeMap<Module<'a>, BTreeMap<&'a str, Module<'a>>>,
}

fn module_of(path: &str) -> Module<'_> {
    if path == "lib.rs" {
        return Vec::new();
    }
    let mut module: Module<'_> = path.trim_end_matches(".rs").split('/').collect();
    if module.last() == Some(&"mod") {
        module.pop();
    }
    module
}

impl<'a> Tree<'a> {
    fn of(sources: &'a [Source]) -> Self {
        let is_read = |source: &&Source| {
            let name = source.path.rsplit('/').next().unwrap_or("");
            name != "main.rs" && name != "tests.rs"
        };
        let file = |source: &'a Source| File {
            path: &source.path,
            module: module_of(&source.path),
            tokens: without_tests(&tokens(&source.text)),
        };
        let files = sources.iter().filter(is_read).map(file);
        let mut tree = Tree {
            files: files.map(|file| (file.module.clone(), file)).collect(),
            handed_on: BTreeMap::new(),
        };
        let modules: Vec<_> = tree.files.keys().cloned().collect();
        for module in modules {
            let mut names = BTreeMap::new();
            for path in paths(&tree.files[&module].tokens) {
                if let Role::ReExport(name) = path.role
                    && let Some(whole) = tree.whole(&module, &path.segments, path.inline_depth)
                {
                    names.insert(name, whole);
                }
            }
            tree.handed_on.insert(module, names);
        }
        tree
    }

    /// Returns the path from the root, if it leads into this crate.
    fn whole(
        &self,
        module: &[&'a str],
        path: &[&'a str],
        inline_depth: usize,
    ) -> Option<Module<'a>> {
        let segments = path.strip_prefix(&["self"]).unwrap_or(path);
        if segments.first() == Some(&"crate") {
            return Some(segments[1..].to_vec());
        }
        let up = segments
            .iter()
            .take_while(|segment| **segment == "super")
            .count();
        if up > 0 {
            let kept = module.len().checked_sub(up.saturating_sub(inline_depth))?;
            return Some([&module[..kept], &segments[up..]].concat());
        }
        let below = [module, &segments[..1]].concat();
        self.files
            .contains_key(&below)
            .then(|| [module, segments].concat())
    }

    /// Returns the file that defines what a path from the root names.
    fn defined_in(&self, whole: &[&'a str]) -> Option<&File<'a>> {
        let (mut whole, mut hops) = (whole.to_vec(), 0);
        loop {
            let length = (0..=whole.len()).rev();
            let known = length
                .map(|length| &whole[..length])
                .find(|m| self.files.contains_key(*m))?;
            let rest = whole.get(known.len());
            let handed_on = rest.and_then(|name| self.handed_on.get(known)?.get(name));
            match handed_on {
                Some(target) if hops < 8 => {
                    whole = [&target[..], &whole[known.len() + 1..]].concat();
                    hops += 1;
                }
                _ => return self.files.get(known),
            }
        }
    }

    fn imports(&self, file: &File<'a>) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut names: BTreeMap<&str, Module<'a>> = BTreeMap::new();
        let paths = paths(&file.tokens);
        let whole = |path: &[&'a str], depth| self.whole(&file.module, path, depth);
        for path in &paths {
            let Role::Import(name) = path.role else {
                continue;
            };
            match whole(&path.segments, path.inline_depth) {
                // Only what is then named below the module counts.
                Some(target) if self.files.contains_key(&target) => {
                    names.insert(name, target);
                }
                Some(target) => found.extend(self.defined_in(&target).map(|file| file.path)),
                None => {}
            }
        }
        for path in paths.iter().filter(|path| path.role == Role::Code) {
            let target = match names.get(path.segments[0]) {
                Some(target) => Some([&target[..], &path.segments[1..]].concat()),
                None => whole(&path.segments, path.inline_depth),
            };
            found.extend(
                target
                    .and_then(|target| self.defined_in(&target))
                    .map(|file| file.path),
            );
        }
        found.remove(file.path);
        found
    }
}

/// Returns each circle as the files in it and, for each, the others of the circle that it imports.
fn circles(sources: &[Source]) -> Vec<Vec<String>> {
    let tree = Tree::of(sources);
    let imports: BTreeMap<_, _> = tree
        .files
        .values()
        .map(|file| (file.path, tree.imports(file)))
        .collect();
    let reached: BTreeMap<_, _> = imports
        .keys()
        .map(|path| (*path, reached_from(path, &imports)))
        .collect();
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for (path, reaches) in &reached {
        let circle: Vec<_> = reaches
            .iter()
            .filter(|other| reached[*other].contains(path))
            .collect();
        if circle.len() > 1 && told.insert(circle.clone()) {
            let line = |file: &&&str| {
                let within = imports[**file]
                    .iter()
                    .filter(|other| circle.contains(other));
                format!(
                    "{file} -> {}",
                    within.copied().collect::<Vec<_>>().join(", ")
                )
            };
            found.push(circle.iter().map(line).collect());
        }
    }
    found
}

fn reached_from<'a>(
    start: &'a str,
    imports: &BTreeMap<&'a str, BTreeSet<&'a str>>,
) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut ahead = vec![start];
    while let Some(path) = ahead.pop() {
        ahead.extend(imports[path].iter().filter(|next| reached.insert(**next)));
    }
    reached
}

#[test]
fn no_files_import_each_other() {
    let circles = circles(&sources("src"));
    let told = circles.iter().map(|circle| circle.join("\n    ")).collect();
    expect_none(
        told,
        "circles of files (move what both need into a file below them):",
    );
}

#[test]
fn a_circle_is_found_however_it_is_tied() {
    for (what, a, b) in [
        ("use", "use super::b::B;", "use super::a::A;"),
        (
            "paths in code",
            "fn f() { super::b::g() }",
            "fn g() { crate::m::a::f() }",
        ),
        (
            "modules brought in",
            "use super::b; fn f() { b::g() }",
            "use crate::m::{a}; fn g() { a::f() }",
        ),
        (
            "what is handed on",
            "use super::Second;",
            "use super::First as F;",
        ),
    ] {
        let contents = "mod a; mod b; pub use a::First; pub use self::b::Second;";
        let files = [
            file("m/a.rs", a),
            file("m/b.rs", b),
            file("m/mod.rs", contents),
        ];
        let circles = circles(&files);
        assert_eq!(
            circles,
            [["m/a.rs -> m/b.rs", "m/b.rs -> m/a.rs"]],
            "{what}"
        );
    }
    let longer = [
        file("a.rs", "use crate::b::B;"),
        file("b.rs", "use crate::c::C;"),
        file("c.rs", "use crate::a::A;"),
        file("d.rs", "use crate::a::A;"),
    ];
    assert_eq!(circles(&longer).len(), 1);
    let with_its_room = [
        file("m/mod.rs", "mod a; struct S(a::A);"),
        file("m/a.rs", "use super::S;"),
    ];
    assert_eq!(circles(&with_its_room).len(), 1);
    for free in [
        [
            file("m/a.rs", "use super::b::B;"),
            file(
                "m/b.rs",
                "#[cfg(test)] mod tests { use super::super::a::A; }",
            ),
        ],
        [
            file("m/mod.rs", "mod a; pub use a::A; pub struct S;"),
            file("m/a.rs", "use super::S;"),
        ],
        [
            file("m/a.rs", "// crate::m::b\nuse std::b;"),
            file("m/b.rs", "use super::a::A;"),
        ],
    ] {
        assert_eq!(circles(&free), [[""; 0]; 0]);
    }
}
