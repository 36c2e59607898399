use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use super::*;
use crate::accounts::grants::{Epoch, GrantSecrets, GrantVersion};

fn ring(primary: u8, old: &[u8]) -> KeyRing {
    let text = |byte: u8| STANDARD.encode([byte; 32]);
    let old: Vec<_> = old.iter().map(|byte| text(*byte)).collect();
    KeyRing::parse(Some(&text(primary).into()), Some(&old.join(",").into())).expect("sound keys")
}

fn version(ms: u64, generation: u64) -> GrantVersion {
    GrantVersion { epoch: Epoch::choose(ms, [], 0), generation }
}

fn here(version: GrantVersion) -> Binding<'static> {
    Binding {
        purpose: Purpose::Grant,
        namespace: "zoomd",
        deployment: "production",
        account: "acme",
        version: Some(version),
    }
}

#[test]
fn what_is_sealed_opens_at_its_place_and_at_no_other() {
    let ring = ring(1, &[]);
    let at = here(version(1_000, 3));
    let sealed = ring.seal(b"a token", at).expect("a key is configured");
    assert_eq!(ring.open(&sealed, at).expect("the same place").as_slice(), b"a token");
    let elsewhere = [
        Binding { purpose: Purpose::Candidate, ..at },
        Binding { namespace: "other", ..at },
        Binding { deployment: "staging", ..at },
        Binding { account: "acm", ..at },
        Binding { account: "", namespace: "zoomdacme", ..at },
        Binding { version: Some(version(1_000, 4)), ..at },
        Binding { version: Some(version(1_001, 3)), ..at },
        Binding { version: None, ..at },
    ];
    for place in elsewhere {
        assert_eq!(
            ring.open(&sealed, place),
            Err(SealError::Damaged { what: place.purpose.as_str() })
        );
    }
}

#[test]
fn a_wrong_key_is_told_from_a_damaged_record() {
    let at = here(version(1_000, 0));
    let sealed = ring(1, &[]).seal(b"a token", at).expect("a key is configured");
    let needed = ring(1, &[]).primary().expect("has one");
    assert_eq!(ring(2, &[]).open(&sealed, at), Err(SealError::WrongKey { needed }));
    assert!(ring(2, &[3, 1]).open(&sealed, at).is_ok(), "an older key opens it");
    assert_eq!(KeyRing::empty().seal(b"x", at), Err(SealError::NoKey));

    let text = sealed.as_str();
    let mut flipped = text.to_owned().into_bytes();
    let last = flipped.len() - 10;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).expect("still ASCII");
    for damaged in [flipped.as_str(), &text[..text.len() - 8], &text[..20], "z1.", "", "junk"] {
        let result = ring(1, &[]).open(&Sealed::from_stored(damaged.to_owned()), at);
        assert_eq!(result, Err(SealError::Damaged { what: "grant" }), "{damaged}");
    }
}

#[test]
fn an_older_key_opens_and_is_stale() {
    let at = here(version(1_000, 0));
    let sealed = ring(1, &[]).seal(b"a token", at).expect("a key is configured");
    assert!(!ring(1, &[]).is_stale(&sealed));
    assert!(ring(2, &[1]).is_stale(&sealed));
}

#[test]
fn no_two_seals_of_one_text_are_the_same() {
    let ring = ring(1, &[]);
    let texts: HashSet<_> = (0..1_000)
        .map(|_| ring.seal(b"x", here(version(1, 0))).expect("seals").as_str().to_owned())
        .collect();
    assert_eq!(texts.len(), 1_000);
}

#[test]
fn keys_are_read_in_every_base64_and_nothing_shorter_is() {
    let bytes = [0xfb_u8; 32];
    let expected = ring(0xfb, &[]).primary();
    for text in [
        STANDARD.encode(bytes),
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes),
        format!("{}\n", STANDARD.encode(bytes)),
    ] {
        let ring = KeyRing::parse(Some(&text.into()), None).expect("32 bytes");
        assert_eq!(ring.primary(), expected);
    }
    for bad in ["", "secret", &STANDARD.encode([1_u8; 31]), &STANDARD.encode([1_u8; 33])] {
        let error = KeyRing::parse(Some(&bad.into()), None).expect_err("not a key");
        assert_eq!(error, SealError::BadKey { which: "ZOOMD_ENCRYPTION_KEY".into() });
        assert!(bad.is_empty() || !error.to_string().contains(bad));
    }
    let generated = KeyRing::generate_key();
    KeyRing::parse(Some(&generated), None)
        .expect("a generated key is one")
        .self_test()
        .expect("works");
    let bad_old =
        KeyRing::parse(None, Some(&format!("{} nonsense", STANDARD.encode(bytes)).into()));
    assert_eq!(
        bad_old.expect_err("the second is none").to_string(),
        "key 2 of ZOOMD_ENCRYPTION_KEYS_OLD is not 32 bytes of base64"
    );
}

#[test]
fn nothing_secret_is_printed() {
    let ring = ring(7, &[8]);
    let vault = Vault::new(ring, "zoomd", "default", Some(FingerprintKey::new([9; 32])));
    let secrets = GrantSecrets {
        access_token: Some("at-secret".into()),
        refresh_token: Some("rt-secret".into()),
        client_secret: None,
    };
    let sealed = vault.seal_grant("acme", version(1, 0), &secrets).expect("seals");
    let shown = format!("{vault:?} {secrets:?} {sealed:?} {}", sealed.as_str());
    for secret in ["at-secret", "rt-secret", &STANDARD.encode([7; 32])[..10], "7, 7, 7", "9, 9, 9"]
    {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
    let opened = vault.open_grant("acme", version(1, 0), &sealed).expect("opens");
    assert_eq!(opened.refresh_token.expect("kept").expose_secret(), "rt-secret");
    assert!(opened.client_secret.is_none());
}

#[test]
fn fingerprints_differ_by_token_by_kind_and_by_namespace() {
    let one = FingerprintKey::new([1; 32]);
    let token: SecretString = "token".into();
    let all = [
        one.refresh_token(&token),
        one.refresh_token(&"tokem".into()),
        one.app("token", "", &"".into()),
        one.app("", "token", &"".into()),
        one.account("token"),
        FingerprintKey::new([2; 32]).refresh_token(&token),
    ];
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    assert_eq!(one.refresh_token(&token), all[0], "the same each time");
    assert_eq!(all[0].to_string().parse(), Ok(all[0]));
    assert_eq!(all[0].short().len(), 8);
}

proptest::proptest! {
    #[test]
    fn any_bytes_come_back(plain in proptest::collection::vec(proptest::num::u8::ANY, 0..4_096)) {
        let ring = ring(1, &[]);
        let at = here(version(1, 1));
        let sealed = ring.seal(&plain, at).expect("seals");
        let opened = ring.open(&sealed, at).expect("opens");
        proptest::prop_assert_eq!(opened.as_slice(), &plain[..]);
    }

    #[test]
    fn no_text_panics_the_opener(text in ".{0,200}") {
        let opened = ring(1, &[]).open(&Sealed::from_stored(text), here(version(1, 1)));
        proptest::prop_assert!(opened.is_err());
    }
}
