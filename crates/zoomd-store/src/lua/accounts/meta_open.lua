-- Opens a namespace: checks its layout and deployment, and makes what is missing.
-- After lib/clock.lua.
--
-- KEYS[1]  prefix P           KEYS[2]  P meta
-- ARGV[1]  clock offset in ms
-- ARGV[2]  the layout this version writes; another one is refused
-- ARGV[3]  deployment
-- ARGV[4]  a sealed secret, stored when there is none; empty: none is made
-- Answer:  {opened, secret or ''}, {layout, found}, {deployment, found}
local meta = KEYS[2]
local kind = redis.call('TYPE', meta).ok
if kind ~= 'none' and kind ~= 'hash' then
  return redis.error_reply('WRONGTYPE ' .. meta .. ' holds something that is not ours')
end
local found = redis.call('HMGET', meta, 'layout', 'deployment', 'secret')
if found[1] and found[1] ~= ARGV[2] then return {'layout', found[1]} end
if found[2] and found[2] ~= ARGV[3] then return {'deployment', found[2]} end
if not found[1] or not found[2] then
  redis.call('HSETNX', meta, 'created_ms', string.format('%.0f', now))
  redis.call('HSET', meta, 'layout', ARGV[2], 'deployment', ARGV[3])
end
if found[3] then return {'opened', found[3]} end
if ARGV[4] ~= '' then redis.call('HSET', meta, 'secret', ARGV[4]) end
return {'opened', ARGV[4]}
