/** A text message to one phone number, in E.164. */
export interface Sms {
  readonly to: string
  readonly text: string
}

/**
 * The port to an SMS provider. Resolves once the provider has taken the message. Throws UndeliverableNumber, or
 * DeliveryFailed for any other refusal or fault, always within 2.2 s. `userId` is whose number it is, or who says so.
 */
export type SendSms = (sms: Sms, userId: string) => Promise<void>

/** The provider will never deliver to this number. */
export class UndeliverableNumber extends Error {
  override readonly name = 'UndeliverableNumber'
}

/** The provider did not take the message. */
export class DeliveryFailed extends Error {
  override readonly name = 'DeliveryFailed'
  /** When to try again, null when nobody knows. */
  readonly retryAfterSeconds: number | null

  constructor(message: string, retryAfterSeconds: number | null, cause?: unknown) {
    super(message, { cause })
    this.retryAfterSeconds = retryAfterSeconds
  }
}
