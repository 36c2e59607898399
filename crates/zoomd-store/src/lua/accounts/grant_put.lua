-- Stores new grants: imported, added, connected. Several in one call; one that
-- cannot be stored is that one's answer and stops no other.
--
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  mode: `import` leaves a usable grant alone, `replace` puts the new
--          one in its place, `connect` too, and even when Redis is full
-- ARGV[3]  what to do when the Zoom user is connected as another account:
--          `refuse` or `take-over`
-- then 19 for each grant: account, tombstone field, epoch, generation, sealed,
--          fp, kind, plan, cap, Zoom account, Zoom user, aliases (JSON), access
--          expiry ms, obtained ms, scope, issuer, client id, api url, timeline
--          line (JSON). An empty plan, cap, Zoom account or user is not known
-- Answer:  one list for each grant:
--          {stored, state before or '', jobs waiting}
--          {there, state}    this token of this app, or one made from it, is stored
--          {kept, state}     another grant is stored and was left alone
--          {older, epoch}    a later grant or tombstone is stored
--          {held, account}   the Zoom user is connected under that name
--          {wrongtype, key}  a key of ours holds something else
local mode, conflict = ARGV[2], ARGV[3]
local NAMES = {
  'account', 'tomb', 'ep', 'gen', 'sealed', 'fp', 'kind', 'plan', 'cap', 'z', 'uid', 'em', 'exp',
  'obt', 'scope', 'issuer', 'client_id', 'api_url', 'line',
}

-- An unused token under another app, or from another issuer, is another grant:
-- the first was stored with a wrong client id. A token that was rotated is spent,
-- and the app that rotated it was the right one.
local function knows(new)
  local fp = new.fp
  local stored = redis.call('HMGET', P .. 'grant:' .. new.account, 'fp', 'pfp', 'anc', 'client_id', 'issuer')
  if stored[1] == fp then return stored[4] == new.client_id and stored[5] == new.issuer end
  return stored[2] == fp or (stored[3] and string.find(stored[3], fp, 1, true) ~= nil)
end

-- Reason why the new grant is not stored, or nil.
local function refusal(new, old, holder)
  if old.st and old.st ~= 'removed' then
    local again = mode ~= 'connect' or old.ep == new.ep
    if again and knows(new) then return {'there', old.st} end
    if mode == 'import' and old.st == 'active' then return {'kept', old.st} end
  end
  local buried = redis.call('HGET', P .. 'tombs', new.tomb)
  if buried and buried >= new.ep then return {'older', buried} end
  if old.ep and old.ep >= new.ep then return {'older', old.ep} end
  if holder and holder ~= new.account and conflict ~= 'take-over' then return {'held', holder} end
end

-- The Zoom user leaves `other`. It takes on the new epoch, so that what a late
-- rotation of its old grant brings is older than what is stored.
local function supersede(other, by, epoch)
  local a = P .. 'account:' .. other
  redis.call('DEL', P .. 'grant:' .. other, P .. 'intent:' .. other)
  redis.call('ZREM', P .. 'intents', other)
  redis.call('ZREM', P .. 'probes', other)
  redis.call('HDEL', a, 'uid', 'em', 'lk', 'lku', 'int')
  redis.call('HSET', a, 'st', 'superseded', 'why', by, 'ep', epoch, 'gen', '0')
  note(other, '{"what":"superseded","by":"' .. by .. '"}')
  tell('account.needs_reauth', other, 'superseded')
  redis.pcall('PUBLISH', P .. 'wake', 't:' .. other)
end

-- The index of Zoom users follows the grant.
local function index(new, old)
  if old.uid then
    local client = redis.call('HGET', P .. 'grant:' .. new.account, 'client_id') or ''
    local field = client .. '|' .. old.uid
    if redis.call('HGET', P .. 'users', field) == new.account then redis.call('HDEL', P .. 'users', field) end
  end
  if new.uid ~= '' then redis.call('HSET', P .. 'users', new.client_id .. '|' .. new.uid, new.account) end
end

local function write(new, old)
  local a, g = P .. 'account:' .. new.account, P .. 'grant:' .. new.account
  redis.call('DEL', g, P .. 'intent:' .. new.account)
  redis.call('ZREM', P .. 'intents', new.account)
  redis.call('ZREM', P .. 'probes', new.account)
  -- Zoom took the app's id and secret just now: its rotations go on.
  if mode == 'connect' then redis.call('HDEL', P .. 'stops', new.issuer .. ' ' .. new.client_id) end
  if old.st == 'removed' then redis.call('DEL', a) end
  redis.call('HDEL', P .. 'tombs', new.tomb)
  inherit(new.account, new.z)
  redis.call('HDEL', a, 'why', 'z', 'uid', 'em', 'lk', 'lku', 'int')
  redis.call('HSETNX', a, 'plan', 'pro')
  redis.call('HSETNX', a, 'made', int(now))
  redis.call('HSET', a, 'st', 'active', 'ep', new.ep, 'gen', new.gen, 'kind', new.kind)
  for _, name in ipairs({'plan', 'cap', 'z', 'uid'}) do
    if new[name] ~= '' then redis.call('HSET', a, name, new[name]) end
  end
  if new.em ~= '[]' then redis.call('HSET', a, 'em', new.em) end
  count_as(new.account, new.uid, new.em)
  for _, name in ipairs({
    'ep', 'gen', 'sealed', 'fp', 'exp', 'obt', 'scope', 'issuer', 'client_id', 'api_url',
  }) do
    redis.call('HSET', g, name, new[name])
  end
end

local function put(new)
  local wrong = misplaced(new.account)
  if wrong then return {'wrongtype', wrong} end
  local stored = redis.call('HMGET', P .. 'account:' .. new.account, 'st', 'ep', 'uid')
  local old = {st = stored[1], ep = stored[2], uid = stored[3]}
  local holder = new.uid ~= '' and redis.call('HGET', P .. 'users', new.client_id .. '|' .. new.uid)
  local refused = refusal(new, old, holder)
  if refused then return refused end
  wrong = holder and holder ~= new.account and misplaced(holder)
  if wrong then return {'wrongtype', wrong} end

  -- The first write decides whether a full Redis takes all of them. It must take
  -- a consent, which cannot be asked for again; an import can.
  if mode == 'connect' then redis.call('ZREM', P .. 'asleep', '') end
  redis.call('ZADD', P .. 'accounts', '0', new.account)
  if holder and holder ~= new.account then supersede(holder, new.account, new.ep) end
  index(new, old)
  write(new, old)
  note(new.account, new.line)
  tell('account.connected', new.account)
  wake(new.account)
  return {'stored', old.st or '', waiting(new.account)}
end

local answers = {}
for at = 4, #ARGV, #NAMES do
  local new = {}
  for i, name in ipairs(NAMES) do new[name] = ARGV[at + i - 1] end
  answers[#answers + 1] = put(new)
end
return answers
