//! A table read twice: the first time to look at all of it, the second to write it.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Schema, SchemaRef};

use super::{Error, Table};

impl Table {
    /// Streams the table to an unlinked temporary file, showing every batch to `look` on the way, and gives it back
    /// to be read from there. Memory stays bounded.
    ///
    /// # Errors
    /// The table cannot be read, `look` fails, or there is no room in `TMPDIR`.
    pub fn spool<E: From<Error>>(self, look: impl FnMut(&RecordBatch) -> Result<(), E>) -> Result<Table, E> {
        let (name, rows, provenance) = (self.name.clone(), self.rows, self.provenance.clone());
        let file = self.spool_file(look)?;
        let mut table = Table::spooled(&name, BufReader::with_capacity(1 << 16, file))?;
        (table.rows, table.provenance) = (rows, provenance);
        Ok(table)
    }

    /// Streams the table to an unlinked temporary file, with its footer, showing every batch to `look` on the way.
    ///
    /// # Errors
    /// As [`Table::spool`].
    pub(super) fn spool_file<E: From<Error>>(
        self,
        mut look: impl FnMut(&RecordBatch) -> Result<(), E>,
    ) -> Result<File, E> {
        let full = |source| Error::Io(crate::io::Error::temporary(source));
        let broken = |source: ArrowError| match source {
            ArrowError::IoError(_, source) => full(source),
            source => Error::Arrow { name: "temporary file".into(), source },
        };
        let footer: arrow_schema::Metadata =
            self.provenance.0.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let schema = Schema::new_with_metadata(self.schema.fields().clone(), footer);
        let file = tempfile::tempfile().map_err(full)?;
        let mut writer = StreamWriter::try_new(BufWriter::with_capacity(1 << 16, file), &schema).map_err(broken)?;
        for batch in self {
            let batch = batch?;
            look(&batch)?;
            writer.write(&batch).map_err(broken)?;
        }
        writer.finish().map_err(broken)?;
        let mut buffer = writer.into_inner().map_err(broken)?;
        buffer.flush().map_err(full)?;
        let mut file: File = buffer.into_inner().map_err(|e| full(e.into_error()))?;
        file.rewind().map_err(full)?;
        Ok(file)
    }

    /// Reads back the Arrow stream that this program wrote to a temporary file.
    ///
    /// # Errors
    /// It is none.
    pub fn spooled(name: &str, file: impl Read + Send + 'static) -> Result<Table, Error> {
        let name = name.to_string();
        let fail = {
            let name = name.clone();
            move |source| Error::Arrow { name: name.clone(), source }
        };
        let reader = StreamReader::try_new(file, None).map_err(&fail)?;
        let schema: SchemaRef = Arc::new(Schema::new(reader.schema().fields().clone()));
        let bare = schema.clone();
        let batches = reader.map(move |batch| {
            batch.and_then(|batch| RecordBatch::try_new(bare.clone(), batch.columns().to_vec())).map_err(&fail)
        });
        Ok(Table::new(name, schema, None, Box::new(batches)))
    }
}
