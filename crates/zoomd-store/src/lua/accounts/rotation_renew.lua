-- Renews a lease, and counts the requests it waits for.
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  account
-- ARGV[3]  owner
-- ARGV[4]  lease ms
-- Answer:  {1, requests in flight} or {0} when the lease is another's
local A = ARGV[2]
local a, i = P .. 'account:' .. A, P .. 'in_flight:' .. A
if not holds(a, 'hash') then return wrongtype(a) end
if not holds(i, 'zset') then return wrongtype(i) end
call('ZREM', i, '')
if call('HGET', a, 'lk') ~= ARGV[3] then return {0} end
call('HSET', a, 'lku', int(now + tonumber(ARGV[4])))
return {1, call('ZCOUNT', i, '(' .. int(now), '+inf')}
