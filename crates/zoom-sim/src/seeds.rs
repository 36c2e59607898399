//! Short ways to create things without a browser, shared by the library's handle and the control
//! endpoint.

use serde::{Deserialize, Serialize};

use crate::config::App;
use crate::counters::Counters;
use crate::grants::Tokens;
use crate::world::{UserView, World};

/// A user with a grant, ready to be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed {
    pub user: UserView,
    /// The pair.
    pub tokens: Tokens,
}

impl World {
    pub(crate) fn set_app(&mut self, app: App) {
        match self.apps.iter_mut().find(|a| a.client_id == app.client_id) {
            Some(known) => *known = app,
            None => self.apps.push(app),
        }
    }

    pub(crate) fn seed(
        &mut self,
        user: &str,
        app: Option<&str>,
        scope: Option<&str>,
    ) -> Option<Seed> {
        let app = match app {
            Some(id) => self.apps.iter().position(|a| a.client_id == id)?,
            None => self.apps.iter().position(|a| a.s2s_account.is_none())?,
        };
        let user = self.user_or_new(user);
        let grant = self.consent(user, app, scope);
        let with_refresh = self.apps[app].s2s_account.is_none();
        let tokens = self.issue(grant, with_refresh);
        Some(Seed { user: self.view_user(user), tokens })
    }

    pub(crate) fn revoke_user(&mut self, user: &str) -> bool {
        let grant = self.find_user(user).and_then(|user| self.grant_of(user));
        grant.map(|grant| self.kill_grant(grant, "revoked by the user")).is_some()
    }

    /// Resolves a fault's `who`: the e-mail address of that user if there is one, else the name
    /// unchanged (an account).
    pub(crate) fn fault_name(&self, who: &str) -> String {
        self.find_user(who).map_or_else(|| who.to_owned(), |user| self.users[user].email.clone())
    }

    pub(crate) fn reset_counters(&mut self) {
        let connections_open = self.counters.connections_open;
        // Codes are made from this one; they must not come again.
        let consents = self.counters.consents;
        self.counters = Counters { connections_open, consents, ..Counters::default() };
        self.violations.clear();
        self.requests.clear();
    }
}
