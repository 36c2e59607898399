-- Rules P, F and D: offers a token to the store. Who offers it is not asked: not
-- for his lease, nor for what he read before. Works when Redis is full.
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- then, in this order: account, ep, gen, sealed, fp, pfp, anc (JSON list), exp,
--          obt, scope, issuer, client_id, api_url, kind; what is needed where the
--          account is gone: plan, z, uid, em (JSON list); tomb (field of `tomb`);
--          cand (JSON: this token as a candidate); owner and id (lease and intent
--          that end with this); dfp and demoted (the stored token's fingerprint,
--          and that token as a candidate); iat (access token issued); spare (what
--          was presented, as a candidate with a time: it may be the living one
--          after all); line (JSON). What is empty is not known
-- Answer:  {stored, state before}  it is the stored grant now
--          {candidate}             it is kept beside it
--          {known}                 it, or one made from it, is stored
--          {older}                 a newer epoch is stored
--          {erased, revoke}        the account was removed; 1: no newer grant of
--                                  the Zoom user is stored
--          {demote}                it replaces a fork, which must be given as a candidate
-- From asking Zoom to the commit, ms: a rotation that takes longer is late.
local IN_TIME = 5000
local NAMES = {
  'account', 'ep', 'gen', 'sealed', 'fp', 'pfp', 'anc', 'exp', 'obt', 'scope', 'issuer', 'client_id',
  'api_url', 'kind', 'plan', 'z', 'uid', 'em', 'tomb', 'cand', 'owner', 'id', 'dfp', 'demoted', 'iat', 'spare', 'line',
}
local new = {}
for i, name in ipairs(NAMES) do new[name] = ARGV[i + 1] end
local A = new.account
local wrong = misplaced(A)
if wrong then return wrongtype(wrong) end
for _, name in ipairs({'intents', 'stops'}) do
  if not holds(P .. name, name == 'intents' and 'zset' or 'hash') then return wrongtype(P .. name) end
end
local a, g = P .. 'account:' .. A, P .. 'grant:' .. A
local v = call('HMGET', a, 'st', 'ep', 'gen', 'uid')
local st, uid = v[1], v[4]
local s = call('HMGET', g, 'ep', 'gen', 'fp', 'pfp', 'anc', 'cand', 'dead')
local stored = s[1] and {ep = s[1], gen = s[2], fp = s[3], lineage = (s[4] or '') .. (s[5] or '')}
local ok, candidates = pcall(cjson.decode, s[6] or '[]')
if not ok or type(candidates) ~= 'table' then candidates = {} end
local refused = s[7] or ''
local function among(fp, text) return fp ~= '' and string.find(text, fp, 1, true) ~= nil end
local lineage = new.pfp .. new.anc

local function judge()
  local buried = call('HGET', P .. 'tombs', new.tomb)
  if buried and new.ep <= buried then return 'erased' end
  if st == 'removed' and new.ep <= v[2] then return 'erased' end
  if not stored then
    if st and not greater(new.ep, new.gen, v[2], v[3]) then return 'older' end
    return 'stored', {}
  end
  local later = greater(new.ep, new.gen, stored.ep, stored.gen)
  if new.fp == stored.fp then
    if later then return 'stored', candidates end
    return 'known'
  end
  if among(new.fp, stored.lineage) then return 'known' end
  for _, c in ipairs(candidates) do if c.fp == new.fp then return 'known' end end
  if new.ep ~= stored.ep then
    if later then return 'stored', {} end
    return 'older'
  end
  if among(stored.fp, lineage) then return 'stored', candidates end
  if not later then return 'candidate' end
  if new.dfp ~= stored.fp then return 'demote' end
  return 'stored', {cjson.decode(new.demoted), unpack(candidates)}
end

-- Three forks, the newest; behind them the spare, which goes with the first commit
-- after its time.
local function keep(list)
  local kept, spare = {}, nil
  for _, c in ipairs(list) do
    if not c.till then
      if #kept < 3 then kept[#kept + 1] = c end
    elseif c.till > now then
      spare = c
    end
  end
  kept[#kept + 1] = spare
  if #kept == 0 then return call('HDEL', g, 'cand') end
  call('HSET', g, 'cand', cjson.encode(kept))
end

local function store(kept)
  call('ZADD', P .. 'accounts', '0', A)
  if st == 'removed' then call('DEL', a) end
  inherit(A, new.z)
  for _, name in ipairs({'kind', 'plan', 'z', 'uid', 'em'}) do
    if new[name] ~= '' then call('HSETNX', a, name, new[name]) end
  end
  if new.uid ~= '' then count_as(A, call('HGET', a, 'uid') or '', new.em) end
  call('HSETNX', a, 'plan', 'pro')
  call('HSETNX', a, 'made', int(now))
  call('HSET', a, 'st', 'active', 'ep', new.ep, 'gen', new.gen)
  if st ~= 'active' then call('HDEL', a, 'why') end
  local owner = uid or new.uid
  if owner ~= '' then call('HSETNX', P .. 'users', new.client_id .. '|' .. owner, A) end
  for _, name in ipairs({'ep', 'gen', 'sealed', 'fp', 'anc', 'exp', 'issuer', 'client_id'}) do
    call('HSET', g, name, new[name])
  end
  for _, name in ipairs({'pfp', 'obt', 'scope', 'api_url', 'iat'}) do
    if new[name] ~= '' then call('HSET', g, name, new[name]) end
  end
  call('HDEL', g, 'last', 'dead')
  local left = {}
  for _, c in ipairs(kept) do
    local spent = c.till and c.fp == new.pfp or not c.till and among(c.fp, lineage)
    if not spent and not among(c.fp, refused) and c.fp ~= new.fp then left[#left + 1] = c end
  end
  if new.spare ~= '' then left[#left + 1] = cjson.decode(new.spare) end
  keep(left)
  local app = new.issuer .. ' ' .. new.client_id
  call('HDEL', P .. 'stops', app, 'since ' .. app)
end

local what, kept = judge()
if what == 'demote' then return {what} end
call('ZREM', P .. 'asleep', '')
local revoke = 0
if what == 'stored' then
  store(kept)
elseif what == 'candidate' then
  table.insert(candidates, 1, cjson.decode(new.cand))
  keep(candidates)
  -- Two children of one token: the stored access token may be dead by now, and
  -- only a rotation tells which child lives.
  call('HSET', g, 'exp', '0')
  -- A verdict was about what was stored then; this one was never tried.
  if st == 'needs_reauth' then
    call('HSET', a, 'st', 'active')
    call('HDEL', a, 'why')
  end
elseif what == 'erased' and new.uid ~= '' then
  revoke = call('HEXISTS', P .. 'users', new.client_id .. '|' .. new.uid) == 0 and 1 or 0
end

-- Intents that present what is spent now, and one's own.
local intent = call('HMGET', P .. 'intent:' .. A, 'id', 'ep', 'gen', 'owner')
local settled = (what == 'stored' or what == 'known') and greater(new.ep, new.gen, intent[2], intent[3])
if intent[1] and (settled or intent[1] == new.id) then clear_intent(A) end
if st then release(A, new.owner) end
-- A successor commits for a dead process: its lease goes too.
if st and intent[1] and intent[1] == new.id then release(A, intent[4] or '') end
if what ~= 'known' and (st or what == 'stored') then note(A, new.line, waiting(A)) end
if what == 'stored' and new.kind == 'oauth' then
  local took = now - (tonumber(new.iat) or now)
  tally(new.owner == '' and 'repaired' or took > IN_TIME and 'late' or 'in_time')
end
if st == 'needs_reauth' and (what == 'stored' or what == 'candidate') then tell('account.connected', A, 'recovered') end
if st or what == 'stored' then reopen(A) end
if what == 'stored' then return {what, st or ''} end
if what == 'erased' then return {what, revoke} end
return {what}
