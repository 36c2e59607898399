-- Admits a batch of entries read by one consumer.
-- KEYS  1 prefix  2 jobs stream  3 events stream
-- ARGV  1 clock offset  2 fence  3 lease ms  4 send ms (grant to send at the latest)
--       5 call ms (grant to the end of the exchange at the latest)  6 remember s
--       7 consumer  8 label of a create  9 smallest and 10 largest entry id
--       11 a wait longer than this (ms) is told by an event  12… table of plans (count; name, per second, per day, host's day)
--       then the number of groups; each: account, host, other host, number of
--       jobs; each job: id, entry, `ids` value, deadline ms, not before ms (0: none)
-- Answer  {now, letters, details, grants}: a letter per job in the order given;
--       details in order for W and S (`why`, `until`) and g (granted ms); grants
--       per group (`ep`, `gen`).
--       G go  g go again (this very call was answered before)  W to its room
--       S asleep  R repeat, dropped  C id of another job  N no account
--       A account removed  X deadline passed  H held elsewhere  E broken key
-- Reads everything first. The first write is one that a full Redis refuses.
local fence, lease_ms = ARGV[2], tonumber(ARGV[3])
local send_ms, call_ms, remember_s = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local label = ARGV[8]
local tell_ms = tonumber(ARGV[11])
local plans, at = plans_at(12)

-- The arguments, as groups and jobs.
local groups, jobs, ids = {}, {}, {}
local group_count = tonumber(ARGV[at])
at = at + 1
for g = 1, group_count do
  local group = {A = ARGV[at], host = ARGV[at + 1], other = ARGV[at + 2]}
  group.room = group.A .. '|' .. group.host
  local n = tonumber(ARGV[at + 3])
  at = at + 4
  for _ = 1, n do
    local j = {id = ARGV[at], entry = ARGV[at + 1], value = ARGV[at + 2], dl = ARGV[at + 3],
               nb = ARGV[at + 4], group = group}
    jobs[#jobs + 1], ids[#ids + 1] = j, j.id
    at = at + 5
  end
  groups[g] = group
end

-- An entry is admitted by the consumer it is pending for, and by no other: one
-- that was claimed away, settled or deleted meanwhile is not touched.
local limit = #jobs + 1000
local pending = call('XPENDING', KEYS[2], 'zoomd', ARGV[9], ARGV[10], limit, ARGV[7])
local mine = {}
for _, p in ipairs(pending) do mine[p[1]] = true end
local function is_mine(entry)
  if mine[entry] or #pending < limit then return mine[entry] end
  return #call('XPENDING', KEYS[2], 'zoomd', entry, entry, 1, ARGV[7]) > 0
end

local memory = call('HMGET', P .. 'ids', unpack(ids))
local said = {}

-- What the memory says about an id that is there.
local function remembered(j, value)
  local state, _, entry, digest, rest = string.match(value, '^(%u) (%d+) (%S+) (%S+) (.*)$')
  local given = string.match(j.value, '^L %d+ %S+ (%S+)')
  if state == 'D' and tonumber(string.match(rest, '^(%d+)') or 0) + remember_s <= now / 1000 then return nil end
  if entry == j.entry then
    if state ~= 'L' then return 'R' end
    local own = call('HGET', P .. 'own', j.id)
    if not own then j.orphan = true return 'H' end
    local o = parse_own(own)
    if o and o.fence == fence then j.granted = o.granted return 'g' end
    return 'H'
  end
  if given ~= '-' and given == digest then return 'R' end
  return 'C'
end

-- The first reason why a job must wait: reason, until, and whether only its
-- room sleeps until then (else the whole account does). That others stand
-- before it is the last one told: the first is what they wait for too.
local busy = {}
local function must_wait(a, group, b, h, o)
  if a.why then return a.why, a.wake, false end
  if b.free < 1 then return b.why, b.wake, false end
  if h.left < 1 then return h.why, h.wake, true end
  if o and o.left < 1 then return o.why, o.wake, true end
  if busy[group.room] then return 'turn', 0, false end
end

local function decide(j)
  local group = j.group
  local a = load_account(group.A)
  if a.broken then return 'E' end
  if a.missing then return 'N' end
  if a.removed then return 'A' end
  if tonumber(j.dl) <= now then return 'X' end
  local nb = tonumber(j.nb)
  if nb > now then j.why, j.till = 'not_before', nb return 'S' end
  if not group.looked then
    group.looked = true
    if look_around(a, P .. 'w:' .. group.room) or a.waiting then busy[group.room] = true end
    if not a.why then
      prefetch(a, send_ms, label, group.host, group.other)
      group.b = budget(a, label, plans, send_ms)
      if not a.broken then group.h = host_of(a, group.host, group.b, send_ms) end
      if group.other ~= '' and not a.broken then group.o = host_of(a, group.other, group.b, send_ms) end
    end
    if a.broken then return 'E' end
  end
  local h, o = group.h, group.o
  if o == h then o = nil end
  local why, till, room = must_wait(a, group, group.b, h, o)
  if why then
    j.why, j.till, j.room_sleeps = why, till, room
    busy[group.room] = true
    return 'W'
  end
  if h.unknown or (o and o.unknown) then j.probe = true end
  grant(a, group.b, o and {h, o} or {h})
  return 'G'
end

local letters, waits, going, gone, orphans = {}, {}, {}, {}, {}
for i, j in ipairs(jobs) do
  local letter
  if not is_mine(j.entry) then
    letter = 'H'
  else
    local value = said[j.id] or memory[i]
    letter = value and remembered(j, value) or decide(j)
  end
  j.letter = letter
  if letter == 'G' then going[#going + 1] = j said[j.id] = j.value
  elseif letter == 'W' or letter == 'S' then waits[#waits + 1] = j said[j.id] = j.value
  elseif letter == 'R' then gone[#gone + 1] = j.entry
  elseif j.orphan then orphans[#orphans + 1] = j end
end

-- The waiting side's keys are looked at before anything is written.
if #waits > 0 then
  for _, key in ipairs({'dl', 'due', 'zz', 'ring'}) do call('ZCARD', P .. key) end
  local checked = {}
  for _, j in ipairs(waits) do
    local A, room = j.group.A, j.group.host
    if checked[A] == nil then
      local p, hr = try('HLEN', P .. 'p:' .. A), try('ZCARD', P .. 'hr:' .. A)
      checked[A] = type(p) ~= 'table' and type(hr) ~= 'table'
    end
    if checked[A .. '|' .. room] == nil then
      checked[A .. '|' .. room] = type(try('ZCARD', P .. 'w:' .. A .. '|' .. room)) ~= 'table'
    end
    if not (checked[A] and checked[A .. '|' .. room]) then j.letter = 'E' end
  end
end

-- In-flight entries first: they are the one key of an account not read yet, and
-- end by themselves. A lease without an owner is dropped by the sweep.
local flying, order = {}, {}
for _, j in ipairs(going) do
  local A = j.group.A
  if not flying[A] then flying[A] = {} order[#order + 1] = A end
  local f = flying[A]
  f[#f + 1] = int(now + call_ms)
  f[#f + 1] = j.id
end
for _, A in ipairs(order) do
  local ok = true
  for from = 1, #flying[A], CHUNK do
    local done = try('ZADD', P .. 'i:' .. A, unpack(flying[A], from, math.min(from + CHUNK - 1, #flying[A])))
    if type(done) == 'table' then
      if string.find(done.err, 'OOM', 1, true) then return done end
      ok = false
    end
  end
  if not ok then flying[A] = nil end
end

local until_ms = int(now + lease_ms)
local leases, owns, memories = {}, {}, {}
for _, j in ipairs(going) do
  local a = accounts[j.group.A]
  if flying[j.group.A] then
    leases[#leases + 1], leases[#leases + 2] = until_ms, j.id
    local flags = 'h'
    if string.sub(string.match(j.value, '^L %d+ %S+ %S+ (%S+)'), 4, 4) == 'y' then flags = 'sh' end
    if j.probe then flags = flags .. 'x' end
    if #a.days > 1 then flags = flags .. 'b' end
    if a.cap > 0 then flags = flags .. 'c' end
    owns[#owns + 1] = j.id
    owns[#owns + 1] = fence .. '|' .. int(now) .. '|' .. flags .. '|' .. j.dl .. '|' .. a.z
    memories[#memories + 1], memories[#memories + 2] = j.id, j.value
  else
    j.letter = 'E'
  end
end
for _, j in ipairs(orphans) do
  -- Live by its memory, held by nobody: due to be swept as if it had been sent.
  leases[#leases + 1], leases[#leases + 2] = int(now), j.id
  owns[#owns + 1], owns[#owns + 2] = j.id, '-.0|' .. int(now) .. '|sh|' .. j.dl .. '|'
end
variadic('ZADD', P .. 'lease', leases)
variadic('HSET', P .. 'own', owns)
for _, A in ipairs(order) do
  if flying[A] then charge(accounts[A], call_ms) end
end

-- Who waits for people, or for longer than a minute, is told. Ids and accounts
-- hold nothing that JSON would escape.
local function tell(j)
  local unknown = j.why == 'consent' or j.why == 'paused'
  if not unknown and j.till - now <= tell_ms then return end
  local json = '{"v":1,"event":"job.waiting","at":"' .. stamp(now) .. '","account":"' .. j.group.A ..
    '","job_id":"' .. j.id .. '","why":"' .. j.why .. '"'
  if not unknown then json = json .. ',"until":"' .. stamp(j.till) .. '"' end
  try('XADD', KEYS[3], '*', 'event', 'job.waiting', 'account', j.group.A, 'data', json .. '}')
end

-- Those that wait leave the stream now: an entry kept back pins its memory.
local rooms, dues, deadlines, wake = {}, {}, {}, false
for _, j in ipairs(waits) do
  if j.letter ~= 'E' then
    local entry = call('XRANGE', KEYS[2], j.entry, j.entry)[1]
    local payload = ''
    if entry then for f = 1, #entry[2], 2 do if entry[2][f] == 'job' then payload = entry[2][f + 1] end end end
    call('HSET', P .. 'p:' .. j.group.A, j.id, payload)
    memories[#memories + 1], memories[#memories + 2] = j.id, j.value
    if soon(j.dl) then deadlines[#deadlines + 1], deadlines[#deadlines + 2] = j.dl, j.id end
    gone[#gone + 1] = j.entry
    tell(j)
    if j.letter == 'S' then
      dues[#dues + 1], dues[#dues + 2] = int(j.till), j.id
      wake = true
    else
      local live = parse_live(j.value)
      live.id, live.why, live.till, live.room_sleeps = j.id, j.why, j.till, j.room_sleeps
      rooms[#rooms + 1] = live
    end
  end
end
variadic('HSET', P .. 'ids', memories)
variadic('ZADD', P .. 'dl', deadlines)
variadic('ZADD', P .. 'due', dues)
local function sleep_of(j)
  if j.room_sleeps then return int(j.till), nil end
  if j.why == 'turn' then return nil, nil end
  return nil, int(j.till)
end
if into_rooms(rooms, sleep_of) then wake = true end
if wake then call('PUBLISH', P .. 'wake', 'q') end
if #gone > 0 then
  variadic('XACK', KEYS[2], 'zoomd', gone)
  variadic('XDEL', KEYS[2], gone)
end

local details, grants = {}, {}
for i, j in ipairs(jobs) do
  letters[i] = j.letter
  if j.letter == 'W' or j.letter == 'S' then
    details[#details + 1], details[#details + 2] = j.why, int(j.till)
  elseif j.letter == 'g' then
    details[#details + 1] = int(j.granted)
  end
end
for g, group in ipairs(groups) do
  local a = accounts[group.A] or {}
  grants[2 * g - 1], grants[2 * g] = a.ep or '', a.gen or ''
end
return {int(now), table.concat(letters), details, grants}
