-- Claims one tick of a schedule: the first daemon that asks has it.
-- KEYS  1 prefix  2 ticks (hash: schedule -> its last tick, s)
-- ARGV  1 schedule  2 tick, s
--       3 how far back a late one may lie, s
-- Answer  1 it is yours, 0 it was another's (or is of the past)
-- One that lies further back is of a clock that jumped, or the last one was: who
-- had a clock of next year for a minute would else be the last for a year.
local last = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0') or 0
local late = last - tonumber(ARGV[2])
if late >= 0 and late < tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 1
