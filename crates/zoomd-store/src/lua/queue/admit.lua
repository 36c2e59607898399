-- Admits a batch of entries that one consumer has read: leases what can run now, and stores the
-- rest where it waits. After lib/base.lua and lib/budget.lua.
-- All reads come first. The first write is one that a full Redis refuses.
-- KEYS  1 prefix  2 jobs stream  3 events stream
-- ARGV  1 clock offset  2 fence  3 lease, ms  4 ms from grant to send at the latest
--       5 ms from grant to the end of the exchange at the latest  6 s that ids are remembered
--       7 consumer  8 number of classes  9 smallest entry id  10 largest entry id
--       11 ms of a wait from which an event tells of it  12 earliest deadline
--       13 1 if any job has a not_before  14 1 if an id occurs twice
--       15 1 if any job has a target, 2 if updates are merged, too; else 0
--       16… for each class: its name and its table of plans (count; name, limit per second,
--       per day, per host and day)
--       then the number of groups and N, the number of jobs; for each group: account, host
--       (`?class`: no host is charged), other host, number of jobs, number of its class;
--       one text of N letters (y: recoverable, n: not); then, in the order of the groups,
--       N ids, N entries, N fields of `ids`; if 13 is 1, N times (0: none); if 15 is not 0,
--       N targets: '', `<part>c<job id>` or `<part>m<number>`
-- Answer  {now, letters, details, grants, carried}
--       letters: one for each job, in the order given
--       details: for W, T and S the reason and the time; for g the time of the grant
--       grants: for each group its epoch and generation
--       carried: for each job that carries others its position (from 1) and its parts, see
--       lib/fold.lua
-- Letters  G run  Q run, and settle with the script alone  g run: the answer to this very call
--       was lost  W waits in its room  S sleeps  T waits in the line of its target
--       L read it again later: an older job of its target may still come  M no meeting
--       R duplicate, dropped  C id of another job  N no account  A account removed
--       X deadline passed  H held elsewhere  E key of a wrong type
local fence, lease_ms = ARGV[2], tonumber(ARGV[3])
local send_ms, call_ms, remember_s = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local tell_ms = tonumber(ARGV[11])
local all_in_time, any_early, any_twice = tonumber(ARGV[12]) > now, ARGV[13] == '1', ARGV[14] == '1'
local any_target, carried = ARGV[15] ~= '0', {}
local classes, at = {}, 16
for c = 1, tonumber(ARGV[8]) do
  local label = ARGV[at]
  classes[c] = {label = label}
  classes[c].plans, at = plans_at(at + 1)
end
local group_count, N = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
local groups_at = at + 2
local kinds_at = groups_at + 5 * group_count
local ids_at, entries_at, values_at, early_at = kinds_at, kinds_at + N, kinds_at + 2 * N, kinds_at + 3 * N
local targets_at = early_at + (any_early and N or 0)
local function has_target(k) return any_target and ARGV[targets_at + k] ~= '' end
local kinds = ARGV[kinds_at]
local now_text = int(now)

-- An entry is admitted by the consumer it is pending for, and by no other: one
-- that was claimed away, settled or deleted meanwhile is not touched.
local limit = N + 1000
local pending = call('XPENDING', KEYS[2], 'zoomd', ARGV[9], ARGV[10], limit, ARGV[7])
local mine = {}
for i = 1, #pending do mine[pending[i][1]] = true end
local function is_mine(entry)
  if #pending < limit then return false end
  return #call('XPENDING', KEYS[2], 'zoomd', entry, entry, 1, ARGV[7]) > 0
end

local memory = call('HMGET', P .. 'ids', unpack(ARGV, ids_at + 1, ids_at + N))
local letters, waits, going, gone, orphans = {}, {}, {}, {}, {}
local said = {}

-- Records of known ids; nil: the id has been forgotten.
local again, forgotten = {}, {}
local function remembered(g, k, value)
  local state, _, entry, digest, finished = parse_memory(value)
  if is_forgotten(state, finished, remember_s) then forgotten[k] = value return nil end
  if entry == ARGV[entries_at + k] then
    if state ~= 'L' then return 'R' end
    local own = call('HGET', P .. 'owner', ARGV[ids_at + k])
    if not own then
      -- One that was not to be sent yet was not: it sleeps on.
      local early = any_early and tonumber(ARGV[early_at + k]) or 0
      if early > now and not has_target(k) then
        waits[#waits + 1] = {k = k, g = g, why = 'not_before', till = early, asleep = true}
        return 'S'
      end
      orphans[#orphans + 1] = k
      return 'H'
    end
    local o = parse_own(own)
    if o and o.fence == fence and not string.find(o.flags, 'p', 1, true) then again[k] = int(o.granted) return 'g' end
    return 'H'
  end
  local _, _, _, given = parse_memory(ARGV[values_at + k])
  if given ~= '-' and given == digest then return 'R' end
  return 'C'
end

-- The first reason why a group's jobs must wait: reason, until, whether only its
-- room sleeps until then (else the whole account does), and whether the job sleeps
-- alone: its other host is not its room's. That others stand before it is the last
-- one told: the first is what they wait for too.
local busy = {}
local function must_wait(a, g)
  if a.why then return a.why, a.wake, false end
  if a.left < 1 then return 'in_flight', now + 5000, false end
  if g.b.free < 1 then return g.b.why, budget_wake(a, g.b), false end
  if g.h and g.h.left < 1 then return g.h.why, wake_of(a, g.host, g.h), true end
  if g.o and g.o.left < 1 then return g.o.why, wake_of(a, g.other, g.o), false, true end
  if busy[g.room] then return 'turn', 0, false end
end

-- Reads what decides about a group. Answers a letter when it is one for all.
local function open_group(a, g)
  if a.broken then return 'E' end
  if a.missing then return 'N' end
  if a.removed then return 'A' end
  if a.apart and not a.why then a.why, a.wake = 'turn', now + 1 end
  if not g.clear then
    local there, waiting = look_around(a, P .. 'room:' .. g.room, g.label, not g.class)
    if there or waiting then busy[g.room] = true end
  end
  if not a.why then
    share(a)
    if not g.class then prefetch(a, send_ms, g.label, g.host, g.other) end
    g.b = budget(a, g.label, g.plans, send_ms)
    if not g.class and not a.broken then g.h = host_of(a, g.host, g.b, send_ms) end
    if g.other ~= '' and not a.broken then g.o = host_of(a, g.other, g.b, send_ms) end
    if g.o == g.h then g.o = nil end
    if not a.broken then
      g.hosts = g.o and {g.h, g.o} or {g.h}
      g.unknown = g.h and g.h.unknown or (g.o and g.o.unknown)
      g.odd = g.unknown or a.cap > 0
    end
  end
  return a.broken and 'E' or nil
end

-- A fresh job of an account that can be used.
local function decide(a, g, k)
  if not all_in_time and tonumber(deadline_of(ARGV[values_at + k])) <= now then return 'X' end
  if any_early then
    local early = tonumber(ARGV[early_at + k])
    if early > now then
      waits[#waits + 1] = {k = k, g = g, why = 'not_before', till = early, asleep = true}
      return 'S'
    end
  end
  local why, till, room, alone = must_wait(a, g)
  if why then
    waits[#waits + 1] = {k = k, g = g, why = why, till = till, room_sleeps = room, asleep = alone}
    if alone then return 'S' end
    busy[g.room] = true
    return 'W'
  end
  grant(a, g.b, g.hosts)
  going[#going + 1] = k
  return g.odd and 'Q' or 'G'
end

-- True if all jobs of a group are unknown, and none needs a check of its own.
local function all_fresh(g)
  if not all_in_time or any_early or any_twice or has_target(g.from) then return false end
  for n = g.from, g.to do
    if memory[n] or not mine[ARGV[entries_at + n]] then return false end
  end
  return true
end

-- A group with nothing to weigh: its account has no limit, gate, cap, line or room,
-- and its host's user id is known. Answers that id; its calls are only counted.
local single_day = #days_now(send_ms) == 1
local function unweighed(a, g)
  if not (a.z and g.clear) or g.class or a.why or a.removed or a.apart or a.cap > 0 or g.other ~= '' or busy[g.room] then return nil end
  local plan = find_plan(g.plans, a.plan)
  if not (plan and plan.unlimited and single_day) or zooms[a.z] and zooms[a.z].broken then return nil end
  if not all_fresh(g) then return nil end
  local name, known = find_name(a, g.host)
  return known and not a.broken and name
end

-- Nearly always all of a group's jobs may go: granted in one.
local function go_together(a, g)
  if not all_fresh(g) then return false end
  local count = g.to - g.from + 1
  if must_wait(a, g) or a.left < count or g.b.free < count then return false end
  for _, h in ipairs(g.hosts) do if h.probe or h.left < count then return false end end
  grant(a, g.b, g.hosts, count)
  return true
end

local aimed = {}
local function one_by_one(a, g, all)
  for n = g.from, g.to do
    local entry = ARGV[entries_at + n]
    local letter
    if has_target(n) then
      -- Last of all, in the order of the stream.
      aimed[#aimed + 1] = {k = n, g = g, all = all}
    elseif mine[entry] or is_mine(entry) then
      local known = memory[n] or (any_twice and said[ARGV[ids_at + n]])
      letter = known and remembered(g, n, known) or all or decide(a, g, n)
      if any_twice and (letter == 'G' or letter == 'Q' or letter == 'W' or letter == 'S') then
        said[ARGV[ids_at + n]] = ARGV[values_at + n]
      elseif letter == 'R' then
        gone[#gone + 1] = entry
      end
    else
      letter = 'H'
    end
    letters[n] = letter
  end
end

local groups, k = {}, 0
for i = 1, group_count do
  local from = groups_at + 5 * i - 5
  local A, host = ARGV[from], ARGV[from + 1]
  local count = tonumber(ARGV[from + 3])
  groups[i] = {A = A, host = host, other = ARGV[from + 2], from = k + 1, to = k + count, room = A .. '|' .. host,
               a = load_account(A), clear = nil, b = nil, h = nil, o = nil, hosts = nil, unknown = nil, odd = nil,
               first_going = nil, last_going = nil, count = ARGV[from + 3], host_id = nil, class = class_of(host),
               label = classes[tonumber(ARGV[from + 4])].label, plans = classes[tonumber(ARGV[from + 4])].plans}
  k = k + count
end

-- Nearly always an account has no gate, no line and no payload of a job that left the
-- stream, so no room either. That is asked for some groups at once; each is looked
-- at (`look_around`) only among those of which there is any.
local TOGETHER = 16
for first = 1, group_count, TOGETHER do
  local last, keys, n = math.min(first + TOGETHER - 1, group_count), {}, 0
  for i = first, last do
    local g = groups[i]
    local a = g.a
    if a.z then
      keys[n + 1], keys[n + 2], keys[n + 3] = P .. 'gate:' .. a.z, P .. 'payload:' .. g.A, line_key(a, g.label)
      n = n + 3
    end
  end
  if n > 0 and call('EXISTS', unpack(keys)) == 0 then
    for i = first, last do groups[i].clear = true end
  end
end

for _, g in ipairs(groups) do
  local a = g.a
  g.first_going = #going + 1
  g.host_id = unweighed(a, g)
  local all = not g.host_id and open_group(a, g)
  if g.host_id or not all and go_together(a, g) then
    for n = g.from, g.to do
      letters[n] = g.odd and 'Q' or 'G'
      going[#going + 1] = n
    end
  else
    one_by_one(a, g, all)
  end
  g.last_going = #going
end

local finish_waits
if #waits > 0 or #gone > 0 or #aimed > 0 or next(forgotten) then
  -- lib/waits.lua stands here, behind the checks of what it does.
end

-- In-flight entries first: they are the one key of an account not read yet, and
-- end by themselves. A lease that holds nothing is dropped by the sweep.
local flying_text = int(now + call_ms)
local owns, memories, m = {}, {}, 0
-- The key of its day has not been read: a wrong type is noticed here.
local function charge_unweighed(g)
  local key = P .. 'ledger:' .. today[1] .. ':' .. g.a.z
  local total = count_calls(key, 'l:' .. g.label, g.count)
  if total == g.to - g.from + 1 then call('EXPIRE', key, 172800) end
  return total and count_calls(key, 'h:' .. g.host_id, g.count)
end
local lent = fence .. '|' .. now_text .. '|'
local function owner(a, g, sent)
  local flags = (sent and 'sh' or 'h') .. (g.unknown and 'x' or '')
    .. (today[2] and 'b' or '') .. (a.cap > 0 and 'c' or '')
  return lent .. flags .. '|' .. a.z
end
local all_sent = not string.find(kinds, 'n', 1, true)
for _, g in ipairs(groups) do
  local first, last = g.first_going, g.last_going
  if last >= first then
    local flying, f = {}, 0
    for i = first, last do
      flying[f + 1], flying[f + 2] = flying_text, ARGV[ids_at + going[i]]
      f = f + 2
    end
    local done = f <= CHUNK and try('ZADD', P .. 'in_flight:' .. g.A, unpack(flying))
      or variadic('ZADD', P .. 'in_flight:' .. g.A, flying)
    if refused(done) then return done end
    if type(done) == 'table' or g.host_id and not charge_unweighed(g) then
      for i = first, last do letters[going[i]] = 'E' end
    else
      if not g.host_id then g.a.charged = true end
      local sent, unsent = owner(g.a, g, true), not all_sent and owner(g.a, g, false)
      for i = first, last do
        local n = going[i]
        local id = ARGV[ids_at + n]
        owns[m + 1], owns[m + 2] = id, (all_sent or string.byte(kinds, n) == 121) and sent or unsent
        memories[m + 1], memories[m + 2] = id, ARGV[values_at + n]
        m = m + 2
      end
    end
  end
end
if #owns > 0 then call('ZADD', P .. 'leases', int(now + lease_ms), fence) end
-- Live by its memory, held by nobody: due to be swept as if it had been sent.
local function own_all()
  for _, n in ipairs(orphans) do
    owns[#owns + 1], owns[#owns + 2] = ARGV[ids_at + n], format_own('-.0', now_text, 'sh', '')
  end
  if #orphans > 0 then call('ZADD', P .. 'leases', now_text, '-.0') end
  variadic('HSET', P .. 'owner', owns)
  owns, orphans = {}, {}
end
own_all()
for _, g in ipairs(groups) do
  if g.a.charged then
    g.a.charged = false
    charge(g.a, call_ms)
  end
end

variadic('HSET', P .. 'ids', memories)
local refusal = finish_waits and finish_waits(own_all)
if refusal then return refusal end

local details, grants = {}, {}
if #waits > 0 or next(again) then
  local by_job = {}
  for _, w in ipairs(waits) do by_job[w.k] = w end
  for n = 1, N do
    local letter = letters[n]
    if letter == 'W' or letter == 'S' or letter == 'T' then
      details[#details + 1], details[#details + 2] = by_job[n].why, int(by_job[n].till)
    elseif letter == 'g' then
      details[#details + 1] = again[n]
    end
  end
end
for i, g in ipairs(groups) do grants[2 * i - 1], grants[2 * i] = g.a.ep or '', g.a.gen or '' end
return {now_text, table.concat(letters), details, grants, carried}
