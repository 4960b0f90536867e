-- people.lua: who is here, those who came first at the front.
-- KEYS  1 …:people (zset: person by since when, ms)   2 …:tabs (hash: person → lines that are up, over all workers)
-- ARGV  1 the most people to tell
-- Returns {person, since when, lines, …}

local found, told = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1, 'WITHSCORES'), {}
for i = 1, #found, 2 do
  told[#told + 1] = found[i]
  told[#told + 1] = found[i + 1]
  told[#told + 1] = redis.call('HGET', KEYS[2], found[i]) or '0'
end
return told
