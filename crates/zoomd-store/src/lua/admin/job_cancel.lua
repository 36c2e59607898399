-- Cancels jobs that nobody has in hand. After lib/base.lua.
-- KEYS  1 prefix  2 jobs  3 failures
-- ARGV  1 clock offset  2 prefix of reply lists  3 reply ms  4 failures kept s
--       5 failure code  6 number of items; each: id, its `ids` value as the caller saw it ('' for
--       an entry that no daemon has taken in), record as seen ('' none), entry,
--       account, letter: F fail it, M only write the record
--         F: kind, outcome's json, reply (0|1), failure id, record to keep with the failure
--         M: record
-- Answer  a letter per item: D done, F in flight, C changed since it was seen,
--       E a key is of a wrong type
-- Publishes before it removes. The first write is a removal: a full Redis
-- cancels too.
local code = ARGV[5]
local items, at = {}, 7
for i = 1, tonumber(ARGV[6]) do
  local t = {id = ARGV[at], value = ARGV[at + 1], record = ARGV[at + 2], entry = ARGV[at + 3], A = ARGV[at + 4],
             letter = ARGV[at + 5]}
  if t.letter == 'F' then
    t.kind, t.json, t.reply, t.fid = ARGV[at + 6], ARGV[at + 7], ARGV[at + 8], ARGV[at + 9]
    t.kept = ARGV[at + 10]
    at = at + 11
  else
    t.new = ARGV[at + 6]
    at = at + 7
  end
  items[i] = t
end
call('ZREM', P .. 'leases', '')

-- Result letter if the job has changed since the caller read it or cannot be cancelled; nil if it
-- can be. Also finds its text.
local function look(t)
  local value = call('HGET', P .. 'ids', t.id)
  if t.value == '' then
    if value and string.sub(value, 1, 2) == 'L ' and parse_live(value).entry == t.entry then return 'C' end
    local entries = try('XRANGE', KEYS[2], t.entry, t.entry)
    if entries.err then return 'E' end
    if not entries[1] then return 'C' end
    t.payload = job_of(entries[1])
    return nil
  end
  if value ~= t.value then return 'C' end
  if call('HEXISTS', P .. 'owner', t.id) == 1 then return 'F' end
  t.live = parse_live(value)
  -- It is ended by another job already.
  if string.byte(t.live.aim) == 33 then return 'C' end
  -- An unresolved call carries it.
  if t.live.mode == 'p' then return 'F' end
  local payload, record = try('HGET', P .. 'payload:' .. t.A, t.id), try('HGET', P .. 'record:' .. t.A, t.id)
  if type(payload) == 'table' or type(record) == 'table' then return 'E' end
  if (record or '') ~= t.record then return 'C' end
  if type(try('ZCARD', P .. 'room:' .. t.A .. '|' .. room_of(t.live))) == 'table' then return 'E' end
  t.payload = payload or ''
end

local function publish(t)
  local done = try('XADD', KEYS[3], '*', 'job_id', t.id, 'account', t.A, 'kind', t.kind, 'code', code,
    'failure', t.json)
  if type(done) == 'table' and done.err then return false end
  try('ZADD', P .. 'failures', int(now), t.fid)
  try('DEL', P .. 'failure:' .. t.fid)
  try('HSET', P .. 'failure:' .. t.fid, 'job_id', t.id, 'account', t.A, 'code', code, 'entry', t.entry,
    'failed_ms', int(now), 'failure', t.json, 'job', t.payload, 'record', t.kept)
  try('EXPIRE', P .. 'failure:' .. t.fid, ARGV[4])
  if t.live then updates.failed(t.live, P .. 'failure:' .. t.fid, ARGV[4]) end
  if t.reply == '1' then
    try('RPUSH', ARGV[2] .. t.id, t.json)
    try('PEXPIRE', ARGV[2] .. t.id, ARGV[3])
  end
  try('HINCRBY', P .. 'stats', 'failed', 1)
  return true
end

local function remove(t)
  if not t.live then
    try('XACK', KEYS[2], 'zoomd', t.entry)
    call('XDEL', KEYS[2], t.entry)
    return
  end
  call('ZREM', P .. 'room:' .. t.A .. '|' .. room_of(t.live), t.id)
  call('ZREM', P .. 'due', t.id)
  call('ZREM', P .. 'deadline', t.id)
  call('HDEL', P .. 'payload:' .. t.A, t.id)
  call('HDEL', P .. 'record:' .. t.A, t.id)
  call('HDEL', P .. 'ids', t.id)
  t.live.id = t.id
  if t.live.aim ~= '' then target.leave(t.live)
  elseif target.any() then target.create_over(t.id, t.live.entry) end
end

local letters = {}
for i, t in ipairs(items) do
  local letter = look(t)
  if not letter and t.letter == 'M' then
    call('HSET', P .. 'record:' .. t.A, t.id, t.new)
    letter = 'D'
  elseif not letter then
    letter = publish(t) and 'D' or 'E'
    if letter == 'D' then remove(t) end
  end
  letters[i] = letter
end
target.finish()
return table.concat(letters)
