//! The benchmark: a scenario a row, each run by the bare server ([`crate::limit`]) and by sandwire in turns in the same
//! run on the same machine, since only the ratio means anything. `cargo run --release --bin sandwire-bench -- --help`.
//!
//! A contender goes behind `subject::Subject`; `rows` knows the scenarios and their targets and nothing of contenders.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Parser;

use self::rows::{ROWS, Row};
use self::subject::{Contender, Failure};
use self::table::{Measured, print_json, print_row};

mod bare;
mod lanes;
mod logger;
mod pattern;
mod rows;
mod samples;
mod subject;
mod table;
mod wire;

/// How large and how often.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Turns of each contender; the median of them counts.
    rounds: usize,
    /// Small enough to see only that everything works: the figures mean little.
    quick: bool,
}

impl Plan {
    /// `whole` as it is, or for a quick run a part of it.
    const fn scale(self, whole: usize, quick: usize) -> usize {
        if self.quick { quick } else { whole }
    }
}

/// Measures speed and memory against a bare server, in turns.
#[derive(Debug, Parser)]
#[command(name = "sandwire-bench")]
struct Arguments {
    /// Only this row of the table; may be given again
    #[arg(long, value_name = "ROW")]
    only: Vec<u8>,
    /// Only this contender, `limit` or `sandwire`; may be given again
    #[arg(long, value_name = "NAME")]
    contender: Vec<String>,
    /// Small sizes, one round: shows that the scenarios work, the figures mean little
    #[arg(long)]
    quick: bool,
    /// Turns of each contender [default: 5]
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// JSON in place of the table
    #[arg(long)]
    json: bool,
    /// End with 1 when a target is missed, too; otherwise only when a scenario breaks
    #[arg(long)]
    strict: bool,
    /// The scenarios and their targets, without running them
    #[arg(long)]
    list: bool,
}

/// All contenders. The first is the limit.
fn contenders() -> Vec<Box<dyn Contender>> {
    vec![Box::new(bare::Bare), Box::new(wire::Wire)]
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() == Some(logger::WORD) {
        return logger::main(words);
    }
    let arguments = Arguments::parse();
    let plan = Plan { rounds: arguments.rounds.unwrap_or(if arguments.quick { 1 } else { 5 }), quick: arguments.quick };
    let rows = ROWS.iter().filter(|row| arguments.only.is_empty() || arguments.only.contains(&row.number));
    let chosen = |name| arguments.contender.is_empty() || arguments.contender.iter().any(|chosen| chosen == name);
    let contenders: Vec<_> = contenders().into_iter().filter(|contender| chosen(contender.name())).collect();
    if contenders.is_empty() {
        eprintln!("no contender of that name");
        return ExitCode::from(2);
    }
    if cfg!(debug_assertions) && !arguments.quick {
        eprintln!("this is a debug build: its figures say nothing");
    }
    let (mut broken, mut missed, mut results) = (false, false, Vec::new());
    for row in rows {
        let measured = if arguments.list { Measured::new() } else { measure(row, plan, &contenders) };
        broken |= measured.values().any(|outcome| matches!(outcome, Err(Failure::Broken(_))));
        if arguments.json {
            results.push(table::json(row, &measured));
        } else {
            print_row(row, &measured);
        }
        missed |= table::misses(row, &measured);
    }
    if arguments.json {
        print_json(results);
    }
    ExitCode::from(u8::from(broken || (arguments.strict && missed)))
}

/// Runs a row in turns, and takes the median of each metric.
fn measure(row: &Row, plan: Plan, contenders: &[Box<dyn Contender>]) -> Measured {
    let mut rounds: BTreeMap<&'static str, Result<Vec<Vec<f64>>, Failure>> = BTreeMap::new();
    for _ in 0..plan.rounds.min(row.rounds) {
        for contender in contenders {
            let so_far = rounds.entry(contender.name()).or_insert_with(|| Ok(Vec::new()));
            let Ok(values) = so_far else { continue };
            match (row.run)(plan, contender.as_ref()) {
                Ok(round) => values.push(round),
                // One that cannot do it is not asked again.
                Err(failure) => *so_far = Err(failure),
            }
        }
    }
    let medians = |rounds: Vec<Vec<f64>>| -> Vec<f64> {
        (0..row.metrics.len()).map(|metric| samples::median(rounds.iter().map(|round| round[metric]))).collect()
    };
    rounds.into_iter().map(|(name, outcome)| (name, outcome.map(medians))).collect()
}
