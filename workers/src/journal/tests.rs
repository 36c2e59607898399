use secrecy::SecretString;
use zoomd_store::encryption::{FingerprintKey, KeyRing};

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

fn vault(namespace: &str, key: &SecretString) -> Vault {
    let ring = KeyRing::parse(Some(key), None).expect("a fresh key");
    Vault::new(ring, namespace, "test", Some(FingerprintKey::new([7; 32])))
}

fn key() -> SecretString {
    KeyRing::generate_key()
}

fn open(folder: &Path, daemon: &str, vault: &Vault) -> Journal {
    Journal::open(folder, daemon, vault, 1 << 20, DAY).expect("a writable folder")
}

fn staged(id: &str, account: &str, generation: u64, lineage: &[Fingerprint]) -> Staged {
    Staged {
        id: id.to_owned(),
        account: AccountName::new(account).expect("a name"),
        kind: "oauth".to_owned(),
        version: GrantVersion { epoch: Epoch::choose(5, [], 0), generation },
        lineage: lineage.to_vec(),
        issuer: "https://zoom.us".to_owned(),
        client_id: "app".to_owned(),
        sent_ms: 1,
        probe: false,
        settles_ms: 0,
        plan: None,
        zoom_account: None,
        zoom_user: None,
        aliases: Vec::new(),
    }
}

fn reply(body: &str) -> Reply {
    let raw = zoom_api::RawTokenReply::new(200, body.as_bytes().to_vec());
    Reply::of(&raw, Some("old".to_owned().into()))
}

fn fp(vault: &Vault, token: &str) -> Fingerprint {
    vault.fingerprint(&SecretString::from(token)).expect("a key")
}

#[tokio::test]
async fn what_a_dead_process_staged_is_taken_over_and_its_open_intents_are_named() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key());
    let vault = vault("ns", &key);
    let dead = open(folder.path(), "one", &vault);
    let account = AccountName::new("acme").expect("a name");
    dead.intend(&account, "a").await.expect("written");
    dead.intend(&account, "b").await.expect("written");
    dead.intend(&account, "c").await.expect("written");
    dead.stage(&staged("b", "acme", 2, &[]), &reply("secret-body")).expect("written");
    dead.close("c");
    let living = open(folder.path(), "two", &vault);
    assert!(living.take_over().expect("read").is_empty(), "its lock is held");
    drop(dead);

    let orphans = living.take_over().expect("read");
    assert_eq!(orphans.len(), 1);
    assert_eq!(orphans[0].unanswered, [(account, "a".to_owned())]);
    let (entry, reply) = living.read("b").expect("copied");
    assert_eq!(entry.version.generation, 2);
    assert_eq!(reply.body.as_slice(), b"secret-body");
    orphans.into_iter().for_each(Orphan::finish);
    assert!(living.take_over().expect("read").is_empty());
    for file in std::fs::read_dir(folder.path().join("journal")).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("readable");
        assert!(!bytes.windows(11).any(|w| w == b"secret-body"), "it lies sealed");
    }
}

#[tokio::test]
async fn other_namespaces_and_unknown_keys_are_left_alone() {
    let (folder, first) = (tempfile::tempdir().expect("a folder"), key());
    for (namespace, key) in [("other", first.clone()), ("ns", key())] {
        let journal = open(folder.path(), namespace, &vault(namespace, &key));
        journal.stage(&staged("x", "acme", 1, &[]), &reply("{}")).expect("written");
    }
    let living = open(folder.path(), "me", &vault("ns", &first));
    assert!(living.take_over().expect("read").is_empty());
    assert_eq!(std::fs::read_dir(folder.path().join("journal")).expect("a folder").count(), 3);
}

#[tokio::test]
async fn a_torn_last_line_costs_only_itself() {
    use std::io::Write as _;
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key());
    let vault = vault("ns", &key);
    let dead = open(folder.path(), "one", &vault);
    dead.stage(&staged("a", "acme", 2, &[]), &reply("{}")).expect("written");
    drop(dead);
    let path = folder.path().join("journal/ns.one.journal");
    let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("there");
    file.write_all(b"0badc0de {\"what\":\"staged\",\"ent").expect("written");
    let living = open(folder.path(), "two", &vault);
    assert_eq!(living.take_over().expect("read").len(), 1);
    assert!(living.has_staged("a"));
}

#[tokio::test]
async fn an_entry_goes_when_its_child_is_committed_and_the_file_shrinks() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key());
    let vault = vault("ns", &key);
    let journal = open(folder.path(), "one", &vault);
    let long = "x".repeat(20_000);
    let mut lineage = Vec::new();
    for generation in 0..50 {
        let id = format!("i{generation}");
        journal.stage(&staged(&id, "acme", generation, &lineage), &reply(&long)).expect("written");
        let fp = fp(&vault, &id);
        journal.committed(&id, fp);
        lineage = vec![fp];
    }
    assert_eq!(journal.entries().len(), 1);
    let before = journal.file().len();
    journal.tidy(i64::MAX).expect("written anew");
    assert!(journal.file().len() * 10 < before);
    let (entry, reply) = journal.read("i49").expect("moved");
    assert_eq!((entry.version.generation, reply.body.len()), (49, 20_000));
    assert!(journal.entries()[0].committed_ms.is_some());
}

#[tokio::test]
async fn an_entry_is_kept_until_both_clocks_say_that_its_time_is_over() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key());
    let vault = vault("ns", &key);
    let journal =
        Journal::open(folder.path(), "one", &vault, 1_000_000, Duration::ZERO).expect("writable");
    journal.stage(&staged("i", "acme", 1, &[]), &reply("x")).expect("written");
    journal.committed("i", fp(&vault, "i"));
    let now_ms = jiff::Timestamp::now().as_millisecond();
    journal.tidy(now_ms - 1_000).expect("fine");
    assert_eq!(journal.entries().len(), 1, "this machine's clock jumped");
    journal.tidy(i64::MAX).expect("fine");
    assert!(journal.entries().is_empty());
}

#[tokio::test]
async fn what_was_staged_and_is_no_token_takes_no_entry_with_it() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key());
    let vault = vault("ns", &key);
    let (one, two) = (fp(&vault, "one"), fp(&vault, "two"));
    let journal = open(folder.path(), "one", &vault);
    journal.stage(&staged("a", "acme", 1, &[]), &reply("token one")).expect("written");
    journal.committed("a", one);
    // A refusal, or a 503: what was presented may live.
    journal.stage(&staged("b", "acme", 2, &[one]), &reply("no token")).expect("written");
    assert!(journal.has_staged("a"));
    journal.discard("b");
    drop(journal);

    let next = open(folder.path(), "two", &vault);
    next.take_over().expect("read").into_iter().for_each(Orphan::finish);
    assert!(next.has_staged("a"), "it is needed until another is committed");
    assert!(!next.has_staged("b"), "what was judged is not judged again");
    // In whatever order they are found to be known.
    next.stage(&staged("c", "acme", 2, &[one]), &reply("token two")).expect("written");
    next.committed("c", two);
    assert!(!next.has_staged("a"));
    next.stage(&staged("d", "acme", 1, &[]), &reply("token one")).expect("written");
    next.committed("d", one);
    assert!(!next.has_staged("d") && next.has_staged("c"));
    // A reply without a refresh token: the old one stays, and is not its own parent.
    next.stage(&staged("e", "acme", 3, &[two]), &reply("token two again")).expect("written");
    next.committed("e", two);
    assert!(!next.has_staged("c") && next.has_staged("e"));
}

#[tokio::test]
async fn a_full_journal_takes_no_intent_and_an_erased_account_leaves_nothing() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key());
    let vault = vault("ns", &key);
    let journal = Journal::open(folder.path(), "one", &vault, 1_000, DAY).expect("writable");
    let account = AccountName::new("acme").expect("a name");
    journal.intend(&account, "a").await.expect("there is room");
    journal.stage(&staged("a", "acme", 1, &[]), &reply(&"x".repeat(2_000))).expect("kept");
    let refused = journal.intend(&account, "b").await;
    assert!(matches!(refused, Err(JournalError::Full { .. })), "{refused:?}");
    assert_eq!(journal.latest_epoch("acme"), Some(Epoch::choose(5, [], 0)));
    journal.erase("acme", Epoch::choose(5, [], 0)).expect("written anew");
    assert!(journal.entries().is_empty());
    assert!(journal.file().len() < 1_000);
    journal.intend(&account, "b").await.expect("room again");
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let key = key();
    let refused = Journal::open(Path::new("/proc/nowhere"), "x", &vault("ns", &key), 1, DAY);
    assert!(matches!(refused, Err(JournalError::Io { .. })));
}

/// A file that can be opened, flushed and enlarged, and takes no write.
fn refusing() -> (PathBuf, std::fs::File) {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    use std::os::fd::AsRawFd as _;
    let file = memfd_create("journal", MemfdFlags::ALLOW_SEALING).expect("a file");
    fcntl_add_seals(&file, SealFlags::WRITE).expect("sealed");
    (PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())), file.into())
}

#[tokio::test]
async fn trouble_that_only_a_write_meets_lasts_until_a_write_goes_through() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key());
    let journal = open(folder.path(), "one", &vault("ns", &key));
    let account = AccountName::new("acme").expect("a name");
    journal.intend(&account, "a").await.expect("written");
    let (path, file) = refusing();
    let broken = journal.file().over(path, file);
    let whole = std::mem::replace(&mut *journal.file(), broken);
    journal.check().await;
    assert!(journal.trouble().is_none(), "a look alone does not find it");
    let refused = journal.intend(&account, "b").await;
    assert!(matches!(refused, Err(JournalError::Io { .. })), "{refused:?}");
    for _ in 0..3 {
        journal.check().await;
        assert!(journal.trouble().is_some(), "nothing has been written since");
    }
    *journal.file() = whole;
    journal.check().await;
    assert!(journal.trouble().is_none(), "{:?}", journal.trouble());
    journal.intend(&account, "b").await.expect("written");
    assert_eq!(journal.index().open_intents(), 2, "the empty note is none");
}

#[test]
fn while_a_disk_hangs_in_a_write_what_is_known_is_told() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), key());
    let vault = vault("ns", &key);
    let journal = open(folder.path(), "one", &vault);
    journal.stage(&staged("a", "acme", 2, &[]), &reply("x")).expect("written");
    // A write under way holds the file.
    let writing = journal.file();
    let (told, asked) = (std::sync::mpsc::channel(), journal.clone());
    let teller = std::thread::spawn(move || {
        let known = (asked.latest_version("acme").is_some(), asked.has_staged("a"));
        told.0.send((known, asked.entries().len())).expect("heard");
    });
    let known = told.1.recv_timeout(Duration::from_secs(10)).expect("nobody waits for the disk");
    assert_eq!(known, ((true, true), 1));
    drop(writing);
    teller.join().expect("it ended");
}
