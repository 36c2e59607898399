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
--       then: number of the meeting it made or changed ('' none); if so: its record, the list
--       it is put in ('' none), whether it made it (0|1)
--       (`ids` value of D, P and U: all but the finish time, '' when the id goes)
--       then jobs whose results the same transaction published before this call,
--       under leases its watch says stand: number of groups G, of jobs M, of jobs
--       from the stream E, of ids to remember R and to forget F; G groups: account,
--       number of jobs, 1 when they left the stream before; M ids in the order of
--       groups, E entries, R pairs of id and `ids` value with the time, F ids
-- Answer  a letter per item, then per published job: D done, S stale (lease not held, or for N the entry
--       gone), E its output stream or room is of a wrong type, nothing done.
-- A repeated number gets its first answer again. An outcome is
-- published before anything of the job is removed but its in-flight entry. The
-- first write is a removal, which a full Redis allows.
local said_key, slot = P .. 'settled:' .. ARGV[2], tonumber(ARGV[3]) % 64
local said = ARGV[9] == '1' and try('HGET', said_key, slot)
if type(said) == 'string' then
  local number, answer = string.match(said, '^(%d+) (.*)$')
  if number == ARGV[3] then return answer end
end
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
  t.number, at = ARGV[at], at + 1
  if t.number ~= '' then t.meeting, t.list, t.made, at = ARGV[at], ARGV[at + 1], ARGV[at + 2] == '1', at + 3 end
  items[i], ids[i] = t, t.id
end
-- Entries are read and removed there.
call('XLEN', KEYS[2])
local owns = #ids > 0 and call('HMGET', P .. 'owner', unpack(ids)) or {}

-- Nearly always results are all there is to settle, their leases have nothing to account
-- for, and no job waits for another. Only for others is made what others need: `odd` has
-- it then.
local function is_plain(t, own)
  if t.letter ~= 'D' or t.reply == '1' or t.unsent or t.host_id ~= '' or #t.closes > 0 then return false end
  local o = own and parse_own(own)
  return not o or not string.find(o.flags, '[^sh]') and math.floor(o.granted / DAY) == math.floor(now / DAY)
end
local odd
local all_plain = try('HLEN', P .. 'target:') == 0
for i, t in ipairs(items) do all_plain = all_plain and is_plain(t, owns[i]) end
if not all_plain then
  -- lib/odd_ends.lua stands here, behind the checks of what it does.
end

-- True if the item may be settled: its fence is the lease's.
local function stands(t, own)
  if t.letter == 'N' then return odd.is_pending(t) end
  t.o = own and parse_own(own)
  if not t.o or t.o.fence ~= t.fence then return false end
  t.hot = string.find(t.o.flags, 'h', 1, true) ~= nil
  return true
end

local function publish(t)
  if t.letter == 'P' then return true end
  if t.letter == 'D' then
    if t.story ~= '' then
      return try('XADD', KEYS[3], '*', 'job_id', t.id, 'account', t.A, 'kind', t.kind, 'result', t.json, 'story', t.story)
    end
    return try('XADD', KEYS[3], '*', 'job_id', t.id, 'account', t.A, 'kind', t.kind, 'result', t.json)
  end
  return odd.publish(t)
end

-- The exchanges of the leases that stand are over, whatever comes of them. This
-- is the first write: a removal.
local standing, flying, order = {}, {}, {}
for i, t in ipairs(items) do
  standing[i] = stands(t, owns[i])
  if standing[i] and t.o then
    if not flying[t.A] then flying[t.A] = {'ZREM', P .. 'in_flight:' .. t.A} order[#order + 1] = t.A end
    local f = flying[t.A]
    f[#f + 1] = t.id
  end
end
if #order == 0 then call('HDEL', P .. 'owner', '') end
for _, A in ipairs(order) do
  local landed = try(unpack(flying[A]))
  if refused(landed) then return landed end
end

local letters, settled = {}, {}
for i, t in ipairs(items) do
  if not standing[i] then
    letters[i] = 'S'
  elseif odd and odd.room_broken(t) then
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

-- A settle that is replayed puts a number twice into its list, which whoever reads
-- lists does not mind.
local function register(t)
  try('HSET', P .. 'meeting:' .. t.A, t.number, t.meeting)
  if t.list == '' then return end
  try('RPUSH', P .. 'meetings:' .. t.A .. '|' .. t.list, t.number)
  try('ZADD', P .. 'meeting_months', 0, t.A .. '|' .. t.list)
end

local gone_ids, kept_ids, released, gone_entries, cold, done = {}, {}, {}, {}, {}, 0
for _, t in ipairs(settled) do
  released[#released + 1] = t.id
  if t.hot then gone_entries[#gone_entries + 1] = t.entry end
  if odd and t.o then odd.account_for(t) end
  if t.live then
    odd.keep(t, kept_ids)
  else
    if t.letter == 'D' or t.letter == 'P' then done = done + 1 else odd.index_failure(t) end
    if t.reply == '1' then odd.reply(t) end
    if t.number ~= '' then register(t) end
    if t.letter ~= 'N' then
      if t.value ~= '' then
        local memory = t.value .. ' ' .. int(math.floor(now / 1000))
        kept_ids[#kept_ids + 1], kept_ids[#kept_ids + 2] = t.id, t.made and memory .. ' ' .. t.A .. '|' .. t.number or memory
      else
        gone_ids[#gone_ids + 1] = t.id
      end
      if not t.hot then
        if not cold[t.A] then cold[t.A] = {} end
        local list = cold[t.A]
        list[#list + 1] = t.id
      end
    end
  end
end

local function try_all(command, key, values, group)
  for from = 1, #values, CHUNK do
    local to = math.min(from + CHUNK - 1, #values)
    if group then try(command, key, group, unpack(values, from, to)) else try(command, key, unpack(values, from, to)) end
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
  if odd then odd.note_creates(ids_at, entries_at, memories_at, E, R) end
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
if odd then odd.finish() end
for A, list in pairs(cold) do
  try_all('HDEL', P .. 'payload:' .. A, list)
  try_all('HDEL', P .. 'record:' .. A, list)
end
try_all('HDEL', P .. 'owner', released)
try_all('XACK', KEYS[2], gone_entries, 'zoomd')
try_all('XDEL', KEYS[2], gone_entries)
if odd then odd.leave_lines(settled) end
if done > 0 then try('HINCRBY', P .. 'stats', 'done', done) end
if odd and odd.failed > 0 then try('HINCRBY', P .. 'stats', 'failed', odd.failed) end
local answer = table.concat(letters)
if try('HSET', said_key, slot, ARGV[3] .. ' ' .. answer) == 1 then call('PEXPIRE', said_key, DAY) end
return answer
