import type { KeyObject } from 'node:crypto'
import {
  type ChainedEvent,
  digestOf,
  genesisHash,
  type HeadStanding,
  isSignedBy,
  type Link,
  linkHash,
  type SignedHead,
} from './chain.ts'
import { type PersonalData, personalDigestOf } from './security-event.ts'

/** All that can be wrong with a log, in words for whoever asked. */
export const auditProblems = {
  eventMissing: 'An event that was sealed is gone.',
  eventAltered: 'An event is not as it was sealed.',
  personalDataMissing: 'The personal data of an event is gone.',
  personalDataAltered: 'The personal data of an event is not what was recorded.',
  linkMissing: 'A link of the chain is gone.',
  linkAltered: 'A link does not follow from the one before it.',
  checkpointForged: 'A checkpoint is not as a known key signed it, or the one before it is gone.',
  checkpointContradicted: 'The chain is not the one that a checkpoint was signed for.',
  headMissing: 'The head of the chain is gone.',
  headForged: 'The head is not as a known key signed it, or the checkpoint before it is gone.',
  headContradicted: 'The chain is not the one that its head was signed for.',
  headSetBack: 'The chain goes on behind its head.',
  logCut: 'The log ends before a head that was seen earlier.',
  logReplaced: 'The log is not the one whose head was seen earlier.',
  eventUnsealed: 'An event is not sealed and does not wait to be.',
  outboxAltered: 'What waits to be sealed is no event, or is sealed already.',
  archiveForged: 'The record of an archived month does not bear the signature of a known key.',
  archiveContradicted: 'More or fewer events are gone than an archived month had.',
  fileMalformed: 'A file is no archive as Gatehouse writes it.',
  fileUnsigned: 'No checkpoint of a known key vouches for the whole of a file.',
  filesApart: 'The files do not join: there are links between them that stand in none.',
  filesContradict: 'A file holds another chain than the files before it, or than the head that was given.',
} as const

export type AuditProblem = keyof typeof auditProblems

/** What does not fit: the first by its place in the chain, where it has one. */
export interface Finding {
  readonly problem: AuditProblem
  readonly sequence: number | null
  readonly eventId: string | null
}

export const findingAt = (problem: AuditProblem, sequence: number | null, eventId: string | null = null): Finding => ({
  problem,
  sequence,
  eventId,
})

/** What does not fit, in a sentence or two. */
export const describeFinding = ({ problem, sequence }: Finding): string =>
  sequence === null ? auditProblems[problem] : `${auditProblems[problem]} It shows at link ${sequence}.`

/** A place in the chain. */
export type ChainPosition = Pick<SignedHead, 'sequence' | 'hash'>

export const beginning: ChainPosition = { sequence: 0, hash: genesisHash }

/** Keys whose signatures count, by their ids. */
export type KnownKeys = ReadonlyMap<string, KeyObject>

/** `unknown` is what a key signed that is known no more. One that is known can't be hidden under another id. */
export const judgeSignature = (
  head: SignedHead,
  standing: HeadStanding,
  keys: KnownKeys,
): 'valid' | 'forged' | 'unknown' => {
  if (Number.isNaN(head.sealedAt.getTime())) return 'forged'
  const key = keys.get(head.keyId)
  if (key) return isSignedBy(head, standing, key) ? 'valid' : 'forged'
  return [...keys.values()].some((other) => isSignedBy(head, standing, other)) ? 'forged' : 'unknown'
}

/** Whether a link is the one after `previous`. */
export const checkLink = (
  previous: ChainPosition,
  { sequence, digest, hash }: Pick<Link, 'sequence' | 'digest' | 'hash'>,
): AuditProblem | null => {
  if (sequence > previous.sequence + 1) return 'linkMissing'
  if (sequence !== previous.sequence + 1) return 'linkAltered'
  return linkHash(previous.hash, sequence, digest).equals(hash) ? null : 'linkAltered'
}

/** Whether an event is the one that its link was made for. */
export const checkEvent = (event: ChainedEvent, digest: Buffer): AuditProblem | null =>
  !Number.isNaN(event.occurredAt.getTime()) && digestOf(event).equals(digest) ? null : 'eventAltered'

/** Whether the companion of an event is the one that was recorded with it. */
export const checkPersonalData = ({ personalDigest }: ChainedEvent, personal: PersonalData): AuditProblem | null => {
  const { details } = personal
  const isObject = typeof details === 'object' && details !== null && !Array.isArray(details)
  return isObject && personalDigestOf(personal) === personalDigest ? null : 'personalDataAltered'
}

/** The first day of the month whose partition holds an event: UUIDv7 begins with the time (RFC 9562 §5.7). */
export const monthOf = (eventId: string): string => {
  const milliseconds = Number.parseInt(eventId.slice(0, 8) + eventId.slice(9, 13), 16)
  const time = new Date(milliseconds)
  return Number.isNaN(time.getTime()) ? '' : `${time.toISOString().slice(0, -17)}-01`
}
