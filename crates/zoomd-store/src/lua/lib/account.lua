-- Shared by the scripts of accounts, after base.lua. KEYS[2] is the public stream
-- of events.
local EVENTS = KEYS[2]

local function holds(key, kind)
  local found = redis.call('TYPE', key).ok
  return found == 'none' or found == kind
end

-- The first key of the account that is of another type than ours, or nil.
local function misplaced(account)
  local kinds = {
    account = 'hash', grant = 'hash', intent = 'hash', timeline = 'list', in_flight = 'zset', payload = 'hash',
    record = 'hash', rooms = 'zset',
  }
  for class, kind in pairs(kinds) do
    local key = P .. class .. ':' .. account
    if not holds(key, kind) then return key end
  end
  local shared = {
    accounts = 'zset', users = 'hash', tombs = 'hash', ring = 'zset', asleep = 'zset', intents = 'zset',
    probes = 'zset', stops = 'hash',
  }
  for name, kind in pairs(shared) do
    if not holds(P .. name, kind) then return P .. name end
  end
  if not holds(EVENTS, 'stream') then return EVENTS end
end

local function wrongtype(key)
  return redis.error_reply('WRONGTYPE ' .. key .. ' holds something that is not ours')
end

-- A JSON object with the time put first, and how many jobs waited, where any did.
local function stamped(json, jobs)
  local who = jobs and jobs > 0 and '"waiting_jobs":' .. int(jobs) .. ',' or ''
  return '{"at":' .. int(now) .. ',' .. who .. string.sub(json, 2)
end

-- A line in the account's timeline, newest first.
local function note(account, json, jobs)
  redis.call('LPUSH', P .. 'timeline:' .. account, stamped(json, jobs))
  redis.call('LTRIM', P .. 'timeline:' .. account, 0, 199)
end

-- Jobs that left the stream and have no outcome yet.
local function waiting(account)
  return redis.call('HLEN', P .. 'payload:' .. account)
end

-- A public event of an account, with the number of jobs that wait for it. Names
-- of accounts need no escapes; a reason may.
local function tell(event, account, reason)
  local why = reason and '"reason":' .. cjson.encode(reason) .. ',' or ''
  redis.call('XADD', EVENTS, '*', 'event', event, 'account', account, 'data',
    '{"v":1,"event":"' .. event .. '","at":"' .. stamp(now) .. '","account":"' .. account .. '",'
    .. why .. '"waiting_jobs":' .. waiting(account) .. '}')
end

-- Checks the account's lanes now: its jobs run, or are handed out to fail.
local function wake(account)
  local woken = false
  for _, lane in ipairs(lanes_of(account)) do
    if redis.call('ZREM', P .. 'asleep', lane) == 1 then
      ring_push(lane)
      woken = true
    end
  end
  if woken then redis.pcall('PUBLISH', P .. 'wake', 'q') end
  redis.pcall('PUBLISH', P .. 'wake', 't:' .. account)
end

-- Moves a hash to another name; where both are there, `join` puts each field to
-- what is known. Of a hash too large for one script the rest is forgotten.
local function move_hash(from, to, join)
  if call('EXISTS', from) == 0 then return end
  if call('EXISTS', to) == 0 then call('RENAME', from, to) return end
  local fields = try('HSCAN', from, '0', 'COUNT', 3000)
  if fields.err then return end
  for i = 1, math.min(#fields[2], 8000), 2 do join(to, fields[2][i], fields[2][i + 1]) end
  call('UNLINK', from)
end
local function add_count(key, field, n) try('HINCRBY', key, field, n) end
local function later_gate(key, field, value)
  local known, till = try('HGET', key, field), tonumber(value)
  if type(known) == 'table' and known.err then return end
  if not known or (till and till > (tonumber(known) or 0)) then try('HSET', key, field, value) end
end
local function keep_name(key, field, value) try('HSETNX', key, field, value) end

-- Moves to the Zoom account what an account used before its Zoom account was known: days, gates and
-- names of hosts. To be called before `z` is written. The fuller of two windows of one second is
-- not known, so the label pauses for that second.
local function inherit(account, z)
  local before = call('HGET', P .. 'account:' .. account, 'z')
  if z == '' or (before and before ~= '') then return end
  local own = '~' .. account
  for _, day in ipairs({day_of(now - DAY), day_of(now), day_of(now + DAY)}) do
    move_hash(P .. 'ledger:' .. day .. ':' .. own, P .. 'ledger:' .. day .. ':' .. z, add_count)
  end
  for _, label in ipairs({'light', 'medium', 'heavy'}) do
    local from, to = P .. 'window:' .. own .. ':' .. label, P .. 'window:' .. z .. ':' .. label
    if call('EXISTS', from) == 1 and call('RENAMENX', from, to) == 0 then
      later_gate(P .. 'gate:' .. own, label, int(now + 1000))
      call('UNLINK', from)
    end
  end
  move_hash(P .. 'gate:' .. own, P .. 'gate:' .. z, later_gate)
  if call('EXISTS', P .. 'gate:' .. z) == 1 and call('PTTL', P .. 'gate:' .. z) == -1 then
    call('PEXPIRE', P .. 'gate:' .. z, DAY)
  end
  move_hash(P .. 'alias:' .. own, P .. 'alias:' .. z, keep_name)
end

-- The user behind an account is known: what was counted under its other names is
-- the user's. To be called when `z` is written.
local function count_as(account, uid, em)
  if uid == '' then return end
  local z = call('HGET', P .. 'account:' .. account, 'z')
  if not z or z == '' then z = '~' .. account end
  local names = {'me@' .. account}
  for mail in string.gmatch(em, '[^%s,"%[%]]+') do names[#names + 1] = mail end
  for _, day in ipairs({day_of(now - DAY), day_of(now), day_of(now + DAY)}) do
    local key = P .. 'ledger:' .. day .. ':' .. z
    for _, name in ipairs(names) do
      local n = name ~= uid and try('HGET', key, 'h:' .. name)
      if type(n) == 'string' then
        try('HINCRBY', key, 'h:' .. uid, n)
        try('HDEL', key, 'h:' .. name)
      end
    end
  end
end
