import { createAccountStore } from '../accounts/account-store.ts'
import { createPasswordHasher } from '../accounts/password-hasher.ts'
import { createProvisionAccount } from '../accounts/provisioning-service.ts'
import { createImportUsers, type ImportUsers } from '../accounts/user-import-service.ts'
import { createUserImportStore } from '../accounts/user-import-store.ts'
import { createEventStore } from '../audit/event-store.ts'
import { type Db, openDatabase } from '../db/client.ts'
import { createTransact } from '../db/transact.ts'
import { systemClock } from '../lib/clock.ts'
import { createLogger } from '../lib/logger.ts'

/** What an operator may do without signing in: commands work on the database itself. */
export interface Operator {
  readonly provisionAccount: ReturnType<typeof createProvisionAccount>
  readonly importUsers: ImportUsers
  readonly hasAdministrator: () => Promise<boolean>
}

/** Runs `work` on the database at `url` and closes the connections after it. */
export const asOperator = async <T>(url: string, work: (operator: Operator) => Promise<T>): Promise<T> => {
  const database = openDatabase(url)
  try {
    const hasher = await createPasswordHasher()
    const storesOver = (db: Db) => ({
      accounts: createAccountStore(db),
      imports: createUserImportStore(db),
      events: createEventStore(db, systemClock),
    })
    const transact = createTransact<ReturnType<typeof storesOver>>(
      (work) => database.transactional.transaction((tx) => work(storesOver(tx))),
      createLogger('warn'),
    )
    return await work({
      provisionAccount: createProvisionAccount({ transact, hashPassword: hasher.hash, now: systemClock }),
      importUsers: createImportUsers({ transact, now: systemClock }),
      hasAdministrator: createAccountStore(database.reading).hasAdministrator,
    })
  } finally {
    await database.close()
  }
}
