//! What clusters are called: a word of a column that marks one off from the others, or a noun that the text tower of the
//! vectors' model finds near to it and far from the others.

use std::collections::HashMap;

use super::rows::Words;
use crate::matrix::fast_dot;
use crate::model::{Device, Model, Use, normalise};

/// Columns whose words may name a cluster, the first that does.
pub(super) const COLUMNS: [&str; 4] = ["label", "species", "class", "type1"];

/// The share of a cluster's rows that a word has which names it, and how many times as large it is as among all rows.
const SHARE: f64 = 0.5;
const LIFT: f64 = 1.5;

/// Things that pictures show.
const NOUNS: &str = include_str!("nouns.txt");
/// How much nearer a noun is to a cluster it names than to the mean of the others, at least.
const NEARER: f32 = 0.04;

/// For each of `count` clusters the word of a column that at least half of its rows have, and few others.
pub(super) fn of_columns(of_row: &[Option<u32>], count: usize, columns: &[&Words]) -> Vec<Option<String>> {
    let mut names = vec![None; count];
    for words in columns {
        let mut all = vec![0u64; words.values.len()];
        let mut own: Vec<HashMap<u32, u64>> = vec![HashMap::new(); count];
        let mut sizes = vec![0u64; count];
        for (cluster, word) in of_row.iter().zip(&words.of_row) {
            if let Some(word) = word {
                all[*word as usize] += 1;
            }
            let Some(cluster) = cluster else { continue };
            sizes[*cluster as usize] += 1;
            if let Some(word) = word {
                *own[*cluster as usize].entry(*word).or_default() += 1;
            }
        }
        let rows = words.of_row.len() as f64;
        for ((name, own), size) in names.iter_mut().zip(&own).zip(&sizes).filter(|((name, _), _)| name.is_none()) {
            let most = own.iter().max_by_key(|(word, rows)| (**rows, std::cmp::Reverse(**word)));
            let Some((word, with)) = most else { continue };
            let share = *with as f64 / *size as f64;
            if share >= SHARE && share >= LIFT * all[*word as usize] as f64 / rows {
                *name = Some(words.values[*word].to_string());
            }
        }
    }
    names
}

/// For each cluster, by the mean of its vectors, the noun that tells it best from the others; `None` for all where the model is
/// not here or reads no words.
pub(super) fn of_model(means: &[Vec<f32>], id: Option<&str>) -> Vec<Option<String>> {
    let nothing = vec![None; means.len()];
    let Some(model) = id.and_then(Model::of).filter(|model| model.has_text()) else { return nothing };
    let Ok(tower) = model.text_tower(Use::Once, Device::Cpu) else { return nothing };
    let nouns: Vec<(&str, Vec<f32>)> = NOUNS
        .lines()
        .filter_map(|noun| Some((noun, tower.embed(noun).ok()?)))
        .filter(|(_, vector)| means.iter().all(|mean| mean.len() == vector.len()))
        .collect();
    let mut means = means.to_vec();
    means.iter_mut().for_each(|mean| {
        normalise(mean);
    });
    let score = |noun: &[f32]| -> Vec<f32> { means.iter().map(|mean| fast_dot(noun, mean)).collect() };
    let scores: Vec<Vec<f32>> = nouns.iter().map(|(_, noun)| score(noun)).collect();
    let others = |scores: &[f32]| scores.iter().sum::<f32>() / scores.len() as f32;
    let nearer: Vec<Vec<f32>> =
        scores.iter().map(|scores| scores.iter().map(|score| score - others(scores)).collect()).collect();
    let best = |cluster: usize| {
        let by = |a: &usize, b: &usize| nearer[*a][cluster].total_cmp(&nearer[*b][cluster]).then(b.cmp(a));
        let noun = (0..nouns.len()).max_by(by)?;
        (nearer[noun][cluster] >= NEARER).then(|| nouns[noun].0.to_string())
    };
    (0..means.len()).map(best).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Survey;

    #[test]
    fn a_word_that_most_rows_of_a_cluster_have_names_it() {
        use std::sync::Arc;

        use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray};
        let words = ["cat", "cat", "dog", "dog", "dog", "cat"];
        let vectors = FixedSizeListArray::new(
            Arc::new(crate::table::column::field("item", arrow_schema::DataType::Float32)),
            1,
            Arc::new(Float32Array::from(vec![1.0; 6])),
            None,
        );
        let batch = RecordBatch::try_from_iter([
            ("key", Arc::new(StringArray::from(vec!["a", "b", "c", "d", "e", "f"])) as ArrayRef),
            ("embedding", Arc::new(vectors)),
            ("label", Arc::new(StringArray::from(words.to_vec()))),
        ])
        .expect("a batch");
        let mut rows = super::super::rows::Rows::new("t", "embedding", &["label".into()]);
        rows.look(&batch).expect("sound rows");
        let clusters = [Some(0), Some(0), Some(1), Some(1), None, Some(1)];
        let names = of_columns(&clusters, 3, &[&rows.words[0]]);
        assert_eq!(names, [Some("cat".into()), None, None]);
    }

    #[test]
    fn the_built_in_model_names_clusters_by_nouns() {
        let id = Model::builtin().id().to_string();
        let tower = Model::builtin().text_tower(Use::Once, Device::Cpu).expect("the built-in tower");
        let means: Vec<Vec<f32>> = ["a picture of a snake", "a small bird", "flowers"]
            .iter()
            .map(|text| tower.embed(text).expect("embedded"))
            .collect();
        let names: Vec<String> = of_model(&means, Some(&id)).into_iter().flatten().collect();
        assert_eq!(names[..2], ["snake", "bird"], "{names:?}");
        assert_eq!(of_model(&means, Some("nobody@0123")), [None, None, None]);
        assert!(NOUNS.lines().is_sorted() && NOUNS.lines().all(crate::model::is_english));
    }
}
