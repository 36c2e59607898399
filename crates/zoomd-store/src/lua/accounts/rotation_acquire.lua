-- Takes the lease of an account's rotation, and answers all that a rotation reads.
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  account
-- ARGV[3]  owner, random
-- ARGV[4]  lease ms
-- ARGV[5]  1: a rest does not hold it back
-- ARGV[6]  how long the hold after a change of Redis' run id lasts at most, ms
-- ARGV[7]  mark of the configured secret, by which a stop of the app is told to be
--          about other credentials
-- ARGV[8]  the run id that the asker's beat heard last, or empty
-- Answer:  {none}                   no such account
--          {state, st, why}         somebody must act first
--          {held, owner, until}     another has the lease
--          {resting, until}         the last token refresh failed
--          {stopped, until, why}    the app's rotations are stopped
--          {settling, until}        journals are committed first; until when to ask again
--          {got, now, until, in flight, a, g, int}  with the three hashes as lists
-- The first write is one that a full Redis refuses.
local A, owner = ARGV[2], ARGV[3]
local wrong = misplaced(A)
if wrong then return wrongtype(wrong) end
for name, kind in pairs({stops = 'hash', meta = 'hash', hold = 'hash', beats = 'zset'}) do
  if not holds(P .. name, kind) then return wrongtype(P .. name) end
end
local a, g = P .. 'account:' .. A, P .. 'grant:' .. A

local v = call('HMGET', a, 'st', 'why', 'lk', 'lku')
if not v[1] then return {'none'} end
if v[1] ~= 'active' and v[1] ~= 'wrong_app' then return {'state', v[1], v[2] or ''} end
local till = tonumber(v[4] or 0) or 0
if v[3] and till > now and v[3] ~= owner then
  if v[3] ~= '-' then return {'held', v[3], int(till)} end
  if ARGV[5] ~= '1' then return {'resting', int(till)} end
end

local _, run_at = see_run(ARGV[8])
local longest = tonumber(ARGV[6])
local ends = hold_ends(run_at, longest)
-- It may end at any time, so the caller retries soon.
if ends > 0 then return {'settling', int(math.min(ends, now + longest * AGAIN))} end

local app = call('HMGET', g, 'issuer', 'client_id')
local stop = call('HGET', P .. 'stops', (app[1] or '') .. ' ' .. (app[2] or ''))
if stop then
  local over, mark, why = string.match(stop, '^(%d+) (%S+) (.*)$')
  if over and tonumber(over) > now and (mark == ARGV[7] or mark == '*') then return {'stopped', over, why} end
end

local over = int(now + tonumber(ARGV[4]))
call('HSET', a, 'lk', owner, 'lku', over)
if v[3] == '-' and till > now then
  call('HSET', a, 'lkr', int(till))
elseif v[3] ~= owner then
  call('HDEL', a, 'lkr')
end
local flying = call('ZCOUNT', P .. 'in_flight:' .. A, '(' .. int(now), '+inf')
return {'got', int(now), over, flying, call('HGETALL', a), call('HGETALL', g), call('HGETALL', P .. 'intent:' .. A)}
