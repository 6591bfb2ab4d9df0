"""Writes cases.json: predictions, random and degenerate, with the figures that scikit-learn gives for them.

What scikit-learn does not have (calibration error, risk-coverage area, bootstrap intervals, McNemar's test) is computed
here from its definition, the area under tied scores by trying every order where there are few rows. Needs NumPy, SciPy
and scikit-learn. Seeded: the same versions write the same file.
"""

import itertools
import json
import math
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn import metrics

BINS = 15
MASK = (1 << 64) - 1
NOTHING = "\0nothing"  # stands in for a prediction that is null, and is no class


def mix(x):
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
    return x ^ (x >> 31)


def draws(seed, number, n):
    """The rows of one resample: SplitMix64, a stream for each number."""
    state = mix(mix(seed) ^ number)
    for _ in range(n):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        yield (mix(state) * n) >> 64


def ece(right, score):
    edges = np.arange(1, BINS) / BINS
    bins = np.searchsorted(edges, score, side="left")
    table = []
    for b in range(BINS):
        inside = bins == b
        mean = float(score[inside].mean()) if inside.any() else None
        accuracy = float(right[inside].mean()) if inside.any() else None
        table.append([int(inside.sum()), mean, accuracy])
    return sum(n * abs(a - m) for n, m, a in table if n) / len(right), table


def aurc_of_order(wrong):
    return sum(Fraction(int(sum(wrong[: k + 1])), k + 1) for k in range(len(wrong))) / len(wrong)


def aurc(right, score):
    """The area, expected over the orders of rows that are tied."""
    wrong = [int(not r) for r in right]
    n = len(wrong)
    if n <= 6:
        orders = [o for o in itertools.permutations(range(n)) if all(score[a] >= score[b] for a, b in zip(o, o[1:]))]
        return float(sum(aurc_of_order([wrong[i] for i in o]) for o in orders) / len(orders))
    total, errors, before = 0.0, 0, 0
    for value in sorted(set(score.tolist()), reverse=True):
        tied = [w for w, s in zip(wrong, score) if s == value]
        for j in range(1, len(tied) + 1):
            total += (errors + sum(tied) * j / len(tied)) / (before + j)
        errors, before = errors + sum(tied), before + len(tied)
    return total / n


def headline(truth, first, rank, score):
    present = sorted({c for c in [*truth, *first] if c != NOTHING}, key=str.encode)
    right = np.array([t == p for t, p in zip(truth, first)])
    return {
        "top1": float(metrics.accuracy_score(truth, first)),
        "top5": float(np.mean([1 <= r <= 5 for r in rank])),
        "macro_f1": float(metrics.f1_score(truth, first, labels=present, average="macro", zero_division=0)),
        "ece": None if score is None else float(ece(right, score)[0]),
        "aurc": None if score is None else aurc(right, score),
    }


def figures(case):
    truth = case["truth"]
    answers = [[c for c in row if c is not None] for row in case["predictions"]]
    first = [row[0] if row else NOTHING for row in answers]
    rank = [row.index(t) + 1 if t in row else 0 for t, row in zip(truth, answers)]
    score = None if case["score"] is None else np.array(case["score"], dtype=np.float64)
    accepted = ~np.array(case["rejected"])
    right = np.array([t == p for t, p in zip(truth, first)])
    present = sorted({c for c in [*truth, *first] if c != NOTHING}, key=str.encode)
    each = metrics.precision_recall_fscore_support(truth, first, labels=present, zero_division=0)
    averages = {}
    for kind in ["macro", "weighted"]:
        values = metrics.precision_recall_fscore_support(truth, first, labels=present, average=kind, zero_division=0)
        averages |= {f"{kind}_{name}": float(v) for name, v in zip(["precision", "recall", "f1"], values)}
    kappa = float(metrics.cohen_kappa_score(truth, first))
    confusion = {}
    for pair in zip(truth, first):
        confusion[pair] = confusion.get(pair, 0) + 1
    errors = int((~right).sum())
    best = np.array([True] * (len(right) - errors) + [False] * errors)
    out = headline(truth, first, rank, score) | averages
    out |= {
        "classes": [[c, *map(float, v)] for c, *v in zip(present, *each)],
        "predicted": [first.count(c) for c in present],
        "balanced_accuracy": float(metrics.balanced_accuracy_score(truth, first)),
        "kappa": None if math.isnan(kappa) else kappa,
        "mcc": float(metrics.matthews_corrcoef(truth, first)),
        "confusion": [[t, None if p == NOTHING else p, n] for (t, p), n in sorted(confusion.items())],
        "coverage": float(accepted.mean()),
        "accepted_accuracy": float(right[accepted].mean()) if accepted.any() else None,
        "brier": None if score is None else float(np.mean((score - right) ** 2)),
        "bins": None if score is None else ece(right, score)[1],
        "eaurc": None if score is None else out["aurc"] - aurc(best, -np.arange(len(best), dtype=np.float64)),
        "intervals": None,
    }
    if case["resamples"]:
        # The order of the rows that the program draws from: scores down, then truth, prediction, rank, acceptance.
        number = lambda c: 2**32 - 1 if c == NOTHING else present_of(case).index(c)
        key = lambda i: (-(score[i] if score is not None else 0), number(truth[i]), number(first[i]), rank[i], accepted[i])
        order = sorted(range(len(truth)), key=key)
        samples = []
        for b in range(case["resamples"]):
            rows = [order[i] for i in draws(case["seed"], b, len(order))]
            pick = lambda values: [values[i] for i in rows]
            samples.append(headline(pick(truth), pick(first), pick(rank), None if score is None else score[rows]))
        bounds = lambda name: [float(np.percentile([s[name] for s in samples], q)) for q in (2.5, 97.5)]
        names = ["top1", "top5", "macro_f1"] + (["ece", "aurc"] if score is not None else [])
        out["intervals"] = {name: bounds(name) for name in names}
    return out


def present_of(case):
    """All names of a case, as the program numbers them."""
    names = set(case["truth"]) | {c for row in case["predictions"] for c in row if c is not None}
    return sorted(names, key=str.encode)


def case(name, truth, predictions, score=None, rejected=None, resamples=0, seed=0):
    rejected = rejected if rejected is not None else [False] * len(truth)
    made = dict(name=name, truth=truth, predictions=predictions, score=score, rejected=rejected)
    made |= dict(resamples=resamples, seed=seed)
    return made | {"expected": figures(made)}


def random_case(name, random, rows, truths, answers, k, skill, digits=None, **more):
    truth = [str(c) for c in random.choice(truths, rows)]
    predictions = []
    for t in truth:
        row = [str(c) for c in random.choice(answers, min(k, len(answers)), replace=False)]
        if random.random() < skill and t in answers:
            row = [t] + [c for c in row if c != t][: k - 1]
        predictions.append(row)
    score = random.random(rows)
    score = np.round(score, digits) if digits is not None else score.astype(np.float32).astype(np.float64)
    rejected = [bool(s < 0.25) for s in score]
    return case(name, truth, predictions, [float(s) for s in score], rejected, **more)


def main():
    random = np.random.default_rng(20)
    names = [f"c{n:02}" for n in range(12)]
    many = [f"{n:04}" for n in range(1025)]
    strange = ["Ho-Oh", "Type: Null", "Flabébé", "Nidoran♀", "Nidoran♂", "a\tb", "<i>&", "ß", "Z", "z", "\U0001f409"]
    cases = [
        random_case("random", random, 150, names, names, 5, 0.6, resamples=40, seed=7),
        random_case("scores of one digit, many ties", random, 80, names[:5], names[:5], 5, 0.5, 1, resamples=30, seed=1),
        random_case("classes only in the truth or only predicted", random, 60, names[:6], names[4:9], 3, 0.4),
        random_case("many classes, few rows", random, 60, many, many, 5, 0.5, resamples=20, seed=3),
        random_case("names in the order of their bytes", random, 60, strange, strange, 2, 0.7),
        random_case("fewer predictions than five", random, 40, names, names, 1, 0.5),
        random_case("three rows", random, 3, names[:2], names[:2], 2, 0.5, 1, resamples=50),
        random_case("five rows with ties", random, 5, names[:3], names[:3], 2, 0.5, 0),
        case("one row, right", ["a"], [["a", "b"]], [0.75], resamples=5),
        case("one row, wrong", ["a"], [["b", "a"]], [0.75], resamples=5),
        case("one row, no prediction", ["a"], [[None]], [0.0]),
        case("one class, all right", ["a"] * 5, [["a"]] * 5, [0.2, 0.4, 0.4, 0.8, 1.0]),
        case("one class, some wrong", ["a"] * 5, [["a"], ["b"], ["a"], ["c"], ["a"]], [0.2, 0.4, 0.4, 0.8, 1.0]),
        case("one prediction for all", ["a", "b", "a", "c"], [["a"]] * 4, [0.5, 0.4, 0.3, 0.2]),
        case("all wrong", ["a", "b", "c"] * 4, [["b"], ["c"], ["a"]] * 4, [n / 12 for n in range(12)], resamples=10),
        case("all right and sure", ["a", "b", "c"] * 4, [["a"], ["b"], ["c"]] * 4, [1.0] * 12, resamples=10),
        case("all scores tied", ["a", "b", "c"] * 4, [["a"], ["c"], ["c"]] * 4, [0.5] * 12, resamples=10),
        case("perfect order", ["a"] * 6, [["a"]] * 4 + [["b"]] * 2, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]),
        case("worst order", ["a"] * 6, [["a"]] * 4 + [["b"]] * 2, [0.3, 0.2, 0.1, 0.0, 0.5, 0.4]),
        case("edges of the bins", ["a"] * 16, [["a"], ["b"]] * 8, [n / 15 for n in range(16)]),
        case("no scores", ["a", "b", "b"], [["a"], ["a"], ["b"]], resamples=10, seed=5),
        case("no predictions among others", ["a", "b", "b", "c"], [["a"], [None], ["b"], [None]], [0.9, 0.0, 0.8, 0.0]),
        case("all rejected", ["a", "b"], [["a"], ["a"]], [0.1, 0.2], [True, True]),
        case("the truth twice in a row", ["a", "b"], [["c", "a", "a"], ["b", "b", "a"]], [0.1, 0.2]),
    ]
    counts = [(0, 0), (1, 0), (0, 5), (3, 3), (10, 2), (40, 41), (100, 160), (1000, 900), (60000, 60700), (5, 900)]
    tests = []
    for b, c in counts:
        n, statistic = b + c, max(abs(b - c) - 1, 0) ** 2 / max(b + c, 1)
        exact = float(stats.binomtest(min(b, c), n).pvalue) if n else 1.0
        tests.append([b, c, exact, statistic, float(stats.chi2.sf(statistic, 1))])
    out = Path(__file__).with_name("cases.json")
    lines = [json.dumps(c, ensure_ascii=False, separators=(",", ":")) for c in cases]
    text = '{"cases":[\n' + ",\n".join(lines) + '\n],"mcnemar":' + json.dumps(tests) + "}\n"
    out.write_text(text, encoding="utf-8")
    print(f"{out}: {len(cases)} cases, {len(text.encode())} bytes")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
