-- touch.lua: visitors of a scope give signs of life, those whose lease ran out go, and it is told who is active now.
-- Without visitors it is the read. It costs what it is given, what it sweeps and 21 places, however many are active.
--
-- KEYS  1 …:visitors (zset: visitor by the end of the lease, ms)     2 …:places (hash: visitor → place)
--       3 …:counts (zset: place by minus its visitors, so that of two places of one size the first by name comes first)
--       4 …:state (hash: version, and born: when these data began, ms)
-- ARGV  1 the greatest version the caller has seen       2 how long to keep all this after the last change, ms
--       3 the most visitors to sweep                     4 the place of those whose place is not known
--       then for each visitor: name, place ("" leaves it as it is), what is left of the lease, ms (0 ends it)
-- Returns {version, born, active visitors, those of no known place, 1 when there are more to sweep,
--          {place, minus its visitors, … of the 21 largest: 20, and the one that is no place}}
--
-- The time is Redis's own, so that the clocks of the workers need not agree.

local visitors, places, counts, state = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local seen, keep_ms, most, unknown = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4]
local FIRST = 5
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local changes = {}

local function whole(number) return string.format('%.0f', number) end

local function count(place, change) changes[place] = (changes[place] or 0) + change end

for i = FIRST, #ARGV, 3 do
  local visitor, place, ends = ARGV[i], ARGV[i + 1], now + ARGV[i + 2]
  local before = redis.call('ZSCORE', visitors, visitor)
  local was = before and redis.call('HGET', places, visitor)
  if place == '' then place = was or unknown end
  if not before or tonumber(before) < ends or ends == now then  -- another worker may have given a longer lease
    redis.call('ZADD', visitors, whole(ends), visitor)
  end
  if was ~= place then
    redis.call('HSET', places, visitor, place)
    if was then count(was, -1) end
    count(place, 1)
  end
end

local gone = redis.call('ZRANGEBYSCORE', visitors, '-inf', whole(now), 'LIMIT', 0, most)
if #gone > 0 then
  for _, place in ipairs(redis.call('HMGET', places, unpack(gone))) do count(place or unknown, -1) end
  redis.call('ZREM', visitors, unpack(gone))
  redis.call('HDEL', places, unpack(gone))
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
local kept = redis.call('HMGET', state, 'version', 'born')
local version, born = tonumber(kept[1] or 0), kept[2]
if version < seen then  -- these data are not those the caller has seen: Redis has lost some, or they went by themselves
  version, born = seen, active > 0 and whole(now)
  changed = changed or active > 0
end
if changed then
  version, born = math.max(version + 1, now), born or whole(now)
  redis.call('HSET', state, 'version', whole(version), 'born', born)
end
if changed or #ARGV >= FIRST then
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, keep_ms) end
end

return {
  version, tonumber(born or 0), active, -(redis.call('ZSCORE', counts, unknown) or 0), #gone == most and 1 or 0,
  redis.call('ZRANGE', counts, 0, 20, 'WITHSCORES')
}
