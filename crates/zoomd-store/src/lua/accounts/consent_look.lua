-- Looks at a connect link; changes nothing.
--
-- KEYS[1]  prefix P           KEYS[2]  <ns>:events
-- ARGV[1]  clock offset in ms
-- ARGV[2]  digest of the link's token
-- Answer:  {account, plan, take over, until ms, label, way back}, {} when it is not good
return open_link(ARGV[2])
