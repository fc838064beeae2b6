//! Two targets loaded in turn, A B A B, so that what the machine does besides meets both alike. Owns the medians.

use serde::Serialize;

use crate::load::{self, Effort, Sample, Target};

/// What a route costs the product, and what it costs its limit.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    /// The product's medians.
    pub(crate) product: Sample,
    /// The limit's medians.
    pub(crate) limit: Sample,
    /// The product's CPU time per request as a multiple of the limit's: the median of the rounds' ratios.
    pub(crate) cpu_ratio: f64,
    /// The product's rate as a fraction of the limit's: the median of the rounds' ratios.
    pub(crate) rate_ratio: f64,
}

/// Loads the product and its limit in turn.
pub(crate) fn compare(product: &Target, limit: &Target, effort: Effort, rounds: usize) -> anyhow::Result<Comparison> {
    let mut pairs = Vec::new();
    for _ in 0..rounds {
        pairs.push((load::run(product, effort)?, load::run(limit, effort)?));
    }
    let cpu_ratio = median(pairs.iter().map(|(product, limit)| product.total_cpu() / limit.total_cpu()));
    let rate_ratio = median(pairs.iter().map(|(product, limit)| product.rate / limit.rate));
    let (products, limits): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    Ok(Comparison { product: median_sample(&products), limit: median_sample(&limits), cpu_ratio, rate_ratio })
}

fn median_sample(samples: &[Sample]) -> Sample {
    let of = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure));
    let processes = samples.first().map_or(0, |sample| sample.cpu.len());
    Sample {
        rate: of(|sample| sample.rate),
        p50: of(|sample| sample.p50),
        p99: of(|sample| sample.p99),
        cpu: (0..processes).map(|index| median(samples.iter().map(|sample| sample.cpu[index]))).collect(),
    }
}

/// The middle one of some values, the lower of two; NaN where there is none.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(f64::NAN)
}
