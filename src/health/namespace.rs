//! A namespace that no zoomd has used is most likely a typing error. Commands say
//! so, and name the namespaces that exist on the same Redis.

use std::fmt;

use zoomd_store::{Store, StoreError, neighbours, probe};

/// Namespaces named in a message.
const NAMED: usize = 10;
/// Most steps of the search for other namespaces: 100,000 keys.
const STEPS: u32 = 20;

/// A namespace that no zoomd has used.
#[derive(Debug)]
pub struct Unknown {
    name: String,
    /// Namespaces that exist on the same Redis.
    pub known: Vec<String>,
    /// True if the search for them saw every key.
    complete: bool,
}

/// Searches the namespace; `None` for one that exists.
pub async fn unknown(store: &Store) -> Result<Option<Unknown>, StoreError> {
    if probe::namespace(store).await?.is_some() {
        return Ok(None);
    }
    // A Redis user may have no right to search all keys.
    let (known, complete) = neighbours::known(store, STEPS).await.unwrap_or_default();
    Ok(Some(Unknown { name: store.keys().namespace().to_owned(), known, complete }))
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no zoomd has ever used namespace {} on this Redis", self.name)?;
        let named = self.known.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>();
        match self.known.len().saturating_sub(NAMED) {
            _ if named.is_empty() && self.complete => f.write_str("; no other namespace exists"),
            _ if named.is_empty() => Ok(()),
            0 => write!(f, "; known: {}", named.join(", ")),
            more => write!(f, "; known: {} and {more} more", named.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Unknown;

    #[test]
    fn the_namespaces_that_exist_are_named_up_to_a_bound() {
        let many: Vec<_> = (0..12).map(|n| format!("n{n}")).collect();
        for (known, complete, wanted) in [
            (&many[..1], true, "; known: n0"),
            (&many[..2], false, "; known: n0, n1"),
            (&many[..], true, "; known: n0, n1, n2, n3, n4, n5, n6, n7, n8, n9 and 2 more"),
            (&[][..], true, "; no other namespace exists"),
            (&[][..], false, ""),
        ] {
            let unknown = Unknown { name: "typo".into(), known: known.to_vec(), complete };
            let said = format!("no zoomd has ever used namespace typo on this Redis{wanted}");
            assert_eq!(unknown.to_string(), said);
        }
    }
}
