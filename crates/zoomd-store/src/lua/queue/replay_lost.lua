-- Tells a Redis that went back in time of calls it has forgotten: each job is
-- leased again under the fence it had, as one that may have been sent, wherever
-- it lies now. Its daemon then settles it, or the sweep has it looked for.
-- KEYS  1 prefix  2 jobs
-- ARGV  1 clock offset  2 lease ms  3 number of jobs; each: id, fence, granted ms,
--       `ids` value, flags, payload, in flight until ms
-- Answer  a letter per job: K known, nothing to do  R leased again
--         D finished  T another holds its lease  E a key is of a wrong type
local jobs = call('XLEN', KEYS[2])
local lease_ms = tonumber(ARGV[2])

local function forget_place(j)
  call('ZREM', P .. 'room:' .. j.A .. '|' .. room_of(j), j.id)
  call('ZREM', P .. 'due', j.id)
  call('ZREM', P .. 'deadline', j.id)
end

local function replay_lost(id, fence, granted, value, flags, payload, till)
  local mine = parse_live(value)
  local own, known = call('HMGET', P .. 'owner', id)[1], call('HGET', P .. 'ids', id)
  local state, run, entry = parse_memory(known or '')
  if state ~= 'L' and entry == mine.entry and tonumber(run) >= tonumber(mine.run) then return 'D' end
  -- A failure leaves no memory of its id, but its own record.
  if not known and try('HGET', P .. 'failure:' .. id .. '#' .. mine.run, 'entry') == mine.entry then return 'D' end
  local o = own and parse_own(own)
  if o and o.fence ~= fence then return 'T' end
  if o then
    call('ZADD', P .. 'leases', int(now + lease_ms), fence)
    return 'K'
  end
  if type(try('HLEN', P .. 'payload:' .. mine.A)) == 'table' then return 'E' end
  local live = known and parse_live(known)
  if live then
    live.id = id
    if type(try('ZCARD', P .. 'room:' .. live.A .. '|' .. room_of(live))) == 'table' then return 'E' end
    forget_place(live)
  end
  call('ZADD', P .. 'leases', int(now + lease_ms), fence)
  call('HSET', P .. 'owner', id, format_own(fence, granted, flags, ''))
  call('HSET', P .. 'ids', id, value)
  mine.id = id
  target.place(mine)
  call('HSETNX', P .. 'payload:' .. mine.A, id, payload)
  if tonumber(till) > now then try('ZADD', P .. 'in_flight:' .. mine.A, till, id) end
  if jobs > 0 then
    try('XACK', KEYS[2], 'zoomd', mine.entry)
    call('XDEL', KEYS[2], mine.entry)
  end
  return 'R'
end

local letters, at = {}, 4
for i = 1, tonumber(ARGV[3]) do
  letters[i] = replay_lost(unpack(ARGV, at, at + 6))
  at = at + 7
end
target.finish()
return table.concat(letters)
