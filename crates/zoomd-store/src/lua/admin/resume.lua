-- Lets everything run again after a pause. After lib/base.lua.
-- KEYS  1 prefix  2 meta  3 <ns>:events
-- ARGV  1 clock offset  2 most lanes woken at once
-- Answer  1 resumed, 0 nothing was paused
-- Lanes that went to sleep because of the pause wake within a minute by
-- themselves; those that can be seen are woken now. One too many only looks.
-- Keeps the times of the last pauses, for the stories of jobs.
local PAUSES = 8
local since, pauses = call('HGET', KEYS[2], 'paused_at'), {}
if call('HDEL', KEYS[2], 'paused', 'paused_at') == 0 then return 0 end
if since then
  for pause in string.gmatch(call('HGET', KEYS[2], 'pauses') or '', '%S+') do pauses[#pauses + 1] = pause end
  pauses[#pauses + 1] = since .. '-' .. int(now)
  call('HSET', KEYS[2], 'pauses', table.concat(pauses, ' ', math.max(1, #pauses - PAUSES + 1)))
end
try('XADD', KEYS[3], '*', 'event', 'namespace.resumed', 'account', '', 'data',
  '{"v":1,"event":"namespace.resumed","at":"' .. stamp(now) .. '"}')
local lanes = call('ZRANGEBYSCORE', P .. 'asleep', int(now), int(now + 60000), 'LIMIT', 0, ARGV[2])
for _, lane in ipairs(lanes) do
  if not string.find(lane, '|', 1, true) then
    call('ZREM', P .. 'asleep', lane)
    ring_push(lane)
  end
end
try('PUBLISH', P .. 'wake', 'q')
return 1
