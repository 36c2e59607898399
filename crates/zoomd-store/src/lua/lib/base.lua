-- Shared by every script of the queue: numbers, long commands, and the texts of ids
-- and owners. After clock.lua. Writes nothing by itself.
-- Values handed to one variadic command: unpack ends near 8,000.
local CHUNK = 3000

-- A whole number as text: `..` would write 1e+14 for large ones.
local function int(n) return string.format('%.0f', n) end

-- (command, values), (command, key, values) or (command, key, argument, values),
-- in as many calls as it takes; none when there are no values.
local function variadic(a, b, c, d)
  local values = d or c or b
  local n = #values
  for from = 1, n, CHUNK do
    local to = from + CHUNK - 1
    if to > n then to = n end
    if d then call(a, b, c, unpack(values, from, to))
    elseif c then call(a, b, unpack(values, from, to))
    else call(a, unpack(values, from, to)) end
  end
end

-- `ids` holds of a finished job: D|U <run> <entry> <digest> <finished s>, D of one that
-- succeeded, U of one that may have. Answers letter, run, entry, digest and that time;
-- of a live job (rooms.lua) all but the time.
local function parse_memory(value) return string.match(value, '^(%u) (%d+) (%S+) (%S+) ?(%d*)') end
-- True if the id of a finished job is free again.
local function is_forgotten(state, finished, remember_s)
  return state == 'D' and (tonumber(finished) or 0) + remember_s <= now / 1000
end
local function deadline_of(value) return string.match(value, '^L %d+ %S+ %S+ %S+ %d+ (-?%d+)') end
-- `owner`: <fence>|<granted ms>|<flags>|<Zoom account>; the same text for all jobs
-- that one call leased for an account and a purpose, so it is parsed once.
-- flags: s may have been sent, h entry still in the stream, x first charge of an
-- unknown host, b charged to both days, c of an account with a cap, r a look,
-- f no call was charged, p a part of the call of another (lib/fold.lua).
local parsed = {}
local function parse_own(value)
  local o = parsed[value]
  if o == nil then
    local fence, granted, flags, z = string.match(value, '^([^|]*)|(%d+)|(%a*)|(.*)$')
    o = fence and {fence = fence, granted = tonumber(granted), flags = flags, z = z} or false
    parsed[value] = o
  end
  return o
end
local function format_own(fence, granted, flags, z) return fence .. '|' .. granted .. '|' .. flags .. '|' .. z end

-- Jobs whose calls use no host's day have no host: they wait in a room of their class, `?light`.
-- Names of hosts do not begin with `?`.
local function class_of(host) return string.match(host, '^%?(.+)$') end
