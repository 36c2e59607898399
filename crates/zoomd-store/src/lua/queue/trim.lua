-- Trims one output stream: by age never what a consumer group has not
-- acknowledged, by size and length whatever is oldest.
-- KEYS  1 prefix  2 stream
-- ARGV  1 clock offset  2 kept ms  3 most bytes  4 most entries (0 any)  5 most cut by one call
-- Answer  {trimmed by age, trimmed by size or length, of these not yet acknowledged (0|1)}
if call('EXISTS', KEYS[2]) == 0 then return {0, 0, 0} end
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local function before(a, b)
  local am, as = parts(a)
  local bm, bs = parts(b)
  return am < bm or (am == bm and as < bs)
end
local function field(list, name)
  for i = 1, #list, 2 do if list[i] == name then return list[i + 1] end end
end

-- The first entry some group still needs: its oldest pending one, else the one
-- after the last it was given.
local needed
for _, group in ipairs(call('XINFO', 'GROUPS', KEYS[2])) do
  local first
  if field(group, 'pending') > 0 then
    first = call('XPENDING', KEYS[2], field(group, 'name'))[2]
  else
    local ms, seq = parts(field(group, 'last-delivered-id'))
    first = int(ms) .. '-' .. int(seq + 1)
  end
  if first and (not needed or before(first, needed)) then needed = first end
end

local oldest = int(now - tonumber(ARGV[2])) .. '-0'
if needed and before(needed, oldest) then oldest = needed end
local by_age = call('XTRIM', KEYS[2], 'MINID', '~', oldest, 'LIMIT', ARGV[5])

-- The size is reckoned from the entries at both ends: `MEMORY USAGE` counts a
-- group's pending list, several times over, as the stream's.
local function reckoned(length)
  local bytes, seen = 0, 0
  for _, page in ipairs({call('XRANGE', KEYS[2], '-', '+', 'COUNT', 50), call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 50)}) do
    for _, entry in ipairs(page) do
      seen, bytes = seen + 1, bytes + 24
      for _, text in ipairs(entry[2]) do bytes = bytes + #text end
    end
  end
  return seen > 0 and bytes / seen * length or 0
end

local by_size, lost = 0, 0
local length, most = call('XLEN', KEYS[2]), tonumber(ARGV[3])
local bytes = reckoned(length)
local target = bytes > most and math.floor(length * most / bytes * 0.95) or length
if tonumber(ARGV[4]) > 0 then target = math.min(target, tonumber(ARGV[4])) end
if target < length then
  by_size = call('XTRIM', KEYS[2], 'MAXLEN', '~', math.max(target, length - tonumber(ARGV[5])), 'LIMIT', ARGV[5])
  local first = call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
  if by_size > 0 and needed and (not first or before(needed, first[1])) then lost = 1 end
end
return {by_age, by_size, lost}
