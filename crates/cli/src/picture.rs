//! Files to draw to.

use std::ffi::OsStr;
use std::path::Path;

use bongsu::report::Error;

use crate::Failure;

/// A file to draw to.
pub(crate) enum Picture<'a> {
    Png(&'a Path),
    Svg(&'a Path),
}

impl<'a> Picture<'a> {
    /// The file that `--plot` names.
    ///
    /// # Errors
    /// When the name of the file does not say what it is.
    pub(crate) fn of(path: &'a Path) -> Result<Self, Failure> {
        Self::named("--plot", path)
    }

    /// The file that `flag` names.
    ///
    /// # Errors
    /// As [`Picture::of`].
    pub(crate) fn named(flag: &str, path: &'a Path) -> Result<Self, Failure> {
        let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "png" => Ok(Self::Png(path)),
            "svg" => Ok(Self::Svg(path)),
            _ => Err(Failure::Usage(format!(
                "{flag} {}: the name of a plot ends in .png or .svg",
                path.display()
            ))),
        }
    }

    pub(crate) fn draw(
        &self,
        svg: impl FnOnce() -> String,
        png: impl FnOnce() -> Result<Vec<u8>, Error>,
    ) -> Result<(), Failure> {
        let (path, bytes) = match self {
            Self::Png(path) => {
                let failed = |e: Error| Failure::Incomplete(e.to_string());
                (path, png().map_err(failed)?)
            }
            Self::Svg(path) => (path, svg().into_bytes()),
        };
        std::fs::write(path, bytes)
            .map_err(|e| std::io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
        Ok(())
    }
}
