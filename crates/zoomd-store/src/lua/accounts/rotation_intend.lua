-- Writes the intent: from here on the token may be spent. Proves that Redis
-- takes writes, that the lease stands and that nothing changed since it was read.
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  account
-- ARGV[3]  owner
-- ARGV[4]  lease ms: longer than the exchange can take
-- ARGV[5]  intent id          ARGV[6]  host: the journal the reply will be staged in
-- ARGV[7]  epoch  ARGV[8] generation  ARGV[9] fingerprint that is stored
-- ARGV[10] fingerprint that is presented
-- ARGV[11] id of the intent that is taken over, or empty
-- ARGV[12] timeline line (JSON)
-- ARGV[13] ms after which others may present the token, should the host stay silent
-- Answer:  {ok, now, since}: when this token was presented last to an outcome not
--          known, else now;
--          {lost} lease, {moved} record, {intent, id} another's,
--          {busy, requests in flight}
-- The first write is one that a full Redis refuses.
local A = ARGV[2]
local wrong = misplaced(A)
if wrong then return wrongtype(wrong) end
if not holds(P .. 'intents', 'zset') then return wrongtype(P .. 'intents') end
local a, g = P .. 'account:' .. A, P .. 'grant:' .. A
local v = call('HMGET', a, 'st', 'lk', 'lku', 'int')
if v[2] ~= ARGV[3] or (tonumber(v[3] or 0) or 0) <= now then return {'lost'} end
local s = call('HMGET', g, 'ep', 'gen', 'fp')
if v[1] ~= 'active' or s[1] ~= ARGV[7] or s[2] ~= ARGV[8] or s[3] ~= ARGV[9] then return {'moved'} end
if (v[4] or '') ~= ARGV[11] then return {'intent', v[4] or ''} end
local flying = call('ZCOUNT', P .. 'in_flight:' .. A, '(' .. int(now), '+inf')
if flying > 0 then return {'busy', flying} end

-- A probe goes on with what is known of the presentations before it.
local before = call('HMGET', P .. 'intent:' .. A, 'fp', 'at', 'n', 'case', 'due')
local again = ARGV[11] ~= '' and before[1] == ARGV[10]
local since = again and before[2] or int(now)
call('HSET', a, 'int', ARGV[5], 'lku', int(now + tonumber(ARGV[4])))
call('DEL', P .. 'intent:' .. A)
call('HSET', P .. 'intent:' .. A, 'id', ARGV[5], 'host', ARGV[6], 'ep', ARGV[7], 'gen', ARGV[8],
  'fp', ARGV[10], 'at', int(now), 'owner', ARGV[3], 'probe', ARGV[11] == '' and '0' or '1',
  'since', since, 'n', again and before[3] or '0')
probe_at(A, now + tonumber(ARGV[13]))
if again then
  call('HSET', P .. 'intent:' .. A, 'old_case', before[4] or 'silence', 'old_due', before[5] or int(now))
end
call('ZADD', P .. 'intents', int(now), A)
note(A, ARGV[12])
return {'ok', int(now), since}
