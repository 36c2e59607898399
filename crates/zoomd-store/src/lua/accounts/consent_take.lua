-- Takes a state that came back from Zoom. It is good once, within its time, in
-- the browser it was made for, and while its link is. A wrong browser takes
-- nothing from the right one.
--
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  digest of the state
-- ARGV[3]  digest of the browser's cookie, or ''
-- Answer:  {good, the link's digest, account, plan, take over, until ms,
--           label, way back},
--          {stranger}, {unknown}
local key = P .. 'consent:' .. ARGV[2]
if redis.call('TYPE', key).ok ~= 'hash' then return {'unknown'} end
local s = redis.call('HMGET', key, 'link', 'browser', 'until')
if not s[1] or not s[3] or tonumber(s[3]) <= now then return {'unknown'} end
if s[2] ~= ARGV[3] then return {'stranger'} end
redis.call('DEL', key)
local link = open_link(s[1])
if #link == 0 then return {'unknown'} end
return {'good', s[1], unpack(link)}
