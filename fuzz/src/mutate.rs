//! A fuzzer for stable Rust: mutates what brought something new, where new is a
//! kind of answer that was not seen before. `FUZZ_SECONDS` makes it long.

use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Inputs that are kept to be mutated.
const MOST: usize = 20_000;
/// The longest input.
const LONGEST: usize = 70_000;

/// Result of a run.
#[derive(Debug)]
pub struct Ran {
    /// Number of calls of the target.
    pub executions: u64,
    /// Kinds of answers that were seen.
    pub kinds: usize,
}

/// A small random number generator: the same seed, the same run.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Calls `target` with mutations of `seeds`, `executions` times or for as long
/// as `FUZZ_SECONDS` says. A panic of the target is printed with its input.
pub fn run(seeds: &[&[u8]], words: &[&str], executions: u64, target: fn(&[u8]) -> u64) -> Ran {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let seed = std::env::var("FUZZ_SEED").ok().and_then(|text| text.parse().ok());
    let mut dice = Dice(seed.unwrap_or(0x9E37_79B9_7F4A_7C15).max(1));
    let mut corpus: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.to_vec()).collect();
    let mut kinds: HashSet<u64> = corpus.iter().map(|input| call(target, input)).collect();
    let mut done = corpus.len() as u64;
    while end.map_or(done < executions, |end| !done.is_multiple_of(256) || Instant::now() < end) {
        let mut input = corpus[dice.below(corpus.len())].clone();
        for _ in 0..=dice.below(4) {
            mutate(&mut input, &corpus, words, &mut dice);
        }
        input.truncate(LONGEST);
        if kinds.insert(call(target, &input)) && corpus.len() < MOST {
            corpus.push(input);
        }
        done += 1;
    }
    Ran { executions: done, kinds: kinds.len() }
}

fn call(target: fn(&[u8]) -> u64, input: &[u8]) -> u64 {
    std::panic::catch_unwind(|| target(input)).unwrap_or_else(|panic| {
        let text = String::from_utf8_lossy(input);
        let head: String = text.chars().take(4_000).collect();
        // The panic was printed where it happened.
        drop(panic);
        panic!("input: {head:?}")
    })
}

fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&str], dice: &mut Dice) {
    let at = dice.below(input.len() + 1);
    let reach = 1 << dice.below(8);
    let to = (at + dice.below(reach)).min(input.len());
    match dice.below(9) {
        0 if !input.is_empty() => {
            let at = at.min(input.len() - 1);
            input[at] ^= 1 << dice.below(8);
        }
        1 => input.insert(at, dice.next() as u8),
        2 => drop(input.drain(at..to)),
        3 => {
            let piece = input[at..to].to_vec();
            let again = 1 << dice.below(6);
            let place = dice.below(input.len() + 1);
            let many = piece.repeat(again);
            input.splice(place..place, many);
        }
        4 => input.truncate(at),
        5 => {
            let other = &corpus[dice.below(corpus.len())];
            let from = dice.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        6 => {
            let number =
                ["-1", "0", "1e999", "18446744073709551616", "0.5", "99999"][dice.below(6)];
            input.splice(at..to, number.bytes());
        }
        _ if !words.is_empty() => {
            let word = words[dice.below(words.len())];
            input.splice(at..to, word.bytes());
        }
        _ => {}
    }
}
