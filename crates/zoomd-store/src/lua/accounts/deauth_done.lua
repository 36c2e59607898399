-- Forgets a deauthorization that was carried out, unless a later one came meanwhile.
--
-- KEYS[1]  prefix P           KEYS[2]  P deauth
-- ARGV[1]  clock offset in ms
-- ARGV[2]  <client id>|<Zoom user>
-- ARGV[3]  what was carried out: `<ms> <Zoom account>`
-- Answer:  1 when it is forgotten, else 0
if redis.call('HGET', KEYS[2], ARGV[2]) ~= ARGV[3] then return 0 end
return redis.call('HDEL', KEYS[2], ARGV[2])
