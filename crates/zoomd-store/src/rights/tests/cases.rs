//! A call of each script, in which it writes about all that it can write.

/// Script call with its keys, the state in addition to the world, and the arguments. Items are
/// separated by blanks; `_` stands for a blank and `''` for an empty string.
pub(super) struct Case {
    pub(super) script: &'static str,
    /// The keys behind the prefix.
    pub(super) keys: &'static str,
    pub(super) given: &'static str,
    pub(super) args: &'static str,
}

const fn case(
    script: &'static str,
    keys: &'static str,
    given: &'static str,
    args: &'static str,
) -> Case {
    Case { script, keys, given, args }
}

const EVENTS: &str = "w:events";
const JOBS: &str = "w:jobs";
const STREAMS: &str = "w:jobs w:results w:failures w:events";
const NOBODY_WAITS: &str =
    "DEL w:v1:gate:Zacme w:v1:payload:acme w:v1:rooms:acme w:v1:ring w:v1:room:acme|me";

pub(super) const CASES: &[Case] = &[
    case("rights", "", "", ""),
    case("settle_guard", "w:jobs w:results w:failures w:events w:v1:revoked:boot1", "", ""),
    case(
        "account_learn",
        EVENTS,
        "HDEL w:v1:account:acme z uid em;HSET w:v1:ledger:20270115:~acme l:medium 2;HSET w:v1:gate:~acme medium 5;HSET w:v1:alias:~acme x y;RPUSH w:v1:window:~acme:medium 1;RPUSH w:v1:window:Znew:medium 1",
        "acme 1700000000000-00000001 Znew Unew [\"a@x\"]",
    ),
    case(
        "account_purge",
        EVENTS,
        "HSET w:v1:account:gone z Zgone;RPUSH w:v1:timeline:gone x;ZADD w:v1:meeting_months 0 gone|203001",
        "gone tombfield 1",
    ),
    case(
        "account_remove",
        EVENTS,
        "ZADD w:v1:asleep 5 acme;HSET w:v1:intent:acme id x;ZADD w:v1:intents 1 acme",
        "acme why 1800000000000-00000001 '' {\"what\":\"removed\"}",
    ),
    case(
        "account_set",
        EVENTS,
        "HDEL w:v1:account:acme z;ZADD w:v1:asleep 5 acme",
        "acme {\"what\":\"set\"} 1 plan business cap '' z Zother",
    ),
    case("account_wake", EVENTS, "", "acme other none"),
    case(
        "admit",
        "w:jobs w:events",
        "HDEL w:v1:owner fifth;HSET w:v1:ids again D_1_100-6_-_1799999999 go D_1_70-1_5_1_acme|7",
        "boot1.9 30000 5000 20000 86400 boot1 1 100-1 100-6 60000 1800000900000 1 1 0 \
         medium 1 pro 16 2000 100 \
         2 5 acme me '' 4 1 held me '' 1 1 yyyyy \
         go early fifth again waits2 \
         100-2 100-3 100-5 100-6 100-4 \
         L_1_100-2_-_c10y_0_1900000000000_acme|me| L_1_100-3_-_c10y_0_1900000000000_acme|me| \
         L_1_100-5_-_c10y_0_1800000900000_acme|me| L_1_100-6_-_c10y_0_1800000900000_acme|me| \
         L_1_100-4_-_c10y_0_1800000900000_held|me| \
         0 1800003600000 0 0 0",
    ),
    case(
        "admit",
        "w:jobs w:events",
        "HSET w:v1:target: macme/5 0_1_0_behind;ZADD w:v1:target:macme/5 0 000000000000090-00000000000000000009|F1behind;HSET w:v1:ids behind L_1_90-9_-_c11y_0_1900000000000_acme|?light||F000000000000090-00000000000000000009:macme/5;ZADD w:v1:room:acme|?light 1 behind",
        "boot1.9 30000 5000 20000 86400 boot1 1 100-4 100-4 60000 1900000000000 0 0 1 \
         light 1 pro 16 2000 100 \
         1 1 acme ?light '' 1 1 y aims 100-4 \
         L_1_100-4_-_c10y_0_1900000000000_acme|?light| Em5",
    ),
    case(
        "admit",
        "w:jobs w:events",
        NOBODY_WAITS,
        "boot1.9 30000 5000 20000 86400 boot1 1 100-2 100-2 60000 1900000000000 0 0 0 \
         medium 1 pro 0 0 0 1 1 acme me '' 1 1 y go 100-2 L_1_100-2_-_c10y_0_1900000000000_acme|me|",
    ),
    case(
        "admit",
        "w:jobs w:events",
        NOBODY_WAITS,
        "boot1.9 30000 5000 20000 86400 boot1 1 100-2 100-2 60000 1900000000000 0 0 0 \
         medium 1 pro 16 2000 100 1 1 acme new@x '' 1 1 y go 100-2 L_1_100-2_-_c10y_0_1900000000000_acme|new@x|",
    ),
    case("call_begin", "", "", "acme call 20000 medium 1 pro 16 2000 100"),
    case(
        "call_limited",
        "",
        "HSET w:v1:gate:Zacme hit:medium 1799999998000",
        "acme me medium 1800000005000",
    ),
    case(
        "claim",
        "",
        "ZADD w:v1:line:Zacme:medium 5 other;HSET w:v1:alias:Zacme x y;HSET w:v1:ids elsewhere L_1_90-7_-_c10n_0_1900000000000_acme|other|new@x;HSET w:v1:payload:acme elsewhere {}",
        "boot1.9 30000 5000 20000 100 16 medium light 2 medium 1 pro 16 2000 100 light 1 pro 16 2000 100",
    ),
    case("consent_begin", EVENTS, "", "link state2 cookie 600000 9"),
    case(
        "consent_link",
        EVENTS,
        "",
        "link2 acme tombfield pro 0 600000 {\"what\":\"link\"} Acme https://a.example",
    ),
    case("consent_look", EVENTS, "", "link"),
    case("consent_take", EVENTS, "", "state cookie"),
    case("drop_consumers", JOBS, "", "-1 boot1"),
    case("expire", "", "", "boot1.9 30000 100"),
    case(
        "expire_ids",
        "",
        "HSET w:v1:ids near L_1_90-9_-_c10y_0_1800000700000_acme|me| made D_1_80-1_5_1_acme|7",
        "0 1000 86400",
    ),
    case("failure_discard", "", "", "failed#1"),
    case(
        "failure_retry",
        "w:jobs",
        "HSET w:v1:ids failed D_1_80-3_5_1_acme|7;HSET w:v1:meeting_earlier failed acme|6",
        "failed#1 failed L_2_80-2_-_c10y_0_1800000900000_acme|new| {} 0 86400 Em5 ''",
    ),
    case(
        "failure_retry",
        "w:jobs",
        "",
        "failed#1 failed L_2_80-2_-_c10y_0_1800000900000_acme|new| {} 0 86400 '' ''",
    ),
    case(
        "failure_retry",
        "w:jobs",
        "",
        "failed#1 failed L_2_80-2_-_c10y_0_1800000900000_acme|new| {} 1800000800000 86400 '' ''",
    ),
    case("deauth_done", "w:v1:deauth", "", "app|Uold 5_Zold"),
    case("deauth_note", "w:v1:deauth", "", "app|Uacme 9 Zacme"),
    case("forget_failures", "", "", "1000 10"),
    case(
        "grant_put",
        EVENTS,
        "ZADD w:v1:asleep 5 taken;HDEL w:v1:account:acme z",
        "connect take-over \
         taken tomb1 1800000000000-00000001 0 z1.x bb oauth business 3 Zacme Uacme [\"a@x\"] 1 1 s https://z app https://a {\"what\":\"connected\"} \
         acme t 1800000000000-00000002 0 z1.x cc oauth '' '' Znew Unew [\"b@x\"] 1 1 s https://z app https://a {\"what\":\"connected\"}",
    ),
    case(
        "grant_put",
        EVENTS,
        "",
        "import refuse fresh tomb1 1800000000000-00000001 0 z1.x bb oauth '' '' '' '' [] 1 1 s https://z app https://a {\"what\":\"imported\"}",
    ),
    case(
        "grant_reseal",
        "",
        "HSET w:v1:grant:acme cand []",
        "acme 1700000000000-00000001 3 z1.1111.x z1.2222.x [] [1]",
    ),
    case(
        "job_cancel",
        "w:jobs w:failures",
        "",
        "w:reply: 60000 86400 cancelled 3 \
         waits L_1_90-3_-_c10y_0_1800000900000_acme|me| {} 90-3 acme F create_meeting {} 1 waits#1 {} \
         new '' '' 100-4 acme F create_meeting {} 0 new#1 '' \
         sleeps L_1_90-4_-_c10y_0_1900000000000_acme|me| '' 90-4 acme M {\"cancel\":1}",
    ),
    case("keys_in_use", "", "", "- 100"),
    case(
        "layout_begin",
        "w:v1:meta",
        "HSET w:v1:meta layout 1;RENAME w:v1:leases w:v1:lease;RENAME w:v1:asleep w:v1:zz",
        "1 2 raising 4000 30000 bar 60 lease leases zz asleep dl deadline dm: daemon:",
    ),
    case(
        "layout_move",
        "w:v1:meta",
        "HSET w:v1:meta layout raising;RENAME w:v1:account:acme w:v1:a:acme;RENAME w:v1:room:acme|me w:v1:w:acme|me",
        "raising w:v1:* 0 1000 a: account: w: room:",
    ),
    case("layout_end", "w:v1:meta", "HSET w:v1:meta layout raising", "raising 2"),
    case("mark_sent", "", "", "hot boot1.1"),
    case("mark_sent", "", "HSET w:v1:owner hot boot1.1|1799999999000|h|Zacme", "hot boot1.1"),
    case(
        "meetings_forget",
        "",
        "HSET w:v1:ids old D_1_80-1_5_1_acme|7;HSET w:v1:meeting_earlier old acme|6_acme|7;HSET w:v1:meeting:acme 7 1|old|2s-1||2|s44we8|30 8 1|x|2s-2||3|||-;RPUSH w:v1:meetings:acme|202311 7;RPUSH w:v1:meetings:acme|never 8;ZADD w:v1:meeting_months 0 acme|202311 0 acme|never",
        "'' 0 100 2592000000",
    ),
    case("meta_open", "w:v1:meta", "DEL w:v1:meta", "2 default z1.new"),
    case("meta_reseal", "w:v1:meta", "", "z1.old z1.new"),
    case("promote", "", "", "100"),
    case("recall", JOBS, "", "boot1.1 0 1000 medium light"),
    case("renew", "", "", "30000 hot boot1.1 cold boot1.1 lost other.1"),
    case(
        "resume",
        "w:v1:meta w:events",
        "HSET w:v1:meta paused x paused_at 5 pauses 1-2;ZADD w:v1:asleep 1800000030000 acme",
        "100",
    ),
    case(
        "rotation_abort",
        EVENTS,
        "HSET w:v1:account:acme lk me lku 1800000030000 int x;HSET w:v1:intent:acme id x;ZADD w:v1:intents 1 acme;ZADD w:v1:asleep 5 acme",
        "acme me x 60000 error {\"what\":\"failed\"} wrong_app app",
    ),
    case("rotation_acquire", EVENTS, "", "acme me 20000 0 0 mark ''"),
    case("rotation_beat", EVENTS, "", "boot1 '' [] [] '' 60000 ''"),
    case(
        "rotation_beat",
        EVENTS,
        "HSET w:v1:meta run_id 0;ZADD w:v1:beats 1799999999000 boot1",
        "boot1 0 [\"dead\"] [\"boot1\"] 1799999999000 60000 0",
    ),
    case(
        "rotation_commit",
        EVENTS,
        "HSET w:v1:account:acme lk me lku 1800000030000 int x;HSET w:v1:intent:acme id x ep 1700000000000-00000001 gen 3 owner me;ZADD w:v1:intents 1 acme;ZADD w:v1:asleep 5 acme;HSET w:v1:stops https://z_app x",
        "acme 1700000000000-00000001 4 z1.y bb aa [] 9 9 s https://z app https://a oauth pro Zacme Uacme [\"a@x\"] t {} me x aa {\"fp\":\"aa\"} 1799999999000 '' {\"what\":\"rotated\"}",
    ),
    case(
        "rotation_commit",
        EVENTS,
        "DEL w:v1:account:acme w:v1:grant:acme",
        "acme 1700000000000-00000001 4 z1.y bb aa [] 9 9 s https://z app https://a oauth pro Zacme Uacme [\"a@x\"] none {} me x '' {} 1799999999000 '' {\"what\":\"rotated\"}",
    ),
    case(
        "rotation_commit",
        EVENTS,
        "HSET w:v1:account:acme st needs_reauth",
        "acme 1700000000000-00000001 3 z1.y bb cc [] 9 9 s https://z app https://a oauth pro Zacme Uacme [\"a@x\"] t {\"fp\":\"bb\"} '' '' '' {} 1799999999000 '' {\"what\":\"rotated\"}",
    ),
    case(
        "rotation_doubt",
        EVENTS,
        "HSET w:v1:account:acme lk me lku 1800000030000 int x;HSET w:v1:intent:acme id x owner me",
        "acme me x error {\"what\":\"doubt\"} server 60000 2000 60000",
    ),
    case(
        "rotation_intend",
        EVENTS,
        "HSET w:v1:account:acme lk me lku 1800000030000;DEL w:v1:in_flight:acme",
        "acme me 20000 x host 1700000000000-00000001 3 aa aa '' {\"what\":\"begun\"} 600000",
    ),
    case(
        "rotation_renew",
        EVENTS,
        "HSET w:v1:account:acme lk me lku 1800000030000",
        "acme me 20000",
    ),
    case(
        "rotation_verdict",
        EVENTS,
        "HSET w:v1:account:acme lk me lku 1800000030000 int x;HSET w:v1:intent:acme id x;ZADD w:v1:intents 1 acme",
        "acme 1700000000000-00000001 3 aa aa me x dead {\"what\":\"dead\"} 9 60000 50 60000 60000 ''",
    ),
    case(
        "rotation_verdict",
        EVENTS,
        "HSET w:v1:account:acme lk me lku 1800000030000;ZADD w:v1:deaths 1800000000000 app|held",
        "acme 1700000000000-00000001 3 aa aa me x dead {\"what\":\"dead\"} 1 60000 10 60000 60000 ''",
    ),
    case(
        "settle",
        STREAMS,
        "",
        "boot1 7 medium light 60000 86400 w:reply: 0 4 \
         D hot boot1.1 acme me '' 100-1 D_1_100-1_5 create_meeting {} 1 story 0 Uacme acme@x 0 8001 1|hot|2s-1||2|s44we8|30 202311 1 \
         F cold boot1.1 acme me '' 90-1 '' create_meeting {} 1 rejected {} cold#1 0 '' '' 1 medium 1800000009000 '' \
         S fifth boot1.1 acme me '' 100-5 L_1_100-5_-_c10y_0_1800000900000_acme|me| 1800000100000 {} job.waiting {} 1 '' '' 0 '' \
         N fresh '' acme me '' 100-2 '' create_meeting {} 0 invalid {} fresh#1 0 '' '' 0 '' \
         0 0 0 0 0",
    ),
    case(
        "settle",
        STREAMS,
        "HSET w:v1:owner cold boot1.1|1799999999000|s|Zacme",
        "boot1 7 medium light 60000 86400 w:reply: 0 2 \
         D hot boot1.1 acme me '' 100-1 D_1_100-1_5 create_meeting {} 0 story 0 '' '' 0 '' \
         D cold boot1.1 acme me '' 90-1 '' create_meeting {} 0 '' 0 '' '' 0 '' \
         0 0 0 0 0",
    ),
    case(
        "settle",
        STREAMS,
        "HSET w:v1:owner cold boot1.1|1799999999000|xc|Zacme;ZADD w:v1:asleep 1800000030000 acme",
        "boot1 7 medium light 60000 86400 w:reply: 0 2 \
         R cold boot1.1 acme me '' 90-1 L_1_90-1_-_c10y_0_1900000000000_acme|me| {} 3000 0 '' '' 0 '' \
         R hot boot1.1 acme new '' 100-1 L_1_100-1_-_c10y_0_1900000000000_acme|new| {} 0 0 '' '' 1 @ 1800009000000 '' \
         0 0 0 0 0",
    ),
    case(
        "settle",
        STREAMS,
        "",
        "boot1 7 medium light 60000 86400 w:reply: 0 0 2 2 1 1 1 acme 1 0 acme 1 1 hot cold 100-1 hot D_1_100-1_5_6 cold",
    ),
    case("sweep", JOBS, "", "100 86400000"),
    case("tend", "", "DEL w:v1:ring", "0 100"),
    case("tick_claim", "w:v1:ticks", "", ""),
    case("trim", "w:results", "XADD w:results 2-1 a b", "1 1 1 100"),
    case("duplicates_due", "", "ZADD w:v1:duplicates_due 5 nothing", "10 60000"),
    case("duplicates_watch", "", "", "job 60000 note 100"),
    case(
        "replay_lost",
        JOBS,
        "",
        "30000 2 forgotten boot1.5 1799999999000 L_1_100-4_-_c10y_0_1900000000000_acme|me| s {} 1800000020000 \
         waits boot1.5 1799999999000 L_1_90-3_-_c10y_0_1800000900000_acme|me| s {} 1800000020000",
    ),
];
