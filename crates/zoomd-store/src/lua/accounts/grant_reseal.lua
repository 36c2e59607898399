-- Puts texts sealed under a new key in the place of those under an older one, if
-- nothing else changed meanwhile.
--
-- KEYS[1]  prefix P
-- ARGV[1]  clock offset in ms
-- ARGV[2]  account
-- ARGV[3]  epoch  ARGV[4] generation  that are stored
-- ARGV[5]  the sealed text that is stored  ARGV[6] the new one
-- ARGV[7]  candidates (JSON) that are stored, or ''  ARGV[8] the new ones
-- Answer:  1, or 0 when something else is stored by now
local g = P .. 'grant:' .. ARGV[2]
if redis.call('TYPE', g).ok ~= 'hash' then return 0 end
local s = redis.call('HMGET', g, 'ep', 'gen', 'sealed', 'cand')
if s[1] ~= ARGV[3] or s[2] ~= ARGV[4] or s[3] ~= ARGV[5] or (s[4] or '') ~= ARGV[7] then return 0 end
redis.call('HSET', g, 'sealed', ARGV[6])
if ARGV[7] ~= '' then redis.call('HSET', g, 'cand', ARGV[8]) end
return 1
