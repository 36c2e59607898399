-- Closing what a 429 named. After base.lua.
-- A gate's time only grows. A second 429 of a rate within ten seconds lowers
-- our rate by half; it recovers by a tenth every ten seconds.
local function close_gates(z, closes)
  local key = P .. 'gate:' .. z
  local longest = 0
  for _, c in ipairs(closes) do
    local field, till = c[1], c[2]
    local known = try('HGET', key, field)
    if type(known) ~= 'table' or not known.err then
      if till > (tonumber(known or 0) or 0) then try('HSET', key, field, int(till)) end
      if not string.find(field, ':', 1, true) then
        local last = tonumber(try('HGET', key, 'hit:' .. field) or 0) or 0
        if now - last > 1000 and now - last < 10000 then
          local factor, at = string.match(try('HGET', key, 'rate:' .. field) or '', '^([%d.]+)|(%d+)$')
          local current = factor and math.min(1, tonumber(factor) + (now - tonumber(at)) / 100000) or 1
          try('HSET', key, 'rate:' .. field, string.format('%.3f|%.0f', math.max(0.05, current / 2), now))
        end
        if now - last > 1000 then try('HSET', key, 'hit:' .. field, int(now)) end
      end
      longest = math.max(longest, till - now, 110000)
    end
  end
  if longest > 0 and try('PTTL', key) < longest then try('PEXPIRE', key, int(longest)) end
end
