/** The gate of many processes: each decision is one script on the server, by the server's clock. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import { constants, type Decision, type Gate, type Outcome, type Pace, type Ticket } from "./gate.js"
import type { Redis } from "./redis.js"

// How long a process that asks no more counts as one of those that share the account.
const processLife = 60_000

/** What all scripts begin with. Members of the log, the flight and the queue end with their cost. */
const common = `
local log, flight, queue, alive, state, places, processes = unpack(KEYS)
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local allowed, window, concurrency, lease = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local function costOf(member) return tonumber(string.match(member, '(%d+)$')) end
local function sum(members)
  local all = 0
  for _, member in ipairs(members) do all = all + costOf(member) end
  return all
end
local function read(name, otherwise) return tonumber(redis.call('HGET', state, name)) or otherwise end
local function write(...) redis.call('HSET', state, ...) end

local function prune()
  redis.call('ZREMRANGEBYSCORE', log, '-inf', now - window)
  -- The server's clock was set back: what it granted then is no longer known to be in the window.
  redis.call('ZREMRANGEBYSCORE', log, now + window, '+inf')
  redis.call('ZREMRANGEBYSCORE', flight, '-inf', now)
  for _, dead in ipairs(redis.call('ZRANGEBYSCORE', alive, '-inf', now)) do
    redis.call('ZREM', queue, dead)
    redis.call('ZREM', alive, dead)
  end
  redis.call('ZREMRANGEBYSCORE', places, '-inf', read('served', 0))
end

local function forget() redis.call('HDEL', state, 'limit', 'base', 'since', 'step', 'rose') end

local function currentLimit()
  local learnt = read('limit')
  if not learnt then return allowed end
  local step, rose = read('step'), read('rose')
  while learnt < allowed do
    local rest = math.max(window, ${constants.leastRest} * ${constants.rise} / step)
    if now - rose < rest then break end
    learnt = math.min(allowed, learnt + math.max(1, math.floor(allowed * step)))
    step = step * 2
    rose = rose + rest
  end
  if learnt >= allowed then forget() else write('limit', learnt, 'step', step, 'rose', rose) end
  return math.min(allowed, learnt)
end

local function keep()
  local life = math.floor(math.max(2 * window, lease, read('until', 0) - now, 600000))
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, life) end
end
prune()
local limit = currentLimit()
`

const decideScript = `${common}
local member, cost, tenant, place, process = ARGV[6], tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9]), ARGV[10]
local lead = tonumber(ARGV[11])
redis.call('ZADD', processes, now, process)
redis.call('ZREMRANGEBYSCORE', processes, '-inf', now - ${processLife})
local count = redis.call('ZCARD', processes)
local served, paused = read('served', 0), read('until', 0)
if not place then
  place = math.max(served, tonumber(redis.call('ZSCORE', places, tenant)) or 0) + cost
  redis.call('ZADD', places, place, tenant)
end
redis.call('ZADD', queue, place, member)
local rank = redis.call('ZRANK', queue, member)
local ahead = rank > 0 and sum(redis.call('ZRANGE', queue, 0, rank - 1)) or 0
local granted = redis.call('ZRANGE', log, 0, -1, 'WITHSCORES')
local used = 0
for i = 1, #granted, 2 do used = used + costOf(granted[i]) end
local needed = used + ahead + cost - limit
local isFull = redis.call('ZCARD', flight) + rank >= concurrency
local free = now
if needed > 0 then
  local rounds = math.max(0, math.ceil((needed - used) / limit))
  local rest, freed = needed - rounds * limit, 0
  free = now + rounds * window
  for i = 1, #granted, 2 do
    freed = freed + costOf(granted[i])
    if rest > 0 and freed >= rest then
      free = tonumber(granted[i + 1]) + (rounds + 1) * window
      break
    end
  end
end
local at = math.max(free, paused, now)
if not isFull and at <= now + lead then
  redis.call('ZREM', queue, member)
  redis.call('ZREM', alive, member)
  redis.call('ZADD', log, at, member)
  redis.call('ZADD', flight, at + lease, member)
  write('served', math.max(served, place))
  keep()
  return {1, place, math.ceil(at - now), count}
end
-- Only for a call to be over: all are taken, or those ahead of it may not have taken theirs yet.
if at <= now then write('awaited', 1) end
local wait = at <= now and ${constants.fullWait} or at - now
redis.call('ZADD', alive, now + math.min(wait, ${constants.heartbeat}) + ${constants.grace}, member)
keep()
return {0, place, math.ceil(wait), count}`

const leavesScript = `${common}
if redis.call('ZSCORE', flight, ARGV[6]) then
  redis.call('ZADD', log, now - tonumber(ARGV[7]), ARGV[6])
  keep()
end`

const overScript = `${common}
local member, outcome, said, channel, account, tenant = ARGV[6], ARGV[7], tonumber(ARGV[8]), ARGV[9], ARGV[10], ARGV[11]
local flown = tonumber(redis.call('ZSCORE', flight, member))
local at = flown and flown - lease or -math.huge
local place = tonumber(redis.call('ZSCORE', queue, member))
if place and place == tonumber(redis.call('ZSCORE', places, tenant)) then
  redis.call('ZADD', places, place - costOf(member), tenant)
end
redis.call('ZREM', flight, member)
redis.call('ZREM', queue, member)
redis.call('ZREM', alive, member)
if outcome ~= 'Answered' then redis.call('ZREM', log, member) end
local since = read('since')
if outcome == 'Limited' then
  local strikes = read('strikes', 0)
  local base, learnt, step = read('base', limit), read('limit', limit), read('step', ${constants.rise})
  local own = 0
  if not since or at > since then
    strikes = strikes + 1
    base, learnt, since, step = limit, limit, now, ${constants.rise}
    own = math.min(${constants.longestPause}, math.min(${constants.firstPause}, window / 4) * 2 ^ (strikes - 1))
  end
  local accepted = math.min(learnt, sum(redis.call('ZRANGE', log, 0, -1)))
  write('strikes', strikes, 'until', math.max(read('until', 0), now + math.min(${constants.longestSaid}, said or own)), 'base', base, 'since', since,
    'step', step, 'rose', now, 'limit', math.max(1, math.ceil(base / 2), accepted))
elseif outcome == 'Answered' and at > (since or -math.huge) then
  write('strikes', 0)
end
if (read('awaited') or outcome == 'Unsent') and redis.call('ZCARD', queue) > 0 then
  redis.call('HDEL', state, 'awaited')
  redis.call('PUBLISH', channel, account)
end
local isIdle = redis.call('EXISTS', log, flight, queue) == 0 and not read('limit') and read('until', 0) <= now
if isIdle then redis.call('DEL', state, places) end
keep()`

const paceScript = `${common}
return {limit, sum(redis.call('ZRANGE', log, 0, -1)) + sum(redis.call('ZRANGE', queue, 0, -1)),
  math.ceil(math.max(0, read('until', 0) - now))}`

const parts = ["log", "flight", "queue", "alive", "state", "places", "processes"]

const numbers = (answer: unknown): ReadonlyArray<number> => (Array.isArray(answer) ? answer.map(Number) : [])

export const make = (
  redis: Redis,
  namespace: string,
  /** In place of the server's clock, in tests. */
  now: () => string = () => ""
): Effect.Effect<Gate, never, Scope.Scope> =>
  Effect.gen(function* () {
    const process = randomUUID()
    const channel = `${namespace}:permits`
    const waiting = new Map<string, Set<() => void>>()
    yield* redis.listen(channel, (account) => {
      for (const moved of Array.from(waiting.get(account) ?? [])) moved()
    })
    const run = (
      script: string,
      account: string,
      { concurrency, lease, limit, window }: Ticket["allowance"],
      ...args: ReadonlyArray<string>
    ) =>
      redis.patient(() =>
        redis.evaluate(
          script,
          parts.map((part) => `${namespace}:{${account}}:rate:${part}`),
          [now(), String(limit), String(window), String(concurrency), String(lease), ...args]
        )
      )
    const memberOf = ({ cost, id }: Ticket) => `${id}:${cost}`
    return {
      decide: (ticket, place) => {
        const { account, allowance, cost, tenant } = ticket
        const asked = place === null ? "" : String(place)
        return Effect.map(
          run(
            decideScript,
            account,
            allowance,
            memberOf(ticket),
            String(cost),
            tenant,
            asked,
            process,
            String(allowance.lead)
          ),
          (answer): Decision => {
            const [granted, place = 0, wait = 0, processes = 1] = numbers(answer)
            return { isGranted: granted === 1, place, wait, processes }
          }
        )
      },
      leaves: (ticket, ago = 0) =>
        Effect.asVoid(run(leavesScript, ticket.account, ticket.allowance, memberOf(ticket), String(ago))),
      over: (ticket, outcome: Outcome) => {
        const said = outcome._tag === "Limited" && outcome.pause !== null ? String(outcome.pause) : ""
        const { account, allowance } = ticket
        return Effect.asVoid(
          run(overScript, account, allowance, memberOf(ticket), outcome._tag, said, channel, account, ticket.tenant)
        )
      },
      pace: (account, allowance) =>
        Effect.map(run(paceScript, account, allowance), (answer): Pace => {
          const [limit = 1, taken = 0, pause = 0] = numbers(answer)
          return { limit, taken, pause }
        }),
      listen: (account, moved) => {
        const all = waiting.get(account) ?? new Set()
        waiting.set(account, all.add(moved))
        return () => {
          all.delete(moved)
          if (all.size === 0 && waiting.get(account) === all) waiting.delete(account)
        }
      }
    }
  })
