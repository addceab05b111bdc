import { generateSync } from 'otplib'
import { mfaChallenges, mfaConfigurations, userSessions } from '../../src/db/tables.ts'
import { secondsAfter } from '../../src/lib/clock.ts'
import { newId } from '../../src/lib/ids.ts'
import { createKeyRing } from '../../src/lib/key-ring.ts'
import { seedBinding } from '../../src/mfa/enrolment-service.ts'
import { newSeed } from '../../src/mfa/totp.ts'
import { newSessionToken } from '../../src/sessions/session-token.ts'
import type { Call } from './load.ts'
import { addUsers, inChunks, withDatabase } from './seed.ts'
import { masterKey } from './server.ts'

/** An open challenge and what answers it. */
export interface OpenChallenge {
  readonly id: string
  readonly seed: string
  readonly user: number
  readonly sessionToken?: string
}

const keys = createKeyRing([masterKey])
const lifetimeSeconds = 600
const verifyMutation = 'mutation ($input: VerifyMfaInput!) { verifyMfa(input: $input) { __typename } }'

/** Adds users with a factor and a challenge each: to sign in with it, or to enrol it from a live session. */
export const addChallenges = async (
  databaseUrl: string,
  purpose: 'LOGIN' | 'ENROLMENT',
  count: number,
): Promise<OpenChallenge[]> => {
  const accounts = await addUsers(databaseUrl, `mfa-${purpose.toLowerCase()}`, count)
  const isEnrolment = purpose === 'ENROLMENT'
  const createdAt = new Date()
  const expiresAt = secondsAfter(createdAt, lifetimeSeconds)
  const rows = accounts.map(({ id: userId, sessionTag }, user) => {
    const [factorId, seed, token] = [newId(), newSeed(), newSessionToken(sessionTag, keys)]
    const session = {
      id: newId(),
      userId,
      tokenHash: token.hash,
      createdAt,
      lastSeenAt: createdAt,
      idleExpiresAt: expiresAt,
      expiresAt,
      authenticationMethods: ['PASSWORD' as const],
      ipAddress: '10.0.0.1',
      userAgent: '',
    }
    const factor = {
      id: factorId,
      userId,
      method: 'TOTP' as const,
      label: 'Phone',
      status: isEnrolment ? ('PENDING' as const) : ('ACTIVE' as const),
      preferred: !isEnrolment,
      sealedSecret: keys.seal(seed, seedBinding(userId, factorId)),
      createdAt,
    }
    const challenge = {
      id: newId(),
      userId,
      purpose,
      sessionId: isEnrolment ? session.id : null,
      factorId: isEnrolment ? factorId : null,
      proofs: ['PASSWORD' as const],
      createdAt,
      expiresAt,
    }
    return {
      session,
      factor,
      challenge,
      open: { id: challenge.id, seed, user, ...(isEnrolment && { sessionToken: token.text }) },
    }
  })
  await withDatabase(databaseUrl, (db) =>
    inChunks(rows, async (chunk) => {
      if (isEnrolment) await db.insert(userSessions).values(chunk.map(({ session }) => session))
      await db.insert(mfaConfigurations).values(chunk.map(({ factor }) => factor))
      await db.insert(mfaChallenges).values(chunk.map(({ challenge }) => challenge))
    }),
  )
  return rows.map(({ open }) => open)
}

/** The answer to a challenge with the code of this moment. */
export const verifyCall = ({ id, seed, ...caller }: OpenChallenge): Call => ({
  query: verifyMutation,
  variables: { input: { challengeId: id, code: generateSync({ secret: seed }) } },
  ...caller,
})
