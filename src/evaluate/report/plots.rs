//! Plots as inline SVG; colours are classes of the page's style sheet.

use std::fmt::Write;

use htmlize::escape_text;

use crate::metrics::{BINS, Bin, RiskPoint};
use crate::runs::Point;
use crate::words::printable;

/// Points of a line; more could not be told apart.
const POINTS: usize = 400;

/// A frame with two axes, in the units of what is drawn.
struct Axes {
    width: f64,
    height: f64,
    x: (f64, f64),
    y: (f64, f64),
}

const LEFT: f64 = 50.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 42.0;

impl Axes {
    fn new(height: f64, x: (f64, f64), y: (f64, f64)) -> Axes {
        Axes { width: 440.0, height, x, y }
    }

    fn x(&self, x: f64) -> f64 {
        LEFT + (x - self.x.0) / (self.x.1 - self.x.0) * (self.width - LEFT - RIGHT)
    }

    fn y(&self, y: f64) -> f64 {
        self.height - BOTTOM - (y - self.y.0) / (self.y.1 - self.y.0) * (self.height - TOP - BOTTOM)
    }

    /// The picture around what is drawn: grid, ticks and titles.
    fn frame(&self, titles: (&str, &str), x_ticks: &[f64], y_ticks: &[f64], drawn: &str) -> String {
        let (width, height) = (self.width, self.height);
        let mut svg =
            format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{} by {}\">", titles.1, titles.0);
        let (left, right, top, bottom) = (self.x(self.x.0), self.x(self.x.1), self.y(self.y.1), self.y(self.y.0));
        for &tick in y_ticks {
            let y = self.y(tick);
            let _ = write!(svg, "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
            let _ = write!(
                svg,
                "<text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 8.0,
                y + 4.0,
                tidy(tick)
            );
        }
        for &tick in x_ticks {
            let x = self.x(tick);
            let _ = write!(
                svg,
                "<text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 17.0,
                tidy(tick)
            );
        }
        svg.push_str(drawn);
        let _ = write!(svg, "<line class=\"axis\" x1=\"{left}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>");
        let middle = (left + right) / 2.0;
        let _ = write!(
            svg,
            "<text class=\"title\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            height - 5.0,
            titles.0
        );
        let turned = (top + bottom) / 2.0;
        let _ = write!(
            svg,
            "<text class=\"title\" transform=\"translate(12 {turned}) rotate(-90)\" text-anchor=\"middle\">{}</text></svg>",
            titles.1
        );
        svg
    }

    fn line(&self, class: &str, points: impl Iterator<Item = (f64, f64)>) -> String {
        let points: Vec<String> = points.map(|(x, y)| format!("{:.1},{:.1}", self.x(x), self.y(y))).collect();
        format!("<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "))
    }

    fn dot(&self, class: &str, x: f64, y: f64, title: &str) -> String {
        let (x, y) = (self.x(x), self.y(y));
        format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{title}</title></circle>")
    }

    fn bar(&self, class: &str, x: (f64, f64), y: f64, title: &str) -> String {
        let (left, right, top, bottom) = (self.x(x.0) + 1.0, self.x(x.1) - 1.0, self.y(y), self.y(self.y.0));
        let (width, height) = (right - left, (bottom - top).max(0.0));
        format!(
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"1.5\"><title>{title}</title></rect>"
        )
    }
}

/// A tick's number without trailing zeros or rounding errors.
fn tidy(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// A round number that is no less, and what lies evenly between 0 and it.
fn scale(most: f64) -> (f64, Vec<f64>) {
    let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
    let power = 10f64.powf(most.log10().floor());
    let steps = [(1.0, 5), (2.0, 4), (3.0, 3), (4.0, 4), (5.0, 5), (6.0, 3), (8.0, 4), (10.0, 5)];
    let (factor, parts) = steps.into_iter().find(|(factor, _)| factor * power >= most * 0.999_999).unwrap_or((10.0, 5));
    let top = factor * power;
    (top, (0..=parts).map(|i| top * f64::from(i) / f64::from(parts)).collect())
}

const FIFTHS: [f64; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];

/// Accuracy over score by bins, with the diagonal on which a calibrated classifier lies.
pub(super) fn reliability(bins: &[Bin; BINS]) -> String {
    let axes = Axes::new(300.0, (0.0, 1.0), (0.0, 1.0));
    let mut drawn = String::new();
    let edge = |i: usize| i as f64 / BINS as f64;
    for (i, bin) in bins.iter().enumerate() {
        if let (Some(accuracy), Some(score)) = (bin.accuracy(), bin.mean_score()) {
            let title = format!("{} rows: mean score {score:.3}, accuracy {accuracy:.3}", bin.rows);
            drawn.push_str(&axes.bar("bar", (edge(i), edge(i + 1)), accuracy, &title));
        }
    }
    drawn.push_str(&axes.line("reference", [(0.0, 0.0), (1.0, 1.0)].into_iter()));
    for bin in bins {
        if let (Some(accuracy), Some(score)) = (bin.accuracy(), bin.mean_score()) {
            drawn.push_str(&axes.dot(
                "dot b",
                score,
                accuracy,
                &format!("mean score {score:.3}, accuracy {accuracy:.3}"),
            ));
        }
    }
    axes.frame(("score", "accuracy"), &FIFTHS, &FIFTHS, &drawn)
}

/// How many rows each bin has.
pub(super) fn bin_counts(bins: &[Bin; BINS]) -> String {
    let most = bins.iter().map(|bin| bin.rows).max().unwrap_or(0);
    let axes = Axes::new(150.0, (0.0, 1.0), (0.0, most.max(1) as f64 * 1.18));
    let edge = |i: usize| i as f64 / BINS as f64;
    let mut drawn = String::new();
    for (i, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.rows > 0) {
        drawn.push_str(&axes.bar("bar quiet", (edge(i), edge(i + 1)), bin.rows as f64, &format!("{} rows", bin.rows)));
        let (x, y) = (axes.x((edge(i) + edge(i + 1)) / 2.0), axes.y(bin.rows as f64) - 3.0);
        let _ = write!(
            drawn,
            "<text class=\"count\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text>",
            short(bin.rows)
        );
    }
    axes.frame(("score", "rows"), &FIFTHS, &[], &drawn)
}

/// `950`, `1.2k`, `12k`, `3.4M`.
fn short(count: u64) -> String {
    match count {
        0..1000 => count.to_string(),
        1000..9950 => format!("{:.1}k", count as f64 / 1e3),
        9950..999_500 => format!("{:.0}k", count as f64 / 1e3),
        _ => format!("{:.1}M", count as f64 / 1e6),
    }
}

/// The share of errors over the share of rows that is accepted; `now`: where the rejections of the table put it.
pub(super) fn risk_coverage(points: &[RiskPoint], now: Option<(f64, f64)>) -> String {
    // The first few rows jump between 0 and 1; what they reach must not flatten all the rest.
    let settled = points.iter().filter(|p| p.coverage >= 0.02 || points.len() < 50);
    let most = settled.map(|p| p.risk).chain(now.map(|(_, risk)| risk)).fold(0.0, f64::max);
    let (top, ticks) = scale(most);
    let axes = Axes::new(300.0, (0.0, 1.0), (0.0, top));
    let every = points.len().div_ceil(POINTS).max(1);
    let thin: Vec<&RiskPoint> =
        points.iter().enumerate().filter(|(i, _)| i % every == 0 || i + 1 == points.len()).map(|(_, p)| p).collect();
    let mut drawn = String::new();
    if let (Some(first), Some(last)) = (thin.first(), thin.last()) {
        let floor = [(last.coverage, 0.0), (first.coverage, 0.0)];
        let line = || thin.iter().map(|p| (p.coverage, p.risk.min(top)));
        drawn.push_str(&axes.line("area", line().chain(floor)));
        drawn.push_str(&axes.line("reference", [(0.0, last.risk), (1.0, last.risk)].into_iter()));
        drawn.push_str(&axes.line("line a", line()));
        if thin.len() == 1 {
            drawn.push_str(&axes.dot("dot a", first.coverage, first.risk, "all scores are equal"));
        }
    }
    if let Some((coverage, risk)) = now {
        drawn.push_str(&axes.dot(
            "dot b",
            coverage,
            risk,
            &format!("now: {coverage:.3} accepted, {risk:.3} of them wrong"),
        ));
    }
    axes.frame(("share of rows accepted (coverage)", "share of those that is wrong (risk)"), &FIFTHS, &ticks, &drawn)
}

/// Training and validation loss by iteration, and validation accuracy where it is known.
pub(super) fn training(points: &[Point]) -> Vec<String> {
    let of = |value: fn(&Point) -> Option<f64>| -> Vec<(f64, f64)> {
        let known = points.iter().filter_map(|p| Some((f64::from(p.iteration), value(p)?)));
        known.filter(|(_, y)| y.is_finite()).collect()
    };
    let last = points.iter().map(|p| f64::from(p.iteration)).fold(1.0, f64::max);
    let first = points.iter().map(|p| f64::from(p.iteration)).fold(last, f64::min).min(last - 1.0);
    let x_ticks: Vec<f64> = (0..=4).map(|i| (first + (last - first) * f64::from(i) / 4.0).round()).collect();
    let (train, validation, top1) = (of(|p| p.train_loss), of(|p| p.validation_loss), of(|p| p.validation_top1));
    let plot = |title: &str, lines: &[(&str, &[(f64, f64)])]| {
        let most = lines.iter().flat_map(|(_, line)| line.iter()).map(|(_, y)| *y).fold(0.0, f64::max);
        let (top, ticks) = scale(most);
        let axes = Axes::new(300.0, (first, last), (0.0, top));
        let drawn: String = lines.iter().map(|(class, line)| axes.line(class, line.iter().copied())).collect();
        axes.frame(("iteration", title), &x_ticks, &ticks, &drawn)
    };
    let mut plots = Vec::new();
    if !train.is_empty() || !validation.is_empty() {
        plots.push(plot("loss", &[("line a", &train), ("line b", &validation)]));
    }
    if !top1.is_empty() {
        plots.push(plot("validation top-1", &[("line b", &top1)]));
    }
    plots
}

/// Counts of truth (lines) and prediction (columns), darker where more of the line's rows are.
pub(super) fn heat_map(lines: &[&str], columns: &[&str], count: impl Fn(usize, usize) -> u64) -> String {
    let cell = (620.0 / columns.len().max(1) as f64).clamp(15.0, 40.0);
    let short = |name: &str| {
        let name = printable(name);
        if name.chars().count() > 18 { name.chars().take(17).chain(['…']).collect() } else { name }
    };
    let longest = |names: &[&str]| names.iter().map(|n| short(n).chars().count()).max().unwrap_or(0) as f64;
    let (left, top) = (longest(lines) * 7.0 + 14.0, longest(columns) * 6.2 + 14.0);
    let (width, height) = (left + cell * columns.len() as f64 + 46.0, top + cell * lines.len() as f64 + 8.0);
    let mut svg = format!(
        "<svg class=\"heat\" viewBox=\"0 0 {width:.0} {height:.0}\" style=\"max-width:{width:.0}px\" role=\"img\" aria-label=\"confusion matrix\">"
    );
    for (at, name) in columns.iter().enumerate() {
        let x = left + cell * (at as f64 + 0.5) + 3.0;
        let _ = write!(
            svg,
            "<text class=\"tick\" transform=\"translate({x:.1} {:.1}) rotate(-70)\">{}</text>",
            top - 5.0,
            escape_text(short(name))
        );
    }
    for (line, name) in lines.iter().enumerate() {
        let y = top + cell * line as f64;
        let _ = write!(
            svg,
            "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 6.0,
            y + cell / 2.0 + 4.0,
            escape_text(short(name))
        );
        let all: u64 = (0..columns.len()).map(|column| count(line, column)).sum();
        for (column, other) in columns.iter().enumerate() {
            let (x, n) = (left + cell * column as f64, count(line, column));
            let strength = if all == 0 { 0.0 } else { n as f64 / all as f64 };
            let title = format!("{} taken for {}: {n} of {all}", printable(name), printable(other));
            // Faint, but to be seen: one in a thousand is not nothing.
            let shade = if n == 0 { 0.0 } else { 0.12 + 0.88 * strength };
            let kind = if name == other { "right" } else { "wrong" };
            let _ = write!(
                svg,
                "<g><title>{}</title><rect class=\"cell\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{cell:.1}\" height=\"{cell:.1}\"/>",
                escape_text(title)
            );
            if n > 0 {
                let _ = write!(
                    svg,
                    "<rect class=\"{kind}\" fill-opacity=\"{shade:.3}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{cell:.1}\" height=\"{cell:.1}\"/>"
                );
            }
            if n > 0 && cell >= 22.0 {
                let ink = if shade > 0.55 { "on" } else { "off" };
                let (x, y) = (x + cell / 2.0, y + cell / 2.0 + 4.0);
                let _ = write!(
                    svg,
                    "<text class=\"count {ink}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text>",
                    self::short(n)
                );
            }
            svg.push_str("</g>");
        }
    }
    svg.push_str("</svg>");
    svg
}
