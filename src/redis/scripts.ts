import { defineScript } from 'redis'

/** What a key holds, if that is text: a key may have been made by anything. */
const textUnder = `
local function textUnder(key)
  local value = redis.pcall('GET', key)
  return type(value) == 'string' and value or nil
end`

const script = <T>(body: string, read: (reply: unknown) => T) =>
  defineScript({
    SCRIPT: `${textUnder}\n${body.trim()}`,
    parseCommand(parser, keys: string[], values: string[]) {
      parser.push(String(keys.length))
      parser.pushKeys(keys)
      parser.push(...values)
    },
    transformReply: read as () => T,
  })

const nothing = () => undefined

export const scripts = {
  /**
   * Keeps a copy of a session and of its user. Keys: session, user. Values: session, its lifetime in ms, user, its version,
   * its lifetime in ms. Neither the mark of an end nor a newer copy of the user is replaced; whatever else stands there is.
   */
  keepCopies: script(
    `
local copy = textUnder(KEYS[1])
if not copy or string.sub(copy, 1, 1) ~= '!' then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
local version, user = string.match(textUnder(KEYS[2]) or '', '^(%d+)({.*})$')
if not version or tonumber(version) <= tonumber(ARGV[4]) or not pcall(cjson.decode, user) then
  redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[5])
end`,
    nothing,
  ),

  /** Renews a copy that is still the one that was read. Keys: session. Values: what was read, its successor, lifetime in ms. */
  renewCopy: script(
    `if textUnder(KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end`,
    nothing,
  ),

  /** Replaces the copy of a user by a newer one. Keys: user. Values: user, its version. */
  renewAccount: script(
    `
local known = textUnder(KEYS[1])
if known and (tonumber(string.match(known, '^%d+')) or -1) < tonumber(ARGV[2]) then
  redis.call('SET', KEYS[1], ARGV[1], 'KEEPTTL')
end`,
    nothing,
  ),

  /**
   * Claims one unit of a window. Keys: counter, mark of a suspect. Values: limit, window in ms. Answers 0, or the ms until the
   * window ends; and whether the mark is there.
   */
  claimUnit: script(
    `
local used, left = tonumber(textUnder(KEYS[1])), redis.call('PTTL', KEYS[1])
if not used or left < 0 then used = 0 end
local isSuspect = redis.call('EXISTS', KEYS[2])
if used >= tonumber(ARGV[1]) then return { math.max(left, 1), isSuspect } end
if used == 0 then redis.call('SET', KEYS[1], 1, 'PX', ARGV[2]) else redis.call('SET', KEYS[1], used + 1, 'KEEPTTL') end
return { 0, isSuspect }`,
    (reply) => {
      const [waitMs, isSuspect] = reply as [number, number]
      return { waitMs, isSuspect: isSuspect === 1 }
    },
  ),

  /** Gives one unit back. Keys: counter. */
  releaseUnit: script(
    `
local used = tonumber(textUnder(KEYS[1]))
if used and used > 0 then redis.call('SET', KEYS[1], used - 1, 'KEEPTTL') end`,
    nothing,
  ),

  /**
   * Counts distinct values of a window, and marks a suspect once there are enough. Keys: values, mark. Values: the value, how
   * many are enough, window in ms. Answers 1 to the call that made the mark, which outlives the values.
   */
  countDistinct: script(
    `
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local kind = redis.call('TYPE', KEYS[1])
if kind.ok ~= 'set' then redis.call('DEL', KEYS[1]) end
redis.call('SADD', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
if redis.call('SCARD', KEYS[1]) < tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[2], 1, 'PX', ARGV[3])
return 1`,
    (reply) => reply === 1,
  ),
}
