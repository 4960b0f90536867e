-- hold.lua: renew or end the leases of a worker's people, end expired leases, and return how many people are online.
-- Called without people, it only ends expired leases and reads. The cost depends on the people given and the leases
-- expired, not on the number of people online.
--
-- KEYS  1 …:leases (zset: worker:person, scored by the end of the lease, ms)
--       2 …:people (zset: person, scored by arrival time, ms)
--       3 …:lines (hash: worker:person → open connections)              4 …:workers (hash: person → leases)
--       5 …:tabs (hash: person → open connections across all workers)
--       6 …:state (hash: version; born: when this data set was created, ms; worker → number of its leases;
--         occupied: 1 from the first arrival until the scope is reported as vacated; emptied: when it became empty, ms)
--       only if changes are kept:
--       7 …:departing (zset: person whose last lease expired, scored by when to report the departure, ms)
--       8 …:changes (zset: kind:version:people online:time in ms:person, scored by the version)
-- ARGV  1 the worker     2 the highest version that the caller has seen; an older data set continues from it
--       3 length of a lease, ms          4 expiry of the keys after the last change, ms
--       5 the maximum number of leases to end          6 the data set that the caller has seen people in, or 0
--       7 the number of new arrivals, which come first in the list of people
--       then for each person: name, open connections (-1: end the worker's lease), arrival time, ms
-- Returns {version, born (0 if there is no data), people online, leases of this worker, 1 if more leases may have
--          expired, {for each person given: 1 if another worker also has a lease for them}, pending changes}
--
-- An arrival is reported if it is new, or if the caller has seen this data set: the leases of people already reported
-- are sent again only after a data loss. If a lease expires, the departure is reported DEPART_MS later, unless the
-- worker is still alive and has sent the lease again.
--
-- All times come from Redis's clock, because the workers' clocks may differ. This script decides who has arrived (first
-- lease) and who has left (last lease).

local leases, people, lines, workers, tabs, state, departing, changes = unpack(KEYS)
local worker, seen_version = ARGV[1], tonumber(ARGV[2])
local lease_ms, expiry_ms, max_expired = ARGV[3], ARGV[4], tonumber(ARGV[5])
local seen_born, news = tonumber(ARGV[6]), tonumber(ARGV[7])
local FIRST = 8
local DEPART_MS, VACANT_MS, CHANGES_MS, MOST_CHANGES = 2000, 3000, 3600000, 10000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local changed, reported, joined = false, {}, 0

local function as_integer(number) return string.format('%.0f', number) end

local function arrive(person, is_news)
  changed = true
  if not departing or redis.call('ZREM', departing, person) == 1 then return end
  if is_news or (seen_born > 0 and seen_born == tonumber(redis.call('HGET', state, 'born') or 0)) then
    reported[#reported + 1], joined = {'joined', person}, joined + 1
  end
end

local function take_lease(person, connections, since, is_news)
  local lease = worker .. ':' .. person
  local before = redis.call('HGET', lines, lease)
  redis.call('ZADD', leases, as_integer(now + lease_ms), lease)
  if not before then
    redis.call('HINCRBY', state, worker, 1)
    if redis.call('HINCRBY', workers, person, 1) == 1 then arrive(person, is_news) end
  end
  if before ~= connections then
    redis.call('HSET', lines, lease, connections)
    redis.call('HINCRBY', tabs, person, connections - (before or 0))
  end
  local known = redis.call('ZSCORE', people, person)
  if not known or tonumber(since) < tonumber(known) then redis.call('ZADD', people, since, person) end
end

local function end_lease(lease, has_expired)
  local colon = lease:find(':', 1, true)
  local holder, person = lease:sub(1, colon - 1), lease:sub(colon + 1)
  local before = redis.call('HGET', lines, lease)
  redis.call('ZREM', leases, lease)
  if not before then return end
  redis.call('HDEL', lines, lease)
  if redis.call('HINCRBY', state, holder, -1) <= 0 then redis.call('HDEL', state, holder) end
  redis.call('HINCRBY', tabs, person, 0 - before)  -- `0 -`, because `-before` gives "-0"
  if redis.call('HINCRBY', workers, person, -1) > 0 then return end
  redis.call('HDEL', workers, person)
  redis.call('HDEL', tabs, person)
  redis.call('ZREM', people, person)
  changed = true
  if departing and has_expired then
    redis.call('ZADD', departing, as_integer(now + DEPART_MS), person)
    redis.call('PEXPIRE', departing, CHANGES_MS)
  elseif departing then
    reported[#reported + 1] = {'left', person}
  end
end

for i = FIRST, #ARGV, 3 do
  if ARGV[i + 1] == '-1' then
    end_lease(worker .. ':' .. ARGV[i], false)
  else
    take_lease(ARGV[i], ARGV[i + 1], ARGV[i + 2], (i - FIRST) / 3 < news)
  end
end

local expired = redis.call('ZRANGEBYSCORE', leases, '-inf', as_integer(now), 'LIMIT', 0, max_expired)
for _, lease in ipairs(expired) do end_lease(lease, true) end

local stored = redis.call('HMGET', state, 'version', 'born')
local version, born = tonumber(stored[1] or 0), stored[2]
if version < seen_version then version, changed = seen_version, true end
if changed then
  version, born = math.max(version + 1, now), born or as_integer(now)
  redis.call('HSET', state, 'version', as_integer(version), 'born', born)
end
if changed or #ARGV >= FIRST then
  for i = 1, 6 do redis.call('PEXPIRE', KEYS[i], expiry_ms) end
end

local unsent = 0
if departing then
  local count = redis.call('ZCARD', people)
  for _, person in ipairs(redis.call('ZRANGEBYSCORE', departing, '-inf', as_integer(now))) do
    redis.call('ZREM', departing, person)
    reported[#reported + 1] = {'left', person}
  end
  local is_occupied, emptied = unpack(redis.call('HMGET', state, 'occupied', 'emptied'))
  if count > 0 then
    if emptied then redis.call('HDEL', state, 'emptied') end
    if not is_occupied then
      redis.call('HSET', state, 'occupied', 1)
      local is_whole = seen_born == 0 or seen_born == tonumber(born)
      if is_whole and joined >= count then reported[#reported + 1] = {'occupied', ''} end
    end
  elseif is_occupied and not emptied then
    redis.call('HSET', state, 'emptied', as_integer(now))
  elseif is_occupied and now - tonumber(emptied) >= VACANT_MS then
    redis.call('HDEL', state, 'occupied', 'emptied')
    reported[#reported + 1] = {'vacated', ''}
  end
  for _, item in ipairs(reported) do
    local change = table.concat({item[1], as_integer(version), count, as_integer(now), item[2]}, ':')
    redis.call('ZADD', changes, as_integer(version), change)
  end
  if #reported > 0 then
    redis.call('ZREMRANGEBYRANK', changes, 0, -MOST_CHANGES - 1)
    redis.call('PEXPIRE', changes, CHANGES_MS)
  end
  unsent = redis.call('ZCARD', changes)
end

local elsewhere = {}
for i = FIRST, #ARGV, 3 do
  local lease_count = tonumber(redis.call('HGET', workers, ARGV[i]) or 0)
  elsewhere[#elsewhere + 1] = lease_count > (ARGV[i + 1] == '-1' and 0 or 1) and 1 or 0
end
return {
  version, tonumber(born or 0), redis.call('ZCARD', people), tonumber(redis.call('HGET', state, worker) or 0),
  #expired == max_expired and 1 or 0, elsewhere, unsent
}
