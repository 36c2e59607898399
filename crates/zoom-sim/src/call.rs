//! One request from arrival to reply, as three steps under the lock: `arrive`
//! (counted, authenticated, judged against the rates, its faults picked), `act`
//! (the deed), `finish` (no longer in flight). Faults stand between the steps.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::request::Parts;
use url::form_urlencoded;

use crate::counters::Rule;
use crate::endpoint::{Endpoint, route};
use crate::faults::{Strike, Subject};
use crate::grants::{TokenKind, TokenState};
use crate::limits::{Judged, LimitKind};
use crate::plan::Label;
use crate::reply::Reply;
use crate::world::{RequestView, World};

pub(crate) struct Call {
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    pub(crate) endpoint: Endpoint,
    /// The user or the meeting the path names, decoded.
    pub(crate) arg: String,
}

impl Call {
    pub(crate) fn new(parts: Parts, body: Bytes) -> Self {
        let (endpoint, arg) = route(&parts.method, parts.uri.path());
        let arg = percent_encoding::percent_decode_str(arg).decode_utf8_lossy().into_owned();
        Self { parts, body, endpoint, arg }
    }

    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let query = self.parts.uri.query()?;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// True if the client takes JSON: by name, or whatever there is.
    fn asks_json(&self) -> bool {
        let takes = |range: &str| {
            let range = range.split(';').next().unwrap_or_default().trim();
            ["application/json", "application/*", "*/*"]
                .iter()
                .any(|r| range.eq_ignore_ascii_case(r))
        };
        self.header(ACCEPT).is_some_and(|accept| accept.split(',').any(takes))
    }

    pub(crate) fn has_type(&self, wanted: &str) -> bool {
        self.header(CONTENT_TYPE).is_some_and(|t| {
            t.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
        })
    }
}

/// The fields of a form body, and who the client says it is.
#[derive(Default)]
pub(crate) struct Form {
    fields: Vec<(String, String)>,
    pub(crate) basic: Option<(String, String)>,
}

impl Form {
    fn read(call: &Call) -> Self {
        let mut fields: Vec<_> = form_urlencoded::parse(&call.body).into_owned().collect();
        // Published for server-to-server apps, and what most clients do.
        let query = call.parts.uri.query().unwrap_or_default();
        fields.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
        let basic = call.header(AUTHORIZATION).and_then(|h| h.strip_prefix("Basic "));
        let basic = basic.and_then(|b| STANDARD.decode(b).ok()).and_then(|raw| {
            let text = String::from_utf8(raw).ok()?;
            let (id, secret) = text.split_once(':')?;
            Some((id.to_owned(), secret.to_owned()))
        });
        Self { fields, basic }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Owner of the access token of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) grant: usize,
    pub(crate) user: usize,
}

pub(crate) struct Arrival {
    pub(crate) caller: Option<Caller>,
    pub(crate) strikes: Vec<Strike>,
    pub(crate) form: Form,
    judged: Option<Judged>,
    refused: Option<Reply>,
    /// It rotated a grant.
    rotated: bool,
    /// `finish` has not been called yet.
    pub(crate) open: bool,
}

/// The place a token was put in a query, if any.
fn token_in_query(call: &Call) -> Option<&'static str> {
    let query = call.parts.uri.query()?;
    let names = ["access_token", "refresh_token", "code", "token"];
    let found = form_urlencoded::parse(query.as_bytes())
        .find_map(|(key, _)| names.into_iter().find(|name| key == *name));
    found.filter(|_| call.endpoint != Endpoint::Authorize)
}

impl World {
    pub(crate) fn arrive(&mut self, call: &Call) -> Arrival {
        self.arrivals += 1;
        *self.counters.arrived.slot(call.endpoint) += 1;
        self.in_flight += 1;
        self.counters.peak_in_flight = self.counters.peak_in_flight.max(self.in_flight);
        let mut arrival = Arrival {
            caller: None,
            strikes: Vec::new(),
            form: Form::default(),
            judged: None,
            refused: None,
            rotated: false,
            open: true,
        };
        let mut subject = None;
        if call.endpoint.is_oauth() {
            if call.endpoint != Endpoint::Authorize {
                arrival.form = Form::read(call);
                subject = self.token_subject(&arrival.form);
                arrival.refused = self.check_form(call);
            }
        } else {
            self.arrive_api(call, &mut arrival);
            subject = arrival.caller.map(|c| c.user);
        }
        arrival.strikes = self.pick_faults(call, &arrival, subject);
        arrival
    }

    fn pick_faults(&mut self, call: &Call, arrival: &Arrival, user: Option<usize>) -> Vec<Strike> {
        let mut faults = std::mem::take(&mut self.faults);
        let names = user.map_or(["", "", ""], |u| {
            let user = &self.users[u];
            [user.id.as_str(), user.email.as_str(), self.accounts[user.account].id.as_str()]
        });
        let names = names.map(str::to_owned);
        let grant_type = arrival.form.get("grant_type");
        let names = [names[0].as_str(), names[1].as_str(), names[2].as_str()];
        let subject = Subject { endpoint: call.endpoint, grant_type, names };
        let strikes = faults.strike(&subject, || self.draw());
        self.faults = faults;
        self.counters.faults_injected += strikes.len() as u64;
        strikes
    }

    fn token_subject(&self, form: &Form) -> Option<usize> {
        let known = form.get("refresh_token").map(|t| self.know(t, TokenKind::Refresh));
        let known = known.or_else(|| form.get("token").map(|t| self.know(t, TokenKind::Access)));
        if let Some(grant) = known.and_then(|k| k.grant) {
            return Some(self.grants.all[grant].user);
        }
        let account = form.get("account_id")?;
        self.accounts.iter().find(|a| a.id == account)?.owner
    }

    fn check_form(&mut self, call: &Call) -> Option<Reply> {
        if let Some(name) = token_in_query(call) {
            self.violate(Rule::TokenInQuery, None, name);
            let reason = format!("{name} not supported as query parameter string");
            return Some(Reply::oauth(400, "invalid_request", Some(&reason)));
        }
        if !call.body.is_empty() && !call.has_type("application/x-www-form-urlencoded") {
            self.violate(Rule::WrongContentType, None, format!("{:?}", call.endpoint));
            return Some(Reply::oauth(400, "invalid_request", Some("Missing grant type")));
        }
        None
    }

    fn arrive_api(&mut self, call: &Call, arrival: &mut Arrival) {
        let asks_json = call.asks_json();
        let refused = match self.authenticate(call) {
            Ok(caller) => {
                arrival.caller = Some(caller);
                self.grants.all[caller.grant].in_flight += 1;
                self.check_rate(call, caller, &mut arrival.judged)
            }
            Err(reply) => Some(reply),
        };
        let user = arrival.caller.map(|c| c.user);
        if !asks_json {
            self.violate(Rule::MissingAccept, user, format!("{:?}", call.endpoint));
        }
        let sends = matches!(
            call.endpoint,
            Endpoint::Create | Endpoint::Update | Endpoint::Status | Endpoint::Register
        );
        let fits = !sends || call.has_type("application/json");
        if !fits {
            self.violate(Rule::WrongContentType, user, format!("{:?}", call.endpoint));
        }
        let unfit = (!fits).then(|| Reply::error(400, 300, "Unsupported Content Type."));
        arrival.refused = refused.or(unfit);
    }

    fn authenticate(&mut self, call: &Call) -> Result<Caller, Reply> {
        let refuse = |message: &str| Err(Reply::error(401, 124, message));
        if let Some(name) = token_in_query(call) {
            self.violate(Rule::TokenInQuery, None, name);
            return refuse("Access token is not supported as query parameter string.");
        }
        let bearer = call.header(AUTHORIZATION).and_then(|h| h.strip_prefix("Bearer "));
        let Some(bearer) = bearer else {
            self.violate(Rule::MissingAccess, None, call.parts.uri.path());
            return refuse("Requires an access token.");
        };
        let known = self.know(bearer, TokenKind::Access);
        let grant = known.grant.map(|g| (g, self.grants.all[g].user));
        let user = grant.map(|(_, user)| user);
        match (known.state, grant) {
            (TokenState::Live, Some((grant, user))) => {
                if self.apps[self.grants.all[grant].app].disabled {
                    return refuse("Invalid access token.");
                }
                self.mark_used(known);
                Ok(Caller { grant, user })
            }
            (TokenState::Expired, _) => {
                self.violate(Rule::ExpiredAccess, user, format!("{:?}", call.endpoint));
                refuse("Access token is expired.")
            }
            (TokenState::Unknown, _) => {
                self.violate(Rule::UnknownAccess, user, format!("{} characters", bearer.len()));
                refuse("Invalid access token.")
            }
            _ => {
                self.violate(Rule::DeadAccess, user, format!("{:?}", call.endpoint));
                refuse("Invalid access token.")
            }
        }
    }

    pub(crate) fn label(&self, endpoint: Endpoint) -> Label {
        let labels = &self.rules.limits.labels;
        match endpoint {
            Endpoint::Create => labels.create,
            Endpoint::List | Endpoint::Upcoming | Endpoint::Registrants | Endpoint::Users => {
                labels.list
            }
            Endpoint::Get | Endpoint::Invitation => labels.get,
            Endpoint::Update | Endpoint::Status | Endpoint::Register => labels.update,
            Endpoint::Delete => labels.delete,
            _ => labels.me,
        }
    }

    fn check_rate(
        &mut self,
        call: &Call,
        by: Caller,
        judged: &mut Option<Judged>,
    ) -> Option<Reply> {
        let label = self.label(call.endpoint);
        let (now, enforce) = (self.now_ms(), self.rules.limits.enforce);
        let account = &mut self.accounts[self.users[by.user].account];
        let rate = self.rules.limits.rate(account.plan, label);
        let found = account.spent.arrive(rate, label, enforce, now);
        *judged = Some(found);
        let kind = found.over?;
        let rule = match kind {
            LimitKind::LabelDay => Rule::OverLabelDay,
            _ => Rule::OverPerSecond,
        };
        self.violate(rule, Some(by.user), format!("{:?} {label:?}", call.endpoint));
        if !enforce {
            return None;
        }
        match kind {
            LimitKind::LabelDay => self.counters.refused_label_day += 1,
            _ => self.counters.refused_per_second += 1,
        }
        Some(self.limited(kind, label, *judged))
    }

    /// The deed itself.
    pub(crate) fn act(&mut self, call: &Call, arrival: &mut Arrival) -> Reply {
        let rotations = self.counters.rotations;
        let mut reply = match (&arrival.refused, arrival.caller) {
            (Some(refused), _) => refused.clone(),
            (None, Some(caller)) => self.act_api(call, caller),
            (None, None) => match call.endpoint {
                Endpoint::Authorize => self.authorize(call),
                Endpoint::Token => self.token(&arrival.form, &arrival.strikes),
                Endpoint::Revoke => self.revoke(&arrival.form),
                _ => Reply::error(404, 2300, "This API endpoint is not recognized."),
            },
        };
        arrival.rotated = self.counters.rotations > rotations;
        if let Some(judged) = arrival.judged.filter(|_| reply.status != 429) {
            self.rate_headers(&mut reply, self.label(call.endpoint), judged);
        }
        if !call.endpoint.is_oauth() {
            let number = self.mixed(91, self.arrivals);
            let id = format!("v=2.0;clid=us05;rid=WEB_{number:016x}");
            reply.headers.push(("x-zm-trackingid", id));
        }
        let plain = self.rules.xml_without_accept && !call.endpoint.is_oauth();
        if plain && reply.status >= 400 && !call.asks_json() { reply.into_xml() } else { reply }
    }

    /// The request is over; nothing of it is in flight any more.
    pub(crate) fn finish(&mut self, call: &Call, arrival: &mut Arrival, status: Option<u16>) {
        if !std::mem::take(&mut arrival.open) {
            return;
        }
        self.in_flight -= 1;
        if let Some(caller) = arrival.caller {
            self.grants.all[caller.grant].in_flight -= 1;
        }
        match status {
            Some(_) => *self.counters.answered.slot(call.endpoint) += 1,
            None => {
                self.counters.abandoned += 1;
                self.counters.rotations_abandoned += u64::from(arrival.rotated);
            }
        }
        let keep = self.rules.keep.requests;
        if keep > 0 {
            if self.requests.len() >= keep {
                self.requests.pop_front();
            }
            self.requests.push_back(RequestView {
                at_ms: self.now_ms(),
                endpoint: call.endpoint,
                user: arrival.caller.map(|c| self.users[c.user].email.clone()),
                path: call.parts.uri.path().to_owned(),
                status: status.unwrap_or(0),
            });
        }
    }
}
