//! The reader's hands and browser: questions are answered, consent is given.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use crate::support::browser::visit;

/// Runs a command to its end, and opens the page of a consent as a person would.
/// Answers what it printed, and its exit code.
pub fn watched(mut command: Command) -> (String, Option<i32>) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("a shell");
    let mut output = String::new();
    let lines = BufReader::new(child.stdout.take().expect("piped"));
    for line in lines.lines().map_while(Result::ok) {
        if line.contains("/oauth/authorize?") {
            visit(line.trim());
        }
        output += &line;
        output.push('\n');
    }
    (output, ended(child))
}

/// Runs a command whose questions are answered in this order, each when it was
/// asked. Answers what it printed, its exit code and the number of questions left.
pub fn asked(mut command: Command, answers: &[(&str, &str)]) -> (String, Option<i32>, usize) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("script, of util-linux");
    let mut keys = child.stdin.take().expect("piped");
    let screen = BufReader::new(child.stdout.take().expect("piped"));
    let mut output = Vec::new();
    let (mut seen, mut given) = (0, 0);
    // A terminal that is closed ends with an error.
    for byte in screen.bytes().map_while(Result::ok) {
        output.push(byte);
        if let Some((question, answer)) = answers.get(given)
            && output.ends_with(b": ")
            && String::from_utf8_lossy(&output[seen..]).contains(question)
        {
            writeln!(keys, "{answer}").expect("typed");
            (seen, given) = (output.len(), given + 1);
        }
    }
    let output = String::from_utf8_lossy(&output).into_owned();
    (output, ended(child), answers.len() - given)
}

fn ended(mut child: Child) -> Option<i32> {
    child.wait().expect("it ends").code()
}
