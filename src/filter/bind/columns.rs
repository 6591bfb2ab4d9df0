//! From names to columns, and to the fields of structs in them.

use arrow_schema::{DataType, Fields};

use super::types::{Class, class, kind_of};
use super::{Binder, Typed};
use crate::filter::evaluate::Plan;
use crate::filter::parse::Name;
use crate::filter::{Error, SYNONYMS, Span, character, nearest};

const UTC: &str = "+00:00";

impl Binder<'_> {
    pub(super) fn column(&self, name: &Name, span: &Span) -> Result<Typed, Error> {
        let whole = name.to_string();
        let (mut field, mut rest) = match self.find(self.schema.fields(), &whole, span)? {
            Some(field) => (field, [].as_slice()),
            None => match (self.find(self.schema.fields(), &name.parts[0], span)?, self.synonym(&whole)) {
                (Some(field), _) => (field, &name.parts[1..]),
                (None, Some(field)) => (field, [].as_slice()),
                (None, None) => return Err(self.no_column(&whole, "", self.schema.fields(), span)),
            },
        };
        let (column, mut fields, mut path) = (field.0, Vec::new(), field.0.to_string());
        while let [part, others @ ..] = rest {
            let DataType::Struct(inner) = field.1 else {
                let problem = format!("`{path}` has no field `{part}`, since it is {}", kind_of(field.1));
                return Err(self.wrong(problem, span, None));
            };
            let Some(found) = self.find(inner, part, span)? else {
                return Err(self.no_column(&whole, &format!("{path}."), inner, span));
            };
            (field, rest) = (found, others);
            fields.push(field.0.to_string());
            path = format!("{path}.{}", field.0);
        }
        let data_type = field.1.clone();
        let plan = Plan::Column { name: column.into(), fields, data_type: data_type.clone(), span: span.clone() };
        let typed = Typed { plan, data_type, span: span.clone() };
        Ok(self.plain(typed))
    }

    /// Types that the kernels do not know are read as those that they stand for; dictionaries too, since a kernel panics
    /// at one without values, which is what a column of nothing but nulls may have.
    fn plain(&self, typed: Typed) -> Typed {
        let to = match &typed.data_type {
            DataType::Dictionary(_, values) if class(values) == Class::Text => DataType::Utf8View,
            DataType::Dictionary(_, values) => values.as_ref().clone(),
            DataType::RunEndEncoded(_, values) => values.data_type().clone(),
            DataType::Float16 => DataType::Float32,
            DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => DataType::Decimal128(*p, *s),
            DataType::Decimal256(..) => DataType::Float64,
            DataType::Timestamp(unit, Some(zone)) if zone.as_ref() != UTC => {
                DataType::Timestamp(*unit, Some(UTC.into()))
            }
            _ => return typed,
        };
        // The values of a dictionary or of runs may be of such a type themselves.
        let typed = self.cast(typed, to);
        self.plain(typed)
    }

    /// The field of that name: as it stands, else without regard to case.
    fn find<'s>(&self, fields: &'s Fields, name: &str, span: &Span) -> Result<Option<(&'s str, &'s DataType)>, Error> {
        if let Some((_, field)) = fields.find(name) {
            return Ok(Some((field.name(), field.data_type())));
        }
        let lower = name.to_lowercase();
        let alike: Vec<_> = fields.iter().filter(|field| field.name().to_lowercase() == lower).collect();
        match alike.as_slice() {
            [] => Ok(None),
            [field] => Ok(Some((field.name(), field.data_type()))),
            several => Err(Error::AmbiguousColumn {
                name: name.into(),
                at: character(self.text, span),
                columns: several.iter().map(|field| field.name().clone()).collect(),
            }),
        }
    }

    fn synonym(&self, name: &str) -> Option<(&str, &DataType)> {
        let (_, to) = SYNONYMS.iter().find(|(from, _)| from.eq_ignore_ascii_case(name))?;
        let (_, field) = self.schema.fields().find(to)?;
        Some((field.name(), field.data_type()))
    }

    fn no_column(&self, name: &str, prefix: &str, fields: &Fields, span: &Span) -> Error {
        let columns: Vec<String> = fields.iter().map(|field| format!("{prefix}{}", field.name())).collect();
        let meant = nearest(name, &columns).cloned();
        Error::NoColumn { name: name.into(), at: character(self.text, span), meant, columns }
    }
}
