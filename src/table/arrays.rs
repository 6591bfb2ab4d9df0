//! Vectors as arrays of `ndarray`, for programs that compute with them.

use std::sync::Arc;

use arrow_array::{FixedSizeListArray, Float32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Schema};
use ndarray::ArrayView2;

use super::column::{self, Spans, Vectors};
use super::{Error, Table};

impl Vectors {
    /// All of them as one array, rows × dimension, where they lie side by side and no row lacks one; nothing is copied.
    ///
    /// ```
    /// use pokedex::Table;
    /// use pokedex::table::column;
    ///
    /// let table = Table::open("pokedex:".as_ref())?;
    /// let batch = table.into_iter().next().expect("1025 rows")?;
    /// let vectors = column::vectors(&batch, column::EMBEDDING, "pokedex:")?;
    /// let all = vectors.view().expect("every species has a vector");
    /// let likeness = all.dot(&all.row(24)); // Pikachu
    /// assert!((likeness[24] - 1.0).abs() < 1e-3 && likeness[25] > likeness[5]);
    /// # Ok::<(), pokedex::table::Error>(())
    /// ```
    pub fn view(&self) -> Option<ArrayView2<'_, f32>> {
        let (rows, first) = match self.spans() {
            Spans::Fixed(list) => {
                let whole = arrow_array::Array::null_count(list) == 0;
                whole.then(|| (arrow_array::Array::len(list), list.value_offset_at(0)))?
            }
            Spans::Offsets(spans) => {
                let first = spans.first().copied().flatten().map_or(0, |(start, _)| start);
                let mut expected = (first..).step_by(self.dimension.max(1));
                let whole = spans.iter().all(|span| span.map(|(start, _)| start) == expected.next());
                whole.then_some((spans.len(), first))?
            }
        };
        let numbers = self.numbers().get(first..first + rows * self.dimension)?;
        ArrayView2::from_shape((rows, self.dimension), numbers).ok()
    }
}

impl Table {
    /// A table of vectors that somebody computed, a key for each row; of no known model.
    ///
    /// ```
    /// use ndarray::array;
    /// use pokedex::indexing::{self, Options};
    /// use pokedex::progress::Silent;
    /// use pokedex::query::{self, Limits, Question, Session};
    /// use pokedex::{Table, Work};
    ///
    /// let rows = array![[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]];
    /// let table = Table::of_vectors("mine", ["east", "between", "north"], rows.view())?;
    /// let options = Options { model: Some("unknown".into()), ..Options::default() };
    /// let index = indexing::temporary(table, &options, &Work::default(), &mut Silent)?;
    /// let session = Session::over(index, &query::Options { model: Some("unknown".into()), ..Default::default() });
    /// let question = Question::of_vector("up", array![0.1, 0.9].view());
    /// let found = session.ask(&question, &Limits { top: 2, ..Limits::default() }, &Silent)?;
    /// assert_eq!([&*found.hits[0].key, &*found.hits[1].key], ["north", "between"]);
    /// # Ok::<(), pokedex::Failure>(())
    /// ```
    ///
    /// # Errors
    /// There are not as many keys as rows.
    pub fn of_vectors<K: AsRef<str>>(
        name: &str,
        keys: impl IntoIterator<Item = K>,
        vectors: ArrayView2<f32>,
    ) -> Result<Table, Error> {
        let keys = StringArray::from_iter_values(keys);
        let DataType::FixedSizeList(item, size) = column::vector_type(vectors.ncols()) else {
            unreachable!("it is a list")
        };
        let numbers = Float32Array::from_iter_values(vectors.iter().copied());
        let fields = vec![column::key_field(), column::vector_field(column::EMBEDDING, vectors.ncols())];
        let schema = Arc::new(Schema::new(fields));
        let failed = |source| Error::Arrow { name: name.into(), source };
        let lists = FixedSizeListArray::try_new(item, size, Arc::new(numbers), None);
        let columns: Vec<arrow_array::ArrayRef> = vec![Arc::new(keys), Arc::new(lists.map_err(failed)?)];
        let batch = RecordBatch::try_new(schema.clone(), columns).map_err(failed)?;
        Ok(Table::new(name, schema, Some(batch.num_rows() as u64), Box::new(std::iter::once(Ok(batch)))))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::builder::{Float32Builder, ListBuilder};
    use arrow_array::{Array, ArrayRef};
    use ndarray::{Array2, array};

    use super::*;

    fn vectors(column: ArrayRef) -> Vectors {
        let field = column::field("v", column.data_type().clone());
        let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![column]).expect("one column");
        column::vectors(&batch, "v", "test").expect("vectors")
    }

    #[test]
    fn arrays_go_in_and_come_out() {
        let rows = Array2::from_shape_fn((5, 3), |(row, at)| (row * 3 + at) as f32);
        for view in [rows.view(), rows.slice(ndarray::s![1..;2, ..])] {
            let keys = (0..view.nrows()).map(|row| row.to_string());
            let batch = Table::of_vectors("test", keys, view).expect("as many keys as rows").next().expect("a batch");
            let batch = batch.expect("sound");
            let column = batch.column_by_name(column::EMBEDDING).expect("it has it").clone();
            assert_eq!(vectors(column.clone()).view(), Some(view));
            // A part of a column is a part of the array.
            assert_eq!(vectors(column.slice(1, 1)).view(), Some(view.slice(ndarray::s![1..2, ..])));
        }
        assert!(Table::of_vectors("test", ["one"], rows.view()).is_err());
    }

    #[test]
    fn rows_without_a_vector_are_no_array() {
        let mut lists = ListBuilder::new(Float32Builder::new());
        lists.append_value([Some(1.0), Some(2.0)]);
        lists.append_value([Some(3.0), Some(4.0)]);
        assert_eq!(vectors(Arc::new(lists.finish_cloned())).view(), Some(array![[1.0, 2.0], [3.0, 4.0]].view()));
        lists.append_null();
        assert_eq!(vectors(Arc::new(lists.finish())).view(), None);
        assert_eq!(vectors(Arc::new(arrow_array::NullArray::new(2))).view(), None);
    }
}
