//! The model that embeds questions: which one it must be, and its towers, each loaded once, when a question first needs it.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::Options;
use crate::failure::Failure;
use crate::image::{self, Flaw};
use crate::index::{Error, other_model};
use crate::model::{Device, ImageTower, Model, TextTower, Use};

/// What is made once, by whoever needs it first; others wait for it.
pub(super) struct Lazy<T> {
    made: OnceLock<T>,
    making: Mutex<()>,
}

impl<T> Default for Lazy<T> {
    fn default() -> Lazy<T> {
        Lazy { made: OnceLock::new(), making: Mutex::new(()) }
    }
}

impl<T> Lazy<T> {
    /// What was made, or is made now.
    ///
    /// # Errors
    /// It cannot be made; whoever needs it next tries again.
    pub(super) fn get<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        match self.made.get() {
            Some(made) => Ok(made),
            None => {
                let made = make()?;
                Ok(self.made.get_or_init(|| made))
            }
        }
    }

    /// What was made, if it was.
    pub(super) fn made(&self) -> Option<&T> {
        self.made.get()
    }
}

/// A model whose towers are loaded when they are first needed.
pub(super) struct Towers {
    model: Model,
    text: Lazy<TextTower>,
    image: Lazy<ImageTower>,
}

impl Towers {
    pub(super) fn of(model: Model) -> Towers {
        Towers { model, text: Lazy::default(), image: Lazy::default() }
    }

    /// The towers of the model to embed a query by: the one that made the index of this name and dimension, or nothing is
    /// compared.
    ///
    /// # Errors
    /// Nobody knows which one that is, it is not here, or the one that is asked for is another.
    pub(super) fn for_index(
        options: &Options,
        name: &str,
        made_by: Option<&str>,
        dimension: usize,
    ) -> Result<Towers, Failure> {
        let name = name.to_string();
        let made_by = made_by.filter(|id| *id != "unknown");
        let model = match (&options.model, made_by) {
            (Some(name), _) if name != "unknown" => Model::find(name, options.engine)?,
            (_, Some(id)) => Model::of(id).ok_or_else(|| other_model(&name, id, &Model::builtin()))?,
            (_, None) => return Err(Error::NoModel { name }.into()),
        };
        let query = model.id().to_string();
        match made_by {
            Some(id) if id != query => Err(other_model(&name, id, &model).into()),
            _ if model.dimension() != dimension => {
                Err(Error::OtherDimension { name, index: dimension, query, dimension: model.dimension() }.into())
            }
            _ => Ok(Towers::of(model)),
        }
    }

    /// What the text tower is of.
    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// The text tower.
    ///
    /// # Errors
    /// The model has none, or it cannot be loaded.
    pub(super) fn text(&self) -> Result<&TextTower, Failure> {
        Ok(self.text.get(|| self.model.text_tower(Use::Once, Device::Cpu))?)
    }

    /// The text tower, if a query needed it.
    pub(super) fn loaded_text(&self) -> Option<&TextTower> {
        self.text.made()
    }

    /// Whether the text tower and the image tower are loaded.
    #[cfg(test)]
    pub(super) fn loaded(&self) -> [bool; 2] {
        [self.text.made().is_some(), self.image.made().is_some()]
    }

    /// The vector of a picture, and what is wrong with it though it could be read; `name` is what to call it, `hint` what
    /// helps where it is none.
    ///
    /// # Errors
    /// It is no picture, or the model has no image tower or it cannot be loaded.
    pub(super) fn see(
        &self,
        name: &str,
        picture: &[u8],
        hint: Option<&str>,
    ) -> Result<(Vec<f32>, Option<Flaw>), Failure> {
        let tower = self.image()?;
        let decoded = image::decode_with_flaw(picture, tower.background(), tower.edge());
        let (rgb, flaw) = decoded.map_err(|e| Failure::failed(format!("{name}: {e}"), hint.map(str::to_string)))?;
        let mut pixels = vec![0.0; tower.input_len()];
        tower.preprocess(&rgb, &mut pixels);
        let vector = tower.embed_one(pixels).map_err(|e| Failure::failed(format!("{name}: {e}"), e.hint()))?;
        Ok((vector, flaw))
    }

    /// The image tower.
    ///
    /// # Errors
    /// The model has none, or it cannot be loaded.
    pub(super) fn image(&self) -> Result<&ImageTower, Failure> {
        Ok(self.image.get(|| self.model.image_tower(Use::Once, Device::Cpu))?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn what_many_need_at_once_is_made_once() {
        let (lazy, count) = (Lazy::default(), AtomicUsize::new(0));
        let make = || {
            std::thread::sleep(std::time::Duration::from_millis(5));
            Ok::<_, String>(count.fetch_add(1, Ordering::Relaxed))
        };
        std::thread::scope(|scope| {
            (0..4).for_each(|_| drop(scope.spawn(|| assert_eq!(lazy.get(make), Ok(&0)))));
        });
        assert_eq!((count.load(Ordering::Relaxed), lazy.made()), (1, Some(&0)));
    }

    #[test]
    fn what_could_not_be_made_is_tried_again() {
        let lazy = Lazy::default();
        assert_eq!(lazy.get(|| Err("not yet")), Err("not yet"));
        assert_eq!(lazy.made(), None);
        assert_eq!(lazy.get(|| Ok::<_, &str>(7)), Ok(&7));
    }
}
