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
    a = 'hash', g = 'hash', int = 'hash', tl = 'list', i = 'zset', p = 'hash', r = 'hash', hr = 'zset',
  }
  for class, kind in pairs(kinds) do
    local key = P .. class .. ':' .. account
    if not holds(key, kind) then return key end
  end
  local shared = {
    accounts = 'zset', u = 'hash', tomb = 'hash', ring = 'zset', zz = 'zset', intents = 'zset',
    stop = 'hash',
  }
  for name, kind in pairs(shared) do
    if not holds(P .. name, kind) then return P .. name end
  end
  if not holds(EVENTS, 'stream') then return EVENTS end
end

local function wrongtype(key)
  return redis.error_reply('WRONGTYPE ' .. key .. ' holds something that is not ours')
end

-- A JSON object with the time put first.
local function stamped(json)
  return '{"at":' .. int(now) .. ',' .. string.sub(json, 2)
end

-- A line in the account's timeline, newest first.
local function note(account, json)
  redis.call('LPUSH', P .. 'tl:' .. account, stamped(json))
  redis.call('LTRIM', P .. 'tl:' .. account, 0, 199)
end

-- Jobs that left the stream and have no outcome yet.
local function waiting(account)
  return redis.call('HLEN', P .. 'p:' .. account)
end

-- RFC 3339 in milliseconds.
local function iso(ms)
  local day, tod = day_of(ms), ms % DAY
  return string.format('%s-%s-%sT%02d:%02d:%02d.%03dZ', string.sub(day, 1, 4), string.sub(day, 5, 6),
    string.sub(day, 7, 8), math.floor(tod / 3600000), math.floor(tod / 60000) % 60,
    math.floor(tod / 1000) % 60, tod % 1000)
end

-- A public event of an account, with the number of jobs that wait for it. Names
-- of accounts need no escapes; a reason may.
local function tell(event, account, reason)
  local why = reason and '"reason":' .. cjson.encode(reason) .. ',' or ''
  redis.call('XADD', EVENTS, '*', 'event', event, 'account', account, 'data',
    '{"v":1,"event":"' .. event .. '","at":"' .. iso(now) .. '","account":"' .. account .. '",'
    .. why .. '"waiting_jobs":' .. waiting(account) .. '}')
end

-- The account's lanes are looked at now: its jobs run, or are handed out to fail.
local function wake(account)
  local woken = false
  for _, lane in ipairs({account, account .. '?'}) do
    if redis.call('ZREM', P .. 'zz', lane) == 1 then
      ring_push(lane)
      woken = true
    end
  end
  if woken then redis.call('PUBLISH', P .. 'wake', 'q') end
  redis.call('PUBLISH', P .. 'wake', 't:' .. account)
end

