-- Serves rooms of an account that sleep, whatever they sleep for.
--
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  account
-- then the rooms' hosts
-- Answer:  how many were woken
local A = ARGV[2]
local wrong = misplaced(A)
if wrong then return wrongtype(wrong) end
local woken = 0
for at = 3, #ARGV do
  local host = ARGV[at]
  if redis.call('ZREM', P .. 'asleep', A .. '|' .. host) == 1 then
    if redis.call('EXISTS', P .. 'room:' .. A .. '|' .. host) == 1 then
      redis.call('ZADD', P .. 'rooms:' .. A, 'NX', back(P .. 'rooms:' .. A), host)
      woken = woken + 1
    end
  end
end
if woken > 0 then
  redis.call('ZREM', P .. 'asleep', A)
  ring_push(A)
  redis.pcall('PUBLISH', P .. 'wake', 'q')
end
return woken
