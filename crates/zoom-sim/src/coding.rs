//! Content codings of replies. RFC 9110 allows a server to compress a reply without a request for
//! it, so clients must expect it.

use std::io::Write as _;

use serde::{Deserialize, Serialize};

/// Compression of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coding {
    Gzip,
    /// A zlib stream, as RFC 9110 means the word.
    Deflate,
    /// Deflate without zlib's frame, as some servers mean the word.
    RawDeflate,
    /// Brotli.
    Br,
}

impl Coding {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate | Self::RawDeflate => "deflate",
            Self::Br => "br",
        }
    }

    /// `plain`, compressed.
    pub fn encode(self, plain: &[u8]) -> std::io::Result<Vec<u8>> {
        use flate2::{Compression, write};
        let (out, level) = (Vec::new(), Compression::default());
        match self {
            Self::Gzip => {
                let mut to = write::GzEncoder::new(out, level);
                to.write_all(plain)?;
                to.finish()
            }
            Self::Deflate => {
                let mut to = write::ZlibEncoder::new(out, level);
                to.write_all(plain)?;
                to.finish()
            }
            Self::RawDeflate => {
                let mut to = write::DeflateEncoder::new(out, level);
                to.write_all(plain)?;
                to.finish()
            }
            Self::Br => {
                let mut to = brotli::CompressorWriter::new(out, 4096, 5, 20);
                to.write_all(plain)?;
                to.flush()?;
                Ok(to.into_inner())
            }
        }
    }
}
