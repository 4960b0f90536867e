-- people.lua: list the people online, by time of arrival.
-- KEYS  1 …:people (zset: person, scored by the time of their arrival, ms)
--       2 …:tabs (hash: person → open connections across all workers)
-- ARGV  1 the maximum number of people
-- Returns {person, time of arrival, connections, …}

local found, list = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1, 'WITHSCORES'), {}
for i = 1, #found, 2 do
  list[#list + 1] = found[i]
  list[#list + 1] = found[i + 1]
  list[#list + 1] = redis.call('HGET', KEYS[2], found[i]) or '0'
end
return list
