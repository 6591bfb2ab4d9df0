use serde_json::Value;

use super::*;

/// A figure of the program equals the oracle's to 1e-9; `None` is null.
#[track_caller]
fn same(case: &str, name: &str, ours: Option<f64>, oracle: &Value) {
    let close = match (ours, oracle.as_f64()) {
        (Some(ours), Some(oracle)) => (ours - oracle).abs() <= 1e-9,
        (None, None) => oracle.is_null(),
        _ => false,
    };
    assert!(close, "{case}: {name} is {ours:?}, and should be {oracle}");
}

fn oracle() -> Value {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/metrics/cases.json");
    serde_json::from_slice(&std::fs::read(file).expect("tests/data/metrics/make.py wrote it")).expect("JSON")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// The rows of a case with the names of its classes; `turned`: from the last to the first.
fn sample(case: &Value, turned: bool) -> (Sample, Vec<String>) {
    let mut labels = Labels::default();
    let mut order: Vec<usize> = (0..list(&case["truth"]).len()).collect();
    if turned {
        order.reverse();
    }
    let name = |value: &Value| value.as_str().expect("a name").to_string();
    for &i in &order {
        labels.number(&name(&case["truth"][i]));
        list(&case["predictions"][i]).iter().filter(|p| !p.is_null()).for_each(|p| {
            labels.number(&name(p));
        });
    }
    let (names, places) = labels.sorted();
    let number = |value: &Value| match value {
        Value::Null => NO_CLASS,
        value => places[labels.get(&name(value)).expect("numbered above") as usize],
    };
    let rows = order.iter().map(|&i| {
        let truth = number(&case["truth"][i]);
        let predictions: Vec<u32> = list(&case["predictions"][i]).iter().map(number).collect();
        let rank = predictions.iter().position(|&p| p == truth).map_or(0, |at| at as u8 + 1);
        let score = case["score"].get(i).map_or(0.0, |score| score.as_f64().expect("a number"));
        let rejected = case["rejected"][i].as_bool().expect("true or false");
        Row::new(truth, predictions[0], score, rank, !rejected)
    });
    let rows = rows.collect();
    (Sample::new(rows, names.len(), !case["score"].is_null()), names.into_iter().map(str::to_string).collect())
}

#[test]
fn every_figure_is_that_of_the_oracle_in_any_order_of_the_rows() {
    for case in list(&oracle()["cases"]) {
        for turned in [false, true] {
            let (sample, names) = sample(case, turned);
            let name = case["name"].as_str().expect("a name");
            let expected = &case["expected"];
            let same = |figure: &str, ours| same(name, figure, ours, &expected[figure]);
            let headline = sample.headline().expect("rows");
            same("top1", Some(headline.top1));
            same("top5", Some(headline.top5));
            same("macro_f1", Some(headline.macro_f1));
            same("ece", headline.ece);
            same("aurc", headline.aurc);
            same("eaurc", sample.excess_aurc());
            same("brier", sample.brier());
            same("kappa", sample.kappa());
            same("mcc", sample.matthews());
            same("coverage", sample.coverage());
            same("accepted_accuracy", sample.accepted_accuracy());
            let classes = sample.classes();
            same("balanced_accuracy", balanced_accuracy(&classes));
            for (kind, average) in [("macro", macro_average(&classes)), ("weighted", weighted_average(&classes))] {
                let average = average.expect("classes");
                same(&format!("{kind}_precision"), Some(average.precision));
                same(&format!("{kind}_recall"), Some(average.recall));
                same(&format!("{kind}_f1"), Some(average.f1));
            }
            assert_eq!(classes.len(), list(&expected["classes"]).len(), "{name}");
            for (at, class) in classes.iter().enumerate() {
                let expected_class = &expected["classes"][at];
                assert_eq!(names[class.class as usize], expected_class[0].as_str().expect("a name"), "{name}");
                let ours = [class.precision(), class.recall(), class.f1(), class.support as f64];
                for (column, ours) in (1..).zip(ours) {
                    super::tests::same(name, "of a class", Some(ours), &expected_class[column]);
                }
                assert_eq!(expected["predicted"][at], class.predicted, "{name}");
            }
            let confusion = sample.confusion();
            assert_eq!(confusion.len(), list(&expected["confusion"]).len(), "{name}");
            for entry in list(&expected["confusion"]) {
                let place = |label: &Value| match label.as_str() {
                    Some(label) => names.iter().position(|n| n == label).expect("a class") as u32,
                    None => NO_CLASS,
                };
                assert_eq!(entry[2], confusion[&(place(&entry[0]), place(&entry[1]))], "{name}");
            }
            match sample.reliability() {
                None => assert!(expected["bins"].is_null(), "{name}"),
                Some(bins) => {
                    for (bin, expected) in bins.iter().zip(list(&expected["bins"])) {
                        assert_eq!(expected[0], bin.rows, "{name}");
                        super::tests::same(name, "mean score", bin.mean_score(), &expected[1]);
                        super::tests::same(name, "bin's accuracy", bin.accuracy(), &expected[2]);
                    }
                }
            }
            let curve: Vec<RiskPoint> = sample.risk_coverage().collect();
            assert_eq!(curve.is_empty(), headline.ece.is_none(), "{name}");
            if let Some(end) = curve.last() {
                assert!(end.coverage == 1.0 && (end.risk + headline.top1 - 1.0).abs() < 1e-9, "{name}");
            }
        }
    }
}

#[test]
fn intervals_are_those_of_the_oracle_on_any_number_of_threads() {
    for case in list(&oracle()["cases"]) {
        let expected = &case["expected"]["intervals"];
        for threads in [1, 3] {
            let (sample, _) = sample(case, threads == 3);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let number = |name: &str| case[name].as_u64().expect("a number");
            let resamples = u32::try_from(number("resamples")).expect("few");
            let Some(ours) = sample.bootstrap(resamples, number("seed"), &pool) else {
                assert!(expected.is_null());
                continue;
            };
            let figures = [
                ("top1", Some(ours.top1)),
                ("top5", Some(ours.top5)),
                ("macro_f1", Some(ours.macro_f1)),
                ("ece", ours.ece),
                ("aurc", ours.aurc),
            ];
            for (name, interval) in figures {
                let case = case["name"].as_str().expect("a name");
                same(case, name, interval.map(|i| i.low), &expected[name][0]);
                same(case, name, interval.map(|i| i.high), &expected[name][1]);
            }
        }
    }
}

#[test]
fn mcnemars_test_is_that_of_scipy() {
    for row in list(&oracle()["mcnemar"]) {
        let count = |at: usize| row[at].as_u64().expect("a count");
        let test = McNemar::new(count(0), count(1));
        same("mcnemar", &format!("exact p of {row}"), Some(test.exact_p), &row[2]);
        same("mcnemar", "chi-square", Some(test.chi_square), &row[3]);
        same("mcnemar", "p of chi-square", Some(test.chi_square_p), &row[4]);
        let oracle = row[2].as_f64().expect("a number");
        assert!((test.exact_p / oracle - 1.0).abs() < 1e-9, "{row}: {}", test.exact_p);
    }
}

#[test]
fn no_rows_have_no_figures() {
    let sample = Sample::new(Vec::new(), 0, true);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    assert!(sample.headline().is_none() && sample.excess_aurc().is_none() && sample.brier().is_none());
    assert!(sample.kappa().is_none() && sample.matthews().is_none() && sample.coverage().is_none());
    assert!(sample.accepted_accuracy().is_none() && sample.bootstrap(10, 0, &pool).is_none());
    assert!(macro_average(&[]).is_none() && weighted_average(&[]).is_none() && balanced_accuracy(&[]).is_none());
    assert_eq!(sample.risk_coverage().count(), 0);
    assert_eq!(paired_difference(&McNemar::new(0, 0), 0, 10, 0, &pool), None);
}

#[test]
fn the_paired_difference_lies_in_its_interval() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads");
    let interval = paired_difference(&McNemar::new(60, 30), 1000, 1000, 0, &pool).expect("rows");
    // Its standard error is √(0.09 − 0.03²)/√1000 = 0.0094.
    assert!((interval.low - (0.03 - 1.96 * 0.0094)).abs() < 0.002, "{interval:?}");
    assert!((interval.high - (0.03 + 1.96 * 0.0094)).abs() < 0.002, "{interval:?}");
}

#[test]
fn a_row_is_twenty_bytes() {
    assert_eq!(size_of::<Row>(), 20);
}
