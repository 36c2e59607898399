-- Hands out waiting jobs whose deadline has passed, or that have a fate, to be ended. No
-- call is charged and no budget asked.
-- KEYS  1 prefix
-- ARGV  1 clock offset  2 fence  3 lease ms  4 most jobs  5 grant to send at the latest, ms
--       ('' updates are not merged)
-- Answer  {now, next deadline or '', {job, …}}, a job as in lib/lease.lua
fold.send_ms = tonumber(ARGV[5])
local ids = call('ZRANGEBYSCORE', P .. 'deadline', '-inf', int(now), 'LIMIT', 0, tonumber(ARGV[4]))
local owns = #ids > 0 and call('HMGET', P .. 'owner', unpack(ids)) or {}
local waiting = {}
for i, id in ipairs(ids) do if not owns[i] then waiting[#waiting + 1] = id end end
local live = {}
for _, j in ipairs(read_live(waiting)) do
  if j.mode ~= 'p' and (tonumber(j.dl) <= now or string.byte(j.aim) == 33) then live[#live + 1] = j end
end
local by_account, order, known = {}, {}, {}
for _, j in ipairs(live) do
  known[j.id] = true
  if not by_account[j.A] then by_account[j.A] = {} order[#order + 1] = j.A end
  table.insert(by_account[j.A], j)
end
for _, id in ipairs(ids) do if not known[id] then call('ZREM', P .. 'deadline', id) end end
local answer = {}
for _, A in ipairs(order) do
  local broken = type(try('HLEN', P .. 'payload:' .. A)) == 'table' or type(try('HLEN', P .. 'record:' .. A)) == 'table'
  for _, j in ipairs(by_account[A]) do
    broken = broken or type(try('ZCARD', P .. 'room:' .. A .. '|' .. room_of(j))) == 'table'
  end
  if broken then
    for _, j in ipairs(by_account[A]) do call('ZADD', P .. 'deadline', int(now + 60000), j.id) end
    by_account[A] = {}
  end
  local version = try('HMGET', P .. 'account:' .. A, 'ep', 'gen')
  for _, h in ipairs(lease(A, by_account[A], 'X', function() return 'f' end, '', ARGV[2], tonumber(ARGV[3]))) do
    if not version.err then h[4], h[5] = version[1] or '', version[2] or '' end
    answer[#answer + 1] = h
  end
  for _, j in ipairs(by_account[A]) do
    call('ZREM', P .. 'room:' .. A .. '|' .. room_of(j), j.id)
    call('ZREM', P .. 'due', j.id)
  end
end
local first = call('ZRANGE', P .. 'deadline', 0, 0, 'WITHSCORES')
return {int(now), first[2] and int(tonumber(first[2])) or '', answer}
