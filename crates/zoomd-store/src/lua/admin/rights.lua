-- Tries rights without using them. Changes nothing. It declares no key, so that a
-- user without a right to any can be told.
-- ARGV  1 prefix, then groups of words: how many there are, then a command
-- Answer  a letter for each: y it may be sent, n it may not, ? the server cannot tell;
--       an error where the server lets scripts use declared keys only
local used = redis.pcall('EXISTS', ARGV[1] .. 'ids')
if type(used) == 'table' and string.find(used.err, 'undeclared', 1, true) then return used end
local check, letters, at = redis.acl_check_cmd, {}, 2
while at <= #ARGV do
  local words = tonumber(ARGV[at])
  local known, may = false, false
  if check then known, may = pcall(check, unpack(ARGV, at + 1, at + words)) end
  letters[#letters + 1] = not known and '?' or may and 'y' or 'n'
  at = at + 1 + words
end
return table.concat(letters)
