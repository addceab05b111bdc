/** A right code, which counts if nobody used it before: only the statement that takes it can tell. */
export type Proof =
  | { readonly method: 'TOTP'; readonly factorId: string; readonly timeStep: number }
  | { readonly method: 'SMS'; readonly factorId: string; readonly codeDigest: string }
  | { readonly method: 'BACKUP_CODE'; readonly slot: number; readonly codeHash: string }

/** A challenge and the proof that answers it. */
export interface AnsweredChallenge {
  readonly challengeId: string
  readonly proof: Proof
}

/** A right code that was accepted before. It undoes the transaction it is thrown in, and never reaches a client. */
export class CodeReplayed extends Error {}
