-- Ends leases: outcomes are published, everything else of the jobs goes with them.
-- KEYS  1 prefix  2 jobs  3 results  4 failures  5 events
-- ARGV  1 clock offset  2 boot id  3 number of this settle
--       4 class of calls that spend a host's day  5 class of a look  6 reply ms  7 failures kept s
--       8 the prefix of reply lists  9 sent before (0|1)  10 number of items; each:
--       letter, id, fence, account, host, other host, entry, `ids` value,
--       then by letter
--         D done      kind, json, reply (0|1), story ('' none)
--         P done, published before by a transaction whose rest did not run
--         F failed, U failed and its id stays taken, N refused (never leased)
--                     kind, json, reply, code, record, failure id
--         S sleeps    until ms, record, event ('' none), its json
--         R to room   record, ms its account sleeps (0 none)
--       then: unsent (0|1), Zoom user id of the host ('' none), its e-mail,
--       number of gates closed, each: field (`@` the host's day), until ms
--       (`ids` value of D, P and U: all but the finish time, '' when the id goes)
--       then jobs whose results the same transaction published before this call,
--       under leases its watch says stand: number of groups G, of jobs M, of jobs
--       from the stream E, of ids to remember R and to forget F; G groups: account,
--       number of jobs, 1 when they left the stream before; M ids in the order of
--       groups, E entries, R pairs of id and `ids` value with the time, F ids
-- Answer  a letter per item, then per published job: D done, S stale (lease not held, or for N the entry
--       gone), E its output stream or room is of a wrong type, nothing done.
-- The same number sent again answers what it answered first. An outcome is
-- published before anything of the job is removed but its in-flight entry. The
-- first write is a removal, which a full Redis allows.
local said_key, slot = P .. 'settled:' .. ARGV[2], tonumber(ARGV[3]) % 64
local said = ARGV[9] == '1' and try('HGET', said_key, slot)
if type(said) == 'string' then
  local number, answer = string.match(said, '^(%d+) (.*)$')
  if number == ARGV[3] then return answer end
end
labels.hosted, labels.look = ARGV[4], ARGV[5]
local reply_ms, failures_s = ARGV[6], tonumber(ARGV[7])
local FIELDS = {D = {'kind', 'json', 'reply', 'story'}, S = {'till', 'record', 'event', 'event_json'},
                R = {'record', 'nap'}, F = {'kind', 'json', 'reply', 'code', 'record', 'fid'}}
FIELDS.U, FIELDS.N, FIELDS.P = FIELDS.F, FIELDS.F, {}

local items, ids, at = {}, {}, 11
for i = 1, tonumber(ARGV[10]) do
  local t = {letter = ARGV[at], id = ARGV[at + 1], fence = ARGV[at + 2], A = ARGV[at + 3], host = ARGV[at + 4],
             other = ARGV[at + 5], entry = ARGV[at + 6], value = ARGV[at + 7]}
  at = at + 8
  for _, name in ipairs(FIELDS[t.letter]) do t[name] = ARGV[at] at = at + 1 end
  t.unsent, t.host_id, t.mail = ARGV[at] == '1', ARGV[at + 1], ARGV[at + 2]
  t.closes = {}
  local n = tonumber(ARGV[at + 3])
  at = at + 4
  for c = 1, n do t.closes[c] = {ARGV[at], tonumber(ARGV[at + 1])} at = at + 2 end
  items[i], ids[i] = t, t.id
end
-- Entries are read and removed there.
call('XLEN', KEYS[2])
local owns = #ids > 0 and call('HMGET', P .. 'owner', unpack(ids)) or {}
local lives = #ids > 0 and target.any() and call('HMGET', P .. 'ids', unpack(ids)) or {}
local function payload_of(t)
  if not t.hot then return try('HGET', P .. 'payload:' .. t.A, t.id) end
  return job_of(call('XRANGE', KEYS[2], t.entry, t.entry)[1])
end

local function publish(t)
  if t.letter == 'P' then return true end
  if t.letter == 'D' then
    if t.story ~= '' then
      return try('XADD', KEYS[3], '*', 'job_id', t.id, 'account', t.A, 'kind', t.kind, 'result', t.json, 'story', t.story)
    end
    return try('XADD', KEYS[3], '*', 'job_id', t.id, 'account', t.A, 'kind', t.kind, 'result', t.json)
  end
  return try('XADD', KEYS[4], '*', 'job_id', t.id, 'account', t.A, 'kind', t.kind, 'code', t.code, 'failure', t.json)
end

-- The index keeps what a retry needs: the job as it came and what was tried.
local function index_failure(t)
  local key, payload = P .. 'failure:' .. t.fid, payload_of(t)
  if type(payload) == 'table' or not payload then payload = '' end
  try('ZADD', P .. 'failures', int(now), t.fid)
  -- An earlier job of this id may have left a failure that was retried.
  try('DEL', key)
  try('HSET', key, 'job_id', t.id, 'account', t.A, 'code', t.code, 'entry', t.entry, 'failed_ms', int(now),
      'failure', t.json, 'job', payload, 'record', t.record)
  try('EXPIRE', key, failures_s)
end

-- Whether the item may be settled: by the lease's fence, or for a refusal by
-- the entry, which must still be there and pending.
local function stands(t, own)
  if t.letter == 'N' then
    t.hot, t.o = true, nil
    return #call('XPENDING', KEYS[2], 'zoomd', t.entry, t.entry, 1) > 0 and #call('XRANGE', KEYS[2], t.entry, t.entry) > 0
  end
  t.o = own and parse_own(own)
  if not t.o or t.o.fence ~= t.fence then return false end
  t.hot = string.find(t.o.flags, 'h', 1, true) ~= nil
  return true
end

local function room_broken(t)
  if t.letter ~= 'R' and t.letter ~= 'S' then return false end
  local live = parse_live(t.value)
  t.live = live
  live.id = t.id
  return type(try('HLEN', P .. 'payload:' .. t.A)) == 'table' or type(try('HLEN', P .. 'record:' .. t.A)) == 'table'
    or not has_room(live)
end

-- The exchanges of the leases that stand are over, whatever comes of them. This
-- is the first write: a removal.
local standing, flying, order = {}, {}, {}
for i, t in ipairs(items) do
  standing[i] = stands(t, owns[i])
  t.was = lives[i] and parse_live(lives[i])
  if standing[i] and t.o then
    if not flying[t.A] then flying[t.A] = {'ZREM', P .. 'in_flight:' .. t.A} order[#order + 1] = t.A end
    local f = flying[t.A]
    f[#f + 1] = t.id
  end
end
if #order == 0 then call('ZREM', P .. 'leases', '') end
for _, A in ipairs(order) do
  local landed = try(unpack(flying[A]))
  if refused(landed) then return landed end
end

local letters, settled = {}, {}
for i, t in ipairs(items) do
  if not standing[i] then
    letters[i] = 'S'
  elseif room_broken(t) then
    letters[i] = 'E'
  else
    local published = t.live and {} or publish(t)
    if type(published) == 'table' and published.err then
      letters[i] = 'E'
    else
      letters[i] = 'D'
      settled[#settled + 1] = t
    end
  end
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
  -- Who meets the end of a day waits with those behind it, and is told as they are.
  local till = 0
  for _, c in ipairs(t.closes) do till = math.max(till, c[2]) end
  if t.letter == 'R' and till - now > 60000 then
    try('XADD', KEYS[5], '*', 'event', 'job.waiting', 'account', t.A, 'data', '{"v":1,"event":"job.waiting","at":"' ..
      stamp(now) .. '","account":"' .. t.A .. '","job_id":"' .. t.id .. '","why":"limited","until":"' .. stamp(till) .. '"}')
  end
end

local gone_ids, kept_ids, released, gone_entries = {}, {}, {}, {}
local cold, capped = {}, {}
local rooms, naps, wake, done, failed = {}, {}, false, 0, 0
local ended = {}
local function of_account(map, A, id)
  if not map[A] then map[A] = {} end
  local list = map[A]
  list[#list + 1] = id
end
-- What a lease took besides the job: its place under a cap, the trial of an
-- unknown host, its charges; and what its answer taught.
local function account_for(t)
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

for _, t in ipairs(settled) do
  released[#released + 1] = t.id
  if t.hot then gone_entries[#gone_entries + 1] = t.entry end
  if t.o then account_for(t) end
  if t.live then
    if t.hot then call('HSET', P .. 'payload:' .. t.A, t.id, payload_of(t) or '') end
    if t.record ~= '' then call('HSET', P .. 'record:' .. t.A, t.id, t.record) end
    kept_ids[#kept_ids + 1], kept_ids[#kept_ids + 2] = t.id, t.value
    if soon(t.live.dl) then call('ZADD', P .. 'deadline', t.live.dl, t.id) end
    if t.letter == 'S' then
      call('ZADD', P .. 'due', t.till, t.id)
      if t.event ~= '' then try('XADD', KEYS[5], '*', 'event', t.event, 'account', t.A, 'data', t.event_json) end
      wake = true
      target.place(t.live)
    else
      if target.place(t.live) then rooms[#rooms + 1] = t.live end
      if t.nap ~= '0' then naps[lane_of(t.live)] = now + tonumber(t.nap) end
    end
  else
    if t.letter == 'D' or t.letter == 'P' then done = done + 1 else failed = failed + 1 index_failure(t) end
    if t.reply == '1' then
      try('RPUSH', ARGV[8] .. t.id, t.json)
      try('PEXPIRE', ARGV[8] .. t.id, reply_ms)
    end
    if t.letter ~= 'N' then
      if t.was then ended[#ended + 1] = t end
      if t.value ~= '' then
        kept_ids[#kept_ids + 1], kept_ids[#kept_ids + 2] = t.id, t.value .. ' ' .. int(math.floor(now / 1000))
      else
        gone_ids[#gone_ids + 1] = t.id
      end
      if not t.hot then of_account(cold, t.A, t.id) end
    end
  end
end

local function try_all(command, key, values, group)
  for from = 1, #values, CHUNK do
    local to = math.min(from + CHUNK - 1, #values)
    if group then try(command, key, group, unpack(values, from, to)) else try(command, key, unpack(values, from, to)) end
  end
end
-- Creates of which others may wait, among jobs published before.
local creates = {}
local function note_creates(ids_at, entries_at, memories_at, E, R)
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
-- Jobs published before: their leases stand, so nothing is read and nothing
-- looked at one by one.
local function finish_published(M)
  local groups, E, R, F = tonumber(ARGV[at]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local ids_at = at + 5 + 3 * groups
  local from = ids_at
  for g = at + 5, ids_at - 1, 3 do
    local A, to = ARGV[g], from + tonumber(ARGV[g + 1])
    try('ZREM', P .. 'in_flight:' .. A, unpack(ARGV, from, to - 1))
    if ARGV[g + 2] == '1' then
      try('HDEL', P .. 'payload:' .. A, unpack(ARGV, from, to - 1))
      try('HDEL', P .. 'record:' .. A, unpack(ARGV, from, to - 1))
    end
    from = to
  end
  local entries_at, memories_at = ids_at + M, ids_at + M + E
  if target.any() then note_creates(ids_at, entries_at, memories_at, E, R) end
  local forget_at = memories_at + 2 * R
  if R > 0 then try('HSET', P .. 'ids', unpack(ARGV, memories_at, forget_at - 1)) end
  if F > 0 then try('HDEL', P .. 'ids', unpack(ARGV, forget_at, forget_at + F - 1)) end
  try('HDEL', P .. 'owner', unpack(ARGV, ids_at, entries_at - 1))
  if E > 0 then
    try('XACK', KEYS[2], 'zoomd', unpack(ARGV, entries_at, memories_at - 1))
    try('XDEL', KEYS[2], unpack(ARGV, entries_at, memories_at - 1))
  end
end
local published = tonumber(ARGV[at + 1])
if published > 0 then
  local fine = call('TYPE', KEYS[3]).ok == 'stream'
  if fine then
    finish_published(published)
    done = done + published
  end
  letters[#letters + 1] = string.rep(fine and 'D' or 'E', published)
end

try_all('HSET', P .. 'ids', kept_ids)
try_all('HDEL', P .. 'ids', gone_ids)
if into_rooms(rooms) then wake = true end
for lane, till in pairs(naps) do
  call('ZREM', P .. 'ring', lane)
  call('ZADD', P .. 'asleep', int(till), lane)
end
for A, list in pairs(cold) do
  try_all('HDEL', P .. 'payload:' .. A, list)
  try_all('HDEL', P .. 'record:' .. A, list)
end
-- An account that slept because its cap was reached has room again.
for A in pairs(capped) do
  if try('ZREM', P .. 'asleep', A) == 1 then
    ring_push(A)
    wake = true
  end
end
if wake then try('PUBLISH', P .. 'wake', 'q') end
try_all('HDEL', P .. 'owner', released)
try_all('XACK', KEYS[2], gone_entries, 'zoomd')
try_all('XDEL', KEYS[2], gone_entries)
for _, t in ipairs(ended) do
  t.was.id = t.id
  if t.was.aim ~= '' then target.leave(t.was) else target.create_over(t.id, t.entry) end
end
for _, c in ipairs(creates) do target.create_over(c.id, c.entry) end
target.finish()
if done > 0 then try('HINCRBY', P .. 'stats', 'done', done) end
if failed > 0 then try('HINCRBY', P .. 'stats', 'failed', failed) end
local answer = table.concat(letters)
if try('HSET', said_key, slot, ARGV[3] .. ' ' .. answer) == 1 then call('PEXPIRE', said_key, DAY) end
return answer
