-- Names the keys under which a page of accounts lies sealed; changes nothing.
--
-- KEYS[1]  prefix P
-- ARGV[1]  clock offset in ms
-- ARGV[2]  where to begin in the zset of accounts: `-`, or `(<account>`
-- ARGV[3]  accounts looked at
-- Answer:  {last account of a full page or '', then for each account with tokens
--          the heads of its sealed texts (scheme and key), separated by blanks}
local most = tonumber(ARGV[3])
local names = call('ZRANGEBYLEX', P .. 'accounts', ARGV[2], '+', 'LIMIT', 0, most)
local answer = {#names == most and names[#names] or ''}
for _, name in ipairs(names) do
  local g = P .. 'grant:' .. name
  if call('TYPE', g).ok == 'hash' then
    local s = call('HMGET', g, 'sealed', 'cand')
    if s[1] then
      local heads = {string.sub(s[1], 1, 11)}
      for head in string.gmatch(s[2] or '', '"sealed":"(z1%.%x+)') do heads[#heads + 1] = head end
      answer[#answer + 1] = table.concat(heads, ' ')
    end
  end
end
return answer
