-- Accounts and budgets, read once per script and account. After base.lua.
-- A decision reads (`load_account`, `budget`, `host_of`); `charge` writes what
-- was granted, all of a call's budgets together. Nothing is written before.
-- Time in ms for which a grant counts in its second: see SECOND_MS.
local SECOND = 1100
local accounts = {}
-- State shared by accounts of one Zoom account in this script: budgets that were read, and grants
-- that are not written yet. They are read by the limits of one plan; an account of another plan is
-- kept apart (`a.apart`).
local zooms, plan_of = {}, {}
local function stands_apart(a)
  local plan = plan_of[a.z]
  if not plan then plan_of[a.z] = a.plan return nil end
  return plan ~= a.plan or nil
end
-- Made for an account whose budgets are weighed.
local function share(a)
  if a.hosts or a.apart then return end
  local zoom = zooms[a.z]
  if not zoom then
    zoom = {ledger = {}, budgets = {}, names = {}}
    zooms[a.z] = zoom
  end
  a.zoom, a.ledger, a.budgets, a.names, a.hosts, a.known = zoom, zoom.ledger, zoom.budgets, zoom.names, {}, {}
end
-- A key of the Zoom account has a wrong type: no call may be granted.
local function spoil(a)
  a.broken = true
  if a.zoom then a.zoom.broken = true end
end

-- A table of plans at ARGV[at]: count, then name, per second, per day, host's day;
-- and what stands behind it. A plan is read when it is asked for.
local function plans_at(at)
  local behind = at + 1 + 4 * tonumber(ARGV[at])
  return {first = at + 1, last = behind - 4, known = {}}, behind
end
local function find_plan(plans, name)
  local plan = plans.known[name]
  for i = plans.first, plan and 0 or plans.last, 4 do
    if ARGV[i] == name then
      local second, day, host = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
      plan = {second = second, day = day, host = host, unlimited = second == 0 and day == 0 and host == 0}
      plans.known[name] = plan
      break
    end
  end
  return plan
end

-- Near midnight a call belongs to both days: it may reach Zoom, and be counted,
-- on either. `send_ms` is how long after its grant it may be sent.
local MARGIN = 5000
local function both_days(ms, send_ms)
  local tod = ms % DAY
  return tod < MARGIN or tod >= DAY - MARGIN - send_ms
end
-- The days of the script's time; `send_ms` is constant in a script.
local today
local function days_now(send_ms)
  if today then return today end
  today = {day_of(now)}
  if both_days(now, send_ms) then today[2] = day_of(now % DAY < MARGIN and now - DAY or now + DAY) end
  return today
end
-- Time when a full budget of the day opens again: after the margin of the next day, spread over ten
-- seconds by the name, so that not all rooms wake together.
local function next_day(name)
  local sum = 0
  for i = 1, #name do sum = (sum * 31 + string.byte(name, i)) % 10007 end
  local midnight = (math.floor(now / DAY) + 1) * DAY
  if now % DAY < MARGIN then midnight = midnight - DAY end
  return midnight + MARGIN + sum
end

local function load_account(A)
  local a = accounts[A]
  if a then return a end
  local v = try('HMGET', P .. 'account:' .. A, 'st', 'ep', 'gen', 'plan', 'z', 'uid', 'em', 'cap', 'paused', 'lku', 'int')
  if not v[1] then
    a = {name = A, left = 1e9, broken = v.err and true, missing = not v.err}
    accounts[A] = a
    return a
  end
  -- All fields at once: a table that grows by single fields is made several times.
  a = {name = A, left = 1e9, removed = v[1] == 'removed', ep = v[2] or '', gen = v[3] or '',
       plan = v[4] or 'pro', z = (v[5] and v[5] ~= '') and v[5] or '~' .. A, uid = v[6] ~= '' and v[6],
       em = v[7] or '', cap = v[8] and tonumber(v[8]) or 0, why = nil, wake = nil, apart = nil}
  accounts[A] = a
  a.apart = stands_apart(a)
  if v[1] ~= 'active' then a.why, a.wake = 'consent', now + 60000
  elseif v[9] or everything_paused then a.why, a.wake = 'paused', now + 60000
  elseif v[10] or v[11] then
    local lease = tonumber(v[10] or 0) or 0
    if lease > now then a.why, a.wake = 'rotation', math.min(lease, now + 5000)
    elseif v[11] then a.why, a.wake = 'rotation', now + 5000 end
  end
  return a
end

-- Lanes that wait for a budget of a Zoom account, in the order of their turn.
local function line_key(a, label) return P .. 'line:' .. a.z .. ':' .. label end
-- Reads which of the account's rare keys exist: gates closed, rooms with work, and others of its
-- Zoom account that stand in line for `label`. `hosted`: rooms of hosts, which share a class, are
-- before it.
local function look_around(a, room_key, label, hosted)
  local known = label .. (hosted and '' or '?')
  if not a.looked then a.looked, a.waiting = {}, {} end
  if a.looked[known] then return call('EXISTS', room_key) > 0, a.waiting[known] end
  a.looked[known] = true
  local gates, rooms, line = P .. 'gate:' .. a.z, hosted and P .. 'rooms:' .. a.name or room_key, line_key(a, label)
  if call('EXISTS', gates, rooms, line, room_key) == 0 then return false, false end
  a.gated = call('EXISTS', gates) == 1
  a.waiting[known] = call('EXISTS', rooms, line) > 0
  return call('EXISTS', room_key) == 1, a.waiting[known]
end
local function gate(a, field)
  if not a.gated then return nil end
  local v = try('HGET', P .. 'gate:' .. a.z, field)
  if type(v) == 'table' then spoil(a) return nil end
  return v or nil
end

-- The day's counts: up to three fields, of each day that the current time belongs to.
local function read_ledger(a, send_ms, first, second, third)
  a.days = a.days or days_now(send_ms)
  for _, day in ipairs(a.days) do
    local have = a.ledger[day]
    if not have then
      have = {key = P .. 'ledger:' .. day .. ':' .. a.z}
      a.ledger[day] = have
    end
    local missing, n = {}, 0
    if have[first] == nil then n = 1 missing[1] = first end
    if second and have[second] == nil then n = n + 1 missing[n] = second end
    if third and have[third] == nil then n = n + 1 missing[n] = third end
    if n > 0 then
      local v = try('HMGET', have.key, unpack(missing))
      if v.err then spoil(a) return end
      for i = 1, n do have[missing[i]] = v[i] and tonumber(v[i]) or 0 end
    end
  end
end
local function used(a, field)
  local days = a.days
  local most = a.ledger[days[1]][field] or 0
  if days[2] then most = math.max(most, a.ledger[days[2]][field] or 0) end
  return most
end

-- Reads the number of further calls in flight that the account's own cap allows.
local function read_cap(a)
  if a.cap == 0 or a.flying then return end
  local flying = try('ZCOUNT', P .. 'in_flight:' .. a.name, '(' .. int(now), '+inf')
  if type(flying) == 'table' then a.broken = true return end
  a.flying, a.left = flying, math.max(0, a.cap - flying)
end

-- Notes the number of calls of `label` that its Zoom account may make now, else the reason and the
-- wake-up time (`budget_wake`). A grant leaves the window a little more than a second after it was
-- made.
local function hold(b, free, why, wake)
  if free < 0 then free = 0 end
  if free < b.free then b.free, b.why, b.wake = free, why, wake end
end
local function budget(a, label, plans, send_ms)
  read_cap(a)
  a.days = a.days or days_now(send_ms)
  if a.zoom and a.zoom.broken then a.broken = true end
  local b = a.budgets[label]
  if b then return b end
  local plan = find_plan(plans, a.plan) or find_plan(plans, 'pro') or {second = 0, day = 0, host = 0}
  b = {free = 1e9, plan = plan, label = label, field = 'l:' .. label, why = nil, wake = nil, rate = nil, granted = nil}
  a.budgets[label] = b
  read_ledger(a, send_ms, b.field)
  if a.broken then return b end
  if a.gated then
    local closed = math.max(tonumber(gate(a, label) or 0) or 0, tonumber(gate(a, 'day:' .. label) or 0) or 0)
    if closed > now then hold(b, 0, 'limited', closed) end
  end
  if plan.day > 0 then hold(b, plan.day - used(a, b.field), 'label_day') end
  if plan.second > 0 then
    local rate = plan.second
    local lowered = gate(a, 'rate:' .. label)
    if lowered then
      local factor, at = string.match(lowered, '^([%d.]+)|(%d+)$')
      if factor then
        rate = math.max(1, math.floor(rate * math.min(1, tonumber(factor) + (now - tonumber(at)) / 100000)))
      end
    end
    b.rate = plan.second
    local grants = try('LRANGE', P .. 'window:' .. a.z .. ':' .. label, 0, rate - 1)
    if grants.err then spoil(a) return b end
    local fresh = 0
    for i = 1, #grants do
      local at = tonumber(grants[i]) or 0
      if at > now - SECOND and at < now + 10000 then fresh = i end
    end
    local wake = (fresh > 0 and tonumber(grants[fresh]) or now) + SECOND
    hold(b, rate - fresh, 'second', math.max(wake, now + 1))
  end
  return b
end
-- Time until which a budget holds back; for a day it is computed only on request.
local function budget_wake(a, b) return b.wake or next_day(a.z) end

-- The ledger's name of a host: its user id where one is known; whether it is,
-- and until when a first create of an unknown one is under way.
local function find_name(a, host)
  if host == 'me' then
    if a.uid then return a.uid, true end
  elseif not string.find(host, '@', 1, true) then
    return host, true
  elseif a.uid then
    for mail in string.gmatch(a.em, '[^%s,"%[%]]+') do if mail == host then return a.uid, true end end
  end
  local name = host == 'me' and 'me@' .. a.name or host
  local v = try('HMGET', P .. 'alias:' .. a.z, name, '?' .. name)
  if v.err then a.broken = true return name, true end
  if v[1] then return v[1], true end
  return name, false, tonumber(v[2] or 0) or 0
end

local function canonical(a, host)
  local k = a.known[host]
  if not k then
    local name, known, probing = find_name(a, host)
    k = {name = name, field = 'h:' .. name, known = known, probing = probing}
    a.known[host] = k
  end
  return k
end

-- Reads what `budget` and `host_of` will ask of the ledger, in one go.
local function prefetch(a, send_ms, label, host, other)
  local first = canonical(a, host).field
  local second = other ~= '' and canonical(a, other).field or nil
  if not a.broken then read_ledger(a, send_ms, 'l:' .. label, first, second) end
end

-- Notes the number of creates left today for a host. A host whose user id is unknown might be
-- another room's host too: it gets one create at a time.
local function hold_host(h, left, why, wake)
  if left < 0 then left = 0 end
  if left < h.left then h.left, h.why, h.wake = left, why, wake end
end
local function host_of(a, host, b, send_ms)
  local h = a.hosts[host]
  if h then return h end
  local k = canonical(a, host)
  h = a.names[k.name]
  if h then a.hosts[host] = h return h end
  h = {left = 1e9, name = k.name, field = k.field, unknown = nil, granted = nil, why = nil, wake = nil}
  a.hosts[host], a.names[k.name] = h, h
  read_ledger(a, send_ms, h.field)
  if a.broken then return h end
  h.unknown = not k.known
  if b.plan.host > 0 then
    if not k.known then
      h.probe = true
      if k.probing > now then hold_host(h, 0, 'host', k.probing) else hold_host(h, 1, 'host', now + 1000) end
    end
    hold_host(h, b.plan.host - used(a, h.field), 'host_day')
  end
  if a.gated then
    local till = tonumber(gate(a, h.field) or 0) or 0
    if till > now then hold_host(h, 0, 'limited', till) end
  end
  return h
end

-- Time of the next check of a room whose host, by any of its names, has none left.
local function wake_of(a, host, h) return h.why == 'host_day' and next_day(a.name .. '|' .. host) or h.wake end

-- Notes granted calls, one if no `count` is given; `hosts` are those whose day each call uses.
local function grant(a, b, hosts, count)
  count = count or 1
  b.free, a.left = b.free - count, a.left - count
  b.granted = (b.granted or 0) + count
  for _, h in ipairs(hosts) do
    h.left = h.left - count
    if h.probe then h.left, h.why, h.wake = 0, 'host', h.wake end
    h.granted = (h.granted or 0) + count
  end
end

-- Adds to a day's count, of which `n` is text; answers what it is now, nil when the
-- key is of a wrong type. What is no number begins anew.
local function count_calls(key, field, n)
  local total = try('HINCRBY', key, field, n)
  if type(total) == 'number' then return total end
  if type(try('HSET', key, field, n)) == 'number' then return tonumber(n) end
end

-- Writes all that was granted in this script to an account.
local function charge(a, call_ms)
  local fields, counts, n = {}, {}, 0
  for label, b in pairs(a.budgets) do
    if b.granted then
      n = n + 1
      fields[n], counts[n] = b.field, b.granted
      if b.rate then
        local key, times, time = P .. 'window:' .. a.z .. ':' .. label, {}, int(now)
        for i = 1, b.granted do times[i] = time end
        variadic('LPUSH', key, times)
        call('LTRIM', key, 0, b.rate - 1)
        call('PEXPIRE', key, 60000)
      end
      b.granted = nil
    end
  end
  for _, h in pairs(a.names) do
    if h.granted then
      n = n + 1
      fields[n], counts[n] = h.field, h.granted
      if h.probe then call('HSET', P .. 'alias:' .. a.z, '?' .. h.name, int(now + call_ms)) end
      h.granted = nil
    end
  end
  if n == 0 then return end
  for _, day in ipairs(a.days) do
    local have = a.ledger[day]
    for i = 1, n do
      local field = fields[i]
      have[field] = have[field] + counts[i]
      if count_calls(have.key, field, int(counts[i])) == counts[i] and i == 1 then call('EXPIRE', have.key, 172800) end
    end
  end
end
