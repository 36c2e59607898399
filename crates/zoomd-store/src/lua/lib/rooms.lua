-- Jobs that wait: their texts, their rooms and the order of turns. After base.lua.
local RECONCILE = '?reconcile'
local CLASSES = {'light', 'medium', 'heavy'}

-- Time in the format of the public JSON.
local function stamp(ms)
  local y, m, d = date_of(math.floor(ms / DAY))
  local tod = ms % DAY
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', y, m, d, math.floor(tod / 3600000),
                       math.floor(tod / 60000) % 60, math.floor(tod / 1000) % 60, tod % 1000)
end

-- A new turn stands behind all others: no clock, no counter that could repeat.
local function back(key)
  local last = call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
  return last[2] and tonumber(last[2]) + 1 or 1
end
local function ring_push(lane) call('ZADD', P .. 'ring', 'NX', back(P .. 'ring'), lane) end

-- The job in an entry of its stream, as returned by XRANGE; '' when it was deleted.
local function job_of(entry)
  if not entry then return '' end
  for f = 1, #entry[2], 2 do if entry[2][f] == 'job' then return entry[2][f + 1] end end
  return entry[2][2] or ''
end

-- `ids` of a live job: L <run> <entry> <digest> <flags> <sent ms> <deadline ms> <A>|<host>|<other>
-- and of one with a target `|` and what lib/target.lua says of it.
-- flags: mode c|r (its call, a look; a, p: lib/fold.lua), priority 0-2, lost leases 0-9, recoverable y|n.
local function parse_live(value)
  local run, entry, digest, mode, prio, sweeps, rec, sent, dl, A, host, other, aim =
    string.match(value, '^L (%d+) (%S+) (%S+) (.)(.)(.)(.) (%d+) (-?%d+) ([^|]*)|([^|]*)|([^|]*)|?(.*)$')
  if not run then return nil end
  return {run = run, entry = entry, digest = digest, mode = mode, prio = prio, sweeps = sweeps,
          rec = rec, sent = sent, dl = dl, A = A, host = host, other = other, aim = aim}
end
local function format_live(j)
  return table.concat({'L', j.run, j.entry, j.digest, j.mode .. j.prio .. j.sweeps .. j.rec, j.sent, j.dl,
                       j.A .. '|' .. j.host .. '|' .. j.other .. (j.aim ~= '' and '|' .. j.aim or '')}, ' ')
end
-- A deadline further away than a day is kept in `ids` alone: the pass over it
-- (expire_ids.lua) brings it here in time, and most jobs are done by then.
local function soon(dl) return tonumber(dl) <= now + DAY end

local function is_hosted(j) return j.mode ~= 'r' and not class_of(j.host) end
-- All lanes of an account, and the rooms of those that have one room.
local function lanes_of(A)
  local lanes, rooms = {A, A .. '?'}, {[A .. '?'] = RECONCILE}
  for _, class in ipairs(CLASSES) do
    lanes[#lanes + 1] = A .. '?' .. class
    rooms[A .. '?' .. class] = '?' .. class
  end
  return lanes, rooms
end
-- The room a job waits in, the lane its account stands in the ring with, and
-- its place: priority (`lift`: of the first behind it in its line), then when it came,
-- then its number in that millisecond.
local function room_of(j) return j.mode == 'r' and RECONCILE or j.host end
local function lane_of(j)
  if j.mode == 'r' then return j.A .. '?' end
  return class_of(j.host) and j.A .. j.host or j.A
end
local function place_of(j)
  local ms, seq = string.match(j.entry, '^(%d+)-(%d+)$')
  if not ms then ms, seq = now, 0 end
  return tonumber(j.lift or j.prio) * 1e13 + tonumber(ms) + math.min(tonumber(seq), 255) / 256
end

-- True if a job can be put into its room: the room's keys have the right types.
local sound = {}
local function has_room(j)
  local key = P .. 'room:' .. j.A .. '|' .. room_of(j)
  if sound[key] == nil then
    sound[key] = type(try('ZCARD', key)) ~= 'table' and type(try('ZCARD', P .. 'rooms:' .. j.A)) ~= 'table'
  end
  return sound[key]
end

-- Puts live jobs into their rooms, and rooms that were empty into a turn. The
-- caller has asked `has_room`.
-- `sleep_of(j)` may name a time before which the room need not be looked at.
local function into_rooms(jobs, sleep_of)
  local ring = false
  local rooms, order = {}, {}
  for _, j in ipairs(jobs) do
    local key = P .. 'room:' .. j.A .. '|' .. room_of(j)
    local r = rooms[key]
    if not r then
      r = {key = key, job = j, members = {}, was = call('ZCARD', key)}
      rooms[key] = r
      order[#order + 1] = r
    end
    r.members[#r.members + 1] = place_of(j)
    r.members[#r.members + 1] = j.id
  end
  for _, r in ipairs(order) do
    variadic('ZADD', r.key, r.members)
    if r.was == 0 then
      local j, lane = r.job, lane_of(r.job)
      local room_until, lane_until
      if sleep_of then room_until, lane_until = sleep_of(j) end
      if is_hosted(j) and room_until then
        call('ZADD', P .. 'asleep', room_until, j.A .. '|' .. j.host)
      else
        if is_hosted(j) then
          call('ZREM', P .. 'asleep', j.A .. '|' .. j.host)
          call('ZADD', P .. 'rooms:' .. j.A, 'NX', back(P .. 'rooms:' .. j.A), j.host)
        end
        if lane_until then
          if not call('ZSCORE', P .. 'ring', lane) then call('ZADD', P .. 'asleep', 'NX', lane_until, lane) end
        elseif not call('ZSCORE', P .. 'asleep', lane) then
          ring_push(lane)
        end
      end
      ring = true
    end
  end
  return ring
end
