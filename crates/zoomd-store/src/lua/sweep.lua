-- Takes back leases that ended without a settle: their daemon is dead, stopped,
-- or cut off. A job that was not sent goes back to its room unspent; one that
-- may have been sent goes to the room of those that are looked for first.
-- KEYS  1 prefix  2 jobs
-- ARGV  1 clock offset  2 most leases  3 a look's deadline ms (from now)
-- Answer  {now, unsent, sent, jobs that had no state}
-- The first write is a removal: a full Redis sweeps too.
for _, key in ipairs({'dl', 'due', 'zz', 'ring'}) do call('ZCARD', P .. key) end
local ids = call('ZRANGEBYSCORE', P .. 'lease', '-inf', int(now), 'LIMIT', 0, tonumber(ARGV[2]))
if #ids == 0 then return {int(now), 0, 0, 0} end
local owns = call('HMGET', P .. 'own', unpack(ids))
local values = call('HMGET', P .. 'ids', unpack(ids))
call('ZREM', P .. 'lease', '')
local unsent, sent, lost = 0, 0, 0
local rooms, memories, done, boots = {}, {}, {}, {}

local function take_back(id, own, j)
  if string.find(own.flags, 'h', 1, true) then
    local entry = call('XRANGE', KEYS[2], j.entry, j.entry)[1]
    local payload = ''
    if entry then for f = 1, #entry[2], 2 do if entry[2][f] == 'job' then payload = entry[2][f + 1] end end end
    local kept = try('HSET', P .. 'p:' .. j.A, id, payload)
    if type(kept) == 'table' then return false end
    call('XACK', KEYS[2], 'zoomd', j.entry)
    call('XDEL', KEYS[2], j.entry)
  end
  local dl = tonumber(j.dl)
  if string.find(own.flags, 's', 1, true) then
    sent = sent + 1
    j.mode, j.sent = 'r', int(own.granted)
    dl = math.max(dl, now + tonumber(ARGV[3]))
  else
    unsent = unsent + 1
  end
  -- Leases that called nobody (an expired job's) poison nothing.
  if not string.find(own.flags, 'f', 1, true) then j.sweeps = math.min(9, tonumber(j.sweeps) + 1) end
  j.dl = int(dl)
  if soon(dl) then call('ZADD', P .. 'dl', j.dl, id) end
  memories[#memories + 1], memories[#memories + 2] = id, format_live(j)
  try('ZREM', P .. 'i:' .. j.A, id)
  try('ZREMRANGEBYSCORE', P .. 'i:' .. j.A, '-inf', int(now))
  j.id = id
  rooms[#rooms + 1] = j
  local boot = string.match(own.fence, '^(.*)%.%d+$')
  if boot then boots[boot] = true end
  return true
end

for i, id in ipairs(ids) do
  local own = owns[i] and parse_own(owns[i])
  local live = values[i] and parse_live(values[i])
  if own and live then
    if take_back(id, own, live) then done[#done + 1] = id end
  else
    -- Nothing says whose it was: the entry, if there is one, is read again.
    lost = lost + 1
    done[#done + 1] = id
  end
end
variadic('HSET', P .. 'ids', memories)
into_rooms(rooms)
for boot in pairs(boots) do
  call('INCR', P .. 'took:' .. boot)
  call('EXPIRE', P .. 'took:' .. boot, 86400)
end
if #rooms > 0 then call('PUBLISH', P .. 'wake', 'q') end
variadic('ZREM', P .. 'lease', done)
variadic('HDEL', P .. 'own', done)
return {int(now), unsent, sent, lost}
