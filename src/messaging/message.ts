/** A message to one person. */
export interface Message {
  readonly to: string
  readonly subject: string
  readonly text: string
}

export interface QueuedMessage extends Message {
  readonly id: string
  readonly createdAt: Date
  readonly attempts: number
  readonly sentAt: Date | null
}

/** The port to a mail provider. Resolves once the provider has taken the message; `id` lets it recognise a repetition. */
export type Deliver = (message: QueuedMessage) => Promise<void>
