/** How a message travels. */
export type Channel = 'EMAIL' | 'SMS'

/** A message to one person. */
export interface Message {
  readonly to: string
  readonly subject: string
  readonly text: string
}

/** A message in the queue; its text is read only by whoever sends it. */
export interface SealedMessage {
  readonly id: string
  readonly channel: Channel
  readonly to: string
  readonly subject: string
  readonly sealedText: string
  readonly createdAt: Date
  readonly attempts: number
  readonly sentAt: Date | null
}

/** The port to a mail provider. Resolves once the provider has taken the message; `id` lets it recognise a repetition. */
export type Deliver = (message: Message & { readonly id: string }) => Promise<void>
