-- Hands out jobs whose look for a second meeting is due, and puts the look off:
-- if whoever asks does not come back, another makes it.
-- KEYS  1 prefix
-- ARGV  1 clock offset  2 most jobs  3 put off by ms
-- Answer  {id, note, …}
local ids = call('ZRANGEBYSCORE', P .. 'duplicates_due', '-inf', int(now), 'LIMIT', 0, tonumber(ARGV[2]))
local answer = {}
for _, id in ipairs(ids) do
  local note = call('HGET', P .. 'duplicates', id)
  if note then
    call('ZADD', P .. 'duplicates_due', int(now + tonumber(ARGV[3])), id)
    answer[#answer + 1], answer[#answer + 2] = id, note
  else
    call('ZREM', P .. 'duplicates_due', id)
  end
end
return answer
