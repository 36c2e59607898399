-- Claims one tick of a schedule: the first daemon that asks has it.
-- KEYS  1 ticks (hash: schedule -> its last tick, s)
-- ARGV  1 schedule  2 tick, s
-- Answer  1 it is yours, 0 it was another's (or is of the past)
local last = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0') or 0
if last >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
