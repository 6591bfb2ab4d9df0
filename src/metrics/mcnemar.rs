//! Whether two classifiers err equally often on the same rows: McNemar's test, and the chances it needs.

/// Two classifiers on the same rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McNemar {
    /// Rows that only the first, and only the second, has right.
    pub only_first: u64,
    /// See `only_first`.
    pub only_second: u64,
    /// Two-sided exact p-value: the chance that discordant rows split at least so unevenly when either is as likely.
    pub exact_p: f64,
    /// (|b − c| − 1)² / (b + c), Edwards' continuity correction (1948); 0 where the counts are equal.
    pub chi_square: f64,
    /// The chance of such a value under the χ² distribution with one degree of freedom.
    pub chi_square_p: f64,
}

impl McNemar {
    /// McNemar's test (1947) of whether two classifiers err equally often.
    pub fn new(only_first: u64, only_second: u64) -> McNemar {
        let discordant = only_first + only_second;
        let beyond_one = only_first.abs_diff(only_second).saturating_sub(1) as f64;
        let chi_square = if discordant == 0 { 0.0 } else { beyond_one * beyond_one / discordant as f64 };
        McNemar {
            only_first,
            only_second,
            exact_p: (2.0 * binomial_tail(only_first.min(only_second), discordant)).min(1.0),
            chi_square,
            chi_square_p: erfc((chi_square / 2.0).sqrt()),
        }
    }
}

/// The chance of at most `k` heads in `n` fair tosses, k ≤ n/2: the largest term from logarithms, the others from it
/// by their ratios.
fn binomial_tail(k: u64, n: u64) -> f64 {
    let mut sum = Sum::default();
    (1..=k).for_each(|i| sum.add(((n - k + i) as f64 / i as f64).ln()));
    sum.add(-(n as f64) * std::f64::consts::LN_2);
    let largest = sum.value().exp();
    let (mut total, mut term) = (1.0, 1.0);
    for i in (1..=k).rev() {
        term *= i as f64 / (n - i + 1) as f64;
        total += term;
        if term < total * f64::EPSILON / 8.0 {
            break;
        }
    }
    largest * total
}

/// A sum that keeps what rounding loses (Neumaier 1974).
#[derive(Debug, Default)]
struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    fn add(&mut self, x: f64) {
        let sum = self.sum + x;
        self.lost += if self.sum.abs() >= x.abs() { (self.sum - sum) + x } else { (x - sum) + self.sum };
        self.sum = sum;
    }

    fn value(&self) -> f64 {
        self.sum + self.lost
    }
}

/// The complementary error function for x ≥ 0, to 14 digits: a power series near 0, a continued fraction beyond
/// (Abramowitz and Stegun, 7.1.6 and 7.1.14).
fn erfc(x: f64) -> f64 {
    let scale = (-x * x).exp() / std::f64::consts::PI.sqrt();
    if x < 2.0 {
        let (mut term, mut sum, mut n) = (2.0 * x, 2.0 * x, 0.0);
        while term > sum * f64::EPSILON / 8.0 {
            n += 1.0;
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            sum += term;
        }
        1.0 - scale * sum
    } else {
        // 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + …)))), from the inside; 100 levels are enough from 2 on.
        scale / (1..=100).rev().fold(x, |inner, n| x + f64::from(n) / 2.0 / inner)
    }
}
