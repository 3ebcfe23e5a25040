//! Figures out of samples.

use std::time::Duration;

/// The middle one; of an even number the mean of both. Not a number, when there is none.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match (values.len() % 2, values.len() / 2) {
        (1, middle) => values[middle],
        (_, 0) => f64::NAN,
        (_, middle) => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// The value that `part` (0 to 1) of the samples do not exceed, in milliseconds. Not a number, when there is none.
pub(super) fn percentile(samples: &[Duration], part: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).map_or(f64::NAN, |sample| milliseconds(*sample))
}

pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Millions of bytes a second.
pub(super) fn megabytes(bytes: u64, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}

/// MiB.
pub(super) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks() {
        let samples: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!((percentile(&samples, 0.5), percentile(&samples, 0.99)), (50.0, 99.0));
        assert_eq!(percentile(&samples[..1], 0.99), 100.0);
        assert!(percentile(&[], 0.5).is_nan() && median(std::iter::empty()).is_nan());
        assert_eq!((median([3.0, 1.0, 2.0].into_iter()), median([4.0, 1.0].into_iter())), (2.0, 2.5));
    }
}
