//! The command, or the setting, that corrects an app whose credentials Zoom rejects.

use zoomd_store::grants::GrantKind;

/// Advice for a Zoom that rejects the credentials of an account's app. Those of a
/// server-to-server app are the account's own.
pub fn correct_app(name: &str, kind: GrantKind) -> String {
    match kind {
        GrantKind::ServerToServer => format!(
            "zoomd account add {name} --server-to-server ZOOM_ACCOUNT_ID --client-id ID \
             --client-secret-file FILE --replace, with the values of that app's page"
        ),
        GrantKind::Oauth => "correct the daemon's client id and secret (ZOOMD_CLIENT_ID and \
                             ZOOMD_CLIENT_SECRET, or zoomd.toml), and restart it"
            .to_owned(),
    }
}
