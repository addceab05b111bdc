/**
 * Keeps a copy of a session and of its user. KEYS: session, user. ARGV: session, its lifetime in ms, user, its version,
 * its lifetime in ms. The session is written only where nothing stands, so that no copy replaces the mark of an end;
 * the user only over an older version.
 */
export const keepCopies = `
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
local known = redis.call('GET', KEYS[2])
if not known or tonumber(string.match(known, '^%d+')) <= tonumber(ARGV[4]) then
  redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[5])
end`

/** Renews a copy that is still the one that was read. KEYS: session. ARGV: what was read, its successor, lifetime in ms. */
export const renewCopy = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end`

/** Replaces the copy of a user by a newer one. KEYS: user. ARGV: user, its version. */
export const renewAccount = `
local known = redis.call('GET', KEYS[1])
if known and tonumber(string.match(known, '^%d+')) < tonumber(ARGV[2]) then
  redis.call('SET', KEYS[1], ARGV[1], 'KEEPTTL')
end`

/** Claims one unit of a window. KEYS: counter. ARGV: limit, window in ms. Answers 0, or the ms until the window ends. */
export const claimUnit = `
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
if used >= tonumber(ARGV[1]) then return math.max(redis.call('PTTL', KEYS[1]), 1) end
if used == 0 then redis.call('SET', KEYS[1], 1, 'PX', ARGV[2]) else redis.call('INCR', KEYS[1]) end
return 0`

/** Gives one unit back. KEYS: counter. */
export const releaseUnit = `
if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then redis.call('DECR', KEYS[1]) end`
