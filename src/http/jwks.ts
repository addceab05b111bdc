import type { FastifyInstance } from 'fastify'
import { publicKeysMaxAgeSeconds } from '../access-tokens/signing-key.ts'
import type { SigningKeys } from '../access-tokens/signing-key-service.ts'
import { fingerprint } from '../lib/secret.ts'

/** `/.well-known/jwks.json`: the public keys of access tokens (RFC 7517, RFC 8037), from memory, for anyone to keep for a while. */
export const serveJwks = (server: FastifyInstance, published: SigningKeys['published']): void => {
  server.get('/.well-known/jwks.json', async ({ headers }, reply) => {
    const keys = published().map(({ id, publicKey }) => ({
      kty: 'OKP',
      crv: 'Ed25519',
      x: publicKey,
      kid: id,
      use: 'sig',
      alg: 'EdDSA',
    }))
    const body = JSON.stringify({ keys })
    const etag = `"${fingerprint(body)}"`
    reply.headers({
      'cache-control': `public, max-age=${publicKeysMaxAgeSeconds}`,
      etag,
      'access-control-allow-origin': '*',
    })
    if (headers['if-none-match'] === etag) return reply.code(304).send()
    return reply.type('application/jwk-set+json').send(body)
  })
}
