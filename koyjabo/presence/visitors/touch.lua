-- touch.lua: renew the leases of a scope's visitors, end expired leases, and return the active visitors by location.
-- Called without visitors, it only ends expired leases and reads. The cost depends on the visitors given, the leases
-- expired and 21 places, not on the number of active visitors.
--
-- KEYS  1 …:visitors (zset: visitor, scored by the end of the lease, ms)     2 …:places (hash: visitor → place)
--       3 …:counts (zset: place, scored by its negated visitor count, so that equal counts are sorted by name)
--       4 …:state (hash: version, and born: when this data set was created, ms)
-- ARGV  1 the highest version that the caller has seen       2 expiry of the keys after the last change, ms
--       3 the maximum number of leases to end            4 the name for an unknown place
--       then for each visitor: name, place ("" keeps the old one), remaining lease time, ms (0 ends the lease)
-- Returns {version, born, active visitors, visitors without a known place, 1 if more leases may have expired,
--          {place, negated visitor count, … for the 21 largest: 20 and the unknown place}}
--
-- All times come from Redis's clock, because the workers' clocks may differ.

local visitors, places, counts, state = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local seen_version, expiry_ms, max_expired, unknown = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4]
local FIRST = 5
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local changes = {}

local function as_integer(number) return string.format('%.0f', number) end

local function count(place, change) changes[place] = (changes[place] or 0) + change end

for i = FIRST, #ARGV, 3 do
  local visitor, place, ends = ARGV[i], ARGV[i + 1], now + ARGV[i + 2]
  local old_end = redis.call('ZSCORE', visitors, visitor)
  local old_place = old_end and redis.call('HGET', places, visitor)
  if place == '' then place = old_place or unknown end
  if not old_end or tonumber(old_end) < ends or ends == now then  -- another worker may have given a longer lease
    redis.call('ZADD', visitors, as_integer(ends), visitor)
  end
  if old_place ~= place then
    redis.call('HSET', places, visitor, place)
    if old_place then count(old_place, -1) end
    count(place, 1)
  end
end

local expired = redis.call('ZRANGEBYSCORE', visitors, '-inf', as_integer(now), 'LIMIT', 0, max_expired)
if #expired > 0 then
  for _, place in ipairs(redis.call('HMGET', places, unpack(expired))) do count(place or unknown, -1) end
  redis.call('ZREM', visitors, unpack(expired))
  redis.call('HDEL', places, unpack(expired))
end

local changed = false
for place, change in pairs(changes) do
  if change ~= 0 then
    redis.call('ZINCRBY', counts, -change, place)
    changed = true
  end
end
if changed then redis.call('ZREMRANGEBYSCORE', counts, 0, '+inf') end

local active = redis.call('ZCARD', visitors)
local stored = redis.call('HMGET', state, 'version', 'born')
local version, born = tonumber(stored[1] or 0), stored[2]
if version < seen_version then  -- Redis lost the data set that the caller has seen, or its keys expired
  version, born = seen_version, active > 0 and as_integer(now)
  changed = changed or active > 0
end
if changed then
  version, born = math.max(version + 1, now), born or as_integer(now)
  redis.call('HSET', state, 'version', as_integer(version), 'born', born)
end
if changed or #ARGV >= FIRST then
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, expiry_ms) end
end

return {
  version, tonumber(born or 0), active, -(redis.call('ZSCORE', counts, unknown) or 0), #expired == max_expired and 1 or 0,
  redis.call('ZRANGE', counts, 0, 20, 'WITHSCORES')
}
