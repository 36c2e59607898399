-- Says what is known of an intent whose outcome is not: the host holds no reply
-- with a token for it. Says, too, when the token may be presented again. The gate
-- stays closed; the lease is given back. Said twice it changes nothing.
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  account
-- ARGV[3]  owner, or empty
-- ARGV[4]  intent id
-- ARGV[5]  why, kept as the grant's last error; empty leaves it
-- ARGV[6]  timeline line (JSON), or empty
-- ARGV[7]  the case: `server` the token server answered, the exchange is over;
--          `gateway` something before it did; `silence` no answer came; `early`
--          the token was refused too soon after the presentation before
-- ARGV[8]  ms from a presentation until it is surely over
-- ARGV[9]  ms from the first answer of the token server to the next presentation,
--          doubled with each up to  ARGV[10]
-- Answer:  when the intent may be probed, or 0 when it is not the account's
local A, case = ARGV[2], ARGV[7]
local wrong = misplaced(A)
if wrong then return wrongtype(wrong) end
call('ZREM', P .. 'asleep', '')
release(A, ARGV[3])
local int_key = P .. 'intent:' .. A
local intent = call('HMGET', int_key, 'id', 'owner', 'case', 'due', 'at', 'since', 'n')
if intent[1] ~= ARGV[4] then return 0 end
-- A successor answers for a dead process: its lease is released too.
release(A, intent[2] or '')
if intent[3] then return tonumber(intent[4]) end
local due, n = (tonumber(intent[5]) or now) + tonumber(ARGV[8]), tonumber(intent[7] or 0) or 0
if case == 'server' then
  due = now + math.min(tonumber(ARGV[9]) * 2 ^ n, tonumber(ARGV[10]))
  n = n + 1
elseif case == 'early' then
  -- A refusal is an answer: what is in doubt is the presentation before.
  local since = intent[6] or intent[5] or int(now)
  due = tonumber(since) + tonumber(ARGV[8])
  call('HSET', int_key, 'at', since)
end
call('HSET', int_key, 'none', '1', 'case', case, 'n', int(n))
probe_at(A, due)
if ARGV[5] ~= '' and call('EXISTS', P .. 'grant:' .. A) == 1 then
  call('HSET', P .. 'grant:' .. A, 'last', ARGV[5])
end
if ARGV[6] ~= '' then note(A, ARGV[6]) end
try('PUBLISH', P .. 'wake', 't:' .. A)
return math.floor(due)
