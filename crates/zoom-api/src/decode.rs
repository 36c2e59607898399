//! Content codings and the byte-order mark of a reply's body.
//!
//! zoomd asks for `identity`, but RFC 9110 (12.5.3) lets a server compress all
//! the same. Owns the way from the bytes that came to the bytes that are read.
//! Never does: IO. Invariant: a body grows to its bound at most, and one that
//! cannot be decoded stays as it came, so that its status still counts.

use std::borrow::Cow;
use std::io::Read;

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

const MARK: &[u8] = b"\xef\xbb\xbf";
const GZIP: &[u8] = b"\x1f\x8b";
/// Codings laid over each other; more are no reply but a trap.
const MOST_CODINGS: usize = 4;

/// A body that cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Undecoded {
    /// It is larger than the bound once it is decoded.
    TooLarge,
    /// This coding is not known, or the body is not in it.
    Coding(String),
}

/// The `Content-Encoding` of a reply, all its lines together.
pub(crate) fn codings(headers: &HeaderMap) -> Option<String> {
    if !headers.contains_key(CONTENT_ENCODING) {
        return None;
    }
    let lines = headers.get_all(CONTENT_ENCODING).iter();
    let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    Some(lines.join(","))
}

/// A whole body, decoded; one in plain text is not copied.
pub(crate) fn whole(codings: Option<&str>, body: &Bytes, limit: usize) -> Result<Bytes, Undecoded> {
    Ok(match plain(codings, body, limit)? {
        Cow::Borrowed(part) => body.slice_ref(part),
        Cow::Owned(decoded) => decoded.into(),
    })
}

/// The text within `body`, at most `limit` bytes of it. Codings are undone from
/// the last to the first.
pub(crate) fn plain<'a>(
    codings: Option<&str>,
    body: &'a [u8],
    limit: usize,
) -> Result<Cow<'a, [u8]>, Undecoded> {
    let named = codings.unwrap_or_default();
    let known = |coding: &&str| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity");
    let mut layers: Vec<&str> = named.split(',').map(str::trim).filter(known).collect();
    if layers.is_empty() && body.starts_with(GZIP) {
        // Neither JSON nor XML begins so: something on the way lost the header.
        layers.push("gzip");
    }
    if layers.len() > MOST_CODINGS {
        return Err(Undecoded::Coding(shown(named)));
    }
    let mut read = Cow::Borrowed(body);
    for coding in layers.into_iter().rev() {
        read = Cow::Owned(undo(coding, &read, limit)?);
    }
    Ok(without_mark(read))
}

/// `body` as it came, behind its byte-order mark.
pub(crate) fn without_mark(body: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match body {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.strip_prefix(MARK).unwrap_or(bytes)),
        Cow::Owned(mut bytes) => {
            if bytes.starts_with(MARK) {
                bytes.drain(..MARK.len());
            }
            Cow::Owned(bytes)
        }
    }
}

fn undo(coding: &str, from: &[u8], limit: usize) -> Result<Vec<u8>, Undecoded> {
    let decoded = match coding.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => bounded(MultiGzDecoder::new(from), limit)?,
        // By RFC 9110 a zlib stream; some servers leave out zlib's frame.
        "deflate" => match bounded(ZlibDecoder::new(from), limit)? {
            None => bare(from, limit)?,
            some => some,
        },
        "br" => bounded(brotli_decompressor::Decompressor::new(from, 4096), limit)?,
        _ => None,
    };
    decoded.ok_or_else(|| Undecoded::Coding(shown(coding)))
}

/// Nearly anything begins like bare deflate, so only a whole stream counts.
fn bare(from: &[u8], limit: usize) -> Result<Option<Vec<u8>>, Undecoded> {
    let mut decoder = DeflateDecoder::new(from);
    let out = bounded(&mut decoder, limit)?;
    let mut end = [0];
    Ok(out.filter(|_| matches!(decoder.read(&mut end), Ok(0))))
}

/// Decoded bytes, also of a body that breaks off (a missing or wrong trailer): the reader checks
/// that the text is complete. `None` if nothing could be decoded.
fn bounded(from: impl Read, limit: usize) -> Result<Option<Vec<u8>>, Undecoded> {
    let mut out = Vec::new();
    let ended = from.take(limit as u64 + 1).read_to_end(&mut out);
    if out.len() > limit {
        return Err(Undecoded::TooLarge);
    }
    Ok((ended.is_ok() || !out.is_empty()).then_some(out))
}

fn shown(codings: &str) -> String {
    crate::text::scrub(codings, 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use zoom_sim::Coding;

    const TEXT: &[u8] = br#"{"access_token":"a","refresh_token":"r","scope":"x x x x x x x x x"}"#;

    fn read(codings: &str, body: &[u8]) -> Result<Vec<u8>, Undecoded> {
        plain(Some(codings), body, 1 << 20).map(Cow::into_owned)
    }

    #[test]
    fn every_coding_is_undone() {
        for (name, coding) in [
            ("gzip", Coding::Gzip),
            ("GZIP", Coding::Gzip),
            ("x-gzip", Coding::Gzip),
            ("deflate", Coding::Deflate),
            ("deflate", Coding::RawDeflate),
            (" br ", Coding::Br),
            ("identity, gzip", Coding::Gzip),
        ] {
            let body = coding.encode(TEXT).unwrap();
            assert_eq!(read(name, &body).unwrap(), TEXT, "{name} {coding:?}");
        }
        let twice = Coding::Br.encode(&Coding::Gzip.encode(TEXT).unwrap()).unwrap();
        assert_eq!(read("gzip, br", &twice).unwrap(), TEXT);
        assert_eq!(read("identity", TEXT).unwrap(), TEXT);
        assert_eq!(read("", TEXT).unwrap(), TEXT);
        let no_header = Coding::Gzip.encode(TEXT).unwrap();
        assert_eq!(plain(None, &no_header, 1 << 20).unwrap(), TEXT);
    }

    #[test]
    fn a_mark_is_skipped_within_and_without() {
        let marked = [MARK, TEXT].concat();
        assert_eq!(plain(None, &marked, 1 << 20).unwrap(), TEXT);
        assert_eq!(read("gzip", &Coding::Gzip.encode(&marked).unwrap()).unwrap(), TEXT);
        let bytes = Bytes::from(marked);
        let whole = whole(None, &bytes, 1 << 20).unwrap();
        assert_eq!(whole.as_ptr(), bytes[3..].as_ptr(), "not copied");
    }

    #[test]
    fn a_bomb_is_not_blown_up() {
        let zeros = vec![b' '; 8 << 20];
        for (name, coding) in
            [("gzip", Coding::Gzip), ("deflate", Coding::RawDeflate), ("br", Coding::Br)]
        {
            let body = coding.encode(&zeros).unwrap();
            assert!(body.len() < 100_000);
            assert_eq!(plain(Some(name), &body, 1 << 20), Err(Undecoded::TooLarge), "{name}");
        }
        let just = Coding::Gzip.encode(&zeros[..1 << 20]).unwrap();
        assert_eq!(plain(Some("gzip"), &just, 1 << 20).unwrap().len(), 1 << 20);
    }

    #[test]
    fn what_cannot_be_decoded_is_named() {
        for (codings, body) in
            [("zstd", TEXT), ("gzip", TEXT), ("br", b"\xff\xff".as_slice()), ("deflate", TEXT)]
        {
            assert_eq!(read(codings, body), Err(Undecoded::Coding(codings.to_owned())));
        }
        let many = "gzip,gzip,gzip,gzip,gzip";
        assert_eq!(read(many, TEXT), Err(Undecoded::Coding(many.to_owned())));
    }

    #[test]
    fn a_missing_trailer_loses_no_token() {
        let body = Coding::Gzip.encode(TEXT).unwrap();
        assert_eq!(read("gzip", &body[..body.len() - 8]).unwrap(), TEXT);
    }
}
