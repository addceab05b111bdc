import { Field, Float, ObjectType } from 'type-graphql'
import type { Location } from './location.ts'

@ObjectType('Location', {
  description:
    'Where an address is, roughly: looked up offline when asked for, in data of today; nothing is sent anywhere. Networks move and gateways stand elsewhere, so take it as a hint. Pages that show it must link to https://db-ip.com: IP Geolocation by DB-IP.',
  simpleResolvers: true,
})
export class LocationObject implements Location {
  @Field(() => String, { description: 'The country (ISO 3166-1 alpha-2), for example CH.' })
  readonly countryCode!: string

  @Field(() => String, {
    nullable: true,
    description: 'The city in English, at times with its district; null when unknown.',
  })
  readonly city!: string | null

  @Field(() => Float, { nullable: true, description: 'Degrees north, of the city; null when unknown.' })
  readonly latitude!: number | null

  @Field(() => Float, { nullable: true, description: 'Degrees east, of the city; null when unknown.' })
  readonly longitude!: number | null
}
