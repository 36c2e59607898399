-- The time of a script. KEYS[1] is the namespace's prefix, ARGV[1] the clock offset
-- in ms (0 but in tests).
local P = KEYS[1]
local call, try = redis.call, redis.pcall
local KEYS, ARGV = KEYS, ARGV
-- An offset from 1e15 on is a fixed time: tests compare what is decided then.
local now = tonumber(ARGV[1]) - 1e15
if now < 0 then
  local clock = call('TIME')
  now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000) + tonumber(ARGV[1])
end
local DAY = 86400000

-- True if a first write was refused for a reason other than the type of its key: then all later
-- writes would be, too.
local function refused(answer)
  return type(answer) == 'table' and answer.err and not string.find(answer.err, 'WRONGTYPE', 1, true)
end

-- The UTC day of a time, as yyyymmdd (civil from days; the 400-year cycle is
-- counted from 1 March of the year 0).
local days = {}
local function date_of(n)
  if days[n] then return unpack(days[n]) end
  local z = n + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local d = doy - math.floor((153 * mp + 2) / 5) + 1
  local m = mp < 10 and mp + 3 or mp - 9
  local y = yoe + era * 400 + (m <= 2 and 1 or 0)
  days[n] = {y, m, d}
  return y, m, d
end
local function day_of(ms) return string.format('%04d%02d%02d', date_of(math.floor(ms / DAY))) end
