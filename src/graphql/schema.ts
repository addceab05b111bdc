import { createRequire } from 'node:module'
import { type GraphQLFieldResolver, GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql'
import type * as Middleware from 'graphql-middleware'
import { GraphQLDateTime } from 'graphql-scalars'
import { buildSchemaSync, type ContainerType } from 'type-graphql'
import { AccessTokenResolver } from '../access-tokens/access-token.graphql.ts'
import { AccountResolver } from '../accounts/account.graphql.ts'
import { RecoveryResolver } from '../accounts/recovery.graphql.ts'
import { AdminResolver } from '../admin/admin.graphql.ts'
import { UsersResolver } from '../admin/users.graphql.ts'
import { AuditResolver } from '../audit/audit.graphql.ts'
import { LiveEventsResolver } from '../audit/live-events.graphql.ts'
import { SecurityEventResolver } from '../audit/security-event.graphql.ts'
import { AuditVerificationResolver } from '../audit/verification.graphql.ts'
import { TrustedDeviceResolver } from '../devices/trusted-device.graphql.ts'
import { MfaChallengeResolver } from '../mfa/challenge.graphql.ts'
import { SmsEnrolmentResolver, TotpEnrolmentResolver } from '../mfa/enrolment.graphql.ts'
import { UserMfaResolver } from '../mfa/factor.graphql.ts'
import { MfaActivatedResolver, MfaResolver } from '../mfa/mfa.graphql.ts'
import { MfaPolicyResolver } from '../mfa/policy.graphql.ts'
import { OverviewResolver } from '../overview/overview.graphql.ts'
import { PrivacyResolver } from '../privacy/privacy.graphql.ts'
import { SessionResolver } from '../sessions/session.graphql.ts'
import { SessionLimitResolver } from '../sessions/session-limit.graphql.ts'
import { SignedInResolver } from '../sessions/signed-in.graphql.ts'
import { ErrorCodeEnum } from './errors.ts'
import type { createPermissions } from './permissions.ts'
import type { createTokenDelivery } from './token-delivery.ts'

const { applyMiddlewareToDeclaredResolvers } = createRequire(import.meta.url)('graphql-middleware') as typeof Middleware

type Rule = (resolve: () => unknown, ...call: Parameters<GraphQLFieldResolver<unknown, unknown>>) => unknown

/** type-graphql wants one; every subscription here opens its own stream. */
const noTopics = {
  publish: () => {},
  subscribe: () => {
    throw new Error('There are no topics')
  },
}

/** The schema that the resolver classes declare, with nobody to answer yet. */
export const buildSchema = (container: ContainerType): GraphQLSchema => {
  const schema = buildSchemaSync({
    resolvers: [
      AccessTokenResolver,
      AccountResolver,
      AdminResolver,
      AuditResolver,
      AuditVerificationResolver,
      LiveEventsResolver,
      MfaActivatedResolver,
      MfaChallengeResolver,
      MfaPolicyResolver,
      MfaResolver,
      OverviewResolver,
      PrivacyResolver,
      RecoveryResolver,
      SecurityEventResolver,
      SessionLimitResolver,
      SessionResolver,
      SignedInResolver,
      SmsEnrolmentResolver,
      TotpEnrolmentResolver,
      TrustedDeviceResolver,
      UserMfaResolver,
      UsersResolver,
    ],
    container,
    pubSub: noTopics,
    scalarsMap: [{ type: Date, scalar: GraphQLDateTime }],
    validate: false, // its messages would quote the input, passwords included
  })
  const config = schema.toConfig()
  return new GraphQLSchema({ ...config, types: [...config.types, ErrorCodeEnum] })
}

/**
 * Sets the guard before every resolver and before the start of every subscription, and the delivery of tokens behind every
 * mutation. Fields without a resolver are plain data of an object that was let through already.
 */
export const guardSchema = (
  schema: GraphQLSchema,
  permissions: ReturnType<typeof createPermissions>,
  delivery: ReturnType<typeof createTokenDelivery>,
): GraphQLSchema => {
  const guarded = applyMiddlewareToDeclaredResolvers(schema, permissions, delivery)
  const { Subscription: rules } = permissions.generate(schema) as { Subscription: Record<string, Rule> }
  for (const field of Object.values(guarded.getSubscriptionType()?.getFields() ?? {})) {
    const { name, subscribe } = field
    const rule = rules[name]
    if (!subscribe || !rule) throw new Error(`Nothing guards the start of ${name}`)
    // Middleware stands before `resolve` alone, which runs at each event.
    field.subscribe = (root, args, context, info) =>
      rule(() => subscribe(root, args, context, info), root, args, context, info)
  }
  return guarded
}

/** The text of schema.graphql. */
export const printedSchema = (): string =>
  `${printSchema(lexicographicSortSchema(buildSchema({ get: () => undefined })))}\n`
