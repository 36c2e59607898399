-- Notes that a Zoom user took a consent back, until it is carried out. Works
-- when Redis is full.
--
-- KEYS[1]  prefix P           KEYS[2]  P deauth
-- ARGV[1]  clock offset in ms
-- ARGV[2]  <client id>|<Zoom user>
-- ARGV[3]  when it was taken back, ms
-- ARGV[4]  Zoom account, or ''
-- Answer:  1, or 0 when this or a later one is noted already
local P = KEYS[1]
local found = redis.call('TYPE', KEYS[2]).ok
if found ~= 'none' and found ~= 'hash' then
  return redis.error_reply('WRONGTYPE ' .. KEYS[2] .. ' holds something that is not ours')
end
redis.call('ZREM', P .. 'asleep', '')
local noted = redis.call('HGET', KEYS[2], ARGV[2])
local at = noted and tonumber(string.match(noted, '^%d+'))
if at and at >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3] .. ' ' .. ARGV[4])
return 1
