import { Arg, Ctx, Field, FieldResolver, ID, Mutation, ObjectType, Query, Resolver, Root } from 'type-graphql'
import { type RequestContext, signedIn } from '../sessions/caller.ts'
import { type Device, describeDevice } from '../sessions/device.ts'
import { DeviceObject } from '../sessions/session.graphql.ts'
import type { TrustedDevice } from './trusted-device.ts'
import type { TrustedDeviceService } from './trusted-device-service.ts'

@ObjectType('TrustedDevice', {
  description:
    'A device that may sign in with the password alone, for 30 days. Sensitive acts still ask for a second factor there.',
  simpleResolvers: true,
})
class TrustedDeviceObject implements Omit<TrustedDevice, 'userId' | 'userAgent'> {
  @Field(() => ID, { description: 'Names the device, to end its trust. It is not the token and opens nothing.' })
  readonly id!: string

  @Field(() => Date, { description: 'When it was trusted.' })
  readonly createdAt!: Date

  @Field(() => Date, { description: 'When its trust last stood for a second factor, or began.' })
  readonly lastUsedAt!: Date

  @Field(() => Date, { description: 'When the trust ends, however often it is used.' })
  readonly expiresAt!: Date
}

@Resolver(() => TrustedDeviceObject)
export class TrustedDeviceResolver {
  private readonly devices: TrustedDeviceService

  constructor(devices: TrustedDeviceService) {
    this.devices = devices
  }

  @Query(() => [TrustedDeviceObject], {
    description: "The caller's trusted devices, the most recently used first, at most 100.",
  })
  trustedDevices(@Ctx() context: RequestContext): Promise<TrustedDevice[]> {
    return this.devices.list(signedIn(context))
  }

  @Mutation(() => TrustedDeviceObject, {
    description:
      "Ends the trust of one of the caller's devices: its next sign-in asks for the second factor. NOT_FOUND for a device of someone else, as for one that does not exist.",
  })
  revokeTrustedDevice(
    @Arg('id', () => ID, { description: 'The id of the device, from `trustedDevices`.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<TrustedDevice> {
    return this.devices.revoke(signedIn(context), id, context.client)
  }

  @FieldResolver(() => DeviceObject, { description: 'The device, as it called itself when it was trusted.' })
  device(@Root() { userAgent }: TrustedDevice): Device {
    return describeDevice(userAgent)
  }
}
