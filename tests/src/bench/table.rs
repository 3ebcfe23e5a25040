//! Results as text and as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rows::{Metric, Row, Target};
use super::subject::Failure;

/// For each contender by name the values of the row's metrics, in their order.
pub(super) type Measured = BTreeMap<&'static str, Result<Vec<f64>, Failure>>;

/// The contender that the others are compared with.
const LIMIT: &str = "limit";

/// Prints a row with its metrics below it.
pub(super) fn print_row(row: &Row, measured: &Measured) {
    println!("{:>2}  {}", row.number, row.what);
    for (index, metric) in row.metrics.iter().enumerate() {
        let mut line = format!("    {:<34}", format!("{} [{}]", metric.name, metric.unit));
        for (name, outcome) in measured {
            match outcome {
                Ok(values) => line.push_str(&format!("  {name} {:>9}", figure(values[index]))),
                Err(_) => line.push_str(&format!("  {name} {:>9}", "-")),
            }
        }
        for name in measured.keys().filter(|name| **name != LIMIT) {
            if let Some(ratio) = ratio(measured, name, index) {
                line.push_str(&format!("  ratio {ratio:.2}"));
            }
            line.push_str(match verdict(metric, measured, name, index) {
                Some(true) => "  PASS",
                Some(false) => "  MISS",
                None => "  ----",
            });
        }
        println!("{line}  target {}", metric.target);
    }
    for (name, outcome) in measured {
        if let Err(failure) = outcome {
            println!("    {name}: {failure}");
        }
    }
}

/// A row as JSON.
pub(super) fn json(row: &Row, measured: &Measured) -> Value {
    let metrics = row.metrics.iter().enumerate().map(|(index, metric)| {
        let contenders = measured.iter().map(|(name, outcome)| {
            let value = match outcome {
                Ok(values) => json!({
                    "value": values[index],
                    "ratio": ratio(measured, name, index),
                    "pass": verdict(metric, measured, name, index),
                }),
                Err(failure) => json!({ "failure": failure.to_string() }),
            };
            ((*name).to_owned(), value)
        });
        json!({
            "metric": metric.name,
            "unit": metric.unit,
            "target": metric.target.to_string(),
            "contenders": contenders.collect::<serde_json::Map<_, _>>(),
        })
    });
    json!({ "row": row.number, "what": row.what, "metrics": metrics.collect::<Vec<_>>() })
}

/// Prints all rows.
pub(super) fn print_json(rows: Vec<Value>) {
    println!("{:#}", Value::Array(rows));
}

/// Whether any contender but the limit missed a target.
pub(super) fn misses(row: &Row, measured: &Measured) -> bool {
    let mut others = measured.keys().filter(|name| **name != LIMIT);
    others.any(|name| {
        row.metrics.iter().enumerate().any(|(index, metric)| verdict(metric, measured, name, index) == Some(false))
    })
}

fn value(measured: &Measured, name: &str, index: usize) -> Option<f64> {
    measured.get(name)?.as_ref().ok().map(|values| values[index]).filter(|value| value.is_finite())
}

fn ratio(measured: &Measured, name: &str, index: usize) -> Option<f64> {
    let limit = value(measured, LIMIT, index).filter(|limit| *limit != 0.0)?;
    Some(value(measured, name, index)? / limit)
}

fn verdict(metric: &Metric, measured: &Measured, name: &str, index: usize) -> Option<bool> {
    let own = value(measured, name, index)?;
    match metric.target {
        Target::Most(most) => Some(own <= most),
        Target::Least(least) => Some(own >= least),
        Target::MostTimes(most) => ratio(measured, name, index).map(|ratio| ratio <= most),
        Target::LeastTimes(least) => ratio(measured, name, index).map(|ratio| ratio >= least),
    }
}

fn figure(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() => "-".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
