import type { IMiddlewareTypeMap } from 'graphql-middleware'
import type { Caller } from '../sessions/caller.ts'
import type { ClientInfo, Session } from '../sessions/session.ts'
import type { GraphQLContext } from './context.ts'

export interface TokenDeliveryDeps {
  readonly signOut: (caller: { readonly session: Session }, client: ClientInfo) => Promise<unknown>
  readonly logProblem: (problem: unknown) => void
}

/** What any mutation may answer, as far as it concerns the browser's cookies. */
interface Outcome {
  readonly sessionToken?: string | null
  readonly deviceToken?: string | null
  readonly session?: Session
  /** Of an outcome that is a session itself. */
  readonly id?: string
  readonly endReason?: string | null
  /** Of an account that is no more, with its id. */
  readonly erasedAt?: Date
}

/**
 * Stands around every mutation, so that none can forget it. Tokens of a session whose transport is COOKIE leave in
 * Set-Cookie and their fields answer null; the end of the browser's own session takes its cookie away; and a sign-in
 * ends the session whose cookie it replaces, as nobody holds its token any more (ASVS 7.2.4, threat D1).
 */
export const createTokenDelivery = ({ signOut, logProblem }: TokenDeliveryDeps): IMiddlewareTypeMap => {
  const heldAfter = new WeakMap<GraphQLContext, Session>()

  const deliver = async (outcome: Outcome, context: GraphQLContext): Promise<Outcome> => {
    const { caller, client, cookies } = context
    const held = heldAfter.get(context) ?? cookieSessionOf(caller)
    const isOver =
      held && ((outcome.id === held.id && outcome.endReason) || (outcome.id === held.userId && outcome.erasedAt))
    if (isOver) {
      cookies.dropSession()
      return outcome
    }
    const { sessionToken, deviceToken } = outcome
    if (!sessionToken && !deviceToken) return outcome
    const session = outcome.session ?? cookieSessionOf(caller)
    if (session?.transport !== 'COOKIE') return outcome
    if (sessionToken) cookies.keepSession(sessionToken, session)
    if (deviceToken) cookies.keepDevice(deviceToken)
    heldAfter.set(context, session)
    if (held && held.id !== session.id) await signOut({ session: held }, client).catch(logProblem)
    return { ...outcome, sessionToken: null, deviceToken: null }
  }

  return {
    async Mutation(resolve, root, args, context: GraphQLContext, info) {
      const outcome: unknown = await resolve(root, args, context, info)
      return typeof outcome === 'object' && outcome !== null ? deliver(outcome, context) : outcome
    },
  }
}

const cookieSessionOf = (caller: Caller): Session | null =>
  caller.kind === 'signedIn' && caller.session.transport === 'COOKIE' ? caller.session : null
