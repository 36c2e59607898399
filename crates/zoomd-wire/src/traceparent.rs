//! The W3C `traceparent` of a producer, to which the job's own trace links.

use std::fmt;

use serde::{Serialize, Serializer};

/// A valid `traceparent`. A malformed one is no error: it is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace, 128 bits, never 0.
    pub trace_id: u128,
    /// The producer's span, 64 bits, never 0.
    pub parent_id: u64,
    /// The flags; bit 0 is *sampled*.
    pub flags: u8,
}

impl TraceParent {
    /// Reads `version-traceid-parentid-flags`. Of versions after 00 only the
    /// part that they share with it is read, as W3C asks.
    pub fn parse(text: &str) -> Option<Self> {
        let hex =
            |part: &str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let mut parts = text.split('-');
        let (version, trace, parent, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let lengths = [version.len(), trace.len(), parent.len(), flags.len()];
        let sound = lengths == [2, 32, 16, 2]
            && [version, trace, parent, flags].into_iter().all(hex)
            && version != "ff"
            && (version != "00" || parts.next().is_none());
        let trace_id = u128::from_str_radix(trace, 16).ok()?;
        let parent_id = u64::from_str_radix(parent, 16).ok()?;
        let flags = u8::from_str_radix(flags, 16).ok()?;
        (sound && trace_id != 0 && parent_id != 0).then_some(Self { trace_id, parent_id, flags })
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.parent_id, self.flags)
    }
}

impl Serialize for TraceParent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_sound_one_reads_back() {
        assert_eq!(TraceParent::parse(SOUND).unwrap().to_string(), SOUND);
        let later = SOUND.replacen("00", "01", 1) + "-more";
        assert_eq!(TraceParent::parse(&later).unwrap().to_string(), SOUND);
    }

    #[test]
    fn a_malformed_one_is_none() {
        let zero_trace = format!("00-{:032}-b7ad6b7169203331-01", 0);
        let zero_parent = format!("00-0af7651916cd43dd8448eb211c80319c-{:016}-01", 0);
        let longer = format!("{SOUND}-x");
        let upper = SOUND.to_uppercase();
        for bad in ["", "00", &zero_trace, &zero_parent, &longer, &upper, "ff-1-2-3"] {
            assert_eq!(TraceParent::parse(bad), None, "{bad:?}");
        }
    }
}
