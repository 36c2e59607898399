-- Gives a page of keys the names of this layout, while it is being raised.
--
-- KEYS[1]  prefix P           KEYS[2]  P meta
-- ARGV[1]  clock offset in ms
-- ARGV[2]  the layout meanwhile
-- ARGV[3]  the pattern of what begins with the prefix
-- ARGV[4]  cursor             ARGV[5]  keys to look at
-- ARGV[6] … old and new name of each class
-- Answer:  {next cursor ('0': all were seen), renamed}
if redis.call('HGET', KEYS[2], 'layout') ~= ARGV[2] then return {'0', 0} end
local class_of, start = {}, #KEYS[1] + 1
for i = 6, #ARGV, 2 do class_of[ARGV[i]] = ARGV[i + 1] end
local page, renamed = redis.call('SCAN', ARGV[4], 'MATCH', ARGV[3], 'COUNT', ARGV[5]), 0
for _, key in ipairs(page[2]) do
  local class = string.match(key, '^[^:]*:', start)
  -- A scan may name a key twice.
  if class and class_of[class] and redis.call('EXISTS', key) == 1 then
    redis.call('RENAME', key, KEYS[1] .. class_of[class] .. string.sub(key, start + #class))
    renamed = renamed + 1
  end
end
return {page[1], renamed}
