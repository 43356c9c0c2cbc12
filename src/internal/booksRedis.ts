/** The books of many processes: each entry is one script on the server, by the server's clock. */
import * as Effect from "effect/Effect"
import {
  type Audited,
  type Blank,
  type Books,
  type Closed,
  closedLife,
  type Crossing,
  type Entry,
  expiredLife,
  type Reserved,
  type Spent,
  type State,
  sweptAtOnce,
  trail
} from "./books.js"
import type { Redis } from "./redis.js"

/** So long a month's figures are kept after their last change. */
const figuresLife = 400 * 86_400_000

/**
 * What all scripts begin with. A hold is kept as the text of its entry: a number that went through Lua's JSON would lose its last
 * digits. The calendar is Lua's own, as the server's clock decides: Howard Hinnant's days from and to civil dates.
 */
const common = `
local holds, held, record, audit = unpack(KEYS)
local prefix = string.sub(holds, 1, -string.len('holds') - 1)
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local DAY = 86400000
-- Nothing, taken away, would be -0, which is no number to Redis.
local function text(n) return n == 0 and '0' or string.format('%.0f', n) end
-- A number that Redis is given is written with 17 digits, which takes as long as the question.
local moment = text(now)

local function civil(days)
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  return yoe + era * 400 + (month <= 2 and 1 or 0), month, doy - math.floor((153 * mp + 2) / 5) + 1
end
local function monthStart(n)
  local year, month = math.floor(n / 12), n % 12 + 1
  if month <= 2 then year = year - 1 end
  local era = math.floor(year / 400)
  local yoe = year - era * 400
  local doy = math.floor((153 * (month + (month > 2 and -3 or 9)) + 2) / 5)
  return (era * 146097 + yoe * 365 + math.floor(yoe / 4) - math.floor(yoe / 100) + doy - 719468) * DAY
end
local function periodOf(anchor)
  if anchor == cjson.null or not anchor then return 0 end
  local year, month = civil(math.floor(now / DAY))
  local n = year * 12 + month - 1
  if anchor == 0 then return n end
  local start = math.min(monthStart(n) + anchor, monthStart(n + 1) - DAY + anchor % DAY)
  return now < start and n - 1 or n
end
local function dayOf(at) return string.format('%d-%02d-%02d', civil(math.floor(at / DAY))) end

local function window(name, period) return prefix .. 'window:' .. name .. ':' .. period end
local function figures(key)
  local v = redis.call('HMGET', key, 'spent', 'held', 'known')
  return tonumber(v[1]) or 0, tonumber(v[2]) or 0, v[3]
end
local function add(key, field, amount) return redis.call('HINCRBY', key, field, text(amount)) end
local function lives(key) redis.call('PEXPIRE', key, ${figuresLife}) end
local function usage(day) return prefix .. 'usage:' .. day end
local function count(day, measure, field, amount) add(usage(day), measure .. ' ' .. field, amount) end

local function take(json, entry)
  local periods = {}
  for i, w in ipairs(entry.windows) do periods[i] = periodOf(w.anchor) end
  return {entry = entry, at = now, day = dayOf(now), periods = periods, json = json}
end
local function written(hold) return text(hold.at) .. '|' .. table.concat(hold.periods, ',') .. '|' .. hold.json end
local function readHold(text)
  local at, list, json = string.match(text, '^([^|]*)|([^|]*)|(.*)$')
  local periods = {}
  for n in string.gmatch(list, '[^,]+') do periods[#periods + 1] = tonumber(n) end
  at = tonumber(at)
  return {entry = cjson.decode(json), at = at, day = dayOf(at), periods = periods, json = json}
end
-- Among the holds there are marks, and an id may be any text.
local function named(id) return '=' .. id end
local function release(id, hold)
  for i, w in ipairs(hold.entry.windows) do add(window(w.name, hold.periods[i]), 'held', -w.amount) end
  for _, l in ipairs(hold.entry.lines) do count(hold.day, 'reserved', l.field, -l.amount) end
  redis.call('ZREM', holds, named(id))
  redis.call('HDEL', held, named(id))
end
-- Some at a time: a script keeps everybody waiting. Whom the others keep from an answer is told that there are more.
local due = redis.call('ZRANGEBYSCORE', holds, '-inf', moment, 'LIMIT', '0', '${sweptAtOnce}')
local isMore = #due == ${sweptAtOnce} and 1 or 0
for _, name in ipairs(due) do
  local id, text = string.sub(name, 2), redis.call('HGET', held, name)
  if text then
    local hold = readHold(text)
    release(id, hold)
    for _, l in ipairs(hold.entry.lines) do count(hold.day, 'expired', l.field, l.amount) end
    redis.call('SET', prefix .. 'closed:' .. id, text, 'PX', ${expiredLife})
  else
    redis.call('ZREM', holds, name)
  end
end
-- The figures of all windows, or those that nobody has told of yet.
local function opened(hold, mayBeBlank)
  local all, blank = {}, {}
  for i, w in ipairs(hold.entry.windows) do
    local key = window(w.name, hold.periods[i])
    local spent, inHold, known = figures(key)
    all[i] = {key = key, spent = spent, held = inHold}
    if not known then
      if mayBeBlank then
        redis.call('HSET', key, 'known', '1')
      else
        blank[#blank + 1] = i - 1
        blank[#blank + 1] = hold.periods[i]
      end
    end
    -- A month's figures outlive it from their first day on, those of all time from their last.
    if not known or hold.periods[i] == 0 then lives(key) end
  end
  return all, #blank > 0 and blank or nil
end
-- A mark among the holds says on what day keys were last told to live on: telling them at each call is a tenth of its time.
local today, isFresh = dayOf(now), false
local function find(id, mark)
  local known = redis.call('HMGET', held, named(id), mark)
  isFresh = known[2] == today
  if known[1] then return readHold(known[1]), false end
  local known = redis.call('GET', record)
  if not known then return nil, 'unknown' end
  local state, heldAt, at = string.match(known, '^(%a+) (%d+) (%d+)$')
  if state then return nil, state, tonumber(heldAt), tonumber(at) end
  return readHold(known), true
end
local function close(state, hold)
  redis.call('SET', record, state .. ' ' .. text(hold.at) .. ' ' .. moment, 'PX', '${closedLife}')
end
`

const reserveScript = `${common}
local id, life, json, mayBeBlank = ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5] == '1'
local known, state = find(id, '')
if known and not state then
  local entry, same = cjson.decode(json), false
  if #entry.windows == #known.entry.windows and #entry.lines == #known.entry.lines then
    same = true
    for i, w in ipairs(known.entry.windows) do
      same = same and w.name == entry.windows[i].name and w.amount == entry.windows[i].amount
    end
    for i, l in ipairs(known.entry.lines) do
      same = same and l.field == entry.lines[i].field and l.amount == entry.lines[i].amount
    end
  end
  return {same and 'Held' or 'Other'}
end
if known or state ~= 'unknown' then return {'Closed', known and 'expired' or state} end
local hold = take(json, cjson.decode(json))
local all, blank = opened(hold, mayBeBlank)
if blank then return {'Blank', blank} end
for i, w in ipairs(hold.entry.windows) do
  if w.limit ~= cjson.null then
    local left = w.limit - all[i].spent - all[i].held
    if w.amount > left then return {'Over', i - 1, left, hold.periods[i], isMore} end
  end
end
for i, w in ipairs(hold.entry.windows) do add(all[i].key, 'held', w.amount) end
for _, l in ipairs(hold.entry.lines) do count(hold.day, 'reserved', l.field, l.amount) end
redis.call('ZADD', holds, text(now + life), named(id))
if isFresh then
  redis.call('HSET', held, named(id), written(hold))
else
  redis.call('HSET', held, named(id), written(hold), '', today)
  -- One that never expires: without a hold the key would be gone, and with it its end.
  redis.call('ZADD', holds, '+inf', '')
  lives(holds)
  lives(held)
  lives(usage(today))
end
return {'Held'}`

// Entries that the books do not know are booked only where it is said whether their windows may be blank.
const settleScript = `${common}
local id, json, spent, mayBeBlank = ARGV[2], ARGV[3], cjson.decode(ARGV[4]), ARGV[5]
local hold, isLate, heldAt, at = find(id, ' ')
if not hold then
  if isLate ~= 'unknown' then return {'Closed', isLate, heldAt, at} end
  if mayBeBlank == '' then return {'Unknown'} end
  hold, isLate = take(json, cjson.decode(json)), true
  local _, blank = opened(hold, mayBeBlank == '1')
  if blank then return {'Blank', blank} end
  lives(usage(hold.day))
end
if not isLate then release(id, hold) end
local crossings = {}
for i, w in ipairs(hold.entry.windows) do
  local period = hold.periods[i]
  local key = window(w.name, period)
  local all = add(key, 'spent', spent.windows[i])
  if w.limit ~= cjson.null and #w.alerts > 0 then
    local told, reached = tonumber(redis.call('HGET', key, 'told')) or 0, 0
    for _, share in ipairs(w.alerts) do
      if all > 0 and all >= share * w.limit then
        reached = share
        if share > told then
          crossings[#crossings + 1] = i - 1
          crossings[#crossings + 1] = string.format('%.17g', share)
          crossings[#crossings + 1] = all
          crossings[#crossings + 1] = period
        end
      end
    end
    if reached ~= told then redis.call('HSET', key, 'told', string.format('%.17g', reached)) end
  end
end
for i, l in ipairs(hold.entry.lines) do
  count(hold.day, 'calls', l.field, 1)
  if hold.entry.isUnpriced then count(hold.day, 'unpriced', l.field, 1) end
  count(hold.day, 'spent', l.field, spent.lines[i])
  redis.call('XADD', audit, 'MAXLEN', '~', '${trail}', '*', 'id', id, 'line', string.format('%d|%s|%.0f|%.0f|%.0f|%d|%s',
    i - 1, moment, hold.at, l.amount, spent.lines[i], isLate and 1 or 0, l.field))
end
if not isFresh then
  lives(audit)
  redis.call('HSET', held, ' ', today)
  lives(held)
end
close('settled', hold)
return {'Done', isLate and 1 or 0, crossings, hold.at, now}`

const cancelScript = `${common}
local id = ARGV[2]
local hold, isLate, heldAt, at = find(id, ' ')
if not hold then
  if isLate == 'unknown' then return {'Unknown'} end
  return {'Closed', isLate, heldAt, at}
end
if not isLate then release(id, hold) end
close('cancelled', hold)
return {'Done', isLate and 1 or 0, {}, hold.at, now}`

const balanceScript = `${common}
local period = periodOf(tonumber(ARGV[3]))
local spent, inHold = figures(window(ARGV[2], period))
return {spent, inHold, period, isMore}`

const saveScript = `${common}
local key = prefix .. 'usage:' .. dayOf(now)
for i = 2, #ARGV, 2 do redis.call('HINCRBYFLOAT', key, 'saved ' .. ARGV[i], ARGV[i + 1]) end
lives(key)`

const sweepScript = `${common}
return isMore`

const usageScript = `${common}
return redis.call('HGETALL', usage(ARGV[2]))`

const restoreScript = `${common}
for i = 2, #ARGV, 3 do
  local key = window(ARGV[i], ARGV[i + 1])
  local spent = figures(key)
  local known = tonumber(ARGV[i + 2])
  if known > spent then add(key, 'spent', known - spent) end
  redis.call('HSET', key, 'known', '1')
  lives(key)
end`

const auditedScript = `${common}
return redis.call('XRANGE', audit, ARGV[2], '+', 'COUNT', 1000)`

const isList = (answer: unknown): answer is ReadonlyArray<unknown> => Array.isArray(answer)
const listed = (answer: unknown): ReadonlyArray<unknown> => (isList(answer) ? answer : [])
/** A list of names and values in turn. */
const paired = (answer: unknown): ReadonlyMap<string, string> => {
  const all = listed(answer)
  const map = new Map<string, string>()
  for (let i = 0; i + 1 < all.length; i += 2) map.set(String(all[i]), String(all[i + 1]))
  return map
}

const blankOf = (told: unknown): Blank => {
  const all = listed(told).map(Number)
  const windows: Array<Blank["windows"][number]> = []
  for (let i = 0; i + 1 < all.length; i += 2) windows.push({ window: all[i]!, period: all[i + 1]! })
  return { _tag: "Blank", windows }
}

/** Not all that has expired was swept yet. */
const isPartial = (answer: unknown): boolean => {
  const all = listed(answer)
  return all[0] === "Over" ? all[4] === 1 : all[3] === 1
}

const reserved = (answer: unknown): Reserved => {
  const [tag, window, left, period] = listed(answer)
  switch (tag) {
    case "Over":
      return { _tag: "Over", window: Number(window), left: Number(left), period: Number(period) }
    case "Closed":
      // Safe: the scripts write no other word.
      return { _tag: "Closed", state: window as State | "expired" }
    case "Other":
      return { _tag: "Other" }
    case "Blank":
      return blankOf(window)
    default:
      return { _tag: "Held" }
  }
}

const closedOf = (answer: unknown): Closed => {
  const [tag, what, told, heldAt, at] = listed(answer)
  if (tag === "Unknown") return { _tag: "Unknown" }
  // Safe: the scripts write no other word.
  if (tag === "Closed") return { _tag: "Closed", state: what as State, heldAt: Number(told), at: Number(heldAt) }
  const crossings: Array<Crossing> = []
  const all = listed(told).map(Number)
  for (let i = 0; i + 3 < all.length; i += 4) {
    crossings.push({ window: all[i]!, share: all[i + 1]!, spent: all[i + 2]!, period: all[i + 3]! })
  }
  return { _tag: "Done", isLate: what === 1, crossings, heldAt: Number(heldAt), at: Number(at) }
}

const auditedOf = (book: string, answer: unknown): Audited => {
  const [cursor, members] = listed(answer)
  const of = paired(members)
  // The field is the last: it may have bars of its own.
  const [part, at, heldAt, reserved, amount, late, ...field] = (of.get("line") ?? "").split("|")
  return {
    cursor: String(cursor),
    book,
    id: of.get("id") ?? "",
    part: Number(part),
    at: Number(at),
    field: field.join("|"),
    reserved: Number(reserved),
    amount: Number(amount),
    heldAt: Number(heldAt),
    isLate: late === "1"
  }
}

export const make = (
  redis: Redis,
  namespace: string,
  /** In place of the server's clock, in tests. */
  now: () => string = () => ""
): Books => {
  const run = (script: string, book: string, id: string, ...args: ReadonlyArray<string>) => {
    const prefix = `${namespace}:{ledger.${book}}:`
    const keys = ["holds", "held", `closed:${id}`, "audit"].map((part) => `${prefix}${part}`)
    return redis.patient(() => redis.evaluate(script, keys, [now(), ...args]))
  }
  const json = ({ isUnpriced, lines, windows }: Entry) => JSON.stringify({ lines, windows, isUnpriced })
  const flag = (is: boolean) => (is ? "1" : "0")
  const settle = (entry: Entry, spent: Spent, mayBeBlank: string) =>
    run(settleScript, entry.book, entry.id, entry.id, json(entry), JSON.stringify(spent), mayBeBlank)
  return {
    reserve: (entry, mayBeBlank) =>
      Effect.map(
        Effect.repeat(
          run(reserveScript, entry.book, entry.id, entry.id, String(entry.life), json(entry), flag(mayBeBlank)),
          { while: isPartial }
        ),
        reserved
      ),
    settle: (entry, spent) => Effect.map(settle(entry, spent, ""), closedOf),
    book: (entry, spent, mayBeBlank) =>
      Effect.map(settle(entry, spent, flag(mayBeBlank)), (answer) => {
        const [tag, windows] = listed(answer)
        return tag === "Blank" ? blankOf(windows) : closedOf(answer)
      }),
    cancel: (entry) => Effect.map(run(cancelScript, entry.book, entry.id, entry.id), closedOf),
    balance: (book, name, anchor) =>
      Effect.map(
        Effect.repeat(run(balanceScript, book, "", name, anchor === null ? "" : String(anchor)), { while: isPartial }),
        (answer) => {
          const [spent = 0, held = 0, period = 0] = listed(answer).map(Number)
          return { spent, held, period }
        }
      ),
    save: (book, saved) =>
      Effect.asVoid(
        run(saveScript, book, "", ...Array.from(saved).flatMap(([field, amount]) => [field, String(amount)]))
      ),
    usage: (book, days) =>
      // A question for each: a day of many tenants is long, and a script keeps everybody waiting.
      Effect.zipRight(
        Effect.repeat(run(sweepScript, book, ""), { while: (isMore) => isMore === 1 }),
        Effect.forEach(days, (day) =>
          Effect.map(
            run(usageScript, book, "", day),
            (answer) => new Map(Array.from(paired(answer), ([name, amount]) => [name, Number(amount)] as const))
          )
        )
      ),
    restore: (book, windows) =>
      Effect.asVoid(
        run(
          restoreScript,
          book,
          "",
          ...windows.flatMap(({ name, period, spent }) => [name, String(period), String(spent)])
        )
      ),
    audited: (book, cursor) =>
      Effect.map(run(auditedScript, book, "", cursor === "" ? "-" : `(${cursor}`), (answer) =>
        listed(answer).map((one) => auditedOf(book, one))
      )
  }
}
