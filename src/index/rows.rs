//! The rows of an index for who shows them: how many there are, what columns they have, and these.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use arrow_schema::{Schema, SchemaRef};
use rayon::prelude::*;

use super::Error;
use super::exact::Index;
use super::search::{Facts, Hit};
use crate::filter::Filter;
use crate::table::column;

impl Index {
    /// The columns of its rows, in their order; of a table without keys these come first.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn schema(&self) -> Result<SchemaRef, Error> {
        let schema = self.table_schema()?;
        match schema.index_of(column::KEY) {
            Ok(_) => Ok(schema),
            Err(_) => Ok(self.read(&|_| true)?.with_keys().schema),
        }
    }

    /// How many rows there are; a table that does not say is read.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn count(&self) -> Result<u64, Error> {
        match self.rows()? {
            Some(rows) => Ok(rows),
            None => {
                self.read(&|name| name == column::KEY)?.try_fold(0, |sum, batch| Ok(sum + batch?.num_rows() as u64))
            }
        }
    }

    /// Whether single rows can be read without all before them.
    pub fn is_packed(&self) -> bool {
        self.packed().is_some()
    }

    /// What there is to say of the rows of these numbers, in their order.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn hits(&self, rows: &[u64]) -> Result<Vec<Hit>, Error> {
        let schema = self.table_schema()?;
        let has = |name: &&str| schema.index_of(name).is_ok();
        let batch = match has(&column::KEY) {
            true => {
                let names: Vec<String> =
                    Facts::COLUMNS.iter().filter(|name| has(name)).map(|name| (*name).into()).collect();
                self.cells(&names, rows)?
            }
            false => {
                let names: Vec<&str> =
                    Facts::COLUMNS.into_iter().filter(|name| *name == column::KEY || has(name)).collect();
                let all = self.columns_of_all(&names)?;
                let wanted: arrow_array::UInt64Array = rows.iter().copied().collect();
                arrow_select::take::take_record_batch(&all, &wanted).map_err(|e| self.damaged(&e.to_string()))?
            }
        };
        let facts = Facts::of(&batch)?;
        Ok(rows.iter().enumerate().map(|(i, &row)| Hit { row, ..facts.hit(i) }).collect())
    }

    /// These columns of all rows, in order.
    ///
    /// # Errors
    /// There is no such column, or the table cannot be read.
    pub fn columns_of_all(&self, names: &[&str]) -> Result<RecordBatch, Error> {
        let all = self.schema()?;
        let places = names
            .iter()
            .map(|name| all.index_of(name).map_err(|_| Error::from(column::missing(&all, name, self.name()))));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        let schema = Arc::new(Schema::new(places.iter().map(|&at| all.field(at).clone()).collect::<Vec<_>>()));
        let batches: Vec<RecordBatch> = match self.packed() {
            Some(packed) if names.iter().all(|name| packed.columns().index_of(name).is_ok()) => {
                packed.batches(|name| names.contains(&name)).collect::<Result<_, _>>()?
            }
            _ => {
                let table = self.read(&|name| names.contains(&name) || name == column::PATH)?;
                let table =
                    if names.contains(&column::KEY) && !table.has(column::KEY) { table.with_keys() } else { table };
                table.map(|batch| Ok(batch?)).collect::<Result<_, Error>>()?
            }
        };
        let conform = |batch: RecordBatch| {
            let columns = schema.fields().iter().map(|field| {
                let column = batch.column_by_name(field.name()).ok_or_else(|| self.damaged("a column is gone"))?;
                arrow_cast::cast(column, field.data_type()).map_err(|e| self.damaged(&e.to_string()))
            });
            let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let columns = columns.collect::<Result<Vec<_>, Error>>()?;
            RecordBatch::try_new_with_options(schema.clone(), columns, &options)
                .map_err(|e| self.damaged(&e.to_string()))
        };
        let batches = batches.into_iter().map(conform).collect::<Result<Vec<_>, Error>>()?;
        arrow_select::concat::concat_batches(&schema, &batches).map_err(|e| self.damaged(&e.to_string()))
    }

    /// For every row whether a condition holds for it.
    ///
    /// # Errors
    /// It does not suit the table, or the table cannot be read.
    pub fn passing(&self, filter: &Filter) -> Result<BooleanBuffer, Error> {
        if let Some(beside) = self.beside() {
            return beside.passing(filter);
        }
        let bound = self.bind(filter)?;
        let mut passing = BooleanBufferBuilder::new(0);
        let table = self.read(&|name: &str| [column::KEY, column::PATH].contains(&name) || filter.needs(name))?;
        let table = if table.has(column::KEY) { table } else { table.with_keys() };
        for batch in table {
            passing.append_buffer(&bound.evaluate(&batch?)?);
        }
        Ok(passing.finish())
    }
}
