-- The last step of a purge: what is left of a removed account goes, and its
-- epoch moves to a tombstone that does not name it.
--
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  account
-- ARGV[3]  field of the tombstone
-- ARGV[4]  1: no other account is of the same Zoom account
-- Answer:  {purged}, {none} when there is no such account, {live} when it is not
--          removed, {jobs, n} while jobs wait, {in flight, n} while calls fly
local A = ARGV[2]
local wrong = misplaced(A)
if wrong then return wrongtype(wrong) end
local a = P .. 'account:' .. A
local stored = redis.call('HMGET', a, 'st', 'ep', 'z')
if not stored[1] then return {'none'} end
if stored[1] ~= 'removed' then return {'live'} end
if waiting(A) > 0 then return {'jobs', waiting(A)} end
local flying = redis.call('ZCOUNT', P .. 'in_flight:' .. A, '(' .. int(now), '+inf')
if flying > 0 then return {'in flight', flying} end

-- The register's part. The ids that name its meetings go with the next pass over them.
local months = redis.call('ZRANGEBYLEX', P .. 'meeting_months', '[' .. A .. '|', '(' .. A .. '}')
for _, list in ipairs(months) do
  redis.call('UNLINK', P .. 'meetings:' .. list)
  redis.call('ZREM', P .. 'meeting_months', list)
end
local lanes, rooms = lanes_of(A)
redis.call('ZREM', P .. 'asleep', unpack(lanes))
redis.call('ZREM', P .. 'ring', unpack(lanes))
redis.call('ZREM', P .. 'intents', A)
redis.call('ZREM', P .. 'probes', A)
for _, class in ipairs({'grant', 'intent', 'timeline', 'in_flight', 'payload', 'record', 'rooms', 'meeting'}) do redis.call('UNLINK', P .. class .. ':' .. A) end
for _, room in pairs(rooms) do redis.call('UNLINK', P .. 'room:' .. A .. '|' .. room) end
-- Budgets under a Zoom account's id stay until they expire by themselves: they
-- are what keeps its limits if it is connected again today.
local own = '~' .. A
local keys = {P .. 'alias:' .. own, P .. 'gate:' .. own}
for _, ms in ipairs({now - DAY, now, now + DAY}) do keys[#keys + 1] = P .. 'ledger:' .. day_of(ms) .. ':' .. own end
for _, label in ipairs({'light', 'medium', 'heavy'}) do keys[#keys + 1] = P .. 'window:' .. own .. ':' .. label end
redis.call('UNLINK', unpack(keys))
local z = stored[3]
if z and ARGV[4] == '1' then
  redis.call('UNLINK', P .. 'alias:' .. z)
elseif z then
  redis.call('HDEL', P .. 'alias:' .. z, 'me@' .. A, '?me@' .. A)
end
redis.call('HSET', P .. 'tombs', ARGV[3], stored[2])
redis.call('DEL', a)
redis.call('ZREM', P .. 'accounts', A)
return {'purged'}
