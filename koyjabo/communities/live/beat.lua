-- beat.lua: report the dashboards that are open on a worker, and elect the worker that refreshes all dashboards.
-- KEYS  1 koyjabo:{dashboards}:watched (zset: community, scored by the expiry time of its report, ms)
--       2 koyjabo:{dashboards}:beat (string: the worker elected last; expires when the next election is due)
-- ARGV  1 worker   2 time between elections, ms   3 how long a report is valid, ms   4 … communities
-- Returns the communities with an open dashboard on any worker if this worker is elected, otherwise nil.

local watched, beat = KEYS[1], KEYS[2]
local worker, turn_ms, valid_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

for i = 4, #ARGV do redis.call('ZADD', watched, string.format('%.0f', now + valid_ms), ARGV[i]) end
if #ARGV >= 4 then redis.call('PEXPIRE', watched, valid_ms) end
if not redis.call('SET', beat, worker, 'NX', 'PX', turn_ms) then return false end
redis.call('ZREMRANGEBYSCORE', watched, '-inf', string.format('%.0f', now))
return redis.call('ZRANGE', watched, 0, -1)
