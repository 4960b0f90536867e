-- people.lua: list people online in order of arrival.
-- KEYS  1 …:people (zset: person, scored by arrival time, ms)
--       2 …:tabs (hash: person → open connections across all workers)
-- ARGV  1 offset   2 the maximum number of people   3 "1" for newest first
-- Returns {person, arrival time, connections, …}

local command = ARGV[3] == '1' and 'ZREVRANGE' or 'ZRANGE'
local rows, list = redis.call(command, KEYS[1], ARGV[1], ARGV[1] + ARGV[2] - 1, 'WITHSCORES'), {}
for i = 1, #rows, 2 do
  list[#list + 1] = rows[i]
  list[#list + 1] = rows[i + 1]
  list[#list + 1] = redis.call('HGET', KEYS[2], rows[i]) or '0'
end
return list
