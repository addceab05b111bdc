import { SignJWT } from 'jose'
import type { RecordEvent } from '../audit/event-recording-service.ts'
import type { FloodGuard } from '../budgets/flood-service.ts'
import { AppError, badInput } from '../failure.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import { type AuthenticationMethod, assuranceOf, type ClientInfo } from '../sessions/session.ts'
import { accessTokenLifetimeSeconds } from './signing-key.ts'
import type { SigningKeys } from './signing-key-service.ts'

export interface AccessTokenDeps {
  readonly issuer: string
  readonly signer: SigningKeys['signer']
  readonly claimOfUser: FloodGuard['claimOfUser']
  readonly recordEvent: RecordEvent
  readonly now: Clock
}

export interface AccessToken {
  /** Stands in the answer and nowhere else. */
  readonly token: string
  readonly tokenType: 'Bearer'
  readonly expiresAt: Date
}

export type IssueAccessToken = (caller: SignedInCaller, audience: string, client: ClientInfo) => Promise<AccessToken>

const audienceShape = /^[\x21-\x7e]{1,255}$/

/** Authentication method references as RFC 8176 §2 names them. */
const references = {
  PASSWORD: 'pwd',
  TOTP: 'otp',
  SMS: 'sms',
  BACKUP_CODE: 'otp',
} as const satisfies Record<AuthenticationMethod, string>

const secondsOf = (instant: Date): number => Math.floor(instant.getTime() / 1000)

/**
 * Issues a JWT (RFC 9068) that tells one other service who the caller is and how they proved it. Good for five minutes,
 * but no longer than the session may last; nothing takes it back. Recorded before it is answered. Throws BAD_USER_INPUT,
 * and RATE_LIMITED beyond what a user may ask for.
 */
export const createIssueAccessToken =
  ({ issuer, signer, claimOfUser, recordEvent, now }: AccessTokenDeps): IssueAccessToken =>
  async (caller, audience, client) => {
    const { account, session } = caller
    if (!audienceShape.test(audience)) {
      throw badInput('audience', 'must be 1 to 255 printable ASCII characters without spaces')
    }
    await claimOfUser('accessTokens', caller, client)
    const signing = signer()
    if (!signing) throw new AppError('SERVICE_DEGRADED')
    const { keyId, privateKey } = signing
    const { id: sessionId, authenticationMethods, createdAt, expiresAt } = session
    const issuedAt = now()
    const end = secondsOf(new Date(Math.min(secondsAfter(issuedAt, accessTokenLifetimeSeconds).getTime(), +expiresAt)))
    const assurance = assuranceOf(authenticationMethods)
    const tokenId = newId()
    const claims = {
      sid: sessionId,
      auth_time: secondsOf(createdAt),
      amr: [
        ...new Set(authenticationMethods.map((method) => references[method])),
        ...(assurance === 'AAL2' ? ['mfa'] : []),
      ],
      acr: assurance.toLowerCase(),
    }
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'EdDSA', kid: keyId, typ: 'at+jwt' })
      .setIssuer(issuer)
      .setSubject(account.id)
      .setAudience(audience)
      .setJti(tokenId)
      .setIssuedAt(secondsOf(issuedAt))
      .setExpirationTime(end)
      .sign(privateKey)
    const details = { audience, keyId, tokenId }
    await recordEvent({
      type: 'ACCESS_TOKEN_ISSUED',
      outcome: 'SUCCESS',
      userId: account.id,
      sessionId,
      client,
      details,
    })
    return { token, tokenType: 'Bearer', expiresAt: new Date(end * 1000) }
  }
