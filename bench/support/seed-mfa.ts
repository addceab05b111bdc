import { hash } from '@node-rs/argon2'
import { generateSync } from 'otplib'
import { backupCodes, mfaChallenges, mfaConfigurations } from '../../src/db/tables/mfa.ts'
import { userSessions } from '../../src/db/tables/sessions.ts'
import { secondsAfter } from '../../src/lib/clock.ts'
import { newId } from '../../src/lib/ids.ts'
import { createKeyRing } from '../../src/lib/key-ring.ts'
import type { MfaMethod } from '../../src/mfa/factor.ts'
import { phoneBinding, seedBinding } from '../../src/mfa/factor.ts'
import { maskPhoneNumber } from '../../src/mfa/phone-number.ts'
import { smsCodeDigest } from '../../src/mfa/sms-code.ts'
import { newSeed } from '../../src/mfa/totp.ts'
import { newSessionToken } from '../../src/sessions/session-token.ts'
import type { Call } from './load.ts'
import { addUsers, hashParameters, inChunks, type SeededUser, withDatabase } from './seed.ts'
import { masterKey } from './server.ts'
import { verifyInput } from './verify-call.ts'

/** An open challenge and what answers it. */
export interface OpenChallenge {
  readonly id: string
  readonly user: number
  /** The code that is right at this moment. */
  readonly code: () => string
  readonly sessionToken?: string
}

const keys = createKeyRing([masterKey])
const lifetimeSeconds = 3_600 // longer than any measurement
const smsCode = '271828'
const backupCode = '3-BENCH-MARKS' // everybody's, so that its hash is made once

/** Adds users with a factor in force, and for each an open sign-in that waits for a code of this method. */
export const addSignIns = async (
  databaseUrl: string,
  group: string,
  method: MfaMethod,
  count: number,
): Promise<OpenChallenge[]> => {
  const accounts = await addUsers(databaseUrl, group, count, true)
  const codeHash = await hash(backupCode, hashParameters)
  const rows = accounts.map((account, user) => {
    const { factor, secret } = newFactor(account, method === 'SMS' ? phoneOf(user) : null)
    const challenge = newChallenge(account)
    const message = {
      smsFactorId: factor.id,
      smsSentAt: challenge.createdAt,
      smsCodeDigest: smsCodeDigest(keys, challenge.id, factor.id, smsCode),
      smsSends: 1,
    }
    const code = { TOTP: () => generateSync({ secret }), SMS: () => smsCode, BACKUP_CODE: () => backupCode }[method]
    return {
      factor: { ...factor, status: 'ACTIVE' as const, preferred: true, activatedAt: factor.createdAt },
      challenge: { ...challenge, ...(method === 'SMS' && message) },
      backupCode: { userId: account.id, slot: Number(backupCode[0]), codeHash, createdAt: factor.createdAt },
      open: { id: challenge.id, user, code },
    }
  })
  await withDatabase(databaseUrl, (db) =>
    inChunks(rows, async (chunk) => {
      await db.insert(mfaConfigurations).values(chunk.map((row) => row.factor))
      await db.insert(mfaChallenges).values(chunk.map((row) => row.challenge))
      if (method === 'BACKUP_CODE') await db.insert(backupCodes).values(chunk.map((row) => row.backupCode))
    }),
  )
  return rows.map(({ open }) => open)
}

/** Adds users without a factor, each with a session from which they enrol their first. */
export const addEnrolments = async (databaseUrl: string, group: string, count: number): Promise<OpenChallenge[]> => {
  const accounts = await addUsers(databaseUrl, group, count)
  const rows = accounts.map((account, user) => {
    const token = newSessionToken(account.sessionTag, keys)
    const { factor, secret } = newFactor(account, null)
    const challenge = newChallenge(account)
    const { createdAt, expiresAt, proofs } = challenge
    const session = {
      id: newId(),
      userId: account.id,
      tokenHash: token.hash,
      createdAt,
      lastSeenAt: createdAt,
      idleExpiresAt: expiresAt,
      expiresAt,
      authenticationMethods: proofs,
      ipAddress: '10.0.0.1',
      userAgent: '',
    }
    return {
      session,
      factor: { ...factor, status: 'PENDING' as const },
      challenge: { ...challenge, purpose: 'ENROLMENT' as const, sessionId: session.id, factorId: factor.id },
      open: { id: challenge.id, user, code: () => generateSync({ secret }), sessionToken: token.text },
    }
  })
  await withDatabase(databaseUrl, (db) =>
    inChunks(rows, async (chunk) => {
      await db.insert(userSessions).values(chunk.map((row) => row.session))
      await db.insert(mfaConfigurations).values(chunk.map((row) => row.factor))
      await db.insert(mfaChallenges).values(chunk.map((row) => row.challenge))
    }),
  )
  return rows.map(({ open }) => open)
}

/** Adds one user with a factor in force and many open sign-ins, and returns the ids of their challenges. */
export const addBesieged = async (databaseUrl: string, group: string, signIns: number): Promise<string[]> => {
  const [account] = (await addUsers(databaseUrl, group, 1, true)) as [SeededUser]
  const { factor } = newFactor(account, null)
  const challenges = Array.from({ length: signIns }, () => newChallenge(account))
  await withDatabase(databaseUrl, async (db) => {
    await db.insert(mfaConfigurations).values({ ...factor, status: 'ACTIVE', preferred: true })
    await inChunks(challenges, (chunk) => db.insert(mfaChallenges).values(chunk))
  })
  return challenges.map(({ id }) => id)
}

/** The answer to a challenge with the code of this moment. */
export const verifyCall = ({ id, code, ...caller }: OpenChallenge): Call => ({ ...verifyInput(id, code()), ...caller })

/** A number of their own, in as many number blocks as real ones would be. */
const phoneOf = (user: number): string => `+1415${2_000_000 + user * 77}`

const newFactor = ({ id: userId }: SeededUser, phone: string | null) => {
  const [id, secret] = [newId(), phone ?? newSeed()]
  return {
    secret,
    factor: {
      id,
      userId,
      method: phone ? ('SMS' as const) : ('TOTP' as const),
      label: 'Phone',
      sealedSecret: keys.seal(secret, (phone ? phoneBinding : seedBinding)(userId, id)),
      maskedPhoneNumber: phone && maskPhoneNumber(phone),
      createdAt: new Date(),
    },
  }
}

const newChallenge = ({ id: userId }: SeededUser) => {
  const createdAt = new Date()
  return {
    id: newId(),
    userId,
    purpose: 'LOGIN' as const,
    proofs: ['PASSWORD' as const],
    createdAt,
    expiresAt: secondsAfter(createdAt, lifetimeSeconds),
  }
}
