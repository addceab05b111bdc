import 'reflect-metadata'
import { Field, ObjectType } from 'type-graphql'

export const defaultPageSize = 20

/** The arguments of every list that comes in pages. */
export const firstArgument = {
  defaultValue: defaultPageSize,
  nullable: true,
  description: 'How many to list, from 1 to 100.',
} as const
export const afterArgument = {
  nullable: true,
  description: 'The cursor to go on behind; null for the newest.',
} as const

@ObjectType('PageInfo', { description: 'How to go on in a list (Relay cursor connections).', simpleResolvers: true })
export class PageInfoObject {
  @Field(() => Boolean, { description: 'Whether there are more.' })
  readonly hasNextPage!: boolean

  @Field(() => String, {
    nullable: true,
    description: 'Give it as `after` to get the next page; null when this page is empty.',
  })
  readonly endCursor!: string | null
}
