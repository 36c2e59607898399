-- Taking leases back from who held them. After base.lua. Collects what is to be
-- written at the end: call `finish_back` once.
local rooms, memories, done, boots = {}, {}, {}, {}

-- The job leaves its holder; its payload leaves the stream if it is still there.
-- The caller has set what its next lease is for (`j.mode`) and its deadline.
local function take_back(id, own, j)
  if not has_room(j) then return false end
  if string.find(own.flags, 'h', 1, true) then
    local entries = try('XRANGE', KEYS[2], j.entry, j.entry)
    if entries.err then return false end
    local kept = try('HSET', P .. 'payload:' .. j.A, id, job_of(entries[1]))
    if type(kept) == 'table' then return false end
    call('XACK', KEYS[2], 'zoomd', j.entry)
    call('XDEL', KEYS[2], j.entry)
  end
  if j.mode ~= 'p' and soon(j.dl) then call('ZADD', P .. 'deadline', j.dl, id) end
  memories[#memories + 1], memories[#memories + 2] = id, format_live(j)
  try('ZREM', P .. 'in_flight:' .. j.A, id)
  j.id = id
  if target.place(j) then rooms[#rooms + 1] = j end
  local boot = string.match(own.fence, '^(.*)%.%d+$')
  if boot then boots[boot] = true end
  done[#done + 1] = id
  return true
end

local function finish_back()
  variadic('HSET', P .. 'ids', memories)
  into_rooms(rooms)
  -- A value that never comes again, not even after the key has expired: who reads
  -- the same one twice knows that nothing was taken in between. A whole number (µs
  -- since 1970), since daemons of the version before this one raise it by one.
  local clock = call('TIME')
  local mark = clock[1] .. string.sub('00000' .. clock[2], -6)
  for boot in pairs(boots) do call('SET', P .. 'revoked:' .. boot, mark, 'EX', 86400) end
  if #rooms > 0 then try('PUBLISH', P .. 'wake', 'q') end
  variadic('HDEL', P .. 'owner', done)
  target.finish()
end
