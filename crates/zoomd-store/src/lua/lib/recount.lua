-- Charges of a lease's call, given back or counted again. After base.lua. The script sets `labels`.
-- An item `t` has A, host, other, its parsed `own` as o, and unsent.
local labels = {}
-- Names under which a host is counted while its user id is not known.
local function alias_of(A, host)
  if host == 'me' then return 'me@' .. A end
  if string.find(host, '@', 1, true) then return host end
end
local function canonical_now(t, host)
  local name = alias_of(t.A, host)
  if not name then return host end
  local v = try('HMGET', P .. 'account:' .. t.A, 'uid', 'em')
  if v[1] and v[1] ~= '' then
    if host == 'me' then return v[1] end
    for mail in string.gmatch(v[2] or '', '[^%s,"%[%]]+') do if mail == host then return v[1] end end
  end
  local id = try('HGET', P .. 'alias:' .. t.o.z, name)
  return type(id) == 'string' and id or name
end

-- A call known not to have left is given back on its day; one answered on
-- another day than it was granted is charged to both.
local function recount(t)
  local flags, granted = t.o.flags, t.o.granted
  if string.find(flags, 'f', 1, true) then return end
  local today, both = day_of(now), string.find(flags, 'b', 1, true)
  local by, days
  if t.unsent then
    if day_of(granted) ~= today then return end
    by, days = -1, {today}
    if both then days[2] = granted % DAY < DAY / 2 and day_of(granted - DAY) or day_of(granted + DAY) end
  elseif day_of(granted) ~= today and not both then
    by, days = 1, {today}
  else
    return
  end
  local look, class = string.find(flags, 'r', 1, true), class_of(t.host)
  local fields = {'l:' .. (look and labels.look or class or labels.hosted)}
  if not look and not class then
    fields[2] = 'h:' .. canonical_now(t, t.host)
    if t.other ~= '' then
      local other = 'h:' .. canonical_now(t, t.other)
      if other ~= fields[2] then fields[3] = other end
    end
  end
  for _, day in ipairs(days) do
    local key = P .. 'ledger:' .. day .. ':' .. t.o.z
    for _, field in ipairs(fields) do
      local n = try('HINCRBY', key, field, by)
      if type(n) == 'number' and n < 0 then try('HSET', key, field, 0) end
    end
    try('EXPIRE', key, 172800)
  end
end

