//! The report as one HTML page that needs nothing from elsewhere: plots are inline SVG, pictures are data URIs.

use std::cmp::Ordering;
use std::fmt::Write;

use htmlize::escape_all_quotes;

use super::pairs::{Pair, Shown};
use super::plots;
use crate::evaluate::Evaluation;
use crate::evaluate::compare::Comparison;
use crate::evaluate::figures::{Figure, Figures, GROUP_COLUMNS, Value, meaning};
use crate::metrics::{Class, Interval, NO_CLASS, RiskPoint};
use crate::runs::{self, Point};
use crate::words::{printable, rows};

/// A heat map of more classes could not be read.
const HEAT_MAP_CLASSES: usize = 40;

/// The figures at the top, with their names for people.
const CARDS: [(&str, &str); 7] = [
    ("top1", "Top-1 accuracy"),
    ("top5", "Top-5 accuracy"),
    ("macro_f1", "Macro F1"),
    ("ece", "ECE"),
    ("aurc", "AURC"),
    ("coverage", "Coverage"),
    ("accepted_accuracy", "Top-1 accepted"),
];

/// The page; `curve` is the number of a run and how its training went.
pub(super) fn html(evaluation: &Evaluation, curve: Option<(i32, &[Point])>, pairs: &[Pair]) -> String {
    let title = format!("Evaluation of {}", evaluation.name());
    let mut html = String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    let _ = write!(
        html,
        "<title>{}</title><style>\n{}</style></head><body><main>\n",
        safe(&title),
        include_str!("page.css")
    );
    head(evaluation, &title, &mut html);
    comparison(evaluation, &mut html);
    groups(evaluation, &mut html);
    plots_of_scores(evaluation, &mut html);
    training(curve, &mut html);
    confusion(evaluation, pairs, &mut html);
    classes(evaluation, &mut html);
    all_figures(&evaluation.figures, &mut html);
    let version = env!("CARGO_PKG_VERSION");
    let _ =
        write!(html, "<footer>Written by pokedex {version}. The tables beside this page hold every number.</footer>");
    html.push_str("</main></body></html>\n");
    html
}

/// Text that cannot be taken for HTML, control characters shown as escapes.
fn safe(text: &str) -> String {
    escape_all_quotes(printable(text)).into_owned()
}

fn bounds(figure: &Figure) -> String {
    match figure.interval.flatten() {
        Some(Interval { low, high }) => format!("{low:.4}–{high:.4}"),
        None => String::new(),
    }
}

fn head(evaluation: &Evaluation, title: &str, html: &mut String) {
    let count = |name: &str| evaluation.figures.get(name).unwrap_or(0.0);
    let _ = write!(html, "<h1>{}</h1>\n<p class=\"sub\">", safe(title));
    let (rows, classes) = (rows(evaluation.sample.len() as u64), count("classes"));
    let _ = write!(html, "{rows} of {classes} class{}", if classes == 1.0 { "" } else { "es" });
    for (name, what) in [
        ("errors", "with an error, left out"),
        ("strangers", "of no class"),
        ("unknown_truth", "of classes that the classifier does not know"),
    ] {
        if count(name) > 0.0 {
            let _ = write!(html, "; {} {what}", count(name));
        }
    }
    if let Some(head) = &evaluation.head {
        let _ = write!(html, "; classified by <code>{}</code>", safe(head));
    }
    html.push_str("</p>\n<div class=\"cards\">");
    for (name, words) in CARDS {
        let Some(figure) = evaluation.figures.find(name).filter(|f| f.value != Value::Number(None)) else { continue };
        let (value, bounds) = (figure.value.short(), bounds(figure));
        let _ = write!(html, "<div class=\"card\"><span>{words}</span><b>{value}</b><span>{bounds}</span></div>");
    }
    html.push_str("</div>\n");
    if evaluation.figures.iter().any(|f| f.interval.flatten().is_some()) {
        html.push_str("<p class=\"note\">Ranges are 95 % bootstrap intervals. ECE is the calibration error, AURC the area under the risk–coverage curve; of both, 0 is best.</p>\n");
    }
}

fn comparison(evaluation: &Evaluation, html: &mut String) {
    match &evaluation.comparison {
        None => {}
        Some(Comparison::Predictions { name, .. }) => {
            let short = |name: &str| evaluation.figures.find(name).map(|f| f.value.short()).unwrap_or_default();
            let bounds = evaluation.figures.find("top1_difference").map(bounds).unwrap_or_default();
            let bounds = if bounds.is_empty() { bounds } else { format!(" ({bounds})") };
            let _ = write!(
                html,
                "<h2>Against {}</h2>\n<p>Top-1 accuracy differs by <b>{}</b>{bounds}: theirs is {}. Of {} rows, {} are right here only and \
                 {} there only; McNemar’s exact p-value is {}.</p>\n",
                safe(name),
                short("top1_difference"),
                short("other_top1"),
                short("compared_rows"),
                short("only_ours"),
                short("only_theirs"),
                short("mcnemar_p"),
            );
        }
        Some(Comparison::Runs(runs)) => {
            html.push_str("<h2>Runs</h2>\n<div class=\"scroll\"><table><tr><th>run<th class=\"l\">command");
            runs::NUMBERS[..5].iter().for_each(|name| html.push_str(&format!("<th>{name}")));
            html.push_str("<th class=\"l\">head<th class=\"l\">input<th class=\"l\">settings</tr>\n");
            let mut line = |number: &str, command: &str, figures: Vec<Option<f64>>, words: [&str; 3]| {
                let _ = write!(html, "<tr><td>{number}<td class=\"l\">{}", safe(command));
                figures.into_iter().for_each(|f| html.push_str(&format!("<td>{}", Value::Number(f).short())));
                words.iter().for_each(|word| html.push_str(&format!("<td class=\"l\">{}", safe(word))));
                html.push_str("</tr>\n");
            };
            let apart = runs::distinctions(&runs.iter().map(|(_, run)| run).collect::<Vec<_>>());
            for ((number, run), apart) in runs.iter().zip(&apart) {
                let words = [run.head.as_deref().unwrap_or_default(), &run.input, apart];
                line(&number.to_string(), &run.command, run.numbers()[..5].to_vec(), words);
            }
            let ours = runs::NUMBERS[..5].iter().map(|name| evaluation.figures.get(name)).collect();
            line("this", "evaluate", ours, [evaluation.head.as_deref().unwrap_or_default(), evaluation.name(), ""]);
            html.push_str("</table></div>\n");
        }
    }
}

fn groups(evaluation: &Evaluation, html: &mut String) {
    let Some(by) = evaluation.by().map(safe) else { return };
    let _ = write!(html, "<h2>By {by}</h2>\n<div class=\"scroll\"><table><tr><th class=\"l\">{by}");
    GROUP_COLUMNS.iter().for_each(|name| html.push_str(&format!("<th>{name}")));
    html.push_str("</tr>\n");
    let groups = evaluation.groups.iter().map(|(name, figures)| (name.as_str(), figures));
    for (name, figures) in groups.chain([("all", &evaluation.figures)]) {
        let _ = write!(html, "<tr><td class=\"l\">{}", safe(name));
        for name in GROUP_COLUMNS {
            let _ = write!(html, "<td>{}", figures.find(name).map(|f| f.value.short()).unwrap_or_default());
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</table></div>\n");
}

fn plots_of_scores(evaluation: &Evaluation, html: &mut String) {
    let Some(bins) = evaluation.sample.reliability() else { return };
    let points: Vec<RiskPoint> = evaluation.sample.risk_coverage().collect();
    let coverage = evaluation.figures.get("coverage").filter(|coverage| *coverage < 1.0);
    let now = coverage.zip(evaluation.figures.get("accepted_accuracy").map(|accuracy| 1.0 - accuracy));
    html.push_str("<h2>What the scores are worth</h2>\n<div class=\"plots\"><figure>");
    html.push_str(&plots::reliability(&bins));
    html.push_str(&plots::bin_counts(&bins));
    html.push_str(
        "<figcaption>Reliability: accuracy of the rows in each of 15 bins of scores, a dot at their mean score; on the \
         dashed line scores are what they promise, below it too high. Under it, the rows in each bin.</figcaption></figure>\n<figure>",
    );
    html.push_str(&plots::risk_coverage(&points, now));
    html.push_str(
        "<figcaption>Risk–coverage: what share would be wrong if only the highest scores were accepted; the dashed line is \
         that of all rows.",
    );
    if now.is_some() {
        html.push_str(" The <span class=\"key b\">dot</span> is where the rejections of this table put it.");
    }
    html.push_str("</figcaption></figure></div>\n");
}

fn training(curve: Option<(i32, &[Point])>, html: &mut String) {
    let Some((run, points)) = curve else { return };
    let _ = write!(html, "<h2>Training</h2>\n<div class=\"plots\">");
    for plot in plots::training(points) {
        let _ = write!(html, "<figure>{plot}</figure>");
    }
    let _ = write!(
        html,
        "</div>\n<p class=\"note\">Run {run} of the log: <span class=\"key a\">training</span> and \
         <span class=\"key b\">validation</span> rows.</p>\n"
    );
}

fn confusion(evaluation: &Evaluation, pairs: &[Pair], html: &mut String) {
    let classes = evaluation.sample.classes();
    if classes.len() <= HEAT_MAP_CLASSES && !classes.is_empty() {
        let counts = evaluation.sample.confusion();
        let mut lines: Vec<u32> = classes.iter().filter(|c| c.support > 0).map(|c| c.class).collect();
        let mut columns: Vec<u32> = classes.iter().map(|c| c.class).collect();
        lines.dedup();
        if counts.keys().any(|(_, prediction)| *prediction == NO_CLASS) {
            columns.push(NO_CLASS);
        }
        let name = |class: &u32| evaluation.classes.get(*class as usize).map_or("(none)", String::as_str);
        let (line_names, column_names): (Vec<&str>, Vec<&str>) =
            (lines.iter().map(name).collect(), columns.iter().map(name).collect());
        let count = |line: usize, column: usize| counts.get(&(lines[line], columns[column])).copied().unwrap_or(0);
        html.push_str("<h2>What is taken for what</h2>\n<figure>");
        html.push_str(&plots::heat_map(&line_names, &column_names, count));
        html.push_str("<figcaption>A line for each true class, a column for each prediction; the darker, the larger the share of the line.</figcaption></figure>\n");
    }
    html.push_str("<h2>Worst confused</h2>\n");
    if pairs.is_empty() {
        html.push_str("<p>No class was taken for another.</p>\n");
        return;
    }
    html.push_str("<p class=\"note\">Left: the surest mistake. Right: a row that is of the class it was taken for.</p>\n<div class=\"pairs\">");
    let has_picture = |row: &Option<Shown>| row.as_ref().is_some_and(|row| row.picture.is_some());
    let pictures = pairs.iter().any(|pair| has_picture(&pair.mistake) || has_picture(&pair.example));
    let support = |class: u32| classes.iter().find(|c| c.class == class).map_or(0, |c| c.support);
    for pair in pairs {
        let name = |class: u32| safe(&evaluation.classes[class as usize]);
        let (truth, prediction) = (name(pair.truth), name(pair.prediction));
        let _ = write!(
            html,
            "<figure class=\"pair\"><p><b>{truth}</b> taken for <b>{prediction}</b><br><span class=\"sub\">{} of {}</span></p>",
            pair.count,
            rows(support(pair.truth)),
        );
        shown(pair.mistake.as_ref(), &truth, pictures, html);
        shown(pair.example.as_ref(), &prediction, pictures, html);
        html.push_str("</figure>\n");
    }
    html.push_str("</div>\n");
}

/// A picture with its name; in its stead, where other rows have some, why there is none.
fn shown(row: Option<&Shown>, class: &str, pictures: bool, html: &mut String) {
    html.push_str("<div>");
    match row {
        None if !pictures => html.push_str("<span class=\"sub\">no row is of this class</span>"),
        None => html.push_str("<i>no row is of this class</i>"),
        Some(row) => {
            match &row.picture {
                None if !pictures => {}
                Some(jpeg) => {
                    let _ = write!(html, "<img alt=\"{class}\" src=\"data:image/jpeg;base64,{}\">", base64(jpeg));
                }
                None => html.push_str("<i>no picture to show</i>"),
            }
            let score = row.score.map(|score| format!(" <span class=\"sub\">{score:.3}</span>")).unwrap_or_default();
            let _ = write!(html, "<code>{}</code>{score}", safe(&row.key));
        }
    }
    html.push_str("</div>");
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let number = three.iter().chain([&0; 2]).take(3).fold(0, |number, &byte| number << 8 | usize::from(byte));
        for digit in 0..4 {
            let known = digit <= three.len();
            text.push(if known { char::from(DIGITS[number >> (18 - 6 * digit) & 63]) } else { '=' });
        }
    }
    text
}

fn classes(evaluation: &Evaluation, html: &mut String) {
    let mut classes = evaluation.sample.classes();
    let worse = |a: &Class, b: &Class| -> Ordering {
        a.f1().total_cmp(&b.f1()).then(b.support.cmp(&a.support)).then(a.class.cmp(&b.class))
    };
    classes.sort_by(worse);
    html.push_str("<h2>Classes, the worst first</h2>\n<div class=\"scroll\"><table><tr><th class=\"l\">class<th>F1<th>precision<th>recall<th>rows<th>predicted</tr>\n");
    for class in &classes {
        let (f1, name) = (class.f1(), safe(&evaluation.classes[class.class as usize]));
        let _ = writeln!(
            html,
            "<tr><td class=\"l\">{name}<td>{f1:.3}<meter value=\"{f1:.3}\"></meter><td>{:.3}<td>{:.3}<td>{}<td>{}</tr>",
            class.precision(),
            class.recall(),
            class.support,
            class.predicted,
        );
    }
    html.push_str("</table></div>\n");
}

fn all_figures(figures: &Figures, html: &mut String) {
    html.push_str("<h2>All figures</h2>\n<div class=\"scroll\"><table><tr><th class=\"l\">figure<th>value<th>95 % interval<th class=\"l\">meaning</tr>\n");
    for figure in figures.iter().filter(|f| f.value != Value::Number(None)) {
        let (name, value, bounds) = (safe(&figure.name), figure.value.short(), bounds(figure));
        let _ = writeln!(
            html,
            "<tr><td class=\"l\"><code>{name}</code><td>{value}<td>{bounds}<td class=\"l\">{}</tr>",
            meaning(&figure.name)
        );
    }
    html.push_str("</table></div>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn what_looks_like_html_is_shown_as_it_is_written() {
        assert_eq!(safe("<b onclick='x'>&\"\n"), "&lt;b onclick=&apos;x&apos;&gt;&amp;&quot;\\n");
    }
}
