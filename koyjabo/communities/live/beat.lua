-- beat.lua: say which dashboards are watched here, and ask whether it is this worker's turn to refresh all of them.
-- KEYS  1 koyjabo:dashboards:watched (zset: community by when that has to be said again, ms)
--       2 koyjabo:dashboards:beat (string: the worker whose turn it was; it goes when the next turn is due)
-- ARGV  1 worker   2 how long a turn lasts, ms   3 how long a watched community is remembered, ms   4 … communities
-- Returns nil when it is not, else the communities that are watched anywhere.

local watched, beat = KEYS[1], KEYS[2]
local worker, turn_ms, keep_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

for i = 4, #ARGV do redis.call('ZADD', watched, string.format('%.0f', now + keep_ms), ARGV[i]) end
if #ARGV >= 4 then redis.call('PEXPIRE', watched, keep_ms) end
if not redis.call('SET', beat, worker, 'NX', 'PX', turn_ms) then return false end
redis.call('ZREMRANGEBYSCORE', watched, '-inf', string.format('%.0f', now))
return redis.call('ZRANGE', watched, 0, -1)
