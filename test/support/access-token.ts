import {
  createLocalJWKSet,
  createRemoteJWKSet,
  type JSONWebKeySet,
  type JWTVerifyOptions,
  type JWTVerifyResult,
  jwtVerify,
} from 'jose'
import { asOperator } from '../../src/cli/operator.ts'
import type { Client } from './client.ts'
import { IssueAccessTokenDocument } from './documents.generated.ts'
import type { Gatehouse } from './gatehouse.ts'

export const audience = 'https://billing.example.com'

type Server = Pick<Gatehouse, 'url' | 'now'>
type Service = (token: string) => Promise<JWTVerifyResult>

export const jwksUrl = ({ url }: Pick<Server, 'url'>): URL => new URL('/.well-known/jwks.json', url)

/** The public keys as they are served now. */
export const publishedKeys = async (server: Pick<Server, 'url'>): Promise<JSONWebKeySet['keys']> =>
  ((await (await fetch(jwksUrl(server))).json()) as JSONWebKeySet).keys

/** How the guide tells services to verify. */
const recipe = (server: Server): JWTVerifyOptions => ({
  issuer: 'http://localhost:4000', // PUBLIC_URL of every server that tests start
  audience,
  algorithms: ['EdDSA'],
  typ: 'at+jwt',
  requiredClaims: ['exp'],
  clockTolerance: 30,
  currentDate: server.now(),
})

/** Another service: it knows no more of Gatehouse than its address, and verifies as the guide says. */
export const startService = (server: Server): Service => {
  const keys = createRemoteJWKSet(jwksUrl(server), { cacheMaxAge: 300_000 })
  return (token) => jwtVerify(token, keys, recipe(server))
}

/** Another service that renews its copy of the public keys when its max-age is over, and never before. */
export const startCachingService = (server: Server): Service => {
  let copy: ReturnType<typeof createLocalJWKSet> | undefined
  let renewAt = 0
  return async (token) => {
    const time = server.now().getTime()
    if (!copy || time >= renewAt) {
      const response = await fetch(jwksUrl(server))
      const [, maxAge] = /max-age=(\d+)/.exec(response.headers.get('cache-control') ?? '') ?? []
      copy = createLocalJWKSet((await response.json()) as JSONWebKeySet)
      renewAt = time + Number(maxAge) * 1000
    }
    return jwtVerify(token, copy, recipe(server))
  }
}

/** A new token for `audience`. */
export const tokenOf = async (session: Client): Promise<string> =>
  (await session.ask(IssueAccessTokenDocument, { audience })).issueAccessToken.token

/** The command `rotate-signing-key`, in this process. */
export const rotate = (gatehouse: Pick<Gatehouse, 'databaseUrl' | 'keys'>, isAtOnce = false) =>
  asOperator(gatehouse.databaseUrl, (operator) => operator.rotateSigningKey(gatehouse.keys, isAtOnce))
