//! Other namespaces on the same Redis: searched by `doctor`, since two that hold the same Zoom
//! user's grant of one app invalidate each other's tokens.

use std::collections::{HashMap, HashSet};

use redis::from_redis_value;

use crate::{Keys, Store, StoreError};

/// Number of keys read by one command.
const STEP: u32 = 5_000;
/// Commands at most: a million keys.
const STEPS: u32 = 200;
/// Number of accounts read in one step.
const PAGE: usize = 500;
/// Accounts of one namespace at most.
const MOST: usize = 20_000;

/// One Zoom user that is connected in two namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// The account here.
    pub account: String,
    /// The other namespace.
    pub namespace: String,
    /// The account there.
    pub there: String,
}

/// Other namespaces that were found.
#[derive(Debug, Clone, Default)]
pub struct Neighbours {
    /// The other namespaces.
    pub namespaces: Vec<String>,
    /// Zoom users with a grant of the same app in two of them.
    pub shared: Vec<Shared>,
    /// True if all keys and accounts were read.
    pub complete: bool,
}

/// Searches for other namespaces. Only reads, in a bounded number of steps.
pub async fn look(store: &Store) -> Result<Neighbours, StoreError> {
    let (namespaces, complete) = known(store, STEPS).await?;
    let mut found = Neighbours { complete, ..Neighbours::default() };
    if !namespaces.is_empty() {
        let (ours, all) = users(store, store.keys()).await?;
        found.complete &= all;
        for namespace in &namespaces {
            let (theirs, all) = users(store, &Keys::new(namespace)).await?;
            found.complete &= all;
            found.shared.extend(theirs.into_iter().filter_map(|(user, there)| {
                let account = ours.get(&user)?.clone();
                Some(Shared { account, namespace: namespace.clone(), there })
            }));
        }
    }
    found.shared.sort_by(|a, b| (&a.account, &a.namespace).cmp(&(&b.account, &b.namespace)));
    found.namespaces = namespaces;
    Ok(found)
}

/// Names of the other namespaces, in order, and whether the search saw every key.
/// Takes at most `steps` commands of 5,000 keys each.
pub async fn known(store: &Store, steps: u32) -> Result<(Vec<String>, bool), StoreError> {
    let ending = Keys::new("").meta();
    let mut found = HashSet::new();
    let mut cursor = 0u64;
    for _ in 0..steps {
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(format!("*{ending}"));
        command.arg("COUNT").arg(STEP).arg("TYPE").arg("hash");
        let (next, keys): (u64, Vec<String>) =
            from_redis_value(store.connection().value(&command).await?)?;
        found.extend(keys.iter().filter_map(|key| key.strip_suffix(&ending)).map(str::to_owned));
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    found.remove(store.keys().namespace());
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort();
    Ok((found, cursor == 0))
}

/// Zoom user and client id of each account that has a grant, with its name.
type Users = HashMap<(String, String), String>;

async fn users(store: &Store, keys: &Keys) -> Result<(Users, bool), StoreError> {
    let mut users = Users::new();
    let mut from = "-".to_owned();
    for _ in 0..MOST / PAGE {
        let mut command = redis::cmd("ZRANGEBYLEX");
        command.arg(keys.accounts()).arg(&from).arg("+").arg("LIMIT").arg(0).arg(PAGE);
        let names: Vec<String> = from_redis_value(store.connection().value(&command).await?)?;
        let Some(last) = names.last() else { return Ok((users, true)) };
        from = format!("({last}");
        for (name, user) in names.iter().zip(of(store, keys, &names).await?) {
            users.extend(user.map(|user| (user, name.clone())));
        }
    }
    Ok((users, false))
}

/// Zoom user and client id of each of these accounts. The owner of an imported token is known after
/// the first meeting made with it.
async fn of(
    store: &Store,
    keys: &Keys,
    names: &[String],
) -> Result<Vec<Option<(String, String)>>, StoreError> {
    type Known = (Option<String>, Option<String>);
    let mut reads = redis::pipe();
    for name in names {
        reads.cmd("HMGET").arg(keys.account(name)).arg("uid").arg("z");
        reads.cmd("HGET").arg(keys.grant(name)).arg("client_id");
    }
    let values = store.connection().values(&reads).await?;
    let mut users = Vec::with_capacity(names.len());
    let mut learnt = redis::pipe();
    for (name, pair) in names.iter().zip(values.chunks(2)) {
        let [user, client] = pair else { continue };
        let (user, zoom): Known = from_redis_value(user.clone())?;
        let client: Option<String> = from_redis_value(client.clone())?;
        let zoom = zoom.filter(|z| !z.is_empty()).unwrap_or_else(|| format!("~{name}"));
        learnt.cmd("HGET").arg(keys.aliases(&zoom)).arg(format!("me@{name}"));
        users.push((user.filter(|u| !u.is_empty()), client));
    }
    let learnt = store.connection().values(&learnt).await?;
    let join = |((user, client), learnt): ((Option<String>, _), _)| {
        Ok(user.or(from_redis_value(learnt)?).zip(client))
    };
    users.into_iter().zip(learnt).map(join).collect()
}
