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

  /** Claims one unit of a window. Keys: counter. Values: limit, window in ms. Answers 0, or the ms until the window ends. */
  claimUnit: script(
    `
local used, left = tonumber(textUnder(KEYS[1])), redis.call('PTTL', KEYS[1])
if not used or left < 0 then used = 0 end
if used >= tonumber(ARGV[1]) then return math.max(left, 1) end
if used == 0 then redis.call('SET', KEYS[1], 1, 'PX', ARGV[2]) else redis.call('SET', KEYS[1], used + 1, 'KEEPTTL') end
return 0`,
    Number,
  ),

  /** Gives one unit back. Keys: counter. */
  releaseUnit: script(
    `
local used = tonumber(textUnder(KEYS[1]))
if used and used > 0 then redis.call('SET', KEYS[1], used - 1, 'KEEPTTL') end`,
    nothing,
  ),
}
