-- The updates that failed, and whether a later one of their target has succeeded since: a retry
-- of many leaves those alone. After target.lua.
-- `updated:<line>` is there while a failure of an update is kept; `last` is the order of the
-- newest update that succeeded since ('' for none).
local updates = {}
local function place_of_update(j) return string.match(j.aim, '^F([%d!-]+):(.*)$') end

-- Notes in the failure `key` at which place an update stood.
function updates.failed(j, key, keep_s)
  local order, name = place_of_update(j)
  if not order then return end
  local last = P .. 'updated:' .. name
  try('HSET', key, 'order', order)
  try('HSETNX', last, 'last', '')
  try('EXPIRE', last, keep_s)
end

function updates.succeeded(j)
  local order, name = place_of_update(j)
  if not order then return end
  local last = try('HGET', P .. 'updated:' .. name, 'last')
  if type(last) == 'string' and last < order then try('HSET', P .. 'updated:' .. name, 'last', order) end
end
