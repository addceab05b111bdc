import { secondsAfter } from '../lib/clock.ts'
import type { Session } from '../sessions/session.ts'
import { codeGuessing, guessing, stuff } from './attack.ts'
import { newPerson, type Person } from './person.ts'
import { createRandom, type Random } from './random.ts'
import { type TimedReport, visit } from './visit.ts'

export interface Story {
  readonly seed: number
  readonly users: number
  /** About so many, as the last visit is told whole. */
  readonly events: number
  readonly days: number
  readonly end: Date
}

export interface History {
  readonly people: readonly Person[]
  /** In the order of time. */
  readonly reports: readonly TimedReport[]
  readonly sessions: readonly Session[]
  /** Whose codes were just tried too often. */
  readonly lockedIds: readonly string[]
}

const [minute, hour, day] = [60, 3_600, 24 * 3_600]
/** How many sign in at an hour of their day. */
const visitsByHour = [2, 1, 1, 1, 1, 2, 5, 10, 15, 16, 14, 12, 10, 12, 13, 12, 11, 9, 8, 9, 10, 8, 5, 3]
const busiest = Math.max(...visitsByHour)
const shareOfWeekends = 0.4
const attackEveryEvents = 2_500
const locksNow = 2

/** Everything that happened, up to `end`: the same for the same story. */
export const tellHistory = ({ seed, users, events, days, end }: Story): History => {
  const random = createRandom(seed)
  const begin = secondsAfter(end, -days * day)
  const people = Array.from({ length: users }, (_none, number) => newPerson(random, number, begin, end))
  const reports = people.flatMap((person) => registration(person, begin))
  const sessions: Session[] = []

  const locked = people.filter(({ factor }) => factor).slice(-locksNow)
  for (const person of locked) reports.push(...codeGuessing(random, person, secondsAfter(end, -5 * minute)))
  const anyTime = () => random.between(begin, secondsAfter(end, -10 * minute))
  for (let attacks = Math.ceil(events / attackEveryEvents); attacks > 0; attacks--) {
    reports.push(...guessing(random, random.oneOf(people), anyTime()))
    if (attacks % 5 === 0) reports.push(...stuff(random, people, anyTime()))
  }
  while (reports.length < events) {
    const person = random.oneOf(people)
    const at = random.between(begin, end)
    if (at < person.createdAt || !isLikely(random, person, at)) continue
    const { reports: told, session } = visit(random, person, at, end)
    reports.push(...told)
    if (session.createdAt <= end) sessions.push(session)
  }
  return {
    people,
    reports: reports.toSorted((a, b) => a.at.getTime() - b.at.getTime()),
    sessions,
    lockedIds: locked.map(({ id }) => id),
  }
}

const isLikely = (random: Random, { home }: Person, at: Date): boolean => {
  const local = secondsAfter(at, home.hoursAheadOfUtc * hour)
  const isWeekend = local.getUTCDay() % 6 === 0
  return random.chance(((visitsByHour[local.getUTCHours()] ?? 0) / busiest) * (isWeekend ? shareOfWeekends : 1))
}

/** Of those who came while the story goes on. */
const registration = ({ id: userId, createdAt, home, devices, factor }: Person, begin: Date): TimedReport[] => {
  if (createdAt < begin) return []
  const client = { ipAddress: home.address, userAgent: devices[0] ?? '' }
  const about = { outcome: 'SUCCESS', userId, client, at: createdAt } as const
  const enrolled = factor && { method: factor.method, factorId: factor.id }
  return [
    { ...about, type: 'ACCOUNT_REGISTERED' },
    { ...about, type: 'EMAIL_CONFIRMED' },
    ...(enrolled ? [{ ...about, type: 'MFA_ENROLLED', details: enrolled } as const] : []),
  ]
}
