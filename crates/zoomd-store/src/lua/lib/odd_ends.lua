-- The rest of the end of a lease that is no plain result: failures, jobs that continue, lines of
-- targets, charges to count again, gates to close. A part of settle.lua. After rooms.lua,
-- updates.lua, recount.lua and gates.lua.
labels.hosted, labels.look = ARGV[4], ARGV[5]
local reply_ms, failures_s = ARGV[6], tonumber(ARGV[7])
local capped, rooms, naps, wake = {}, {}, {}, false
odd = {failed = 0}

-- Records of each job from before; only read if there are lines.
local lives = #ids > 0 and target.any() and call('HMGET', P .. 'ids', unpack(ids)) or {}
for i, t in ipairs(items) do t.was = lives[i] and parse_live(lives[i]) end

local function payload_of(t)
  if not t.hot then return try('HGET', P .. 'payload:' .. t.A, t.id) end
  return job_of(call('XRANGE', KEYS[2], t.entry, t.entry)[1])
end

function odd.publish(t)
  return try('XADD', KEYS[4], '*', 'job_id', t.id, 'account', t.A, 'kind', t.kind, 'code', t.code, 'failure', t.json)
end

function odd.reply(t)
  try('RPUSH', ARGV[8] .. t.id, t.json)
  try('PEXPIRE', ARGV[8] .. t.id, reply_ms)
end

-- The index keeps what a retry needs: the job as it came and what was tried.
function odd.index_failure(t)
  odd.failed = odd.failed + 1
  local key, payload = P .. 'failure:' .. t.fid, payload_of(t)
  if type(payload) == 'table' or not payload then payload = '' end
  try('ZADD', P .. 'failures', int(now), t.fid)
  -- An earlier job of this id may have left a failure that was retried.
  try('DEL', key)
  try('HSET', key, 'job_id', t.id, 'account', t.A, 'code', t.code, 'entry', t.entry, 'failed_ms', int(now),
      'failure', t.json, 'job', payload, 'record', t.record)
  try('EXPIRE', key, failures_s)
  if t.was and t.letter ~= 'N' then updates.failed(t.was, key, failures_s) end
  -- One that was too late to be admitted had taken its id, too (see aim.lua).
  if t.letter == 'N' and t.code == 'deadline_exceeded' then
    local first = P .. 'failure:' .. t.id .. '#1'
    try('HSET', first, 'last', t.entry)
    try('EXPIRE', first, failures_s)
  end
end

-- True if a refused entry, which never had a lease, is still there and pending.
function odd.is_pending(t)
  t.hot, t.o = true, nil
  return #call('XPENDING', KEYS[2], 'zoomd', t.entry, t.entry, 1) > 0 and #call('XRANGE', KEYS[2], t.entry, t.entry) > 0
end

function odd.room_broken(t)
  if t.letter ~= 'R' and t.letter ~= 'S' then return false end
  local live = parse_live(t.value)
  t.live = live
  live.id = t.id
  return type(try('HLEN', P .. 'payload:' .. t.A)) == 'table' or type(try('HLEN', P .. 'record:' .. t.A)) == 'table'
    or not has_room(live)
end

local function learn(t)
  local al = P .. 'alias:' .. t.o.z
  local name = alias_of(t.A, t.host)
  for _, alias in ipairs({name or false, t.mail ~= '' and t.mail or false}) do
    if alias and alias ~= t.host_id and try('HGET', al, alias) ~= t.host_id then
      try('HSET', al, alias, t.host_id)
      for _, day in ipairs({day_of(now), day_of(now + DAY), day_of(now - DAY)}) do
        local key = P .. 'ledger:' .. day .. ':' .. t.o.z
        local n = try('HGET', key, 'h:' .. alias)
        if type(n) == 'string' then
          try('HINCRBY', key, 'h:' .. t.host_id, n)
          try('HDEL', key, 'h:' .. alias)
        end
      end
    end
  end
end
local function close(t)
  for _, c in ipairs(t.closes) do if c[1] == '@' and not class_of(t.host) then c[1] = 'h:' .. canonical_now(t, t.host) end end
  close_gates(t.o.z, t.closes)
  -- A job that reaches the end of a day waits with those behind it, and is reported as they are.
  local till = 0
  for _, c in ipairs(t.closes) do till = math.max(till, c[2]) end
  if t.letter == 'R' and till - now > 60000 then
    try('XADD', KEYS[5], '*', 'event', 'job.waiting', 'account', t.A, 'data', '{"v":1,"event":"job.waiting","at":"' ..
      stamp(now) .. '","account":"' .. t.A .. '","job_id":"' .. t.id .. '","why":"limited","until":"' .. stamp(till) .. '"}')
  end
end

-- Settles the rest of a lease: its place under a cap, the trial of an unknown host, its charges,
-- and facts learnt from its answer.
function odd.account_for(t)
  -- A lease written back after Redis forgot it does not say whose Zoom account it
  -- was; others may share its text.
  if t.o.z == '' then
    t.o = {fence = t.o.fence, granted = t.o.granted, flags = t.o.flags, z = '~' .. t.A}
  end
  -- The Zoom account may have become known since the lease; its counts have moved.
  if string.sub(t.o.z, 1, 1) == '~' and not t.o.home then
    local z = try('HGET', P .. 'account:' .. t.A, 'z')
    if type(z) == 'string' and z ~= '' then t.o.z = z end
    t.o.home = true
  end
  if string.find(t.o.flags, 'c', 1, true) then capped[t.A] = true end
  if string.find(t.o.flags, 'x', 1, true) then
    try('HDEL', P .. 'alias:' .. t.o.z, '?' .. (alias_of(t.A, t.host) or ''), '?' .. (alias_of(t.A, t.other) or ''))
    if t.host_id ~= '' then learn(t) end
    local asleep = t.A .. '|' .. t.host
    if try('ZREM', P .. 'asleep', asleep) == 1 then
      if has_room({A = t.A, host = t.host, mode = 'c'}) then
        call('ZADD', P .. 'rooms:' .. t.A, 'NX', back(P .. 'rooms:' .. t.A), t.host)
      end
      if not call('ZSCORE', P .. 'asleep', t.A) then ring_push(t.A) end
      wake = true
    end
  elseif t.host_id ~= '' and t.mail ~= '' then
    learn(t)
  end
  recount(t)
  if #t.closes > 0 then close(t) end
end

-- A job that continues: to its room, or asleep.
function odd.keep(t, kept_ids)
  if t.hot then call('HSET', P .. 'payload:' .. t.A, t.id, payload_of(t) or '') end
  if t.record ~= '' then call('HSET', P .. 'record:' .. t.A, t.id, t.record) end
  kept_ids[#kept_ids + 1], kept_ids[#kept_ids + 2] = t.id, t.value
  if t.live.mode ~= 'p' and soon(t.live.dl) then call('ZADD', P .. 'deadline', t.live.dl, t.id) end
  if t.letter == 'S' then
    call('ZADD', P .. 'due', t.till, t.id)
    if t.event ~= '' then try('XADD', KEYS[5], '*', 'event', t.event, 'account', t.A, 'data', t.event_json) end
    wake = true
    target.place(t.live)
  else
    if target.place(t.live) then rooms[#rooms + 1] = t.live end
    if t.nap ~= '0' then naps[lane_of(t.live)] = now + tonumber(t.nap) end
  end
end

function odd.finish()
  if into_rooms(rooms) then wake = true end
  for lane, till in pairs(naps) do
    call('ZREM', P .. 'ring', lane)
    call('ZADD', P .. 'asleep', int(till), lane)
  end
  -- An account that slept because its cap was reached has room again.
  for A in pairs(capped) do
    if try('ZREM', P .. 'asleep', A) == 1 then
      ring_push(A)
      wake = true
    end
  end
  if wake then try('PUBLISH', P .. 'wake', 'q') end
end

-- Creates of which others may wait, among jobs published before.
local creates = {}
function odd.note_creates(ids_at, entries_at, memories_at, E, R)
  if not target.any() then return end
  local entries = {}
  for at = memories_at, memories_at + 2 * R - 1, 2 do
    local _, _, entry = parse_memory(ARGV[at + 1])
    entries[ARGV[at]] = entry
  end
  for at = ids_at, entries_at - 1 do
    local nth, id = at - ids_at, ARGV[at]
    creates[#creates + 1] = {id = id, entry = nth < E and ARGV[entries_at + nth] or entries[id] or id}
  end
end

-- Jobs that are over leave their lines, when no lease is left that this script ended.
function odd.leave_lines(settled)
  for _, t in ipairs(settled) do
    if t.was and not t.live and t.letter ~= 'N' then
      t.was.id = t.id
      if t.letter == 'D' or t.letter == 'P' then updates.succeeded(t.was) end
      if t.was.aim ~= '' then target.leave(t.was) else target.create_over(t.id, t.entry) end
    end
  end
  for _, c in ipairs(creates) do target.create_over(c.id, c.entry) end
  target.finish()
end
