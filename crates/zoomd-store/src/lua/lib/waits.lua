-- The jobs of a batch that wait: out of the stream, into their rooms or lines, since an
-- entry kept back pins its memory. A part of admit.lua, run before that writes. After
-- rooms.lua, target.lua, fold.lua and aim.lua.
-- The waiting side's keys are looked at before anything is written.
local checked = {}
for _, w in ipairs(waits) do
  local A, room = w.g.A, w.g.room
  if checked[A] == nil then
    local p, hr = try('HLEN', P .. 'payload:' .. A), try('ZCARD', P .. 'rooms:' .. A)
    checked[A] = type(p) ~= 'table' and type(hr) ~= 'table'
  end
  if checked[room] == nil then checked[room] = type(try('ZCARD', P .. 'room:' .. room)) ~= 'table' end
  if not (checked[A] and checked[room]) then letters[w.k] = 'E' end
end

-- Number of jobs that run before a job with `before` others ahead of it in its room: four a turn
-- from each other room, at most as many as wait.
local ahead, beside = {}, {}
local function place_in_line(A, before)
  local b = beside[A]
  if not b then
    b = {rooms = call('ZCARD', P .. 'rooms:' .. A), all = call('HLEN', P .. 'payload:' .. A)}
    beside[A] = b
  end
  local in_turn = b.rooms * 4 * (math.floor(before / 4) + 1)
  return before + math.min(math.max(0, b.all - before), in_turn)
end
-- Main wait reason of a job that came now: the jobs before it may use up the host's day, or take
-- their time.
local function outlook(w)
  local g, why, till = w.g, w.why, w.till
  if not g.h or w.asleep then return why, till end
  local before = ahead[g.room] or call('ZCARD', P .. 'room:' .. g.room)
  ahead[g.room] = before + 1
  local plan = g.b.plan
  if plan.host > 0 and before >= plan.host - used(g.a, g.h.field) - (g.h.granted or 0) then
    local full = next_day(g.room)
    if full > till then return 'host_day', full end
  elseif g.b.rate then
    till = math.max(till, now + place_in_line(g.A, before) / g.b.rate * SECOND)
  end
  return why, till
end

-- Publishes an event for a job that waits for people, or longer than a minute. Ids and accounts
-- hold nothing that JSON would escape.
local function tell(w, id)
  local unknown = w.why == 'consent' or w.why == 'paused'
  local why, till = outlook(w)
  if not unknown and till - now <= tell_ms then return end
  local json = '{"v":1,"event":"job.waiting","at":"' .. stamp(now) .. '","account":"' .. w.g.A ..
    '","job_id":"' .. id .. '","why":"' .. why .. '"'
  if not unknown then json = json .. ',"until":"' .. stamp(till) .. '"' end
  try('XADD', KEYS[3], '*', 'event', 'job.waiting', 'account', w.g.A, 'data', json .. '}')
end

local rooms, memories, dues, deadlines, wake = {}, {}, {}, {}, false
for _, w in ipairs(waits) do
  if letters[w.k] ~= 'E' then
    local id, entry_id, value = ARGV[ids_at + w.k], ARGV[entries_at + w.k], ARGV[values_at + w.k]
    call('HSET', P .. 'payload:' .. w.g.A, id, job_of(call('XRANGE', KEYS[2], entry_id, entry_id)[1]))
    memories[#memories + 1], memories[#memories + 2] = id, value
    local dl = deadline_of(value)
    if soon(dl) then deadlines[#deadlines + 1], deadlines[#deadlines + 2] = dl, id end
    gone[#gone + 1] = entry_id
    tell(w, id)
    if w.asleep then
      dues[#dues + 1], dues[#dues + 2] = int(w.till), id
      wake = true
    else
      local live = parse_live(value)
      live.id, live.why, live.till, live.room_sleeps = id, w.why, w.till, w.room_sleeps
      rooms[#rooms + 1] = live
    end
  end
end
variadic('HSET', P .. 'ids', memories)
variadic('ZADD', P .. 'deadline', deadlines)
variadic('ZADD', P .. 'due', dues)
local function sleep_of(j)
  if j.room_sleeps then return int(j.till), nil end
  if j.why == 'turn' then return nil, nil end
  return nil, int(j.till)
end
if into_rooms(rooms, sleep_of) then wake = true end

-- Jobs with a target, one after the other: each finds what those before it left. All of
-- them wait, for an instant if for no longer: the claim hands them out.
local batch, refusal = {}, nil
local function wait_for(g, id)
  local _, _, name = target.of(target.live(id) or {aim = ''})
  if not name or target.line(name).head ~= id then return 'target', now end
  if not g.b then return g.a.why or 'turn', g.a.wake or now end
  local why, till = must_wait(g.a, g)
  return why or 'turn', till or now
end
local function take_in(g, k, all)
  local id, entry, value = ARGV[ids_at + k], ARGV[entries_at + k], ARGV[values_at + k]
  -- An entry that was kept and read again may be there twice.
  if batch[entry] == 'seen' or not (mine[entry] or is_mine(entry)) then return 'H' end
  batch[entry] = 'seen'
  local memory = call('HGET', P .. 'ids', id)
  local known = memory and parse_memory(memory) and remembered(g, k, memory)
  if known then
    if known == 'R' then gone[#gone + 1] = entry end
    return known
  end
  if all then return all end
  local live, spec = parse_live(value), ARGV[targets_at + k]
  local part, named = string.sub(spec, 1, 1), string.sub(spec, 2)
  live.id = id
  if aim.may_come(g.A, named, entry, ARGV[10], batch) then return 'L' end
  local name = aim.resolve(g.A, named, entry)
  if not name then return 'M' end
  if part ~= 'E' and target.is_full(name) then return 'L' end
  local _, create_id = create_of(name)
  local created, made_in, number = target.created(name)
  local create = created == 'live' and target.live(create_id)
  -- The used-up day is that of the meeting's host, if known.
  local made = number and meeting_of(made_in, number)
  local host = create and create.host or made and made.host
  if host and not class_of(host) and not class_of(live.host) then live.host = host end
  if create then live.dl = int(math.max(tonumber(live.dl), tonumber(create.dl))) end
  if tonumber(live.dl) <= now then return 'X' end
  local payload = P .. 'payload:' .. g.A
  if type(try('HLEN', payload)) == 'table' or not target.is_sound(name) or not has_room(live) then return 'E' end
  local kept = try('HSET', payload, id, job_of(call('XRANGE', KEYS[2], entry, entry)[1]))
  if type(kept) == 'table' then refusal = kept return 'E' end
  if forgotten[k] then keep_earlier(id, forgotten[k]) end
  local due = any_early and tonumber(ARGV[early_at + k]) or 0
  live.aim = part .. '*:' .. name
  if soon(live.dl) then call('ZADD', P .. 'deadline', live.dl, id) end
  gone[#gone + 1] = entry
  local w = {k = k, g = g, why = 'not_before', till = due, asleep = true}
  if due > now then
    call('HSET', P .. 'ids', id, format_live(live))
    call('ZADD', P .. 'due', int(due), id)
    wake = true
  else
    target.enter(name, live, part, entry)
    w.why, w.till = wait_for(g, id)
    w.asleep = w.why == 'target'
  end
  waits[#waits + 1] = w
  tell(w, id)
  return due > now and 'S' or 'T'
end
-- Hands out the updates that came with a create which goes now.
if ARGV[15] == '2' then fold.send_ms = send_ms end
local function carry()
  for n = 1, N do
    local id = ARGV[ids_at + n]
    local goes = (letters[n] == 'G' or letters[n] == 'Q' or letters[n] == 'g')
      and target.exists(target.name_of(ARGV[entries_at + n], id))
    local own, j = goes and call('HGET', P .. 'owner', id), goes and target.live(id)
    if own and j then
      local o = parse_own(own)
      local parts = fold.lease(j, true, fence, o.flags, o.z)
      if #parts > 0 then carried[#carried + 1], carried[#carried + 2] = n, parts end
    end
  end
end
-- At the end: an entry that is gone cannot be read again. Answers why nothing more
-- can be written.
function finish_waits(own_all)
  for k, value in pairs(forgotten) do
    if string.find(letters[k] or '', '[GQWS]') then keep_earlier(ARGV[ids_at + k], value) end
  end
  if #aimed > 0 then
    for n = 1, N do batch[ARGV[entries_at + n]] = true end
    table.sort(aimed, function(one, other) return earlier(ARGV[entries_at + one.k], ARGV[entries_at + other.k]) end)
    for _, t in ipairs(aimed) do
      if not refusal then letters[t.k] = take_in(t.g, t.k, t.all) end
    end
    own_all()
    if refusal and refused(refusal) then return refusal end
    target.finish()
    carry()
  end
  if wake then try('PUBLISH', P .. 'wake', 'q') end
  if #gone > 0 then
    variadic('XACK', KEYS[2], 'zoomd', gone)
    variadic('XDEL', KEYS[2], gone)
  end
end
