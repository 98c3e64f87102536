//! What the fuzz targets need of single APIs.

pub use super::form_data::fuzz::multipart;
pub(crate) use super::structured_clone::fuzz::deserialize;
pub use super::urlpattern::fuzz::url_pattern;

pub(crate) fn format(name: &str) -> Option<super::compression::Format> {
    super::compression::Format::by_name(name)
}
