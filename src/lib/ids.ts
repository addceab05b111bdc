import { v7 as uuidV7, validate } from 'uuid'

/** A new row id (UUIDv7, RFC 9562 §5.7): unique over all servers, and increasing, so that indexes stay compact. */
export const newId = (): string => uuidV7()

/** Whether a client's id could name a row at all. PostgreSQL would answer anything else with an error. */
export const isId = (text: string): boolean => validate(text)
