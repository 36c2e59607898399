-- Ends a rotation that is known to have spent nothing: its own intent and its own
-- lease go, the gate opens, or stays closed for a rest. Where it was a probe, what
-- it asked about is in doubt as before, and is asked again after the rest.
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  account
-- ARGV[3]  owner; `-`: nobody's, only a rest is put where no lease stands
-- ARGV[4]  intent id, or empty
-- ARGV[5]  rest ms
-- ARGV[6]  why, kept as the grant's last error; empty leaves it
-- ARGV[7]  timeline line (JSON), or empty
-- ARGV[8]  new state of an active account (`wrong_app`), or of such a one (`active`); or empty
-- ARGV[9]  its reason
-- Answer:  1
local A, owner, rest = ARGV[2], ARGV[3], tonumber(ARGV[5])
local wrong = misplaced(A)
if wrong then return wrongtype(wrong) end
local a = P .. 'account:' .. A
call('ZREM', P .. 'asleep', '')
local v = call('HMGET', a, 'st', 'lk', 'lku', 'int')
if not v[1] then return 1 end
if owner == '-' then
  local till = tonumber(v[3] or 0) or 0
  if (till <= now or v[2] == '-') and till < now + rest then call('HSET', a, 'lk', '-', 'lku', int(now + rest)) end
  return 1
end
if ARGV[4] ~= '' and v[4] == ARGV[4] then
  local old = call('HMGET', P .. 'intent:' .. A, 'old_case', 'old_due', 'since')
  if old[1] then
    local due = math.max(tonumber(old[2] or 0) or 0, now + rest)
    call('HSET', P .. 'intent:' .. A, 'none', '1', 'case', old[1], 'at', old[3])
    probe_at(A, due)
  else
    clear_intent(A)
  end
end
release(A, owner, rest)
if ARGV[8] == 'wrong_app' and v[1] == 'active' then
  call('HSET', a, 'st', 'wrong_app', 'why', ARGV[9])
elseif ARGV[8] == 'active' and v[1] == 'wrong_app' then
  call('HSET', a, 'st', 'active')
  call('HDEL', a, 'why')
end
if ARGV[6] ~= '' and call('EXISTS', P .. 'grant:' .. A) == 1 then call('HSET', P .. 'grant:' .. A, 'last', ARGV[6]) end
if ARGV[7] ~= '' then note(A, ARGV[7]) end
reopen(A)
return 1
