-- Notes that a consent is asked for through a connect link.
--
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  digest of the link's token
-- ARGV[3]  digest of the state
-- ARGV[4]  digest of the browser's cookie
-- ARGV[5]  ms the state is good
-- ARGV[6]  consents that may be asked for through one link
-- Answer:  {account, plan, take over, until ms, label, way back}, {} when the link is not good
local link = open_link(ARGV[2])
if #link == 0 then return {} end
local key, state = P .. 'link:' .. ARGV[2], P .. 'consent:' .. ARGV[3]
if redis.call('HINCRBY', key, 'begun', 1) > tonumber(ARGV[6]) then return {} end
redis.call('DEL', state)
redis.call('HSET', state, 'link', ARGV[2], 'browser', ARGV[4], 'until', int(now + tonumber(ARGV[5])))
redis.call('PEXPIRE', state, ARGV[5])
return link
