-- Leases waiting jobs: round robin over accounts, in each over its hosts; for one host by
-- priority, then by age. A job that cannot run now sleeps until it may.
-- KEYS  1 prefix
-- ARGV  1 clock offset  2 fence  3 lease, ms  4 ms from grant to send at the latest
--       5 ms from grant to the end of the exchange at the latest  6 jobs at most
--       7 jobs of one account in one turn, while others wait
--       8 class of calls that count against a host's day  9 class of lookups
--       10 number of classes; for each: its name and its table of plans
--       then 1 if updates are merged, else 0
-- Answer  {now, 1 if there are more, next wake-up or '', {job, …}}; a job as in lib/lease.lua
-- Bounds: ARGV 6 jobs, VISITS turns, HOSTS hosts a turn, WAKES sleeping jobs.
local VISITS, HOSTS, HOST_TURN, WAKES = 128, 16, 4, 128
local fence, lease_ms = ARGV[2], tonumber(ARGV[3])
local send_ms, call_ms = tonumber(ARGV[4]), tonumber(ARGV[5])
local most, quantum = tonumber(ARGV[6]), tonumber(ARGV[7])
local hosted_label, look_label = ARGV[8], ARGV[9]
local plans_of, at = {}, 11
for _ = 1, tonumber(ARGV[10]) do
  local label = ARGV[at]
  plans_of[label], at = plans_at(at + 1)
end
if ARGV[at] == '1' then fold.send_ms = send_ms end

local woken = promote(WAKES) + wake_sleepers(WAKES)
local answer, taken = {}, 0

local function hand_over(a, jobs, letter, flags_of)
  local handed = lease(a.name, jobs, letter, flags_of, a.z or '', fence, lease_ms)
  local flying = {}
  for i, h in ipairs(handed) do
    h[4], h[5] = a.ep or '', a.gen or ''
    if letter == 'R' and string.find(flags_of(jobs[i]), '[cx]') then h[3] = 'Q' end
    answer[#answer + 1] = h
    taken = taken + 1
    if letter == 'R' then flying[#flying + 1], flying[#flying + 2] = int(now + call_ms), jobs[i].id end
  end
  if #flying > 0 then call('ZADD', P .. 'in_flight:' .. a.name, unpack(flying)) end
end

-- The first `n` of a room that are still live; others are dropped from it. Nothing
-- when its key is of a wrong type.
local function first_of(key, n)
  local ids = try('ZRANGE', key, 0, n - 1)
  if ids.err then return nil end
  local live = read_live(ids)
  if #live < #ids then
    local alive = {}
    for _, j in ipairs(live) do alive[j.id] = true end
    for _, id in ipairs(ids) do if not alive[id] then call('ZREM', key, id) end end
  end
  return live, #ids
end
local function remove(key, jobs)
  local ids = {}
  for i, j in ipairs(jobs) do ids[i] = j.id end
  if #ids > 0 then call('ZREM', key, unpack(ids)) end
end

-- The line of a Zoom account: lanes that found its budget spent, in the order of
-- their turn. While it stands, each lane has an equal part of what is free, then
-- goes to its end; jobs just read stand behind. It is made again when it is lost.
local visits = 0
local function place() return int(now * 1000 + visits) end
local function stand_in_line(a, label, lane)
  if string.byte(a.z) == 126 then return end
  if try('ZADD', line_key(a, label), 'NX', place(), lane) == 1 then
    call('PEXPIRE', line_key(a, label), 60000)
  end
  a.zoom.lined[label] = true
end
-- Number of jobs that a lane may take in its turn (nil: as many as it asks for), and the lane whose
-- turn it is instead.
local function turn_of(a, label, lane, b, called)
  if not a.zoom.lined[label] or b.free < 1 then return nil end
  local key, parts = line_key(a, label), a.zoom.parts
  if not called then stand_in_line(a, label, lane) end
  local lanes = try('ZCARD', key)
  if type(lanes) == 'table' then return nil end
  parts[label] = parts[label] or math.max(1, math.floor(b.free / math.max(1, lanes)))
  local first = called and lane or call('ZRANGE', key, 0, 0)[1]
  if first == lane then return parts[label] end
  -- It may have been removed: it is added again after its turn.
  call('ZREM', key, first)
  return 0, first
end
-- After its turn: to the end of the line, or out of it.
local function go_on_in_line(a, label, lane, had, again)
  local lined = a.zoom.lined[label]
  if a.spent or lined and again == 0 then
    if had and lined then try('ZADD', line_key(a, label), place(), lane) end
    stand_in_line(a, label, lane)
  elseif lined then
    try('ZREM', line_key(a, label), lane)
  end
end

-- A lane of one room, whose calls use no host's day: searches, or jobs of one class.
local function serve_room(a, b, room, n)
  local key = P .. 'room:' .. a.name .. '|' .. room
  local jobs = first_of(key, math.min(n, a.left, b.free))
  if not jobs then return now + 60000 end
  for _ = 1, #jobs do grant(a, b, {}) end
  remove(key, jobs)
  local common = (#a.days > 1 and 'b' or '') .. (a.cap > 0 and 'c' or '')
  hand_over(a, jobs, 'R', function(j)
    return (room == RECONCILE and 'r' or j.rec == 'y' and 's' or '') .. common
  end)
  return call('EXISTS', key) == 1 and 0 or nil
end

local function flags_of(j) return (j.rec == 'y' and 's' or '') .. (j.probe and 'x' or '') end

-- Notes in the story of jobs that came before today that yesterday was used up.
local function tell_full(a, b, h, jobs)
  local midnight, plan, why = int(now - now % DAY), b.plan, nil
  if plan.unlimited then return end
  for _, j in ipairs(jobs) do
    local came = string.match(j.entry, '^%d+')
    if #came == #midnight and came < midnight then
      if why == nil then
        local spent = try('HMGET', P .. 'ledger:' .. day_of(now - DAY) .. ':' .. a.z, h.field, b.field)
        local function is_full(n, most) return most > 0 and (tonumber(n or 0) or 0) >= most end
        why = spent.err and '' or is_full(spent[1], plan.host) and 'host_day' or is_full(spent[2], plan.day) and 'label_day' or ''
      end
      j.full = why
    end
  end
end

-- One host's turn of at most `n` jobs: what may run is leased, a room that may
-- not sleeps.
local function serve_host(a, b, host, n)
  local key = P .. 'room:' .. a.name .. '|' .. host
  local h = host_of(a, host, b, send_ms)
  if a.broken then return 0 end
  if h.left < 1 then
    call('ZREM', P .. 'rooms:' .. a.name, host)
    call('ZADD', P .. 'asleep', int(wake_of(a, host, h)), a.name .. '|' .. host)
    return 0
  end
  local jobs = first_of(key, math.min(n, h.left, a.left, b.free))
  if not jobs then
    call('ZREM', P .. 'rooms:' .. a.name, host)
    call('ZADD', P .. 'asleep', int(now + 60000), a.name .. '|' .. host)
    return 0
  end
  local go, late = {}, {}
  for _, j in ipairs(jobs) do
    local o = j.other ~= '' and host_of(a, j.other, b, send_ms) or nil
    if o == h then o = nil end
    if o and o.left < 1 then
      late[#late + 1] = j
      call('ZADD', P .. 'due', int(wake_of(a, j.other, o)), j.id)
    elseif h.left > 0 then
      j.probe = h.unknown or (o and o.unknown)
      grant(a, b, o and {h, o} or {h})
      go[#go + 1] = j
    end
  end
  remove(key, late)
  remove(key, go)
  tell_full(a, b, h, go)
  local common = (#a.days > 1 and 'b' or '') .. (a.cap > 0 and 'c' or '')
  hand_over(a, go, 'R', function(j) return flags_of(j) .. common end)
  call('ZREM', P .. 'rooms:' .. a.name, host)
  if call('EXISTS', key) == 1 then call('ZADD', P .. 'rooms:' .. a.name, back(P .. 'rooms:' .. a.name), host) end
  return #go
end

-- Time until which the account's cap or its Zoom account's budget holds a lane back.
local function held(a, b)
  if a.left < 1 then return now + 5000 end
  if b.free < 1 then a.spent = true return budget_wake(a, b) end
end

-- An account's turn. Returns when to check its lane again: 0 in its next turn, a time to sleep
-- until, nil when nothing is left.
local function serve_hosts(a, b, n)
  local rooms = P .. 'rooms:' .. a.name
  for _ = 1, HOSTS do
    if n < 1 then break end
    local hosts = call('ZRANGE', rooms, 0, 1)
    local host = hosts[1]
    if not host then return nil end
    local till = held(a, b)
    if till then return till end
    n = n - serve_host(a, b, host, hosts[2] and math.min(n, HOST_TURN) or n)
    if a.broken then return now + 60000 end
  end
  return call('EXISTS', rooms) == 1 and 0 or nil
end

-- Jobs of an account that is no more are handed out to fail; no call is charged.
local function serve_dead(a, room, n)
  local rooms = P .. 'rooms:' .. a.name
  local host = room or call('ZRANGE', rooms, 0, 0)[1]
  if not host then return nil end
  local key = P .. 'room:' .. a.name .. '|' .. host
  local jobs = first_of(key, n)
  if not jobs then return now + 60000 end
  remove(key, jobs)
  hand_over(a, jobs, 'A', function() return 'f' end)
  if call('EXISTS', key) == 1 then return 0 end
  if room then return nil end
  call('ZREM', rooms, host)
  return call('EXISTS', rooms) == 1 and 0 or nil
end

-- Reads which of a Zoom account's rare keys exist.
local function look_out(a, label)
  local zoom = a.zoom
  if not zoom.lined then zoom.lined, zoom.parts = {}, {} end
  local lined = zoom.lined
  if a.gated ~= nil and lined[label] ~= nil then return end
  local gates, line = P .. 'gate:' .. a.z, line_key(a, label)
  local there = call('EXISTS', gates, line)
  a.gated = there == 2 or there == 1 and call('EXISTS', gates) == 1
  lined[label] = lined[label] or there == 2 or there == 1 and not a.gated
end

-- The account's keys are what they should be; else its lane sleeps a minute.
local function healthy(A)
  for _, key in ipairs({'payload:', 'record:'}) do if type(try('HLEN', P .. key .. A)) == 'table' then return false end end
  for _, key in ipairs({'in_flight:', 'rooms:'}) do if type(try('ZCARD', P .. key .. A)) == 'table' then return false end end
  return true
end

-- A lane's turn, or the name of the lane of its Zoom account whose turn it is.
-- Nobody else stands in the ring if it is `alone`: its next turns are done at once.
local function serve(lane, called, alone)
  local A, room = string.match(lane, '^([^?]*)(.*)$')
  if room == '' then room = nil elseif room == '?' then room = RECONCILE end
  local a = load_account(A)
  local n = alone and most - taken or math.min(quantum, most - taken)
  if a.broken or not healthy(A) then return now + 60000 end
  if a.missing or a.removed then return serve_dead(a, room, n) end
  if a.why then return a.wake end
  -- Grants to accounts of another plan are written by now.
  if plan_of[a.z] ~= a.plan or a.zoom and a.zoom ~= zooms[a.z] then
    zooms[a.z], plan_of[a.z], a.hosts, a.apart = nil, a.plan, nil, nil
  end
  share(a)
  local label = room == RECONCILE and look_label or room and class_of(room) or hosted_label
  local plans = plans_of[label]
  look_out(a, label)
  a.spent = false
  local b = budget(a, label, plans, send_ms)
  if a.broken then return now + 60000 end
  local again, before = held(a, b), taken
  if not again then
    local part, first = turn_of(a, label, lane, b, called)
    if first then return nil, first end
    if part then n = math.min(n, part) end
    if room then again = serve_room(a, b, room, n) else again = serve_hosts(a, b, n) end
    charge(a, call_ms)
  end
  go_on_in_line(a, label, lane, taken > before, again)
  return again
end

while not everything_paused and taken < most and visits < VISITS do
  local lanes = call('ZRANGE', P .. 'ring', 0, 1)
  local lane = lanes[1]
  if not lane then break end
  visits = visits + 1
  local again, first = serve(lane, false, not lanes[2])
  if first then
    lane = first
    call('ZREM', P .. 'asleep', lane)
    again = serve(lane, true)
  end
  call('ZREM', P .. 'ring', lane)
  if again == 0 then ring_push(lane)
  elseif again then call('ZADD', P .. 'asleep', int(again), lane) end
end
local more = woken >= WAKES or (not everything_paused and call('EXISTS', P .. 'ring') == 1)
return {int(now), more and 1 or 0, next_wake(), answer}
