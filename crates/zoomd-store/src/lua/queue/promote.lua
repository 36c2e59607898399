-- Wakes what has slept long enough, in bounded steps.
-- KEYS  1 prefix
-- ARGV  1 clock offset  2 most jobs
-- Answer  {now, jobs moved to their rooms, next wake or ''}
local most = tonumber(ARGV[2])
local moved = promote(most)
wake_sleepers(most)
if moved > 0 then try('PUBLISH', P .. 'wake', 'q') end
return {int(now), moved, next_wake()}
