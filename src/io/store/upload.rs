//! An object that is written: it appears when it is whole.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::address::Address;
use super::bucket::{Place, place};
use super::patience::patiently;

/// Bytes of a part; all but the last must have 5 MiB.
const PART: usize = 8 << 20;
/// After so many parts they become larger, since there may be but 10,000.
const GROW: usize = 1000;

/// Uploads that are under way, by their names.
static UNDER_WAY: LazyLock<Mutex<HashMap<String, Arc<Place>>>> = LazyLock::new(Mutex::default);

/// Gives up every upload that is under way: the process ends.
pub(in crate::io) fn abandon() {
    let mut uploads = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
    for (upload, place) in uploads.drain() {
        // Best effort: stores forget what was not completed after a while.
        let _ = place.abort(&upload);
    }
}

/// An object that is being written, in parts where it is long.
pub(in crate::io) struct Upload {
    place: Arc<Place>,
    /// Its name in the store, once there is a part.
    upload: Option<String>,
    parts: Vec<String>,
    waiting: Vec<u8>,
}

impl Upload {
    /// Finds out where an object goes; nothing is written yet.
    ///
    /// # Errors
    /// The address or the environment makes no sense, or the address is one of the web.
    pub(in crate::io) fn start(address: &Address) -> io::Result<Upload> {
        if let Address::Web(_) = address {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "only s3:// and gs:// are written"));
        }
        let place = Arc::new(place(address)?);
        Ok(Upload { place, upload: None, parts: Vec::new(), waiting: Vec::new() })
    }

    /// Makes the object appear.
    ///
    /// # Errors
    /// The store does not take it.
    pub(in crate::io) fn finish(&mut self) -> io::Result<()> {
        if self.upload.is_none() {
            return patiently(|| self.place.put(&self.waiting));
        }
        if !self.waiting.is_empty() {
            self.put_part()?;
        }
        let upload = self.upload.clone().expect("there are parts");
        patiently(|| self.place.complete(&upload, &self.parts))?;
        self.forget();
        Ok(())
    }

    fn put_part(&mut self) -> io::Result<()> {
        let upload = match &self.upload {
            Some(upload) => upload.clone(),
            None => {
                let upload = patiently(|| self.place.begin())?;
                let mut uploads = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
                uploads.insert(upload.clone(), self.place.clone());
                self.upload.insert(upload).clone()
            }
        };
        let number = u16::try_from(self.parts.len() + 1).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let part = patiently(|| self.place.put_part(&upload, number, &self.waiting))?;
        self.parts.push(part);
        self.waiting.clear();
        Ok(())
    }

    fn forget(&mut self) {
        if let Some(upload) = self.upload.take() {
            UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).remove(&upload);
        }
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = PART * (1 + self.parts.len() / GROW);
        let some = bytes.len().min(part - self.waiting.len().min(part - 1));
        self.waiting.extend_from_slice(&bytes[..some]);
        if self.waiting.len() >= part {
            self.put_part()?;
        }
        Ok(some)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.clone() {
            self.forget();
            let _ = self.place.abort(&upload);
        }
    }
}
