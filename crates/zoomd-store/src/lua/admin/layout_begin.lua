-- Begins to raise the layout: single keys get their new names, and the old ones are
-- barred. After lib/clock.lua.
--
-- KEYS[1]  prefix P           KEYS[2]  P meta
-- ARGV[1]  clock offset in ms
-- ARGV[2]  the old layout     ARGV[3]  the new one     ARGV[4]  the layout meanwhile
-- ARGV[5]  for how long a daemon is alive after its last word, ms
-- ARGV[6]  the same for one that does not say how often it speaks
-- ARGV[7]  what bars an old name, and ARGV[8] for how long, s
-- ARGV[9] … old and new name of each single key, then of the presence of a daemon
-- Answer:  {done} nothing to raise, {begun}, before or now,
--          {layout, found} another one, {alive, daemon, host, process, …} nothing was changed
-- The first write is one that a full Redis refuses.
local meta, FIRST = KEYS[2], 9
local found = call('HGET', meta, 'layout')
if found == ARGV[3] then return {'done'} end
local raising = found == ARGV[4]
if found and not raising and found ~= ARGV[2] then return {'layout', found} end

local alive, since = {'alive'}, string.format('%.0f', now - ARGV[6])
local heard = call('ZRANGEBYSCORE', P .. 'daemons', since, '+inf', 'WITHSCORES')
for i = 1, #heard, 2 do
  local told = try('HMGET', P .. ARGV[#ARGV - 1] .. heard[i], 'host', 'pid', 'every')
  -- Only daemons of the old version announce themselves under the old name.
  if told[1] and (not told[3] or now - heard[i + 1] < tonumber(ARGV[5])) then
    alive[#alive + 1], alive[#alive + 2], alive[#alive + 3] = heard[i], told[1], told[2] or '?'
  end
end
if #alive > 1 and not raising then return alive end
if not found then return {'done'} end

local may = redis.acl_check_cmd
for i = FIRST, #ARGV - 2, 2 do
  local old, new = P .. ARGV[i], P .. ARGV[i + 1]
  if may and not (may('RENAME', old, new) and may('SET', old, ARGV[7])) then
    return redis.error_reply('NOPERM the Redis user of zoomd has no right to ' .. old .. ', and nothing was written')
  end
end
call('HSET', meta, 'layout', ARGV[4])
for i = FIRST, #ARGV - 2, 2 do
  local old, new = P .. ARGV[i], P .. ARGV[i + 1]
  local kind = call('TYPE', old).ok
  if kind == 'hash' or kind == 'zset' then call('RENAME', old, new) end
  if kind ~= 'string' then call('SET', old, ARGV[7], 'EX', ARGV[8]) end
end
return {'begun'}
