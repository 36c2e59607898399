//! Fenced blocks of the Markdown documents.

use std::path::{Path, PathBuf};

/// Root of the repository.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// One fenced block.
#[derive(Debug, Clone)]
pub struct Block {
    /// Document, relative to the root.
    pub file: String,
    /// Line of the opening fence.
    pub line: usize,
    /// Words behind the opening fence.
    pub kind: String,
    /// Lines between the fences, without the indentation of the fence.
    pub text: String,
}

impl Block {
    /// First line that holds something; names the block in a list.
    pub fn head(&self) -> &str {
        self.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim()
    }

    /// Place of the block, for messages.
    pub fn at(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// The documents that users and contributors read.
pub fn documents() -> Vec<String> {
    let mut found = Vec::new();
    for file in ["README.md", "SECURITY.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        found.push(PathBuf::from(file));
    }
    for folder in ["docs", "examples", "deploy"] {
        walk(Path::new(folder), &mut found);
    }
    found.sort();
    found.into_iter().map(|path| path.display().to_string()).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(Path::new(ROOT).join(folder)).expect("a folder");
    for entry in entries.flatten() {
        let path = folder.join(entry.file_name());
        if entry.path().is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
}

/// Text of a document.
pub fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(file)).expect("a document")
}

/// Blocks of a document.
pub fn blocks(file: &str) -> Vec<Block> {
    parse(file, &read(file)).unwrap_or_else(|error| panic!("{error}"))
}

/// Blocks of a text; an error for one that is not closed.
pub fn parse(file: &str, text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut open: Option<(Block, usize)> = None;
    for (at, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(kind)) => {
                let (file, kind) = (file.to_owned(), kind.trim().to_owned());
                open = Some((Block { file, line: at + 1, kind, text: String::new() }, indent));
            }
            (Some(_), Some("")) => blocks.extend(open.take().map(|(block, _)| block)),
            // An opening fence inside of a block: the block before it lost its end.
            (Some((block, _)), Some(_)) => return Err(format!("{} is not closed", block.at())),
            (Some((block, indent)), None) => {
                let cut = line.len() - line.trim_start().len();
                block.text += &line[cut.min(*indent)..];
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    match open {
        Some((block, _)) => Err(format!("{} is not closed", block.at())),
        None => Ok(blocks),
    }
}

#[test]
fn a_block_that_lost_its_end_is_found() {
    let good = parse("a.md", "x\n\n   ```sh\n   one\n     two\n   ```\n").expect("closed");
    assert_eq!((good[0].kind.as_str(), good[0].text.as_str()), ("sh", "one\n  two\n"));
    assert_eq!((good[0].line, good[0].head()), (3, "one"));
    assert_eq!(parse("a.md", "```\nx\n").unwrap_err(), "a.md:1 is not closed");
    assert_eq!(
        parse("a.md", "```json\n{}\n## Next\n```sh\nx\n```\n").unwrap_err(),
        "a.md:1 is not closed"
    );
}
